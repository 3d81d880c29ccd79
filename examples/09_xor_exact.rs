//! XOR solved by hand with two ReLU units (Goodfellow et al., *Deep Learning*, section 6.1), and how often training
//! finds a solution with as few.
//!
//! `cargo run --release --example 09_xor_exact -- --device cpu`

mod common;

use anygrad::data::{Dataset, Features, Targets};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Adam;
use anygrad::train::Trainer;
use common::plane::{self, Chart, INK, Square};
use plotters::prelude::*;

const SEEDS: u64 = 20;

fn main() -> common::Outcome {
    let device = common::device()?;
    let inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let xor = [0.0, 1.0, 1.0, 0.0];
    let data = Dataset::new(
        "xor",
        Features::F32 { width: 2, data: inputs.concat() },
        Targets::Values { names: vec!["x₁ xor x₂".into()], data: xor.to_vec() },
    )?;

    // W, c, w, b of the book: y = w · max(0, W x + c) + b.
    let layers = Sequential::new(2).linear(2).relu().linear(1);
    let values = [vec![1.0, 1.0, 1.0, 1.0], vec![0.0, -1.0], vec![1.0, -2.0], vec![0.0]];
    let model = common::by_hand(&layers, &values, &data, &device)?;
    let hidden = pollster::block_on(common::first_layers(&model, 2)?.outputs(&data.features, &device))?;
    let outputs = pollster::block_on(model.outputs(&data.features, &device))?;
    println!("x₁ x₂   h₁ h₂    y   by hand");
    for (([x1, x2], h), y) in inputs.iter().zip(hidden.chunks_exact(2)).zip(&outputs) {
        println!(" {x1}  {x2}    {}  {}    {y}", h[0], h[1]);
    }
    assert_eq!(hidden, [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 2.0, 1.0]);
    assert_eq!(outputs, xor, "the outputs are exact");

    println!("\nby training from {SEEDS} seeds, with all outputs within 0.1:");
    for units in [2, 4, 8] {
        let mut solved = 0;
        for seed in 0..SEEDS {
            let layers = Sequential::new(2).linear(units).relu().linear(1);
            let mut trainer = Trainer::new(layers, Loss::mean_squared_error(), Adam::new(0.05))
                .full_batch()
                .epochs(500)
                .seed(seed)
                .on(device.clone());
            pollster::block_on(trainer.fit_rows(&data, None))?;
            let outputs = pollster::block_on(trainer.model()?.outputs(&data.features, &device))?;
            solved += u64::from(outputs.iter().zip(xor).all(|(y, target)| (y - target).abs() < 0.1));
        }
        println!("{units} hidden units: {solved:>2} solved");
    }

    let path = common::picture("xor_exact.svg");
    let panels = plane::panels(&path, 2, 1, (320, 320))?;
    let (before, after) = (Square { centre: [0.5, 0.5], half: 1.0 }, Square { centre: [1.0, 0.5], half: 1.5 });
    let mut chart = before.axes(&panels[0], "Inputs: no line separates the classes", ["x₁", "x₂"])?;
    let cells = pollster::block_on(model.outputs(&before.cells(), &device))?;
    before.shade(&mut chart, &cells.iter().map(|&y| plane::pale(usize::from(y > 0.5))).collect::<Vec<_>>())?;
    mark(&mut chart, inputs.as_flattened(), ["0 0", "0 1", "1 0", "1 1"])?;

    let line = [1.0, -2.0, -0.5];
    let mut chart = after.axes(&panels[1], "Hidden units: h₁ − 2h₂ = ½ separates them", ["h₁", "h₂"])?;
    after.shade(&mut chart, &after.sides(line))?;
    chart.draw_series(after.line(line).map(|ends| PathElement::new(ends, INK.stroke_width(2))))?;
    mark(&mut chart, &hidden, ["0 0", "0 1 and 1 0", "", "1 1"])?;
    panels[0].present()?;
    println!("picture: {}", path.display());
    Ok(())
}

/// The four rows as dots with their inputs beside them.
fn mark(chart: &mut Chart<'_, '_>, points: &[f32], names: [&'static str; 4]) -> common::Outcome {
    plane::dots(chart, points, &[0, 1, 1, 0], 7)?;
    for (point, name) in points.chunks_exact(2).zip(names) {
        chart.draw_series([Text::new(name, (point[0] + 0.07, point[1] + 0.15), ("sans-serif", 14))])?;
    }
    Ok(())
}
