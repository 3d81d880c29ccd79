//! Three spiral arms: a small net bends its decision boundary around them. Writes a picture.
//!
//! `cargo run --release --example 02_spiral -- --device cpu`

mod common;

use anygrad::data::{Dataset, Features, Targets, spiral};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::{Model, Trainer};
use plotters::prelude::*;

/// Cells of the picture along each side.
const CELLS: usize = 120;
const SIDE: f32 = 1.15;
const COLORS: [RGBColor; 3] = [RGBColor(66, 133, 244), RGBColor(234, 120, 30), RGBColor(52, 168, 83)];

fn main() -> anygrad::Result<()> {
    let device = common::device()?;
    let data = spiral(300, 3, 0)?;
    let split = data.split(0.2, 0)?;
    let model = Sequential::new(2).linear(64).relu().linear(32).relu().linear(3);
    let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9))
        .batch_size(32)
        .epochs(150)
        .on(device.clone());
    let history = trainer.fit_blocking(&split)?;
    let last = history.last().expect("epochs");
    println!("test accuracy {:.3} after {} epochs", last.test_accuracy.unwrap_or(0.0), last.epoch);

    let path = common::picture("spiral.svg");
    let classes = classes_on_a_grid(trainer.model()?, &device)?;
    draw(&path, &data, &classes).expect("the picture can be written");
    println!("picture: {}", path.display());
    Ok(())
}

/// The class of each cell, row by row from below.
fn classes_on_a_grid(model: &Model, device: &anygrad::backend::Device) -> anygrad::Result<Vec<usize>> {
    let at = |i: usize| SIDE * (2.0 * (i as f32 + 0.5) / CELLS as f32 - 1.0);
    let points = (0..CELLS * CELLS).flat_map(|i| [at(i % CELLS), at(i / CELLS)]).collect();
    pollster::block_on(model.classes(&Features::F32 { width: 2, data: points }, device))
}

fn draw(path: &std::path::Path, data: &Dataset, classes: &[usize]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, (480, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root).build_cartesian_2d(-SIDE..SIDE, -SIDE..SIDE)?;
    let edge = |i: usize| SIDE * (2.0 * i as f32 / CELLS as f32 - 1.0);
    for row in 0..CELLS {
        // One rectangle per run of equal cells.
        let mut start = 0;
        for end in 1..=CELLS {
            let class = classes[row * CELLS + start];
            if end == CELLS || classes[row * CELLS + end] != class {
                let area = [(edge(start), edge(row)), (edge(end), edge(row + 1))];
                chart.draw_series([Rectangle::new(area, COLORS[class].mix(0.28).filled())])?;
                start = end;
            }
        }
    }
    let (Features::F32 { data: points, .. }, Targets::Labels { data: labels, .. }) = (&data.features, &data.targets)
    else {
        return Err("the spiral has two numbers and a label".into());
    };
    let dots = points.chunks_exact(2).zip(labels);
    chart.draw_series(
        dots.map(|(point, &label)| Circle::new((point[0], point[1]), 3, COLORS[label as usize].filled())),
    )?;
    root.present()?;
    Ok(())
}
