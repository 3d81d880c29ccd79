//! The middle of a training step on classes, in one kernel: from the logits of a batch to their gradient.
//!
//! ```text
//! label_b = labels[order[batch_start + b]]
//! ring[slot mod S] ← (scale · Σ_b cross_entropy_b, number of rows whose largest logit is that of the label)
//! grad_z[b,c] = scale · (softmax(z[b])_c − q_c)
//! ```
//!
//! `z, grad_z: [B, C]`, `labels, order: [N]`, `ring: [S, W]`; `slot` and `batch_start` are the clock's; `scale` is 1/B
//! for the mean over the batch, else 1; q as in [`softmax_cross_entropy`]. It stands for the gathering of labels,
//! cross-entropy, its gradient, the count of correct rows and [`record`](super::record), and is put in their place
//! after differentiation (`plan/fuse.rs`).

use super::correct_rows::predicted_class;
use super::softmax_cross_entropy::{
    self, SoftmaxCrossEntropy, expected, exponentials, grad_bound, largest, loss_bound, target,
};
use super::{Operation, extent, plain, product};
use crate::cpu::{FastF32, inlined, widest};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Extents, Inputs, Shape, Value,
    case::{floats, words},
};
use crate::kernel::error_bound::gamma;
use crate::kernel::{
    Binding, Bound, Class, Clock, Content, Float, Grid, KernelSpec, Requirements, Shared, TwinCall, Variant,
    twin::MISMATCH,
};
use crate::{twin, uniform_struct};

/// The middle of a step. Inputs: logits, labels of all rows, order, ring (in place).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassificationStep {
    /// The loss.
    pub loss: SoftmaxCrossEntropy,
    /// Factor on the sum over the rows.
    pub scale: f32,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// B
        rows: u32,
        /// C
        classes: u32,
        /// s
        label_smoothing: f32,
        /// Factor on the sum over the rows.
        scale: f32,
        /// S, the entries of the ring.
        slots: u32,
        /// W, the numbers of an entry.
        width: u32,
    }
}

impl Params {
    /// The parameters of cross-entropy for a share of `rows` rows.
    fn of_rows(&self, rows: u32) -> softmax_cross_entropy::Params {
        softmax_cross_entropy::Params { rows, classes: self.classes, label_smoothing: self.label_smoothing }
    }
}

const PLAIN: Variant = Variant {
    workgroup_size: 64,
    requirements: Requirements { workgroup_bytes: 64 * 4, ..Requirements::NONE },
    shares: false,
    ..plain!("classification_step", [Reduce, Clock])
};

/// For drivers on a CPU, which run a workgroup on one core anyway.
const SUBGROUP: Variant = Variant {
    name: "subgroup",
    shared: &[Shared::ReduceSubgroup, Shared::Clock],
    workgroup_size: product::SUBGROUP,
    requirements: Requirements { subgroup_size: product::SUBGROUP, ..Requirements::NONE },
    class: Class::Subgroup,
    ..PLAIN
};

