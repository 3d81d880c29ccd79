//! The perceptron algorithm: it finds a line for AND after a few epochs, and for XOR it goes in circles for ever.
//!
//! `cargo run --release --example 07_perceptron -- --device cpu`
//!
//! `Loss::perceptron()` with two outputs, batch size 1, learning rate 1 and zero initial values is the algorithm: a row
//! on the wrong side of the line, or on it, is added to the weights of its class and taken from those of the other.

mod common;

use anygrad::backend::Device;
use anygrad::data::{Dataset, Features, Targets};
use anygrad::nn::{Init, Linear, Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use common::plane::{self, COLORS, INK, Square};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const ROWS: [[f32; 2]; 4] = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]];
const EPOCHS: usize = 12;

/// w₁, w₂ and b: the line w₁x₁ + w₂x₂ + b = 0.
type Line = [f32; 3];

/// An epoch of the textbook's algorithm: the line after each mistake.
fn textbook([mut w1, mut w2, mut b]: Line, labels: &[u32]) -> Vec<Line> {
    let mut lines = Vec::new();
    for ([x1, x2], &label) in ROWS.into_iter().zip(labels) {
        let sign = if label == 1 { 1.0 } else { -1.0 };
        if sign * (w1 * x1 + w2 * x2 + b) <= 0.0 {
            (w1, w2, b) = (w1 + sign * x1, w2 + sign * x2, b + sign);
            lines.push([w1, w2, b]);
        }
    }
    lines
}

/// Trains epoch by epoch beside the textbook's algorithm: for each epoch the line after each mistake.
fn train(data: &Dataset, device: &Device) -> anygrad::Result<Vec<Vec<Line>>> {
    let model = Sequential::new(2).layer(Linear { outputs: 2, bias: true, init: Init::Zeros });
    let mut tensors = model.initialize(0)?;
    let mut line = [0.0; 3];
    let mut epochs = Vec::new();
    println!("{}\nepoch  mistakes  w₁  w₂   b", data.name);
    for epoch in 1..=EPOCHS {
        // One epoch, from where the last one ended.
        let mut trainer = Trainer::new(model.clone(), Loss::perceptron(), Sgd::new(1.0))
            .batch_size(1)
            .shuffle(false)
            .epochs(1)
            .initial(tensors)
            .on(device.clone());
        pollster::block_on(trainer.fit_rows(data, None))?;
        tensors = trainer.model()?.tensors.clone();

        let lines = textbook(line, plane::points(data).1);
        line = *lines.last().unwrap_or(&line);
        let [w1, w2, b] = line;
        assert_eq!(tensors[0].data, [-w1, -w2, w1, w2], "class 1 has the textbook's weights, class 0 has them negated");
        assert_eq!(tensors[1].data, [-b, b]);
        println!("{epoch:>5}  {:>8}  {w1:>2}  {w2:>2}  {b:>2}", lines.len());
        epochs.push(lines);
    }
    Ok(epochs)
}

fn main() -> common::Outcome {
    let device = common::device()?;
    let path = common::picture("perceptron.svg");
    let panels = plane::panels(&path, 2, 1, (320, 320))?;
    let square = Square { centre: [0.5, 0.5], half: 1.75 };
    let data = |name: &str, labels: [u32; 4]| {
        let classes = vec!["0".into(), "1".into()];
        let targets = Targets::Labels { name: name.into(), classes, data: labels.to_vec() };
        Dataset::new(name, Features::F32 { width: 2, data: ROWS.concat() }, targets)
    };

    let and = data("AND", [0, 0, 1, 0])?;
    let epochs = train(&and, &device)?;
    let first = epochs.iter().position(Vec::is_empty).expect("AND is learned");
    assert!(epochs[first..].iter().all(Vec::is_empty), "a line that separates is not changed again");
    println!("the line after {first} epochs separates and stays\n");
    let mut chart = square.axes(&panels[0], &format!("AND: the lines after each of {first} epochs"), ["x₁", "x₂"])?;
    let lines: Vec<Line> = epochs[..first].iter().filter_map(|lines| lines.last().copied()).collect();
    square.shade(&mut chart, &square.sides(lines[first - 1]))?;
    for (i, ends) in lines.iter().map(|&line| square.line(line)).enumerate() {
        let style = if i + 1 == first { INK.stroke_width(3) } else { INK.mix(0.4).stroke_width(1) };
        chart.draw_series(ends.map(|ends| PathElement::new(ends, style)))?;
    }
    plane::dots(&mut chart, ROWS.as_flattened(), plane::points(&and).1, 7)?;

    let xor = data("XOR", [1, 1, 0, 0])?;
    let epochs = train(&xor, &device)?;
    let cycle = &epochs[EPOCHS - 1];
    assert_eq!(cycle, &epochs[EPOCHS - 2], "an epoch that repeats the one before repeats for ever");
    let start = epochs.iter().take_while(|lines| *lines != cycle).count() + 1;
    println!("from epoch {start} on every epoch makes the same {} mistakes, for ever\n", cycle.len());
    let caption = format!("XOR: {} lines in turn, ticks towards class 1", cycle.len());
    let mut chart = square.axes(&panels[1], &caption, ["x₁", "x₂"])?;
    for (i, &[w1, w2, b]) in cycle.iter().enumerate() {
        let Some([(x, y), to]) = square.line([w1, w2, b]) else { continue };
        chart.draw_series([PathElement::new([(x, y), to], INK.stroke_width(2))])?;
        // A tick to the side of class 1, and the line's number on the other.
        let (x, y) = (x + (to.0 - x) / 6.0, y + (to.1 - y) / 6.0);
        let (across, up) = (0.15 * w1 / w1.hypot(w2), 0.15 * w2 / w1.hypot(w2));
        chart.draw_series([PathElement::new([(x, y), (x + across, y + up)], COLORS[1].stroke_width(4))])?;
        let style = TextStyle::from(("sans-serif", 14)).pos(Pos::new(HPos::Center, VPos::Center));
        chart.draw_series([Text::new((i + 1).to_string(), (x - across, y - up), style)])?;
    }
    plane::dots(&mut chart, ROWS.as_flattened(), plane::points(&xor).1, 7)?;
    panels[0].present()?;
    println!("picture: {}", path.display());
    Ok(())
}
