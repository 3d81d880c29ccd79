//! A layer of your own, a gated linear unit `(x·Wᵀ + b) ⊙ σ(x·Vᵀ + c)`, without writing its backward pass:
//! a layer names its parameters and appends ops; the gradient follows from theirs.
//!
//! `cargo run --release --example 05_custom_layer -- --device cpu`

mod common;

use anygrad::Result;
use anygrad::data;
use anygrad::graph::ValueId;
use anygrad::nn::{Forward, Init, Layer, LayerDescription, Loss, ParameterSpec, Sequential};
use anygrad::ops::activation::{Activate, Activation};
use anygrad::ops::{add_bias::AddBias, elementwise::Elementwise, matmul::Matmul};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;

/// A gated linear unit with this many outputs.
#[derive(Debug)]
struct GatedLinear(usize);

impl Layer for GatedLinear {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Custom(format!("gated_linear {}", self.0))
    }

    fn output_width(&self, _input: usize) -> Result<usize> {
        Ok(self.0)
    }

    fn parameters(&self, input: usize) -> Vec<ParameterSpec> {
        let spec = |name, shape| ParameterSpec { name, shape, init: Init::Pytorch, fan_in: input, fan_out: self.0 };
        vec![
            spec("weight", vec![self.0, input]),
            spec("bias", vec![self.0]),
            spec("gate_weight", vec![self.0, input]),
            spec("gate_bias", vec![self.0]),
        ]
    }

    fn forward(&self, pass: &mut Forward<'_>, x: ValueId) -> Result<ValueId> {
        let &[weight, bias, gate_weight, gate_bias] = pass.parameters else {
            return Err(anygrad::Error::shape("gated_linear", "takes four parameters"));
        };
        let product = pass.apply(Matmul::NT, &[x, weight])?;
        let linear = pass.apply(AddBias, &[product, bias])?;
        let product = pass.apply(Matmul::NT, &[x, gate_weight])?;
        let gate = pass.apply(AddBias, &[product, gate_bias])?;
        let open = pass.apply(Activate(Activation::Sigmoid), &[gate])?;
        pass.apply(Elementwise::Multiply, &[linear, open])
    }
}

fn main() -> Result<()> {
    let device = common::device()?;
    let data = data::digits()?.split(0.2, 0)?;
    let model = Sequential::new(64).layer(GatedLinear(32)).linear(10);
    println!("{model}: {} parameters", model.parameter_count()?);
    let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9)).epochs(20).on(device);
    let history = trainer.fit_blocking(&data)?;
    println!("test accuracy {:.4}", history.last().and_then(|epoch| epoch.test_accuracy).unwrap_or(0.0));
    Ok(())
}
