//! How far a kernel's results may be from its twin's: bounds derived from what WGSL guarantees.
//!
//! WGSL promises no rounding mode, so a conforming unit roundoff is 2⁻²³; exp is good to 3 + 2|x| ULP, log to 2⁻²¹
//! absolute near 1, division to 2.5 ULP. Sums of K terms: |error| ≤ γ_K Σ|terms|, γ_K = K·u/(1 − K·u).
//!
//! [`Bounds::exact`] adds Σ|terms| up for each element of a product, which costs as much as the product itself.
//! [`Bounds::quick`] takes ‖row of A‖·‖column of B‖ instead, which is no smaller (Cauchy–Schwarz), and twice the bound,
//! because results are then compared with the twin's fast form in f32, which keeps to the same bound. Where the operands
//! are whole numbers whose sums stay below 2²⁴, no order of summation rounds: a product must be exact.

use super::case::{Case, Data};
use crate::cpu::product::{self as cpu_product, Matrix, Scaling};
use crate::graph::DType;
use crate::kernel::Clock;
use crate::ops::Op;
use crate::ops::activation::{Activate, ActivateGrad, Activation};
use crate::ops::gathered::{Gathered, Reader};
use crate::ops::matmul::{self, Matmul};
use crate::ops::pointwise_loss::Pointwise;
use std::borrow::Cow;

/// Unit roundoff without a promised rounding mode.
const U: f64 = 1.0 / (1u32 << 23) as f64;
/// Smallest normal f32: results may be flushed to zero below it.
const TINY: f64 = f32::MIN_POSITIVE as f64;
/// Whole numbers up to here are floats.
const WHOLE: f64 = (1u32 << 24) as f64;

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

/// The bounds of a case on given inputs.
#[derive(Debug)]
pub struct Bounds<'a> {
    /// Of an op on rows of the dataset the op within, on these rows.
    case: Cow<'a, Case>,
    inputs: Cow<'a, [Data]>,
    /// Position of x among the operands of the op within, if data and order come in its place.
    x: Option<usize>,
    quick: Option<Product>,
}

/// An element of a product: its value, Σ|terms| or more, and how far it may be off.
struct Sum {
    value: f64,
    magnitude: f64,
    rounding: f64,
}

/// A product of two inputs, in f32, with what bounds the terms of its sums.
#[derive(Debug)]
struct Product {
    values: Vec<f32>,
    norms_a: Vec<f64>,
    norms_b: Vec<f64>,
    /// Whether no sum rounds.
    whole: bool,
}

/// The product at the heart of an op: its form and which inputs are its operands.
type Heart = (Matmul, usize, usize);

const LINEAR: Heart = (Matmul::NT, 0, 1);
const LINEAR_GRAD_INPUT: Heart = (Matmul::NN, 0, 1);
const LINEAR_UPDATE: Heart = (Matmul::TN, 2, 3);

fn heart(op: &Op) -> Option<Heart> {
    match op {
        Op::Matmul(form) => Some((*form, 0, 1)),
        Op::Linear(_) => Some(LINEAR),
        Op::LinearGradInput(_) => Some(LINEAR_GRAD_INPUT),
        Op::LinearUpdate(_) => Some(LINEAR_UPDATE),
        _ => None,
    }
}

