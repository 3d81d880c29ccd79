//! Losses as config and model files state them: `kind = "huber"` with the options of that kind only.

use super::ClassWeights;
use super::loss::{Loss, Reduction};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The flat form in files.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct LossTable {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reduction: Option<Reduction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class_weights: Option<ClassWeights>,
    /// Options by name, of which each kind has its own.
    #[serde(flatten)]
    options: BTreeMap<String, f32>,
}

impl TryFrom<LossTable> for Loss {
    type Error = Error;

    fn try_from(mut table: LossTable) -> Result<Loss> {
        let mut loss: Loss = table.kind.parse()?;
        let mut keys = vec!["reduction", "class_weights"];
        if let Some((name, own)) = loss.form.option() {
            *own = table.options.remove(name).unwrap_or(*own);
            keys.push(name);
        }
        if let Some(option) = table.options.keys().next() {
            return Err(Error::unknown("key", option, keys));
        }
        loss.reduction = table.reduction.unwrap_or_default();
        loss.class_weights = table.class_weights;
        loss.validate()?;
        Ok(loss)
    }
}

impl From<Loss> for LossTable {
    fn from(mut loss: Loss) -> LossTable {
        // Without smoothing, cross-entropy is stated without the option.
        let option = loss.form.option().filter(|(_, value)| **value != 0.0);
        LossTable {
            options: option.map(|(name, value)| (name.to_string(), *value)).into_iter().collect(),
            kind: loss.name().into(),
            reduction: (loss.reduction != Reduction::Mean).then_some(loss.reduction),
            class_weights: loss.class_weights,
        }
    }
}
