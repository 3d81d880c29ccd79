//! Cross-entropy of each row from its logits: `loss[b] = log Σ_c e^z[b,c] − z[b,label_b]`.
//!
//! `z: [B, C]`, `labels: [B]` (class numbers below C), `loss: [B, 1]`. Computed as
//! `log Σ e^(z−m) − (z_label − m)` with `m = max_c z`, so that nothing overflows. With label smoothing ε (Szegedy et
//! al., 2016; PyTorch's) the target is `q_c = (1 − ε)·[c = label] + ε/C` and
//! `loss = log Σ e^(z−m) − Σ_c q_c (z_c − m)`. Gradient: `grad_z[b,c] = g[b] · (softmax(z[b])_c − q_c)`. Nothing is
//! saved: the gradient kernel recomputes the softmax from the logits, which is cheaper than another trip through
//! memory.

use super::{Operation, extent, plain, rows_and_columns};
use crate::cpu::{FastF32, for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Extents, Inputs, Shape, Value, ValueId, Vjp,
    case::{floats, words},
};
use crate::kernel::error_bound::{TINY, U, gamma, spread};
use crate::kernel::{
    Binding, Bound, Class, Float, Grid, KernelSpec, Requirements, Tile, TwinCall, Variant, twin::MISMATCH,
};
use crate::{twin, uniform_struct};

/// Cross-entropy of each row. Inputs: logits, labels.
///
/// ```
/// use anygrad::ops::softmax_cross_entropy::{Params, SoftmaxCrossEntropy, reference};
/// let mut loss = [0.0f64];
/// reference(&Params { rows: 1, classes: 4, label_smoothing: 0.0 }, &[0.0; 4], &[2], &mut loss);
/// assert!((loss[0] - 4f64.ln()).abs() < 1e-12);
/// assert_eq!(SoftmaxCrossEntropy::PLAIN.formula("z", 4).1, "p − y");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxCrossEntropy {
    /// ε, in `[0, 1)`.
    pub label_smoothing: f32,
}

impl SoftmaxCrossEntropy {
    /// Without label smoothing.
    pub const PLAIN: SoftmaxCrossEntropy = SoftmaxCrossEntropy { label_smoothing: 0.0 };

    /// The loss of a row of `classes` logits `z`, and its derivative by `z`, as formulas in text.
    pub fn formula(&self, z: &str, classes: usize) -> (String, String) {
        if self.label_smoothing > 0.0 {
            let (own, spread) = (1.0 - self.label_smoothing, self.label_smoothing);
            (format!("−Σ q·log p, p = softmax({z}), q = {own}·y + {spread}/{classes}"), "p − q".into())
        } else {
            (format!("−log pᵧ, p = softmax({z})"), "p − y".into())
        }
    }
}

/// The gradient of [`SoftmaxCrossEntropy`] with respect to the logits. Inputs: logits, labels, gradient of each row's
/// loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxCrossEntropyGrad(pub SoftmaxCrossEntropy);

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// B
        rows: u32,
        /// C
        classes: u32,
        /// ε
        label_smoothing: f32,
    }
}

/// One invocation per row.
const fn by_rows(plain: Variant) -> Variant {
    Variant { workgroup_size: 64, tile: Tile::Invocation { rows: 1, columns: Tile::ALL }, ..plain }
}

/// One workgroup per row.
const fn by_workgroups(plain: Variant) -> Variant {
    Variant {
        name: "workgroup",
        requirements: Requirements { workgroup_bytes: 64 * 4, ..Requirements::NONE },
        class: Class::Reduction,
        tile: Tile::Workgroup { rows: 1, columns: Tile::ALL },
        // Below this a row is too short to share among a workgroup.
        accepts: |grid, _| grid.extents()[1] >= 32,
        ..by_rows(plain)
    }
}

