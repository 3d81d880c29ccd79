//! Universal approximation: a net of one hidden layer of ReLU units follows a curve, by hand with bumps of four units
//! each, and by training.
//!
//! `cargo run --release --example 10_function_approximation -- --device cpu`

mod common;

use anygrad::backend::Device;
use anygrad::data::{Dataset, Features, Preprocessing, Targets};
use anygrad::model::Model;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Adam;
use anygrad::train::Trainer;
use common::plane::{self, COLORS, INK};
use plotters::prelude::*;
use std::f32::consts::TAU;

/// The curve, for x from 0 to 1, and a bound of its slope.
fn curve(x: f32) -> f32 {
    (TAU * x).sin() + 0.3 * (3.0 * TAU * x).cos()
}
const STEEPEST: f32 = TAU * (1.0 + 0.9);

/// Points at which curve and net are compared.
const POINTS: usize = 1001;
/// Bumps of the picture; the trained net has as many hidden units.
const BUMPS: usize = 10;

/// Bump `k` of `count`: where it begins to rise, is up, begins to fall, is down, and its height.
fn bump(k: usize, count: usize) -> ([f32; 4], f32) {
    let (width, at) = (1.0 / count as f32, |k: f32| k / count as f32);
    let ramp = width / 4.0;
    // Neighbours change over in the middle of a ramp; the outermost ramps lie outside.
    let left = if k == 0 { -ramp } else { at(k as f32) - ramp / 2.0 };
    let right = if k + 1 == count { 1.0 } else { at(k as f32 + 1.0) - ramp / 2.0 };
    ([left, left + ramp, right, right + ramp], curve(at(k as f32 + 0.5)))
}

fn net(units: usize) -> Sequential {
    Sequential::new(1).linear(units).relu().linear(1)
}

/// A sum of bumps: each is h·(r(x − a) − r(x − b) − r(x − c) + r(x − d)) / (b − a) with r = ReLU.
fn by_hand(count: usize, data: &Dataset, device: &Device) -> anygrad::Result<Model> {
    let mut values = [vec![], vec![], vec![], vec![0.0]];
    for k in 0..count {
        let (corners, height) = bump(k, count);
        let slope = 1.0 / (corners[1] - corners[0]);
        values[0].extend([slope; 4]);
        values[1].extend(corners.map(|x| -x * slope));
        values[2].extend([height, -height, -height, height]);
    }
    common::by_hand(&net(4 * count), &values, data, device)
}

fn main() -> common::Outcome {
    let device = common::device()?;
    let x: Vec<f32> = (0..POINTS).map(|i| i as f32 / (POINTS - 1) as f32).collect();
    let y: Vec<f32> = x.iter().map(|&x| curve(x)).collect();
    let data = Dataset::new(
        "curve",
        Features::F32 { width: 1, data: x.clone() },
        Targets::Values { names: vec!["y".into()], data: y.clone() },
    )?;
    let outputs = |model: &Model| pollster::block_on(model.outputs(&data.features, &device));
    let error = |p: &[f32]| p.iter().zip(&y).map(|(p, y)| (p - y).abs()).fold(0.0, f32::max);

    let mut last = f32::INFINITY;
    for count in [5, 10, 20, 40] {
        let largest = error(&outputs(&by_hand(count, &data, &device)?)?);
        // No place is further than half a bump and half a ramp from the middle of a bump that reaches there.
        let bound = STEEPEST * (0.5 + 0.125) / count as f32;
        println!("{count:>2} bumps, {:>3} hidden units: largest error {largest:.3}, bound {bound:.3}", 4 * count);
        assert!(largest < last && largest <= bound, "more bumps come closer");
        last = largest;
    }

    let mut training = data.select(&(0..POINTS).step_by(4).collect::<Vec<_>>());
    // Around 0 with deviation 1, so that the units' kinks start spread over the curve.
    training.preprocessing = Preprocessing::standardize(&x, 1);
    let mut trainer = Trainer::new(net(4 * BUMPS), Loss::mean_squared_error(), Adam::new(0.01))
        .batch_size(64)
        .epochs(3000)
        .on(device.clone());
    let history = pollster::block_on(trainer.fit_rows(&training, None))?;
    let learned = outputs(trainer.model()?)?;
    let loss = history.last().map_or(f64::NAN, |epoch| epoch.train_loss);
    println!("trained,  {:>3} hidden units: largest error {:.3}, loss {loss:.6}", 4 * BUMPS, error(&learned));

    let path = common::picture("function_approximation.svg");
    let panels = plane::panels(&path, 2, 1, (420, 300))?;
    let built = outputs(&by_hand(BUMPS, &data, &device)?)?;
    for (panel, name, values, color) in [
        (&panels[0], format!("sum of {BUMPS} bumps"), &built, COLORS[1]),
        (&panels[1], "trained net".to_string(), &learned, COLORS[2]),
    ] {
        let caption = format!("{} ReLU units: {name}", 4 * BUMPS);
        let mut chart = plane::axes(panel, &caption, ["x", "y"], 0.0..1.0, -1.4..1.8)?;
        if name.contains("bumps") {
            for k in 0..BUMPS {
                let ([a, b, c, d], height) = bump(k, BUMPS);
                let corners = [(a.max(0.0), 0.0), (b, height), (c, height), (d.min(1.0), 0.0)];
                chart.draw_series([Polygon::new(corners, color.mix(0.15))])?;
                chart.draw_series([PathElement::new(corners, color.mix(0.5))])?;
            }
        }
        for (name, values, style) in
            [("curve", &y, INK.stroke_width(1)), (name.as_str(), values, color.stroke_width(2))]
        {
            chart
                .draw_series(LineSeries::new(x.iter().copied().zip(values.iter().copied()).step_by(5), style))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .border_style(INK.mix(0.3))
            .background_style(WHITE)
            .draw()?;
    }
    panels[0].present()?;
    println!("picture: {}", path.display());
    Ok(())
}
