//! `y = x · Wᵀ + b` with `weight [out, in]` and `bias [out]`: PyTorch's `nn.Linear`.

use super::{Init, LayerDescription, Module, Pass, TensorKind, TensorSpec};
use crate::error::{Error, Result};
use crate::graph::{Shape, ValueId};
use crate::ops::{add_bias::AddBias, matmul::Matmul};

/// A fully connected layer.
///
/// ```
/// use anygrad::nn::{Init, Linear, Sequential};
/// let layer = Linear { bias: false, init: Init::HeNormal, ..Linear::new(10) };
/// let tensors = Sequential::new(64).layer(layer).initialize(0)?;
/// assert_eq!((&tensors[0].name[..], &tensors[0].shape[..]), ("0.weight", &[10, 64][..]));
/// assert_eq!(tensors.len(), 1);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Width of the output rows.
    pub outputs: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// Initial values of the weight. The bias starts as PyTorch's with the default, and at 0 otherwise.
    pub init: Init,
}

impl Linear {
    /// A layer with bias and PyTorch's initial values.
    pub fn new(outputs: usize) -> Linear {
        Linear { outputs, bias: true, init: Init::default() }
    }
}

impl Module for Linear {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Linear { outputs: self.outputs, bias: self.bias, init: self.init }
    }

    fn output(&self, input: &Shape) -> Result<Shape> {
        let input = input.vector("linear")?;
        if self.outputs == 0 {
            return Err(Error::option("linear", 0, "a layer needs at least 1 output"));
        }
        if input == 0 {
            return Err(Error::option("input width", 0, "the data needs at least 1 feature"));
        }
        if self.outputs.checked_mul(input).is_none_or(|weights| u32::try_from(weights).is_err()) {
            let expected = format!("with {input} inputs the weight exceeds 2³² elements; use narrower layers");
            return Err(Error::option("linear", self.outputs, &expected));
        }
        Ok([self.outputs].into())
    }

    fn tensors(&self, input: &Shape) -> Result<Vec<TensorSpec>> {
        let (inputs, outputs) = (input.vector("linear")?, self.outputs);
        let weight = TensorSpec::new("weight", [outputs, inputs], TensorKind::Weight).init(self.init);
        let bias_init = if self.init == Init::default() { self.init } else { Init::Zeros };
        let bias = TensorSpec::new("bias", [outputs], TensorKind::Bias).init(bias_init).fans(inputs, outputs);
        Ok(if self.bias { vec![weight, bias] } else { vec![weight] })
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> Result<ValueId> {
        let weight = pass.tensor("weight")?;
        let product = pass.apply(Matmul::NT, &[x, weight])?;
        if !self.bias {
            return Ok(product);
        }
        let bias = pass.tensor("bias")?;
        pass.apply(AddBias, &[product, bias])
    }
}
