//! Layers without activations between them are one linear layer: three trained layers, multiplied out, give the same
//! outputs to rounding error. With ReLU between them they do not. Writes a picture of both nets' decision regions.
//!
//! `cargo run --release --example 14_linear_layers_collapse -- --device cpu`

mod common;

use anygrad::backend::Device;
use anygrad::data::{Features, Targets, spiral};
use anygrad::model::Model;
use anygrad::nn::{Loss, Sequential, Tensor};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use common::plot::{grid, regions};

const HIDDEN: usize = 32;
/// The picture shows −SIDE to SIDE.
const SIDE: f32 = 1.15;

fn main() -> anygrad::Result<()> {
    let device = common::device()?;
    let data = spiral(300, 3, 0)?;
    let (Features::F32 { data: points, .. }, Targets::Labels { data: labels, .. }) = (&data.features, &data.targets)
    else {
        unreachable!("the spiral has two numbers and a label")
    };
    let linear = Sequential::new(2).linear(HIDDEN).linear(HIDDEN).linear(3);
    let bent = Sequential::new(2).linear(HIDDEN).relu().linear(HIDDEN).relu().linear(3);
    let mut pictures = Vec::new();
    for (name, title, net) in [("three linear layers", "without activation", linear), ("with ReLU", "with ReLU", bent)]
    {
        let mut trainer = Trainer::new(net, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9))
            .batch_size(50)
            .epochs(150)
            .on(device.clone());
        let history = pollster::block_on(trainer.fit_rows(&data, None))?;
        let model = trainer.model()?;
        let (deep, flat) =
            (outputs(model, &data.features, &device)?, outputs(&single(model), &data.features, &device)?);
        // Each output relative to the sum of the sizes of its terms, which is what rounding is relative to.
        let (weight, bias) = multiplied_out(model, f64::abs);
        let size = |i: usize| {
            let x = &points[2 * (i / 3)..][..2];
            bias[i % 3] + (0..2).map(|j| weight[2 * (i % 3) + j] * f64::from(x[j].abs())).sum::<f64>()
        };
        let difference = |i: usize| f64::from(deep[i] - flat[i]).abs() / size(i);
        let largest = (0..deep.len()).map(difference).fold(0.0, f64::max);
        println!("{name}: accuracy {:.3}", history.last().and_then(|epoch| epoch.train_accuracy).unwrap_or(0.0));
        println!("    against one layer with their product: largest relative difference {largest:.1e}");
        if name.starts_with("three") {
            assert!(largest <= bound(), "not the same function");
            println!("    derived bound for the same function:                               {:.1e}", bound());
        } else {
            assert!(largest > 1e4 * bound(), "the same function in spite of ReLU");
        }
        let grid = Features::F32 { width: 2, data: grid(SIDE) };
        pictures.push((title, pollster::block_on(model.classes(&grid, &device))?));
    }
    let dots: Vec<_> = points.chunks(2).zip(labels).map(|(x, &label)| (x[0], x[1], label as usize)).collect();
    regions("linear_layers_collapse.svg", SIDE, &pictures, &dots);
    Ok(())
}

/// Roundings on the longest way to an output in both nets together, each of at most 2⁻²³ on any device: in a layer a
/// product, a sum of `inputs` terms and the bias; for the single layer also that of its weights to f32.
fn bound() -> f64 {
    let roundings = (2 + 1) + (HIDDEN + 1) + (HIDDEN + 1) + (2 + 1) + 1;
    roundings as f64 * f64::from(f32::EPSILON) * 1.01
}

/// The linear layers of a model as one, in f64: W₃W₂W₁ and W₃(W₂b₁ + b₂) + b₃, of numbers as `of` makes them.
fn multiplied_out(model: &Model, of: fn(f64) -> f64) -> (Vec<f64>, Vec<f64>) {
    let (mut weight, mut bias) = (vec![1.0, 0.0, 0.0, 1.0], vec![0.0, 0.0]);
    for layer in model.tensors.chunks(2) {
        let numbers = |tensor: &Tensor| tensor.data.iter().map(|&w| of(f64::from(w))).collect::<Vec<_>>();
        let (own_weight, own_bias) = (numbers(&layer[0]), numbers(&layer[1]));
        let inner = bias.len();
        weight = product(&own_weight, &weight, inner);
        bias = product(&own_weight, &bias, inner).iter().zip(&own_bias).map(|(a, b)| a + b).collect();
    }
    (weight, bias)
}

/// The matrix product of `a` with `inner` columns and `b` with `inner` rows.
fn product(a: &[f64], b: &[f64], inner: usize) -> Vec<f64> {
    let columns = b.len() / inner;
    let element = |row: &[f64], j: usize| (0..inner).map(|k| row[k] * b[k * columns + j]).sum::<f64>();
    a.chunks(inner).flat_map(|row| (0..columns).map(move |j| element(row, j))).collect()
}

/// A model of one layer with the product of all.
fn single(model: &Model) -> Model {
    let (weight, bias) = multiplied_out(model, |w| w);
    let tensor = |name: &str, shape: &[usize], data: Vec<f64>| Tensor {
        name: name.into(),
        shape: shape.to_vec(),
        data: data.into_iter().map(|x| x as f32).collect(),
    };
    let tensors = vec![tensor("0.weight", &[3, 2], weight), tensor("0.bias", &[3], bias)];
    Model { architecture: Sequential::new(2).linear(3), tensors, ..model.clone() }
}

fn outputs(model: &Model, features: &Features, device: &Device) -> anygrad::Result<Vec<f32>> {
    pollster::block_on(model.outputs(features, device))
}
