//! Adagrad (Duchi, Hazan, Singer, 2011), in place, by PyTorch's rule (`torch.optim.Adagrad`):
//!
//! ```text
//! g ← grad + weight_decay · w
//! s ← s + g²
//! w ← w − learning_rate / (1 + t · rate_decay) · g / (√s + ε)      at step t = 0, 1, …
//! ```
//!
//! `w`, `grad` and `s` have one shape; `s` starts at 0. Learning rate and step number are the clock's.

use super::{Operation, map, step_bound};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Element, Extents, Inputs, Shape, Stage, Value, case::floats};
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Binding, Bound, Clock, Content, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

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
        /// Elements of a row.
        columns: u32,
        /// By how much the learning rate falls with each step.
        rate_decay: f32,
        /// ε
        epsilon: f32,
        /// Factor of `w` in the gradient.
        weight_decay: f32,
    }
}

/// The op as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const PART: Part = Part::new("adagrad", wgsl!("stage/adagrad.wgsl"))
    .fields(Params::LAYOUT.stage_fields())
    .bindings(&[Binding::write("weight"), Binding::write("squares").holding(Content::Positive)])
    .clock()
    .cells();

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub static SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| map::kernel(&PART, 1, twin!(call, fast = call_fast)));

impl Operation for Adagrad {
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
        let expected = 3;
        if inputs.len() != expected || inputs.iter().any(|v| v.shape != inputs[0].shape) {
            let detail = format!("takes {expected} tensors of one shape: weight, grad and the sum of squares");
            return Err(Error::shape(self.spec().name, detail));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let [count, columns] = map::extents(SPEC.name, shapes[0])?;
        let params = Params {
            count,
            columns,
            rate_decay: self.rate_decay,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
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
    let op = Adagrad { rate_decay: 0.1, epsilon: 1e-10, weight_decay: 0.01 };
    vec![Case::new(op, [tensor(), tensor(), tensor()])]
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

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
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
