//! RMSprop (Hinton, 2012), in place, by PyTorch's rule (`torch.optim.RMSprop`, not centered):
//!
//! ```text
//! g ← grad + weight_decay · w
//! v ← α · v + (1 − α) · g²
//! d ← g / (√v + ε)
//! b ← momentum · b + d;  d ← b        with momentum
//! w ← w − learning_rate · d
//! ```
//!
//! `w`, `grad`, `v` and `b` have one shape; `v` and `b` start at 0 and are one tensor, `v` first. The learning rate is
//! the clock's.

use super::{Operation, map, step_bound};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Element, Extents, Inputs, Shape, Stage, Value, case::floats};
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Binding, Bound, Clock, Content, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

/// The update of one parameter. Inputs: `weight` (in place), `grad`, and what is kept (in place), of shape
/// `[slots, …weight]`: mean squares, and velocities if `momentum ≠ 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// α, share of the mean square kept.
    pub alpha: f32,
    /// ε, keeps the division finite.
    pub epsilon: f32,
    /// Share of the velocity kept.
    pub momentum: f32,
    /// Added to the gradient as `weight_decay · w`.
    pub weight_decay: f32,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of the weight.
        count: u32,
        /// Elements of a row.
        columns: u32,
        /// α
        alpha: f32,
        /// 1 − α, rounded once.
        share: f32,
        /// ε
        epsilon: f32,
        /// Share of the velocity kept.
        momentum: f32,
        /// Factor of `w` in the gradient.
        weight_decay: f32,
        /// Elements of the weight, for the stage.
        size: u32,
    }
}

/// The op as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const PART: Part = Part::new("rmsprop", wgsl!("stage/rmsprop.wgsl"))
    .fields(Params::LAYOUT.stage_fields())
    .bindings(&[Binding::write("weight"), Binding::write("kept").holding(Content::PositiveSlot(0))])
    .clock()
    .cells();

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub static SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| map::kernel(&PART, 1, twin!(call, fast = call_fast)));

impl RmsProp {
    /// How many tensors of the weight's shape it keeps.
    pub fn slots(&self) -> usize {
        if self.momentum == 0.0 { 1 } else { 2 }
    }
}

impl Operation for RmsProp {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::new(&PART, 1))
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let fits = match inputs {
            [weight, grad, kept] => {
                weight.shape == grad.shape && kept.shape.elements() == self.slots() * weight.shape.elements()
            }
            _ => false,
        };
        if !fits {
            let detail = format!("takes weight and grad of one shape, and {} of that shape kept", self.slots());
            return Err(Error::shape(SPEC.name, detail));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let [count, columns] = map::extents(SPEC.name, shapes[0])?;
        let params = Params {
            count,
            columns,
            alpha: self.alpha,
            share: (1.0 - f64::from(self.alpha)) as f32,
            epsilon: self.epsilon,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            size: count,
        };
        Ok(params.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        map::grid(shapes[0])
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        step_bound(inputs, at)
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let tensor = || floats([rows, columns]);
    let case = |momentum| {
        let op = RmsProp { alpha: 0.99, epsilon: 1e-8, momentum, weight_decay: 0.01 };
        Case::new(op, [tensor(), tensor(), floats([op.slots(), rows, columns])])
    };
    vec![case(0.0), case(0.9)]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(kept)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let (second, velocity) = kept.split_at_mut(weight.len());
    reference(&params, call.clock, weight, grad, second, (!velocity.is_empty()).then_some(velocity));
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(kept)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let clock = call.clock;
    let (second, velocity) = kept.split_at_mut(weight.len());
    if velocity.is_empty() {
        for_each_part([weight, second], 1, inlined!(|at, [w, s]| reference(&params, clock, w, &grad[at..], s, None)));
    } else {
        let with = inlined!(|at, [w, s, v]: [&mut [f32]; 3]| reference(&params, clock, w, &grad[at..], s, Some(v)));
        for_each_part([weight, second, velocity], 1, with);
    }
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
#[inline(always)]
pub fn reference<F: Float>(
    params: &Params,
    clock: &Clock,
    weight: &mut [F],
    grad: &[F],
    second: &mut [F],
    mut velocity: Option<&mut [F]>,
) {
    let f = F::from_f32;
    for i in 0..weight.len() {
        let g = grad[i] + f(params.weight_decay) * weight[i];
        second[i] = f(params.alpha) * second[i] + f(params.share) * g * g;
        let mut direction = g / (second[i].sqrt() + f(params.epsilon));
        if let Some(velocity) = &mut velocity {
            velocity[i] = f(params.momentum) * velocity[i] + direction;
            direction = velocity[i];
        }
        weight[i] -= f(clock.learning_rate) * direction;
    }
}
