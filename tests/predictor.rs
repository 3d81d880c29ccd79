//! A loaded model predicts what its definition says, whatever number of rows comes, as often as they come.
//!
//! Bound: two layers of at most 64 terms. Each term of a sum is rounded once when it is made and at most as often as there
//! are terms when it is added, with WGSL's unit roundoff of 2⁻²³; ReLU stretches nothing. So an output is off by at most
//! `(64 + 24 + 4) · 2⁻²³` of what the same layers make of magnitudes: |W₂|·(|W₁|·|x| + |b₁|) + |b₂|.

mod common;

use anygrad::backend::Device;
use anygrad::data::{Dataset, Features, digits};
use anygrad::model::{Model, Tensor};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use pollster::block_on;

const ROUNDOFF: f64 = (64 + 24 + 4) as f64 / 8_388_608.0;

fn model(data: &Dataset) -> Model {
    let layers = Sequential::new(64).linear(24).relu().dropout(0.2).linear(10);
    let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.1)).epochs(2);
    block_on(trainer.fit_rows(data, None)).expect("training");
    trainer.model().expect("a model").clone()
}

/// `f(W·x + b)` in f64, of the numbers or of their magnitudes.
fn linear([weight, bias]: [&Tensor; 2], x: &[f64], of: fn(f64) -> f64, f: fn(f64) -> f64) -> Vec<f64> {
    let row = |(row, bias): (&[f32], &f32)| {
        let sum: f64 = row.iter().zip(x).map(|(&w, x)| of(f64::from(w)) * x).sum();
        f(sum + of(f64::from(*bias)))
    };
    weight.data.chunks(x.len()).zip(&bias.data).map(row).collect()
}

/// Outputs and their bounds.
fn expected(model: &Model, features: &Features) -> Vec<(f64, f64)> {
    let layers = [[&model.tensors[0], &model.tensors[1]], [&model.tensors[2], &model.tensors[3]]];
    let through = |x: &[f64], of: fn(f64) -> f64| {
        let hidden = linear(layers[0], x, of, |z| z.max(0.0));
        linear(layers[1], &hidden, of, |z| z)
    };
    let inputs: Vec<f64> =
        model.preprocessing.inputs(features).expect("inputs").iter().map(|&x| f64::from(x)).collect();
    let row = |x: &[f64]| {
        let magnitudes: Vec<f64> = x.iter().map(|x| x.abs()).collect();
        let bounds = through(&magnitudes, f64::abs).into_iter().map(|largest| ROUNDOFF * largest);
        through(x, |w| w).into_iter().zip(bounds).collect::<Vec<_>>()
    };
    inputs.chunks(64).flat_map(row).collect()
}

#[test]
fn a_predictor_gives_the_same_outputs_for_any_number_of_rows_at_any_time() {
    let data = digits().expect("digits");
    let model = model(&data);
    let expected = expected(&model, &data.features);
    let mut compared = 0;
    let devices = [Some(Device::Cpu), common::gpu().map(Device::Gpu)];
    for device in devices.into_iter().flatten() {
        let mut predictor = block_on(model.predictor(&device)).expect("loaded");
        let mut first = 0;
        for count in [1, 0, 2, 31, 32, 33, 129, 160, 511, 512, 1, 700] {
            let rows: Vec<usize> = (first..first + count).map(|row| row % data.rows()).collect();
            first += count;
            let features = data.select(&rows).features;
            let outputs = predictor.outputs_blocking(&features).expect("outputs");
            let once = block_on(model.outputs(&features, &device)).expect("outputs");
            assert_eq!((outputs.len(), once.len()), (count * 10, count * 10));
            for (i, (by_predictor, once)) in outputs.iter().zip(&once).enumerate() {
                let (output, bound) = expected[rows[i / 10] * 10 + i % 10];
                for got in [by_predictor, once] {
                    let error = (f64::from(*got) - output).abs();
                    assert!(error <= bound, "{count} rows, output {i}: {got}, not {output} ± {bound:e}");
                    compared += 1;
                }
            }
            let best = |row: &[f32]| (0..10).fold(0, |best, i| if row[i] > row[best] { i } else { best });
            let classes: Vec<usize> = outputs.chunks(10).map(best).collect();
            assert_eq!(predictor.classes_blocking(&features).expect("classes"), classes);
        }
    }
    common::report_comparisons("predictor", compared);
}

#[test]
fn a_predictor_refuses_rows_that_do_not_fit() {
    let data = digits().expect("digits");
    let model = model(&data);
    let mut predictor = block_on(model.predictor(&Device::Cpu)).expect("loaded");
    let narrow = Features::F32 { width: 3, data: vec![0.0; 3] };
    let error = predictor.outputs_blocking(&narrow).expect_err("too narrow").to_string();
    assert_eq!(error, "data: rows have 3 features, the model takes 64");
}
