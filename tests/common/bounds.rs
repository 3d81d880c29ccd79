//! How far a kernel's results may be from its twin's: bounds derived from what WGSL guarantees.
//!
//! WGSL promises no rounding mode, so a conforming unit roundoff is 2⁻²³; exp is good to 3 + 2|x| ULP, log to 2⁻²¹
//! absolute near 1, division to 2.5 ULP. Sums of K terms: |error| ≤ γ_K Σ|terms|, γ_K = K·u/(1 − K·u).

use super::{Case, Data};
use anygrad::ops::Op;
use anygrad::ops::activation::{Activate, ActivateGrad, Activation};
use anygrad::ops::matmul::Matmul;
use anygrad::ops::pointwise_loss::Pointwise;

/// Unit roundoff without a promised rounding mode.
const U: f64 = 1.0 / (1u32 << 23) as f64;
/// Smallest normal f32: results may be flushed to zero below it.
const TINY: f64 = f32::MIN_POSITIVE as f64;

fn gamma(terms: usize) -> f64 {
    let ku = terms as f64 * U;
    ku / (1.0 - ku)
}

fn float(inputs: &[Data], i: usize) -> &[f32] {
    match &inputs[i] {
        Data::Float(data) => data,
        Data::Word(_) => panic!("input {i} holds words"),
    }
}

