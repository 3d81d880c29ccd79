//! Five hidden layers on the digits: with sigmoid and plain initial values the gradient shrinks from layer to layer on
//! its way back, and the net hardly learns; with ReLU and He's initial values it stays, and the net learns at once.
//! Writes a picture.
//!
//! `cargo run --release --example 16_deep_net -- --device cpu`

mod common;

use anygrad::backend::Device;
use anygrad::data::{self, Dataset, Targets};
use anygrad::graph::{DType, Graph, Role};
use anygrad::kernel::Clock;
use anygrad::nn::{BatchWeights, Init, Linear, Loss, Module, Pass, Sequential};
use anygrad::ops::activation::Activation;
use anygrad::optim::Sgd;
use anygrad::plan::Plan;
use anygrad::train::Trainer;
use common::plot::{Curve, LOWER_RIGHT, MIDDLE_RIGHT, Panel, Style, save};

const HIDDEN_LAYERS: usize = 5;
const WIDTH: usize = 64;

fn main() -> anygrad::Result<()> {
    let device = common::device()?;
    let data = data::digits()?.split(0.2, 0)?;
    let (mut losses, mut gradients) = (Vec::new(), Vec::new());
    println!("norm of the gradient of each layer's weights before training, and test accuracy after 20 epochs");
    for (color, (name, activation, init)) in [
        ("sigmoid, default", Activation::Sigmoid, Init::Pytorch),
        ("sigmoid, Glorot", Activation::Sigmoid, Init::GlorotNormal),
        ("ReLU, default", Activation::Relu, Init::Pytorch),
        ("ReLU, He", Activation::Relu, Init::HeNormal),
    ]
    .into_iter()
    .enumerate()
    {
        let linear = |outputs| Linear { outputs, bias: true, init };
        let net = (0..HIDDEN_LAYERS)
            .fold(Sequential::new(64), |net, _| net.layer(linear(WIDTH)).activation(activation))
            .layer(linear(10));
        let norms = gradient_norms(&net, &data.train, &device)?;
        let mut trainer = Trainer::new(net, Loss::cross_entropy(), Sgd::new(0.05).momentum(0.9))
            .batch_size(64)
            .epochs(20)
            .on(device.clone());
        let history = trainer.fit_blocking(&data)?;
        let accuracy = history.last().and_then(|epoch| epoch.test_accuracy).unwrap_or(0.0);
        let text: Vec<String> = norms.iter().map(|norm| format!("{norm:.5}")).collect();
        println!("{name:<18}{}    accuracy {accuracy:.3}", text.join("  "));

        let curve = history.epochs.iter().map(|epoch| (epoch.epoch as f64, epoch.train_loss));
        losses.push(Curve::line(name, color, curve));
        let points = (1..).zip(norms).map(|(layer, norm)| (f64::from(layer), norm));
        gradients.push(Curve::line(name, color, points).style(Style::LineWithDots));
    }
    let title = "Training loss";
    let left =
        Panel { title, x: "epoch", y: "cross-entropy", legend: MIDDLE_RIGHT, curves: losses, ..Panel::default() };
    let title = "Before training: how much gradient reaches a layer";
    let (x, y, legend) = ("layer, from the input", "norm of the weights' gradient", LOWER_RIGHT);
    save("deep_net.svg", &[left, Panel { title, x, y, log_y: true, legend, curves: gradients, ..Panel::default() }]);
    Ok(())
}

/// The norm of the gradient of each layer's weights over all rows, at the initial values.
fn gradient_norms(net: &Sequential, rows: &Dataset, device: &Device) -> anygrad::Result<Vec<f64>> {
    let Targets::Labels { data: labels, .. } = &rows.targets else { unreachable!("digits have labels") };
    let mut graph = Graph::new();
    let tensors = net.declare(&mut graph)?;
    let x = graph.declare("input", [rows.rows(), 64], DType::F32, Role::Input);
    let target = graph.declare("target", [rows.rows()], DType::U32, Role::Input);
    graph.begin_phase("gradients");
    let output = net.forward(&mut Pass::new(&mut graph, &tensors, true, 0), x)?;
    let loss = Loss::cross_entropy().batch(&mut graph, output, target, BatchWeights::default())?.loss;
    let gradients = graph.gradients(loss, &tensors.penalized())?;
    gradients.iter().for_each(|&gradient| graph.set_role(gradient, Role::Output));

    let plan = Plan::new(graph, &device.target())?;
    let phase = plan.phase("gradients").expect("the phase begun above");
    let mut executor = pollster::block_on(device.load(plan))?;
    for (&value, tensor) in tensors.values().iter().zip(&net.initialize(0)?) {
        executor.write(value, &tensor.data)?;
    }
    executor.write(x, &rows.preprocessing.inputs(&rows.features)?)?;
    executor.write_words(target, labels)?;
    executor.run(&[(phase, Clock::default())])?;
    let norm = |gradient: Vec<f32>| gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
    gradients.iter().map(|&gradient| Ok(norm(pollster::block_on(executor.read(gradient))?))).collect()
}