impl<'a> Bounds<'a> {
    /// For results that are compared with the twin in f64. The clock says which rows of the dataset are the batch.
    pub fn exact(case: &'a Case, inputs: &'a [Data], clock: &Clock) -> Bounds<'a> {
        match &case.op {
            Op::Gathered(op) => {
                let (case, inputs) = within(op, case, inputs, clock);
                Bounds { case: Cow::Owned(case), inputs: Cow::Owned(inputs), x: Some(op.reader.x()), quick: None }
            }
            _ => Bounds { case: Cow::Borrowed(case), inputs: Cow::Borrowed(inputs), x: None, quick: None },
        }
    }

    /// For results that are compared with the twin's fast form in f32, if the op is a product, else as
    /// [`Bounds::exact`].
    pub fn quick(case: &'a Case, inputs: &'a [Data], clock: &Clock) -> Bounds<'a> {
        let exact = Bounds::exact(case, inputs, clock);
        let quick = heart(&exact.case.op).map(|heart| Product::new(&exact.case, &exact.inputs, heart));
        Bounds { quick, ..exact }
    }

    /// Whether results are to be compared with the twin's fast form in f32.
    pub fn takes_fast_twin(&self) -> bool {
        self.quick.is_some()
    }

    /// Element `i` of the product at the heart of the op, to which `extra` is added.
    fn product(&self, heart: Heart, i: usize, extra: f64) -> Sum {
        let (m, n, k) = extents(&self.case, heart);
        let (row, column) = (i / n, i % n);
        let (value, magnitude, whole) = match &self.quick {
            Some(product) => {
                (f64::from(product.values[i]), product.norms_a[row] * product.norms_b[column], product.whole)
            }
            None => {
                let (form, left, right) = heart;
                let terms = (0..k).map(|l| {
                    let a = float(&self.inputs, left)[if form == Matmul::TN { l * m + row } else { row * k + l }];
                    let b =
                        float(&self.inputs, right)[if form == Matmul::NT { column * k + l } else { l * n + column }];
                    f64::from(a) * f64::from(b)
                });
                let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
                (sum, size, false)
            }
        };
        // Scaling a byte rounds once more.
        let terms = k + usize::from(extra != 0.0) + usize::from(self.x.is_some());
        let rounding = if whole { 0.0 } else { gamma(terms) * (magnitude + extra.abs()) };
        Sum { value: value + extra, magnitude, rounding: rounding + k as f64 * TINY }
    }

    /// How far element `i` of a result (the operand `tensor`, inputs first) may be from `expected`, the twin's value.
    pub fn of(&self, tensor: usize, i: usize, expected: f64) -> f64 {
        let tensor = match self.x {
            // Without data and order, and with x.
            Some(x) if tensor >= 2 => tensor - 2 + usize::from(tensor - 2 >= x),
            _ => tensor,
        };
        if self.quick.is_some() { 2.0 * self.single(tensor, i, expected) } else { self.single(tensor, i, expected) }
    }

    fn single(&self, tensor: usize, i: usize, expected: f64) -> f64 {
        let (case, inputs) = (&*self.case, &*self.inputs);
        let columns = case.inputs[0].0.dims().get(1).copied().unwrap_or(1);
        let magnitude = |input: usize, at: usize| f64::from(float(inputs, input)[at].abs());
        let relative = |ulps: f64| ulps * U * expected.abs() + TINY;
        match &case.op {
            Op::Matmul(form) => self.product((*form, 0, 1), i, 0.0).rounding,
            Op::ColumnSum(op) => {
                let rows = case.inputs[0].0.dims()[0];
                let sum: f64 = (0..rows).map(|r| magnitude(0, r * columns + i)).sum();
                gamma(rows + 1) * sum * f64::from(op.scale) + TINY
            }
            Op::AddBias(_)
            | Op::Scale(_)
            | Op::BroadcastRows(_)
            | Op::Elementwise(_)
            | Op::Dropout(_)
            | Op::Gather(_) => relative(1.0),
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
                let classes = case.inputs[0].0.dims()[1];
                let rows = float(inputs, 0).chunks_exact(classes);
                match tensor {
                    // Slots of loss, count and two columns that the kernel leaves.
                    3 if i.is_multiple_of(4) => {
                        let (count, sum) = (rows.len(), rows.map(|z| cross_entropy_bound(z, op.loss.label_smoothing)));
                        f64::from(op.scale) * sum.sum::<f64>() + gamma(count + 2) * expected.abs()
                    }
                    3 => 0.0,
                    _ => {
                        let z = &float(inputs, 0)[i / classes * classes..][..classes];
                        cross_entropy_grad_bound(z, i % classes, f64::from(op.scale))
                    }
                }
            }
            Op::Linear(op) => {
                let n = case.inputs[1].0.dims()[0];
                let sum = self.product(LINEAR, i, f64::from(float(inputs, 2)[i % n]));
                // The sum in f32 may be off as far again.
                let slack = if self.quick.is_some() { 2.0 } else { 1.0 };
                match op.dropout {
                    // The result before dropout comes first.
                    Some(dropout) if tensor > case.inputs.len() => {
                        let y = op.activation.function(sum.value);
                        let before = through(op.activation, sum.value, slack, sum.rounding, y);
                        f64::from(dropout.scale) * before + relative(1.0)
                    }
                    _ => through(op.activation, sum.value, slack, sum.rounding, expected),
                }
            }
            Op::LinearGradInput(op) => {
                let saved = f64::from(float(inputs, 2)[i]);
                let sum = self.product(LINEAR_GRAD_INPUT, i, 0.0);
                let slope = op.activation.derivative(saved);
                let rounding = sum.value.abs() * U * op.activation.derivative_rounding_bound(saved);
                let scale = op.dropout.map_or(1.0, |dropout| f64::from(dropout.scale));
                scale * (sum.rounding * (slope.abs() + 1.0) + rounding) + relative(5.0)
            }
            Op::LinearUpdate(op) => {
                let (k, m) = (case.inputs[2].0.dims()[0], case.inputs[2].0.dims()[1]);
                let is_weight = tensor == 0 || tensor == 4;
                let (size, rounding) = if is_weight {
                    let sum = self.product(LINEAR_UPDATE, i, 0.0);
                    (sum.magnitude, sum.rounding)
                } else {
                    let size: f64 = (0..k).map(|row| magnitude(2, row * m + i)).sum();
                    (size, gamma(k + 1) * size + k as f64 * TINY)
                };
                let old = usize::from(!is_weight);
                let velocity = if op.sgd.momentum == 0.0 { 0.0 } else { magnitude(4 + old, i) };
                2.0 * rounding + 8.0 * U * (magnitude(old, i) + velocity + size) + k as f64 * TINY
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
            // Each result is a sum of products of the operands with factors below 1, and of a step whose relative error
            // is a few roundings.
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
            // The op within stands in its place.
            Op::Gathered(_)
            | Op::CorrectRows(_)
            | Op::ClassWeights(_)
            | Op::ClipValue(_)
            | Op::Record(_)
            | Op::LabelValues(_)
            | Op::Shuffle(_) => 0.0,
        }
    }
}