/// The kernel of [`SoftmaxCrossEntropy`].
pub const SPEC: KernelSpec = KernelSpec {
    name: "softmax_cross_entropy",
    bindings: &[Binding::PARAMS, Binding::read("logits"), Binding::read_words("labels"), Binding::write("loss")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[
        by_rows(plain!("softmax_cross_entropy", [Grid])),
        by_workgroups(plain!("softmax_cross_entropy_workgroup", [Grid, Reduce])),
    ],
    twin: twin!(call, fast = call_fast),
    composition: None,
    entry_point: None,
};

/// The kernel of [`SoftmaxCrossEntropyGrad`].
pub const GRAD_SPEC: KernelSpec = KernelSpec {
    name: "softmax_cross_entropy_grad",
    bindings: &[
        Binding::PARAMS,
        Binding::read("logits"),
        Binding::read_words("labels"),
        Binding::read("grad_loss"),
        Binding::write("grad_logits"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[
        by_rows(plain!("softmax_cross_entropy_grad", [Grid])),
        by_workgroups(plain!("softmax_cross_entropy_grad_workgroup", [Grid, Reduce])),
    ],
    twin: twin!(call_grad, fast = call_grad_fast),
    composition: None,
    entry_point: None,
};

impl Operation for SoftmaxCrossEntropy {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [logits, labels] = inputs else { return Err(Error::shape(SPEC.name, "takes logits and labels")) };
        let (rows, _) = logits.shape.matrix(SPEC.name)?;
        if labels.shape.vector(SPEC.name)? != rows {
            return Err(Error::shape(SPEC.name, format!("logits are {}, labels {}", logits.shape, labels.shape)));
        }
        Ok(vec![([rows, 1].into(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let inputs = [request.inputs[0], request.inputs[1], request.grad_output];
        Ok(vec![Some(request.graph.apply(SoftmaxCrossEntropyGrad(*self), &inputs)?), None])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.label_smoothing, shapes[0])
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        let (rows, columns) = rows_and_columns(shapes[0]);
        Grid::Rows { rows, columns }
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        loss_bound(inputs.row(0, at.index), self.label_smoothing)
    }
}

impl Operation for SoftmaxCrossEntropyGrad {
    fn spec(&self) -> &'static KernelSpec {
        &GRAD_SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [logits, labels, grad] = inputs else {
            return Err(Error::shape(GRAD_SPEC.name, "takes logits, labels and grad_loss"));
        };
        let (rows, _) = logits.shape.matrix(GRAD_SPEC.name)?;
        if labels.shape.elements() != rows || grad.shape.elements() != rows {
            let detail = format!("logits are {}, labels {}, grad_loss {}", logits.shape, labels.shape, grad.shape);
            return Err(Error::shape(GRAD_SPEC.name, detail));
        }
        Ok(vec![(logits.shape.clone(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.0.label_smoothing, shapes[0])
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        let (rows, columns) = rows_and_columns(shapes[0]);
        Grid::Rows { rows, columns }
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let (row, class) = (at.index / inputs.columns(0), at.index % inputs.columns(0));
        grad_bound(inputs.row(0, row), class, inputs.magnitude(2, row))
    }
}

fn params(label_smoothing: f32, logits: &Shape) -> Result<Vec<u8>> {
    logits.elements_u32(SPEC.name)?;
    let (rows, classes) = logits.matrix(SPEC.name)?;
    let params = Params { rows: extent(SPEC.name, rows)?, classes: extent(SPEC.name, classes)?, label_smoothing };
    Ok(params.to_bytes())
}

/// How far a device may be from the loss of a row.
pub(super) fn loss_bound(z: &[f32], label_smoothing: f32) -> f64 {
    // Σ q_c (z_c − m), whose terms add up to at most the spread.
    let smoothed = if label_smoothing > 0.0 { gamma(z.len() + 2) * spread(z) } else { 0.0 };
    // |z_label − m| is at most the spread of the row.
    let largest_log = (z.len() as f64).ln();
    2.0 * 2f64.powi(-21) + U * (6.0 * largest_log + 2.0 * z.len() as f64 + 8.0) + 2.0 * U * spread(z) + smoothed
}

/// How far a device may be from the gradient of a logit, of a loss whose gradient is `g`.
pub(super) fn grad_bound(z: &[f32], class: usize, g: f64) -> f64 {
    let largest = z.iter().fold(f32::MIN, |a, &b| a.max(b));
    let distance = f64::from(largest - z[class]);
    let softmax = (-distance).exp();
    g * U * (softmax * (2.0 * distance + 2.0 * z.len() as f64 + 16.0) + 4.0) + TINY
}

/// Cases of both ops for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let (logits, labels) = (|| floats([rows, columns]), || words([rows]));
    let both = |op: SoftmaxCrossEntropy| {
        let grad = SoftmaxCrossEntropyGrad(op);
        [Case::new(op, [logits(), labels()]), Case::new(grad, [logits(), labels(), floats([rows, 1])])]
    };
    let smoothed = SoftmaxCrossEntropy { label_smoothing: 0.1 };
    [SoftmaxCrossEntropy::PLAIN, smoothed].into_iter().flat_map(both).collect()
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(logits), Bound::Word(labels), Bound::FloatMut(loss)] = call.buffers else { panic!("{MISMATCH}") };
    reference(&params, logits, labels, loss);
}

fn call_grad<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(logits), Bound::Word(labels), Bound::Float(grad_loss), Bound::FloatMut(grad_logits)] =
        call.buffers
    else {
        panic!("{MISMATCH}")
    };
    reference_grad(&params, logits, labels, grad_loss, grad_logits);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::Float(logits), Bound::Word(labels), Bound::FloatMut(loss)] = call.buffers else { panic!("{MISMATCH}") };
    let (classes, logits) = (params.classes as usize, FastF32::of(logits));
    for_each_part(
        [loss],
        1,
        inlined!(|row, [loss]| {
            let (logits, labels, loss) = (&logits[row * classes..], &labels[row..], FastF32::of_mut(loss));
            if classes > BLOCK || params.label_smoothing != 0.0 {
                return reference(&params, logits, labels, loss);
            }
            let mut e = [FastF32::ZERO; BLOCK];
            let rows = BLOCK / classes;
            for ((z, labels), loss) in logits.chunks(rows * classes).zip(labels.chunks(rows)).zip(loss.chunks_mut(rows))
            {
                let e = &mut e[..loss.len() * classes];
                exponentials(classes, z, e);
                for (((z, e), &label), loss) in z.chunks(classes).zip(e.chunks(classes)).zip(labels).zip(loss) {
                    *loss = e.iter().copied().sum::<FastF32>().ln() - (z[label as usize] - largest(z));
                }
            }
        }),
    );
}

/// Exponentials that [`call_fast`] computes at a time.
const BLOCK: usize = 512;

/// `e^(z−m)` of all rows. One loop over all of them, because a row of ten classes does not fill a vector.
#[inline(always)]
pub(super) fn exponentials(classes: usize, z: &[FastF32], e: &mut [FastF32]) {
    for (z, e) in z.chunks_exact(classes).zip(e.chunks_exact_mut(classes)) {
        let largest = largest(z);
        z.iter().zip(e).for_each(|(&z, e)| *e = z - largest);
    }
    e.iter_mut().for_each(|e| *e = e.exp());
}

fn call_grad_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::Float(logits), Bound::Word(labels), Bound::Float(grad_loss), Bound::FloatMut(grad_logits)] =
        call.buffers
    else {
        panic!("{MISMATCH}")
    };
    let classes = params.classes as usize;
    for_each_part(
        [grad_logits],
        classes,
        inlined!(|first, [grad_logits]| {
            let (row, grad_logits) = (first / classes, FastF32::of_mut(grad_logits));
            exponentials(classes, FastF32::of(&logits[first..]), grad_logits);
            let rows = labels[row..].iter().zip(FastF32::of(&grad_loss[row..]));
            for (grad_z, (&label, &g)) in grad_logits.chunks_exact_mut(classes).zip(rows) {
                let sum = grad_z.iter().copied().sum::<FastF32>();
                for (c, grad_z) in grad_z.iter_mut().enumerate() {
                    *grad_z = g * (*grad_z / sum - target(&params, c, label));
                }
            }
        }),
    );
}

