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

use super::{Operation, Workgroups, cell_grid, element_variants};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Clock, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

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

/// The kernel without momentum.
pub const SPEC: KernelSpec = KernelSpec {
    name: "sgd",
    bindings: &[Binding::PARAMS, Binding::CLOCK, Binding::write("weight"), Binding::read("grad")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: element_variants!("sgd", [Grid, Clock], count),
    twin: twin!(call, fast = call_fast),
};

/// The kernel with momentum.
pub const MOMENTUM_SPEC: KernelSpec = KernelSpec {
    name: "sgd_momentum",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::write("weight"),
        Binding::read("grad"),
        Binding::write("velocity"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: element_variants!("sgd_momentum", [Grid, Clock], count),
    twin: twin!(call_momentum, fast = call_momentum_fast),
};

impl Operation for Sgd {
    fn spec(&self) -> &'static KernelSpec {
        if self.momentum == 0.0 { &SPEC } else { &MOMENTUM_SPEC }
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
        let params = Params {
            count: shapes[0].elements_u32(self.spec().name)?,
            momentum: self.momentum,
            dampening: self.dampening,
            nesterov: u32::from(self.nesterov),
            weight_decay: self.weight_decay,
        };
        Ok(bytemuck::bytes_of(&params).to_vec())
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        cell_grid(bytemuck::pod_read_unaligned::<Params>(params).count, variant)
    }
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

/// The definition without momentum.
#[inline(always)]
pub fn reference<F: Float>(params: &Params, clock: &Clock, weight: &mut [F], grad: &[F]) {
    let (decay, rate) = (F::from_f32(params.weight_decay), F::from_f32(clock.learning_rate));
    for (w, &grad) in weight.iter_mut().zip(grad) {
        *w -= rate * (grad + decay * *w);
    }
}

/// The definition with momentum.
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
