//! Losses as config and model files state them: `kind = "huber"` with the options of that kind only.

use super::ClassWeights;
use super::loss::{Form, Loss, Reduction};
use crate::error::{Error, Result};

/// The flat form in files.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LossTable {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label_smoothing: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delta: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    margin: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reduction: Option<Reduction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class_weights: Option<ClassWeights>,
}

impl TryFrom<LossTable> for Loss {
    type Error = Error;

    fn try_from(table: LossTable) -> Result<Loss> {
        let mut loss: Loss = table.kind.parse()?;
        let mut unused = [("label_smoothing", table.label_smoothing), ("delta", table.delta), ("margin", table.margin)];
        let (mut own, name) = match &mut loss.form {
            Form::CrossEntropy { label_smoothing } => (Some(label_smoothing), "label_smoothing"),
            Form::Huber { delta } => (Some(delta), "delta"),
            Form::Hinge { margin } => (Some(margin), "margin"),
            _ => (None, ""),
        };
        for (option, value) in &mut unused {
            if let (Some(own), true) = (&mut own, *option == name) {
                **own = value.take().unwrap_or(**own);
            }
        }
        if let Some((option, Some(value))) = unused.iter().find(|(_, value)| value.is_some()) {
            return Err(Error::option(option, value, &format!("the loss {} has no such option", table.kind)));
        }
        loss.reduction = table.reduction.unwrap_or_default();
        loss.class_weights = table.class_weights;
        loss.validate()?;
        Ok(loss)
    }
}

impl From<Loss> for LossTable {
    fn from(loss: Loss) -> LossTable {
        let mut table = LossTable { kind: loss.name().into(), ..LossTable::default() };
        match loss.form {
            Form::CrossEntropy { label_smoothing } if label_smoothing != 0.0 => {
                table.label_smoothing = Some(label_smoothing);
            }
            Form::Huber { delta } => table.delta = Some(delta),
            Form::Hinge { margin } => table.margin = Some(margin),
            _ => {}
        }
        table.reduction = (loss.reduction != Reduction::Mean).then_some(loss.reduction);
        table.class_weights = loss.class_weights;
        table
    }
}
