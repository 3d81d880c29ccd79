//! An activation function as a layer.

use super::{LayerDescription, Module, Pass};
use crate::error::Result;
use crate::graph::{Shape, ValueId};
use crate::ops::activation::{Activate, Activation};

/// Applies an activation function to each element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationLayer(pub Activation);

impl Module for ActivationLayer {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Activation(self.0)
    }

    fn output(&self, input: &Shape) -> Result<Shape> {
        Ok(input.clone())
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> Result<ValueId> {
        pass.apply(Activate(self.0), &[x])
    }
}