/// How far element `i` of a result (the operand `tensor`, inputs first) may be from `expected`, the twin's value in f64.
pub fn bound(case: &Case, inputs: &[Data], tensor: usize, i: usize, expected: f64) -> f64 {
    let columns = case.inputs[0].0.dims().get(1).copied().unwrap_or(1);
    let magnitude = |input: usize, at: usize| f64::from(float(inputs, input)[at].abs());
    let relative = |ulps: f64| ulps * U * expected.abs() + TINY;
    match &case.op {
        Op::Matmul(form) => matmul_bound(*form, case, inputs, i),
        Op::ColumnSum(op) => {
            let rows = case.inputs[0].0.dims()[0];
            let sum: f64 = (0..rows).map(|r| magnitude(0, r * columns + i)).sum();
            gamma(rows + 1) * sum * f64::from(op.scale) + TINY
        }
        Op::AddBias(_) | Op::Scale(_) | Op::BroadcastRows(_) | Op::Elementwise(_) | Op::Dropout(_) | Op::Gather(_) => {
            relative(1.0)
        }
        Op::Activate(Activate(activation)) => {
            // A factor of x may be flushed to zero before it is multiplied.
            let x = f64::from(float(inputs, 0)[i]);
            U * activation.rounding_bound(x, expected) + TINY * (1.0 + x.abs())
        }
        Op::ActivateGrad(ActivateGrad(activation)) => {
            let saved = f64::from(float(inputs, 0)[i]);
            magnitude(1, i) * U * activation.derivative_rounding_bound(saved) + relative(4.0)
        }
        Op::SoftmaxCrossEntropy(op) => {
            cross_entropy_bound(&float(inputs, 0)[i * columns..][..columns], op.label_smoothing)
        }
        Op::SoftmaxCrossEntropyGrad(_) => {
            let z = &float(inputs, 0)[i / columns * columns..][..columns];
            cross_entropy_grad_bound(z, i % columns, magnitude(2, i / columns))
        }
        Op::ClassificationStep(op) => {
            let classes = case.inputs[1].0.dims()[1];
            let rows = float(inputs, 1).chunks_exact(classes);
            match tensor {
                // Slots of loss, count and two columns that the kernel leaves.
                4 if i.is_multiple_of(4) => {
                    let (count, sum) = (rows.len(), rows.map(|z| cross_entropy_bound(z, op.loss.label_smoothing)));
                    f64::from(op.scale) * sum.sum::<f64>() + gamma(count + 2) * expected.abs()
                }
                4 => 0.0,
                _ => {
                    let z = &float(inputs, 1)[i / classes * classes..][..classes];
                    cross_entropy_grad_bound(z, i % classes, f64::from(op.scale))
                }
            }
        }
        Op::Linear(op) => {
            let n = case.inputs[1].0.dims()[0];
            let bias = f64::from(float(inputs, 2)[i % n]);
            let (sum, size) = product(Matmul::NT, case, (inputs, 0, 1), i);
            let k = case.inputs[0].0.dims()[1];
            through(op.activation, sum + bias, gamma(k + 1) * (size + bias.abs()) + k as f64 * TINY, expected)
        }
        Op::LinearGradInput(op) => {
            let saved = f64::from(float(inputs, 2)[i]);
            let (sum, size) = product(Matmul::NN, case, (inputs, 0, 1), i);
            let (k, slope) = (case.inputs[0].0.dims()[1], op.activation.derivative(saved));
            let rounding = sum.abs() * U * op.activation.derivative_rounding_bound(saved);
            (gamma(k) * size + k as f64 * TINY) * (slope.abs() + 1.0) + rounding + relative(4.0)
        }
        Op::LinearUpdate(op) => {
            let (k, m) = (case.inputs[2].0.dims()[0], case.inputs[2].0.dims()[1]);
            let is_weight = tensor == 0 || tensor == 4;
            let size = if is_weight {
                product(Matmul::TN, case, (inputs, 2, 3), i).1
            } else {
                (0..k).map(|row| magnitude(2, row * m + i)).sum()
            };
            let old = usize::from(!is_weight);
            let velocity = if op.sgd.momentum == 0.0 { 0.0 } else { magnitude(4 + old, i) };
            2.0 * gamma(k + 1) * size + 8.0 * U * (magnitude(old, i) + velocity + size) + k as f64 * TINY
        }
        Op::PointwiseLoss(op) => {
            let scale = if op.mean { 1.0 / columns as f64 } else { 1.0 };
            let terms: f64 = (0..columns)
                .map(|o| (magnitude(0, i * columns + o), magnitude(1, i * columns + o)))
                .map(|(p, y)| match op.form {
                    // max(p, 0), p·y and a logarithm, which may cancel.
                    Pointwise::BinaryCrossEntropy => 4.0 * p + p * y + 24.0,
                    Pointwise::SquaredError | Pointwise::HalfSquaredError => 2.0 * (p + y) * (p + y),
                    Pointwise::AbsoluteError | Pointwise::Huber { .. } => 3.0 * (p + y),
                })
                .sum();
            scale * terms * (U + gamma(columns)) + TINY
        }
        Op::PointwiseLossGrad(op) => {
            let (g, scale) = (magnitude(2, i / columns), if op.0.mean { 1.0 / columns as f64 } else { 1.0 });
            let (p, y) = (magnitude(0, i), magnitude(1, i));
            let error = match op.0.form {
                Pointwise::BinaryCrossEntropy => 16.0 + y,
                _ => 6.0 * (p + y),
            };
            g * scale * error * U + relative(4.0)
        }
        Op::MarginLoss(_) => {
            let z = &float(inputs, 0)[i * columns..][..columns];
            columns as f64 * 2.0 * U * (spread(z) + 1.0) + gamma(columns) * expected.abs() + TINY
        }
        Op::MarginLossGrad(_) => relative(1.0),
        Op::Sgd(op) => {
            let velocity = if op.momentum == 0.0 { 0.0 } else { magnitude(2, i) };
            let size = magnitude(0, i) + magnitude(1, i) + velocity;
            8.0 * U * size + TINY
        }
        // Each result is a sum of products of the operands with factors below 1, and of a step whose relative error is
        // a few roundings.
        Op::Adam(_) | Op::RmsProp(_) | Op::Adagrad(_) => {
            let size: f64 = (0..case.inputs.len()).map(|input| magnitude(input, i)).sum();
            let g = magnitude(1, i) + 0.01 * magnitude(0, i);
            32.0 * U * (size + g * g + expected.abs()) + TINY
        }
        Op::Penalty(_) => gamma(float(inputs, 0).len() + 4) * expected.abs() + TINY,
        Op::PenaltyGrad(op) => {
            let size = 2.0 * f64::from(op.0.l2) * magnitude(0, i) + f64::from(op.0.l1);
            4.0 * U * magnitude(1, 0) * size + TINY
        }
        Op::Divide(_) => relative(2.5),
        // The root is good to about 5 ULP, then a sum, a quotient and a product.
        Op::ClipNorm(_) => relative(12.0),
        Op::CorrectRows(_)
        | Op::ClassWeights(_)
        | Op::ClipValue(_)
        | Op::SetLearningRate(_)
        | Op::Record(_)
        | Op::LabelValues(_)
        | Op::BeginEpoch(_)
        | Op::Shuffle(_)
        | Op::EndStep(_) => 0.0,
    }
}