/// q_c: what the softmax should be.
#[inline(always)]
pub(super) fn target<F: Float>(params: &Params, c: usize, label: u32) -> F {
    let smoothing = F::from_f32(params.label_smoothing);
    let spread = smoothing / F::from_f64(f64::from(params.classes));
    if c == label as usize { F::ONE - smoothing + spread } else { spread }
}

/// Computes [`SoftmaxCrossEntropy`] by plain loops over slices: the definition that its kernels are compared with.
#[inline(always)]
pub fn reference<F: Float>(params: &Params, logits: &[F], labels: &[u32], loss: &mut [F]) {
    let classes = params.classes as usize;
    for ((z, &label), loss) in logits.chunks_exact(classes).zip(labels).zip(loss) {
        let (largest, sum) = largest_and_sum(z);
        *loss = sum.ln() - expected(params, z, largest, label);
    }
}

/// Σ q (z − m) of a row.
#[inline(always)]
pub(super) fn expected<F: Float>(params: &Params, z: &[F], largest: F, label: u32) -> F {
    if params.label_smoothing == 0.0 {
        z[label as usize] - largest
    } else {
        (0..z.len()).map(|c| target::<F>(params, c, label) * (z[c] - largest)).sum()
    }
}

/// Computes [`SoftmaxCrossEntropyGrad`] by plain loops over slices: the definition that its kernels are compared with.
#[inline(always)]
pub fn reference_grad<F: Float>(params: &Params, logits: &[F], labels: &[u32], grad_loss: &[F], grad_logits: &mut [F]) {
    let classes = params.classes as usize;
    let rows = logits.chunks_exact(classes).zip(grad_logits.chunks_exact_mut(classes));
    for (((z, grad_z), &label), &g) in rows.zip(labels).zip(grad_loss) {
        let (largest, sum) = largest_and_sum(z);
        for c in 0..classes {
            grad_z[c] = g * ((z[c] - largest).exp() / sum - target(params, c, label));
        }
    }
}

/// m
#[inline(always)]
pub(super) fn largest<F: Float>(z: &[F]) -> F {
    z.iter().copied().fold(z[0], F::max)
}

/// `m = max z` and `Σ e^(z−m)`.
#[inline(always)]
fn largest_and_sum<F: Float>(z: &[F]) -> (F, F) {
    let largest = largest(z);
    (largest, z.iter().map(|&z| (z - largest).exp()).sum())
}
