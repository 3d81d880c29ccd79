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
//! All tensors have one shape; `v` and `b` start at 0. The learning rate is the clock's.

use super::{Operation, Workgroups, cell_grid, element_variants};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Clock, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// The update of one parameter. Inputs: `weight` (in place), `grad`, `second` moment (in place), and `velocity` (in
/// place) if `momentum ≠ 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// α, share of the second moment kept.
    pub alpha: f32,
    /// ε, keeps the division finite.
    pub epsilon: f32,
    /// Share of the velocity kept.
    pub momentum: f32,
    /// Added to the gradient as `weight_decay · w`.
    pub weight_decay: f32,
}

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// Elements of each tensor.
        count: u32,
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
    }
}

/// The kernel without momentum.
pub const SPEC: KernelSpec = KernelSpec {
    name: "rmsprop",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::write("weight"),
        Binding::read("grad"),
        Binding::write("second"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: element_variants!("rmsprop", [Grid, Clock], count),
    twin: twin!(call, fast = call_fast),
};

/// The kernel with momentum.
pub const MOMENTUM_SPEC: KernelSpec = KernelSpec {
    name: "rmsprop_momentum",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::write("weight"),
        Binding::read("grad"),
        Binding::write("second"),
        Binding::write("velocity"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: element_variants!("rmsprop_momentum", [Grid, Clock], count),
    twin: twin!(call_momentum, fast = call_momentum_fast),
};

impl Operation for RmsProp {
    fn spec(&self) -> &'static KernelSpec {
        if self.momentum == 0.0 { &SPEC } else { &MOMENTUM_SPEC }
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let expected = if self.momentum == 0.0 { 3 } else { 4 };
        if inputs.len() != expected || inputs.iter().any(|v| v.shape != inputs[0].shape) {
            let detail = format!(
                "takes {expected} tensors of one shape: weight, grad, second moment and, with momentum, velocity"
            );
            return Err(Error::shape(self.spec().name, detail));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let params = Params {
            count: shapes[0].elements_u32(self.spec().name)?,
            alpha: self.alpha,
            share: (1.0 - f64::from(self.alpha)) as f32,
            epsilon: self.epsilon,
            momentum: self.momentum,
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
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(second)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference(&params, call.clock, weight, grad, second, None);
}

fn call_momentum<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(second), Bound::FloatMut(velocity)] =
        call.buffers
    else {
        panic!("{MISMATCH}")
    };
    reference(&params, call.clock, weight, grad, second, Some(velocity));
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(second)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let clock = call.clock;
    for_each_part([weight, second], 1, inlined!(|at, [w, s]| reference(&params, clock, w, &grad[at..], s, None)));
}

fn call_momentum_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(second), Bound::FloatMut(velocity)] =
        call.buffers
    else {
        panic!("{MISMATCH}")
    };
    let clock = call.clock;
    for_each_part(
        [weight, second, velocity],
        1,
        inlined!(|at, [w, s, v]| reference(&params, clock, w, &grad[at..], s, Some(v))),
    );
}

/// The definition.
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
