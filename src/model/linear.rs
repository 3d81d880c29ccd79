//! `y = x · Wᵀ + b` with `weight [out, in]` and `bias [out]`: PyTorch's `nn.Linear`.

use super::{Forward, Init, Layer, LayerDescription, ParameterSpec};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{add_bias::AddBias, matmul::Matmul};

/// A fully connected layer.
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

impl Layer for Linear {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Linear { outputs: self.outputs, bias: self.bias, init: self.init }
    }

    fn output_width(&self, input: usize) -> Result<usize> {
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
        Ok(self.outputs)
    }

    fn parameters(&self, input: usize) -> Vec<ParameterSpec> {
        let (fan_in, fan_out) = (input, self.outputs);
        let weight =
            ParameterSpec { name: "weight", shape: vec![self.outputs, input], init: self.init, fan_in, fan_out };
        let bias_init = if self.init == Init::default() { self.init } else { Init::Zeros };
        let bias = ParameterSpec { name: "bias", shape: vec![self.outputs], init: bias_init, fan_in, fan_out };
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }

    fn forward(&self, pass: &mut Forward<'_>, x: ValueId) -> Result<ValueId> {
        let product = pass.apply(Matmul::NT, &[x, pass.parameters[0]])?;
        match pass.parameters.get(1) {
            Some(&bias) => pass.apply(AddBias, &[product, bias]),
            None => Ok(product),
        }
    }
}
