//! Frozen layers: the tensors of a model that are trained are all others.

use super::Objective;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::ModelTensors;
use std::collections::BTreeSet;

impl Objective<'_> {
    /// The tensors that the optimizer changes: the trained ones of the model, but for those of frozen layers.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if no layer with trained tensors stands at a position, or none is left to train.
    pub fn parameters(&self, tensors: &ModelTensors) -> Result<Vec<ValueId>> {
        let frozen = &self.recipe.train.frozen;
        if frozen.is_empty() {
            return Ok(tensors.trained());
        }
        let mut paths: Vec<String> =
            self.model.tensor_specs()?.into_iter().filter(|s| s.kind.is_trained()).map(|s| s.path).collect();
        let known: BTreeSet<&str> = paths.iter().flat_map(|path| layers_of(path)).collect();
        if let Some(position) = frozen.iter().find(|position| !known.contains(position.as_str())) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            let expected = format!("names no layer with weights; those with weights are {known}");
            return Err(Error::option("frozen", position, &expected));
        }
        paths.retain(|path| !layers_of(path).any(|layer| frozen.iter().any(|position| position == layer)));
        if paths.is_empty() {
            let expected = "freezes all that could be trained: leave out a layer";
            return Err(Error::option("frozen", frozen.join(","), expected));
        }
        Ok(paths.iter().filter_map(|path| tensors.get(path)).collect())
    }
}

/// The positions of the layers that a tensor belongs to: of `1.0.weight` these are `1` and `1.0`.
fn layers_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').map(|(at, _)| &path[..at])
}
