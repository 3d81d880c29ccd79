//! A residual block: `y = x + f(x)` (He et al., *Deep residual learning*, 2016).

use super::{LayerDescription, Module, Pass, Sequential, TensorSpec};
use crate::error::{Error, Result};
use crate::graph::{Shape, ValueId};
use crate::ops::elementwise::Elementwise;

/// Adds what a sequence of layers makes of the input to the input. PyTorch has its tensors under their names if it is
/// written as `class Residual(nn.Sequential)` with `forward = lambda self, x: x + super().forward(x)`.
///
/// ```
/// use anygrad::nn::{Residual, Sequential};
/// let block = Residual(Sequential::new(32).linear(32).relu().linear(32));
/// let model = Sequential::new(64).linear(32).layer(block).linear(10);
/// assert_eq!(model.initialize(0)?[2].name, "1.0.weight");
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Residual(pub Sequential);

impl Module for Residual {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Residual(self.0.description())
    }

    fn output(&self, input: &Shape) -> Result<Shape> {
        let output = self.0.output(input)?;
        if output != *input {
            let detail = format!("its layers make {output} of {input}, and only equal shapes can be added");
            return Err(Error::shape("residual", detail));
        }
        Ok(output)
    }

    fn tensors(&self, input: &Shape) -> Result<Vec<TensorSpec>> {
        self.0.tensors(input)
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> Result<ValueId> {
        let y = self.0.forward(pass, x)?;
        pass.apply(Elementwise::Add, &[x, y])
    }
}
