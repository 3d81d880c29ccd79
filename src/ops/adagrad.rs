//! Adagrad (Duchi, Hazan, Singer, 2011), in place, by PyTorch's rule (`torch.optim.Adagrad`):
//!
//! ```text
//! g ← grad + weight_decay · w
//! s ← s + g²
//! w ← w − learning_rate / (1 + t · rate_decay) · g / (√s + ε)      at step t = 0, 1, …
//! ```
//!
//! `w`, `grad` and `s` have one shape; `s` starts at 0. Learning rate and step number are the clock's.

use super::{Operation, Workgroups, cell_grid, element_variants};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Clock, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// The update of one parameter. Inputs: `weight` (in place), `grad`, `squares` (in place).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// By how much the learning rate falls with each step.
    pub rate_decay: f32,
    /// ε, keeps the division finite.
    pub epsilon: f32,
    /// Added to the gradient as `weight_decay · w`.
    pub weight_decay: f32,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of each tensor.
        count: u32,
        /// By how much the learning rate falls with each step.
        rate_decay: f32,
        /// ε
        epsilon: f32,
        /// Factor of `w` in the gradient.
        weight_decay: f32,
    }
}

/// The kernel.
pub const SPEC: KernelSpec = KernelSpec {
    name: "adagrad",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::write("weight"),
        Binding::read("grad"),
        Binding::write("squares"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: element_variants!("adagrad", [Grid, Clock], count),
    twin: twin!(call, fast = call_fast),
};

impl Operation for Adagrad {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let expected = 3;
        if inputs.len() != expected || inputs.iter().any(|v| v.shape != inputs[0].shape) {
            let detail = format!("takes {expected} tensors of one shape: weight, grad and the sum of squares");
            return Err(Error::shape(self.spec().name, detail));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let params = Params {
            count: shapes[0].elements_u32(SPEC.name)?,
            rate_decay: self.rate_decay,
            epsilon: self.epsilon,
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
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(squares)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference(&params, call.clock, weight, grad, squares);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(squares)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let clock = call.clock;
    for_each_part([weight, squares], 1, inlined!(|at, [w, s]| reference(&params, clock, w, &grad[at..], s)));
}

/// The definition.
#[inline(always)]
pub fn reference<F: Float>(params: &Params, clock: &Clock, weight: &mut [F], grad: &[F], squares: &mut [F]) {
    let f = F::from_f32;
    let done = F::from_f64(f64::from(clock.step));
    let rate = f(clock.learning_rate) / (F::ONE + done * f(params.rate_decay));
    for ((w, &grad), s) in weight.iter_mut().zip(grad).zip(squares) {
        let g = grad + f(params.weight_decay) * *w;
        *s += g * g;
        *w -= rate * g / (s.sqrt() + f(params.epsilon));
    }
}
