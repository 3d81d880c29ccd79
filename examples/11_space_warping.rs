//! What hidden layers do to the plane: two rings that no line separates are bent until one does.
//!
//! `cargo run --release --example 11_space_warping -- --device cpu`

mod common;

use anygrad::backend::Device;
use anygrad::data::{Dataset, Features, circles};
use anygrad::model::Model;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Adam;
use anygrad::train::Trainer;
use common::plane::{self, INK, Square};
use plotters::prelude::*;

fn train(name: &str, layers: Sequential, data: &Dataset, device: &Device) -> anygrad::Result<(Model, f64)> {
    let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Adam::new(0.02))
        .batch_size(64)
        .epochs(150)
        .l2(0.002)
        .seed(2)
        .on(device.clone());
    pollster::block_on(trainer.fit_rows(data, None))?;
    let accuracy = trainer.evaluate_blocking(data)?.accuracy.unwrap_or(0.0);
    println!("{name:<43}  {accuracy:.3}");
    Ok((trainer.model()?.clone(), accuracy))
}

fn main() -> common::Outcome {
    let device = common::device()?;
    let data = circles(400, 0)?;
    println!("accuracy");
    let (_, raw) = train("softmax regression on the inputs", Sequential::new(2).linear(2), &data, &device)?;
    let layers = Sequential::new(2).linear(8).tanh().linear(2).tanh().linear(2);
    let (model, net) = train("the net", layers, &data, &device)?;

    // The net without its last layer: from the plane to the plane.
    let warp = common::first_layers(&model, 4)?;
    let warped = |points: &[f32]| -> anygrad::Result<Vec<f32>> {
        pollster::block_on(warp.outputs(&Features::F32 { width: 2, data: points.to_vec() }, &device))
    };
    let (points, labels) = plane::points(&data);
    let moved = warped(points)?;
    let features = Features::F32 { width: 2, data: moved.clone() };
    let data_moved = Dataset::new("warped circles", features, data.targets.clone())?;
    let (_, bent) =
        train("softmax regression on the last hidden layer", Sequential::new(2).linear(2), &data_moved, &device)?;
    assert!(raw < 0.7 && net > 0.98 && bent > 0.98, "a line separates the rings only after the hidden layers");

    let path = common::picture("space_warping.svg");
    let panels = plane::panels(&path, 2, 1, (360, 360))?;
    let (before, after) = (Square { centre: [0.0; 2], half: 1.4 }, Square { centre: [0.0; 2], half: 1.1 });
    let mut left = before.axes(&panels[0], "Before: the inputs", ["x₁", "x₂"])?;
    let mut right = after.axes(&panels[1], "After: the last hidden layer", ["h₁", "h₂"])?;

    let classes = pollster::block_on(model.classes(&before.cells(), &device))?;
    before.shade(&mut left, &classes.into_iter().map(plane::pale).collect::<Vec<_>>())?;
    let (weight, bias) = (&model.tensors[4].data, &model.tensors[5].data);
    let line = [weight[2] - weight[0], weight[3] - weight[1], bias[1] - bias[0]];
    after.shade(&mut right, &after.sides(line))?;
    right.draw_series(after.line(line).map(|ends| PathElement::new(ends, INK.stroke_width(2))))?;

    for i in -6i8..=6 {
        let (fixed, moving) = (f32::from(i) * 0.2, |k: i8| f32::from(k) * 0.02);
        let vertical: Vec<f32> = (-60..=60).flat_map(|k| [fixed, moving(k)]).collect();
        let horizontal: Vec<f32> = (-60..=60).flat_map(|k| [moving(k), fixed]).collect();
        for grid_line in [vertical, horizontal] {
            let style = INK.mix(0.35);
            left.draw_series(LineSeries::new(pairs(&grid_line), style))?;
            right.draw_series(LineSeries::new(pairs(&warped(&grid_line)?), style))?;
        }
    }
    plane::dots(&mut left, points, labels, 3)?;
    plane::dots(&mut right, &moved, labels, 3)?;
    panels[0].present()?;
    println!("picture: {}", path.display());
    Ok(())
}

fn pairs(numbers: &[f32]) -> Vec<(f32, f32)> {
    numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}