fn spread(z: &[f32]) -> f64 {
    let largest = z.iter().fold(f32::MIN, |a, &b| a.max(b));
    let smallest = z.iter().fold(f32::MAX, |a, &b| a.min(b));
    f64::from(largest) - f64::from(smallest)
}

fn cross_entropy_bound(z: &[f32], label_smoothing: f32) -> f64 {
    // Σ q_c (z_c − m), whose terms add up to at most the spread.
    let smoothed = if label_smoothing > 0.0 { gamma(z.len() + 2) * spread(z) } else { 0.0 };
    // |z_label − m| is at most the spread of the row.
    let largest_log = (z.len() as f64).ln();
    2.0 * 2f64.powi(-21) + U * (6.0 * largest_log + 2.0 * z.len() as f64 + 8.0) + 2.0 * U * spread(z) + smoothed
}

fn cross_entropy_grad_bound(z: &[f32], class: usize, g: f64) -> f64 {
    let largest = z.iter().fold(f32::MIN, |a, &b| a.max(b));
    let distance = f64::from(largest - z[class]);
    let softmax = (-distance).exp();
    g * U * (softmax * (2.0 * distance + 2.0 * z.len() as f64 + 16.0) + 4.0) + TINY
}

/// Bound of f(x) if x is known to `error` only.
fn through(activation: Activation, x: f64, error: f64, y: f64) -> f64 {
    if activation == Activation::Step {
        return if x.abs() <= error { 1.0 } else { 0.0 };
    }
    // No activation is steeper than 1.2 with its default parameter.
    1.2 * error + 2.0 * U * activation.rounding_bound(x, y) + TINY * (1.0 + x.abs())
}

/// γ_K (|A||B|) + K·2⁻¹²⁶
fn matmul_bound(form: Matmul, case: &Case, inputs: &[Data], i: usize) -> f64 {
    let a = case.inputs[0].0.dims();
    let k = if form == Matmul::TN { a[0] } else { a[1] };
    gamma(k) * product(form, case, (inputs, 0, 1), i).1 + k as f64 * TINY
}

/// Element `i` of the product of two inputs, in f64, and the sum of the magnitudes of its terms.
fn product(form: Matmul, case: &Case, (inputs, left, right): (&[Data], usize, usize), i: usize) -> (f64, f64) {
    let (a, b) = (case.inputs[left].0.dims(), case.inputs[right].0.dims());
    let (m, k) = if form == Matmul::TN { (a[1], a[0]) } else { (a[0], a[1]) };
    let n = if form == Matmul::NT { b[0] } else { b[1] };
    let (row, column) = (i / n, i % n);
    let terms = (0..k).map(|l| {
        let a = float(inputs, left)[if form == Matmul::TN { l * m + row } else { row * k + l }];
        let b = float(inputs, right)[if form == Matmul::NT { column * k + l } else { l * n + column }];
        f64::from(a) * f64::from(b)
    });
    terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()))
}
