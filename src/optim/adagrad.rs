//! Adagrad (Duchi, Hazan, Singer, 2011), in place, by PyTorch's rule (`torch.optim.Adagrad`):
//!
//! ```text
//! g ← grad + weight_decay · w
//! s ← s + g²
//! w ← w − learning_rate / (1 + t · rate_decay) · g / (√s + ε)      at step t = 0, 1, …
//! ```
//!
//! `w`, `grad` and `s` have one shape; `s` starts at 0. Learning rate and step number are the clock's.

use super::{Kept, Options, Rule, check_range, gradient_formula, step_bound};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Extents, Graph, Inputs, Operation, Shape, Stage, Value, ValueId, case::floats,
};
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Binding, Bound, Clock, Content, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::ops::map;
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

/// Adagrad, as `torch.optim.Adagrad`: each step is scaled by the sum of all squared gradients so far.
///
/// ```
/// use anygrad::optim::{Adagrad, Rule};
/// assert!(Adagrad::new(0.01).validate().is_ok());
/// assert!(Adagrad { epsilon: -1.0, ..Adagrad::default() }.validate().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adagrad {
    /// Step length, at least 0.
    pub learning_rate: f32,
    /// By how much the learning rate falls with each step (`lr_decay`), at least 0.
    pub rate_decay: f32,
    /// ε, at least 0.
    pub epsilon: f32,
    /// Added to the gradient as `weight_decay · w`.
    pub weight_decay: f32,
}

impl Default for Adagrad {
    fn default() -> Self {
        Adagrad { learning_rate: 0.01, rate_decay: 0.0, epsilon: 1e-10, weight_decay: 0.0 }
    }
}

impl Adagrad {
    /// Adagrad with this learning rate and PyTorch's defaults for the rest.
    pub fn new(learning_rate: f32) -> Adagrad {
        Adagrad { learning_rate, ..Adagrad::default() }
    }
}

impl Rule for Adagrad {
    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    fn options(&mut self) -> Options<'_> {
        let Self { learning_rate, weight_decay, .. } = self;
        Options { learning_rate, weight_decay, momentum: None, nesterov: None }
    }

    fn validate(&self) -> Result<()> {
        check_range("learning_rate", self.learning_rate, 0.0, f32::INFINITY)?;
        check_range("rate_decay", self.rate_decay, 0.0, f32::INFINITY)?;
        check_range("epsilon", self.epsilon, 0.0, f32::INFINITY)?;
        check_range("weight_decay", self.weight_decay, 0.0, f32::INFINITY)
    }

    fn state(&self) -> &'static [Kept] {
        &[Kept { name: "squares", letter: "s" }]
    }

    fn formula(&self, gradient: &str) -> Vec<String> {
        let Adagrad { learning_rate: eta, epsilon, .. } = self;
        let step = format!("s ← s + g²,  w ← w − η·g/(√s + {epsilon:e}),  η = {eta}");
        vec![gradient_formula(gradient, self.weight_decay), step]
    }

    fn update(&self, graph: &mut Graph, inputs: &[ValueId]) -> Result<()> {
        let Adagrad { rate_decay, epsilon, weight_decay, .. } = *self;
        graph.apply_all(AdagradStep { rate_decay, epsilon, weight_decay }, inputs).map(|_| ())
    }
}

/// The update of one parameter. Inputs: `weight` (in place), `grad`, `squares` (in place).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdagradStep {
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

impl Operation for AdagradStep {
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
    let op = AdagradStep { rate_decay: 0.1, epsilon: 1e-10, weight_decay: 0.01 };
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
