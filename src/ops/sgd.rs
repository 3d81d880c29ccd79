//! Stochastic gradient descent with momentum, in place, by PyTorch's rule (`torch.optim.SGD`):
//!
//! ```text
//! g ← grad + weight_decay · w
//! v ← g                                      at the first step
//! v ← momentum · v + (1 − dampening) · g     later
//! d ← g + momentum · v  if nesterov, else v
//! w ← w − learning_rate · d
//! ```
//!
//! Without momentum, `v` is not kept and `d = g`. Learning rate and step number are the clock's. `w`, `grad` and
//! `v` have one shape.

use super::{Operation, map};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Element, Extents, Inputs, Shape, Stage, Value, case::floats};
use crate::kernel::error_bound::{TINY, U};
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Binding, Bound, Clock, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

/// The update of one parameter. Inputs: `weight` (in place), `grad`, and `velocity` (in place) if `momentum ≠ 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Share of the velocity kept from step to step.
    pub momentum: f32,
    /// Share of the gradient withheld from the velocity.
    pub dampening: f32,
    /// Whether to look ahead along the velocity.
    pub nesterov: bool,
    /// PyTorch's weight decay: added to the gradient as `weight_decay · w`.
    pub weight_decay: f32,
}

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// Elements of each tensor.
        count: u32,
        /// Elements of a row.
        columns: u32,
        /// Share of the velocity kept.
        momentum: f32,
        /// Share of the gradient withheld.
        dampening: f32,
        /// 1 for Nesterov's form, else 0.
        nesterov: u32,
        /// Factor of `w` in the gradient.
        weight_decay: f32,
    }
}

/// The update without momentum as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const PART: Part = Part::new("sgd", wgsl!("stage/sgd.wgsl"))
    .fields(Params::LAYOUT.stage_fields())
    .bindings(&[Binding::write("weight")])
    .clock()
    .cells();

/// The update with momentum as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const MOMENTUM_PART: Part = Part::new("momentum", wgsl!("stage/momentum.wgsl"))
    .fields(Params::LAYOUT.stage_fields())
    .bindings(&[Binding::write("weight"), Binding::write("velocity")])
    .clock()
    .cells();

/// The kernel without momentum.
pub static SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| map::kernel(&PART, 1, twin!(call, fast = call_fast)));

/// The kernel with momentum.
pub static MOMENTUM_SPEC: LazyLock<&KernelSpec> =
    LazyLock::new(|| map::kernel(&MOMENTUM_PART, 1, twin!(call_momentum, fast = call_momentum_fast)));

impl Operation for Sgd {
    fn spec(&self) -> &'static KernelSpec {
        if self.momentum == 0.0 { &SPEC } else { &MOMENTUM_SPEC }
    }

    fn stage(&self) -> Option<Stage> {
        let part = if self.momentum == 0.0 { &PART } else { &MOMENTUM_PART };
        Some(Stage { scaling: (self.momentum == 0.0).then_some(scaling), ..Stage::new(part, 1) })
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let expected = if self.momentum == 0.0 { 2 } else { 3 };
        if inputs.len() != expected || inputs.iter().any(|v| v.shape != inputs[0].shape) {
            let detail = format!("takes {expected} tensors of one shape: weight, grad and, with momentum, velocity");
            return Err(Error::shape(self.spec().name, detail));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let [count, columns] = map::extents(self.spec().name, shapes[0])?;
        let params = Params {
            count,
            columns,
            momentum: self.momentum,
            dampening: self.dampening,
            nesterov: u32::from(self.nesterov),
            weight_decay: self.weight_decay,
        };
        Ok(params.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        map::grid(shapes[0])
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let size: f64 = (0..inputs.count()).map(|input| inputs.magnitude(input, at.index)).sum();
        8.0 * U * size + TINY
    }
}

/// A step without momentum accumulates onto the weight: `w ← −η · grad + (1 − η · decay) · w`, by the stage's
/// parameters.
fn scaling(params: &[u8], clock: &Clock) -> (f32, f32) {
    let [_momentum, _dampening, _nesterov, weight_decay]: [f32; 4] = bytemuck::pod_read_unaligned(params);
    (-clock.learning_rate, 1.0 - clock.learning_rate * weight_decay)
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let tensor = || floats([rows, columns]);
    let op = |momentum, dampening, nesterov| Sgd { momentum, dampening, nesterov, weight_decay: 0.01 };
    let with_momentum = |op: Sgd| Case::new(op, [tensor(), tensor(), tensor()]);
    vec![
        Case::new(op(0.0, 0.0, false), [tensor(), tensor()]),
        with_momentum(op(0.9, 0.0, false)),
        with_momentum(op(0.9, 0.25, false)),
        with_momentum(op(0.9, 0.0, true)),
    ]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad)] = call.buffers else { panic!("{MISMATCH}") };
    reference(&params, call.clock, weight, grad);
}

fn call_momentum<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(velocity)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference_momentum(&params, call.clock, weight, grad, velocity);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad)] = call.buffers else { panic!("{MISMATCH}") };
    let clock = call.clock;
    for_each_part([weight], 1, inlined!(|first, [weight]| reference(&params, clock, weight, &grad[first..])));
}

fn call_momentum_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(velocity)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let clock = call.clock;
    for_each_part(
        [weight, velocity],
        1,
        inlined!(|first, [weight, velocity]| {
            reference_momentum(&params, clock, weight, &grad[first..], velocity);
        }),
    );
}

/// Computes the update without momentum by plain loops over slices: the definition that its kernels are compared with.
#[inline(always)]
pub fn reference<F: Float>(params: &Params, clock: &Clock, weight: &mut [F], grad: &[F]) {
    let (decay, rate) = (F::from_f32(params.weight_decay), F::from_f32(clock.learning_rate));
    for (w, &grad) in weight.iter_mut().zip(grad) {
        *w -= rate * (grad + decay * *w);
    }
}

/// Computes the update with momentum by plain loops over slices: the definition that its kernels are compared with.
#[inline(always)]
pub fn reference_momentum<F: Float>(params: &Params, clock: &Clock, weight: &mut [F], grad: &[F], velocity: &mut [F]) {
    let (decay, rate) = (F::from_f32(params.weight_decay), F::from_f32(clock.learning_rate));
    let (momentum, share) = (F::from_f32(params.momentum), F::from_f32(1.0 - params.dampening));
    for ((w, &grad), v) in weight.iter_mut().zip(grad).zip(velocity) {
        let g = grad + decay * *w;
        *v = if clock.step == 0 { g } else { momentum * *v + share * g };
        let direction = if params.nesterov == 1 { g + momentum * *v } else { *v };
        *w -= rate * direction;
    }
}