/// The op within, with the rows of the batch as an input.
fn within(op: &Gathered, case: &Case, inputs: &[Data], clock: &Clock) -> (Case, Vec<Data>) {
    let (columns, start) = (case.inputs[0].0.dims()[1], clock.batch_start as usize);
    let order = inputs[1].words()[start..][..op.rows].iter().map(|&row| row as usize);
    let batch = order.flat_map(|row| match (&inputs[0], op.byte_scale) {
        (Data::Float(data), _) => data[row * columns..][..columns].to_vec(),
        (Data::Word(data), scale) => {
            let bytes: &[u8] = &bytemuck::cast_slice(data)[row * columns..][..columns];
            bytes.iter().map(|&byte| f32::from(byte) * scale.unwrap_or(1.0)).collect()
        }
    });
    let x = Data::Float(batch.collect());
    let (mut kinds, mut rest) = (case.inputs[2..].to_vec(), inputs[2..].to_vec());
    kinds.insert(op.reader.x(), ([op.rows, columns].into(), DType::F32));
    rest.insert(op.reader.x(), x);
    let op = match op.reader {
        Reader::Linear(op) => op.into(),
        Reader::Update(op) => op.into(),
    };
    (Case { op, inputs: kinds }, rest)
}

/// Rows of A, columns of B, and the length of the sums.
fn extents(case: &Case, (form, left, right): Heart) -> (usize, usize, usize) {
    let (a, b) = (case.inputs[left].0.dims(), case.inputs[right].0.dims());
    let (m, k) = if form == Matmul::TN { (a[1], a[0]) } else { (a[0], a[1]) };
    (m, if form == Matmul::NT { b[0] } else { b[1] }, k)
}

impl Product {
    fn new(case: &Case, inputs: &[Data], (form, left, right): Heart) -> Product {
        let (m, n, k) = extents(case, (form, left, right));
        let (a, b) = (float(inputs, left), float(inputs, right));
        let mut values = vec![0.0; m * n];
        let params = matmul::Params { m: m as u32, n: n as u32, k: k as u32 };
        cpu_product::multiply(
            form.stored(),
            params.size(),
            (Matrix::from(a), Matrix::from(b)),
            &mut values,
            Scaling::PRODUCT,
            |_| (),
        );
        let floats = inputs.iter().filter_map(|input| match input {
            Data::Float(data) => Some(&data[..]),
            Data::Word(_) => None,
        });
        let all_whole = floats.flatten().all(|x| x.fract() == 0.0);
        let largest = |data: &[f32]| data.iter().fold(0.0, |most: f64, x| most.max(f64::from(x.abs())));
        // One term more, for a bias.
        let whole = all_whole && (k + 1) as f64 * (largest(a) * largest(b)).max(1.0) < WHOLE;
        let norms_a = norms(a, m, if form == Matmul::TN { (1, m) } else { (k, 1) }, k);
        let norms_b = norms(b, n, if form == Matmul::NT { (k, 1) } else { (1, n) }, k);
        Product { values, norms_a, norms_b, whole }
    }
}

/// Lengths of `count` vectors of `k` elements, which start every `start` elements and go on every `next`.
fn norms(data: &[f32], count: usize, (start, next): (usize, usize), k: usize) -> Vec<f64> {
    let mut squares = vec![0.0; count];
    for (i, square) in squares.iter_mut().enumerate() {
        *square = (0..k).map(|l| f64::from(data[i * start + l * next]).powi(2)).sum::<f64>().sqrt();
    }
    squares
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

/// Bound of f(x) if x is known to `error` only, or to `slack` of it where the step function decides.
fn through(activation: Activation, x: f64, slack: f64, error: f64, y: f64) -> f64 {
    if activation == Activation::Step {
        return if x.abs() <= slack * error { 1.0 } else { 0.0 };
    }
    // No activation is steeper than 1.2 with its default parameter.
    1.2 * error + 2.0 * U * activation.rounding_bound(x, y) + TINY * (1.0 + x.abs())
}
