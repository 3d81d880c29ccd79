//! Logistic regression on clouds of points: with one output for two classes, and as softmax regression for three.
//!
//! `cargo run --release --example 08_logistic_regression -- --device cpu`

mod common;

use anygrad::backend::Device;
use anygrad::data::{Split, blobs};
use anygrad::model::{Model, probabilities};
use anygrad::nn::{Init, Linear, Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use common::plane::{self, INK, Square};
use plotters::prelude::*;

/// One linear layer from zero, by plain gradient descent.
fn train(outputs: usize, loss: Loss, learning_rate: f32, data: &Split, device: &Device) -> anygrad::Result<Model> {
    let model = Sequential::new(2).layer(Linear { outputs, bias: true, init: Init::Zeros });
    let mut trainer =
        Trainer::new(model, loss.clone(), Sgd::new(learning_rate)).batch_size(32).epochs(50).on(device.clone());
    let history = trainer.fit_blocking(data)?;
    let (first, last) = (&history.epochs[0], history.last().expect("epochs"));
    println!(
        "{loss}, outputs {outputs}: train loss {:.3} in epoch 1, {:.3} in epoch {}; test accuracy {:.3}",
        first.train_loss,
        last.train_loss,
        last.epoch,
        last.test_accuracy.unwrap_or(0.0)
    );
    trainer.model().cloned()
}

/// The line on which outputs `i` and `j` are equal; `j = None` stands for an output that is always 0.
fn tie(model: &Model, i: usize, j: Option<usize>) -> [f32; 3] {
    let (weight, bias) = (&model.tensors[0].data, &model.tensors[1].data);
    let line = |i: usize| [weight[2 * i], weight[2 * i + 1], bias[i]];
    let (a, b) = (line(i), j.map_or([0.0; 3], line));
    [0, 1, 2].map(|k| a[k] - b[k])
}

fn main() -> common::Outcome {
    let device = common::device()?;
    let two = blobs(150, 2, 0)?.split(0.2, 0)?;
    let three = blobs(150, 3, 0)?.split(0.2, 0)?;

    let binary = train(1, Loss::binary_cross_entropy(), 0.5, &two, &device)?;
    // Softmax over two outputs is the logistic function of their difference, which moves twice as far in a step.
    let softmax = train(2, Loss::cross_entropy(), 0.25, &two, &device)?;
    let (line, difference) = (tie(&binary, 0, None), tie(&softmax, 1, Some(0)));
    println!("weights and bias of the logit           {line:7.3?}");
    println!("difference of the two softmax outputs   {difference:7.3?}");
    assert!(line.iter().zip(difference).all(|(a, b)| (a - b).abs() < 1e-3), "the same model");
    let several = train(3, Loss::cross_entropy(), 0.25, &three, &device)?;

    let path = common::picture("logistic_regression.svg");
    let panels = plane::panels(&path, 2, 1, (360, 360))?;
    let square = Square { centre: [0.0, 0.0], half: 2.2 };
    for (panel, caption, model, data) in [
        (&panels[0], "Binary: probability of orange 0.1, 0.5, 0.9", &binary, &two),
        (&panels[1], "Softmax: the most probable of three classes", &several, &three),
    ] {
        let mut chart = square.axes(panel, caption, ["x₁", "x₂"])?;
        let outputs = pollster::block_on(model.outputs(&square.cells(), &device))?;
        let rows = outputs.chunks_exact(model.architecture.output_width()?);
        let colors: Vec<RGBColor> = rows.map(|logits| plane::blend(&probabilities(logits))).collect();
        square.shade(&mut chart, &colors)?;
        for line in boundaries(model, square) {
            chart.draw_series([PathElement::new(line, INK.stroke_width(2))])?;
        }
        let (points, labels) = plane::points(&data.train);
        plane::dots(&mut chart, points, labels, 3)?;
    }
    panels[0].present()?;
    println!("picture: {}", path.display());
    Ok(())
}

/// Where the most probable class changes; of a single logit also where the probabilities are 0.1 and 0.9.
fn boundaries(model: &Model, square: Square) -> Vec<[(f32, f32); 2]> {
    let classes = model.tensors[1].data.len();
    if classes == 1 {
        let [a, b, c] = tie(model, 0, None);
        let logit = |p: f32| (p / (1.0 - p)).ln();
        return [0.1, 0.5, 0.9].into_iter().filter_map(|p| square.line([a, b, c - logit(p)])).collect();
    }
    let pairs = (0..classes).flat_map(|i| (0..i).map(move |j| (i, j)));
    pairs
        .filter_map(|(i, j)| {
            let [from, to] = square.line(tie(model, i, Some(j)))?;
            // Keep the part on which no third class is more probable.
            let at = |k: u16| {
                (from.0 + (to.0 - from.0) * f32::from(k) / 500.0, from.1 + (to.1 - from.1) * f32::from(k) / 500.0)
            };
            let leads = |&(x, y): &(f32, f32)| {
                (0..classes).filter(|&k| k != i && k != j).all(|k| {
                    let [a, b, c] = tie(model, i, Some(k));
                    a * x + b * y + c >= 0.0
                })
            };
            let kept: Vec<(f32, f32)> = (0..=500).map(at).filter(leads).collect();
            Some([*kept.first()?, *kept.last()?])
        })
        .collect()
}
