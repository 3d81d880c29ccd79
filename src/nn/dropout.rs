//! Inverted dropout as a layer: drops in training, does nothing in use.

use super::{Forward, Layer, LayerDescription};
use crate::error::Result;
use crate::graph::ValueId;
use crate::ops::dropout::Dropout;
use crate::random::{Purpose, stream_key};

/// Zeroes a share `rate` of the elements in training and scales the rest by `1/(1 − rate)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutLayer {
    /// Probability of dropping an element, in `[0, 1)`.
    pub rate: f32,
}

impl Layer for DropoutLayer {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Dropout(self.rate)
    }

    fn output_width(&self, input: usize) -> Result<usize> {
        Dropout::inverted(self.rate, [0, 0])?;
        Ok(input)
    }

    fn forward(&self, pass: &mut Forward<'_>, x: ValueId) -> Result<ValueId> {
        if !pass.training || self.rate == 0.0 {
            return Ok(x);
        }
        let key = stream_key(pass.seed, Purpose::Dropout, pass.layer as u32);
        pass.apply(Dropout::inverted(self.rate, key)?, &[x])
    }
}
