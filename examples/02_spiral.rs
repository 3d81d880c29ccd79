//! Three spiral arms: a small net bends its decision boundary around them. Writes a picture.
//!
//! `cargo run --release --example 02_spiral -- --device cpu`

mod common;

use anygrad::data::spiral;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use common::plane::{self, Square};
use plotters::prelude::*;

fn main() -> common::Outcome {
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
    let root = SVGBackend::new(&path, (480, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let square = Square { centre: [0.0, 0.0], half: 1.15 };
    let mut chart = ChartBuilder::on(&root).build_cartesian_2d(square.x(), square.y())?;
    let classes = pollster::block_on(trainer.model()?.classes(&square.cells(), &device))?;
    let colors: Vec<RGBColor> = classes.into_iter().map(plane::pale).collect();
    square.shade(&mut chart, &colors)?;
    let (points, labels) = plane::points(&data);
    plane::dots(&mut chart, points, labels, 3)?;
    root.present()?;
    println!("picture: {}", path.display());
    Ok(())
}
