//! An activation function as a layer.

use super::{Forward, Layer, LayerDescription};
use crate::error::Result;
use crate::graph::ValueId;
use crate::ops::activation::{Activate, Activation};

/// Applies an activation function to each element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationLayer(pub Activation);

impl Layer for ActivationLayer {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Activation(self.0)
    }

    fn output_width(&self, input: usize) -> Result<usize> {
        Ok(input)
    }

    fn forward(&self, pass: &mut Forward<'_>, x: ValueId) -> Result<ValueId> {
        pass.apply(Activate(self.0), &[x])
    }
}
