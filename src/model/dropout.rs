//! Dropout as a layer: drops in training, in use either nothing (inverted) or scales (vanilla).

use super::{DropoutMode, LayerDescription, Module, Pass};
use crate::error::Result;
use crate::graph::{Shape, ValueId};
use crate::ops::dropout::Dropout;
use crate::ops::scale::Scale;

/// Zeroes a share `rate` of the elements in training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutLayer {
    /// Probability of dropping an element, in `[0, 1)`. The lectures' `p` is the probability of keeping, 1 − rate.
    pub rate: f32,
    /// Where the loss of signal is made up for.
    pub mode: DropoutMode,
}

impl Module for DropoutLayer {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Dropout { rate: self.rate, mode: self.mode }
    }

    fn output(&self, input: &Shape) -> Result<Shape> {
        Dropout::inverted(self.rate, [0, 0])?;
        Ok(input.clone())
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> Result<ValueId> {
        if self.rate == 0.0 {
            return Ok(x);
        }
        let key = pass.dropout_key();
        match (pass.training, self.mode) {
            (true, DropoutMode::Inverted) => pass.apply(Dropout::inverted(self.rate, key)?, &[x]),
            (true, DropoutMode::Vanilla) => pass.apply(Dropout::vanilla(self.rate, key)?, &[x]),
            (false, DropoutMode::Inverted) => Ok(x),
            (false, DropoutMode::Vanilla) => pass.apply(Scale { factor: 1.0 - self.rate }, &[x]),
        }
    }
}
