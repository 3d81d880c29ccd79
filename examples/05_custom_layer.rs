//! A layer of your own, a gated linear unit `(x·Wᵀ + b) ⊙ σ(x·Vᵀ + c)`, without writing its backward pass: a layer
//! names its tensors and appends ops; the gradient follows from theirs. This one is made of two linear layers, which it
//! holds under the names `value` and `gate`. Its model is saved, and loaded again into the layers that this file builds.
//!
//! `cargo run --release --example 05_custom_layer -- --device cpu`

mod common;

use anygrad::Result;
use anygrad::data;
use anygrad::graph::{Shape, ValueId};
use anygrad::model::Model;
use anygrad::nn::{LayerDescription, Linear, Loss, Module, Pass, Sequential, TensorSpec};
use anygrad::ops::activation::{Activate, Activation};
use anygrad::ops::elementwise::Elementwise;
use anygrad::optim::Sgd;
use anygrad::train::Trainer;

/// A gated linear unit with this many outputs.
#[derive(Debug)]
struct GatedLinear(usize);

impl GatedLinear {
    /// The layer that computes both values and gates.
    fn linear(&self) -> Linear {
        Linear::new(self.0)
    }
}

impl Module for GatedLinear {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Custom(format!("gated_linear {}", self.0))
    }

    fn output(&self, input: &Shape) -> Result<Shape> {
        self.linear().output(input)
    }

    fn tensors(&self, input: &Shape) -> Result<Vec<TensorSpec>> {
        let of_one = self.linear().tensors(input)?;
        let within = |name: &str| of_one.clone().into_iter().map(|spec| spec.within(name)).collect::<Vec<_>>();
        Ok([within("value"), within("gate")].concat())
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> Result<ValueId> {
        let value = pass.child("value", &self.linear(), x)?;
        let gate = pass.child("gate", &self.linear(), x)?;
        let open = pass.apply(Activate(Activation::Sigmoid), &[gate])?;
        pass.apply(Elementwise::Multiply, &[value, open])
    }
}

fn main() -> Result<()> {
    let device = common::device()?;
    let data = data::digits()?.split(0.2, 0)?;
    let layers = Sequential::new(64).layer(GatedLinear(32)).linear(10);
    println!("{layers}: {} parameters", layers.parameter_count()?);
    let mut trainer =
        Trainer::new(layers.clone(), Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9)).epochs(20).on(device);
    let history = trainer.fit_blocking(&data)?;
    println!("test accuracy {:.4}", history.last().and_then(|epoch| epoch.test_accuracy).unwrap_or(0.0));

    let file = trainer.model()?.to_bytes()?;
    let loaded = Model::from_bytes_into(&file, layers)?;
    println!("saved and loaded again: weights {} ({} bytes)", loaded.weights_hash(), file.len());
    for tensor in &loaded.tensors {
        println!("  {:<14} {:?}", tensor.name, tensor.shape);
    }
    Ok(())
}