/// The kernel: one workgroup.
pub const SPEC: KernelSpec = KernelSpec {
    name: "classification_step",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::read("logits"),
        Binding::read_words("labels").holding(Content::Dataset),
        Binding::read_words("order").holding(Content::Order),
        Binding::write("ring").holding(Content::Ring),
        Binding::write("grad_logits"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[PLAIN, SUBGROUP],
    twin: twin!(call, fast = call_fast),
    composition: None,
    entry_point: None,
};

impl Operation for ClassificationStep {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [logits, labels, order, ring] = inputs else {
            return Err(Error::shape(SPEC.name, "takes logits, labels, order and ring"));
        };
        logits.shape.matrix(SPEC.name)?;
        labels.shape.vector(SPEC.name)?;
        order.shape.vector(SPEC.name)?;
        if ring.shape.matrix(SPEC.name)?.1 < 2 {
            return Err(Error::shape(SPEC.name, format!("the ring is {}", ring.shape)));
        }
        Ok(vec![(logits.shape.clone(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        shapes[0].elements_u32(SPEC.name)?;
        let ((rows, classes), (slots, width)) = (shapes[0].matrix(SPEC.name)?, shapes[3].matrix(SPEC.name)?);
        let params = Params {
            rows: extent(SPEC.name, rows)?,
            classes: extent(SPEC.name, classes)?,
            label_smoothing: self.loss.label_smoothing,
            scale: self.scale,
            slots: extent(SPEC.name, slots)?,
            width: extent(SPEC.name, width)?,
        };
        Ok(params.to_bytes())
    }

    fn flops(&self, shapes: &[&Shape]) -> u64 {
        shapes[0].elements() as u64
    }

    fn grid(&self, _shapes: &[&Shape]) -> Grid {
        Grid::One
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let classes = inputs.columns(0);
        let rows = inputs.floats(0).chunks_exact(classes);
        match at.tensor {
            // Slots of loss, count and columns that the kernel leaves.
            3 if at.index.is_multiple_of(inputs.columns(3)) => {
                let (count, sum) = (rows.len(), rows.map(|z| loss_bound(z, self.loss.label_smoothing)).sum::<f64>());
                f64::from(self.scale) * sum + gamma(count + 2) * at.expected.abs()
            }
            3 => 0.0,
            _ => grad_bound(inputs.row(0, at.index / classes), at.index % classes, f64::from(self.scale)),
        }
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let case = |label_smoothing| {
        let op = ClassificationStep { loss: SoftmaxCrossEntropy { label_smoothing }, scale: 1.0 / rows as f32 };
        let (logits, labels, order) = (floats([rows, columns]), words([rows + 3]), words([rows + 3]));
        Case::new(op, [logits, labels, order, floats([7, 4])])
    };
    vec![case(0.0), case(0.1)]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [
        Bound::Float(logits),
        Bound::Word(labels),
        Bound::Word(order),
        Bound::FloatMut(ring),
        Bound::FloatMut(grad_logits),
    ] = call.buffers
    else {
        panic!("{MISMATCH}")
    };
    reference(&params, call.clock, logits, (labels, order), ring, grad_logits);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [
        Bound::Float(logits),
        Bound::Word(labels),
        Bound::Word(order),
        Bound::FloatMut(ring),
        Bound::FloatMut(grad_logits),
    ] = call.buffers
    else {
        panic!("{MISMATCH}")
    };
    let (logits, ring, grad_logits) = (FastF32::of(logits), FastF32::of_mut(ring), FastF32::of_mut(grad_logits));
    let clock = call.clock;
    widest(inlined!(|| fast(&params, clock, logits, (labels, order), ring, grad_logits)));
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
fn reference<F: Float>(
    params: &Params,
    clock: &Clock,
    logits: &[F],
    (labels, order): (&[u32], &[u32]),
    ring: &mut [F],
    grad_logits: &mut [F],
) {
    let (classes, row_params) = (params.classes as usize, params.of_rows(1));
    let scale = F::from_f32(params.scale);
    let (mut loss, mut correct) = (F::ZERO, F::ZERO);
    let rows = logits.chunks_exact(classes).zip(grad_logits.chunks_exact_mut(classes));
    for ((z, grad_z), &row) in rows.zip(&order[clock.batch_start as usize..]) {
        let label = [labels[row as usize]];
        let mut row_loss = [F::ZERO];
        softmax_cross_entropy::reference(&row_params, z, &label, &mut row_loss);
        softmax_cross_entropy::reference_grad(&row_params, z, &label, &[scale], grad_z);
        loss += row_loss[0];
        if predicted_class(z) == label[0] as usize {
            correct += F::ONE;
        }
    }
    file(params, clock, [scale * loss, correct], ring);
}

/// Rows that [`side_by_side`] takes at a time, one in each lane of a vector.
const LANES: usize = 16;
/// Most classes for which that is faster than a row's classes in the lanes.
const FEW_CLASSES: usize = 32;

/// The fast form: each exponential is computed once, and vectors go across the rows where these have too few classes to
/// fill one. Same bits as the definition in [`FastF32`].
#[inline(always)]
fn fast(
    params: &Params,
    clock: &Clock,
    logits: &[FastF32],
    (labels, order): (&[u32], &[u32]),
    ring: &mut [FastF32],
    grad_logits: &mut [FastF32],
) {
    let (classes, of_rows, scale) = (params.classes as usize, params.of_rows(params.rows), FastF32(params.scale));
    let (mut loss, mut correct) = (FastF32::ZERO, FastF32::ZERO);
    let together = if (2..=FEW_CLASSES).contains(&classes) { LANES } else { 1 };
    let groups = logits.chunks(together * classes).zip(grad_logits.chunks_mut(together * classes));
    // Of the order no more than the batch: behind it may stand rows of other data.
    let order = &order[clock.batch_start as usize..][..params.rows as usize];
    for ((z, grad_z), rows) in groups.zip(order.chunks(together)) {
        let mut own = [0; LANES];
        own.iter_mut().zip(rows).for_each(|(label, &row)| *label = labels[row as usize]);
        let present = z.len() / classes;
        let (losses, predicted) = match together {
            1 => row_alone(&of_rows, scale, z, own[0], grad_z),
            _ => side_by_side(&of_rows, scale, z, &own, grad_z),
        };
        for (i, &label) in own[..present].iter().enumerate() {
            loss += losses[i];
            if predicted[i] == label {
                correct += FastF32::ONE;
            }
        }
    }
    file(params, clock, [scale * loss, correct], ring);
}

/// A row's loss and class, and the gradient of its logits.
#[inline(always)]
fn row_alone(
    of_rows: &softmax_cross_entropy::Params,
    scale: FastF32,
    z: &[FastF32],
    label: u32,
    grad_z: &mut [FastF32],
) -> ([FastF32; LANES], [u32; LANES]) {
    exponentials(z.len(), z, grad_z);
    let sum: FastF32 = grad_z.iter().copied().sum();
    for (c, grad_z) in grad_z.iter_mut().enumerate() {
        *grad_z = scale * (*grad_z / sum - target(of_rows, c, label));
    }
    let loss = sum.ln() - expected(of_rows, z, largest(z), label);
    ([loss; LANES], [predicted_class(z) as u32; LANES])
}

/// [`row_alone`] on up to [`LANES`] rows of at most [`FEW_CLASSES`] classes.
#[inline(always)]
fn side_by_side(
    of_rows: &softmax_cross_entropy::Params,
    scale: FastF32,
    z: &[FastF32],
    labels: &[u32; LANES],
    grad_z: &mut [FastF32],
) -> ([FastF32; LANES], [u32; LANES]) {
    let classes = of_rows.classes as usize;
    let mut columns = [[FastF32::ZERO; LANES]; FEW_CLASSES];
    let columns = &mut columns[..classes];
    for (i, z) in z.chunks_exact(classes).enumerate() {
        columns.iter_mut().zip(z).for_each(|(column, &z)| column[i] = z);
    }
    let (mut largest, mut best, mut predicted) = (columns[0], columns[0], [0; LANES]);
    for (c, column) in columns.iter().enumerate() {
        for i in 0..LANES {
            largest[i] = largest[i].max(column[i]);
            let better = column[i] > best[i];
            best[i] = if better { column[i] } else { best[i] };
            predicted[i] = if better { c as u32 } else { predicted[i] };
        }
    }
    let mut sum = [FastF32::ZERO; LANES];
    for column in columns.iter_mut() {
        for i in 0..LANES {
            column[i] = (column[i] - largest[i]).exp();
            sum[i] += column[i];
        }
    }
    for (c, column) in columns.iter_mut().enumerate() {
        for i in 0..LANES {
            column[i] = scale * (column[i] / sum[i] - target(of_rows, c, labels[i]));
        }
    }
    let mut losses = [FastF32::ZERO; LANES];
    for (i, (z, grad_z)) in z.chunks_exact(classes).zip(grad_z.chunks_exact_mut(classes)).enumerate() {
        losses[i] = sum[i].ln() - expected(of_rows, z, largest[i], labels[i]);
        grad_z.iter_mut().zip(columns.iter()).for_each(|(grad_z, column)| *grad_z = column[i]);
    }
    (losses, predicted)
}

/// Files loss and number of correct rows.
fn file<F: Float>(params: &Params, clock: &Clock, results: [F; 2], ring: &mut [F]) {
    let entry = (clock.slot % params.slots * params.width) as usize;
    ring[entry..entry + 2].copy_from_slice(&results);
}
