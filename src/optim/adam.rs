//! Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), in place, by PyTorch's rule:
//!
//! ```text
//! g ← grad + weight_decay · w                        Adam
//! w ← w · (1 − learning_rate · weight_decay)         AdamW
//! m ← β1 · m + (1 − β1) · g
//! v ← β2 · v + (1 − β2) · g²
//! w ← w − learning_rate · (m / (1 − β1ᵗ)) / (√(v / (1 − β2ᵗ)) + ε)     at step t = 1, 2, …
//! ```
//!
//! `w`, `grad`, `m` and `v` have one shape; `m` and `v` start at 0 and are one tensor, `m` first. Learning rate and
//! step number are the clock's. `1 − βᵗ` is computed as `−expm1(t · ln β)`, because for β2 near 1 it would cancel.

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

/// What Adam keeps.
const MOMENTS: &[Kept] = &[Kept { name: "first_moment", letter: "m" }, Kept { name: "second_moment", letter: "v" }];

/// Adam, as `torch.optim.Adam`: each step is scaled by estimates of the gradient's first and second moments.
///
/// ```
/// use anygrad::optim::{Adam, Rule};
/// let optimizer = Adam { beta2: 0.99, ..Adam::new(0.001) };
/// assert!(optimizer.validate().is_ok());
/// assert_eq!(optimizer.learning_rate(), 0.001);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// Step length, at least 0.
    pub learning_rate: f32,
    /// β1, share of the first moment kept, in `[0, 1)`.
    pub beta1: f32,
    /// β2, share of the second moment kept, in `[0, 1)`.
    pub beta2: f32,
    /// ε, at least 0.
    pub epsilon: f32,
    /// Added to the gradient as `weight_decay · w`.
    pub weight_decay: f32,
}

impl Default for Adam {
    fn default() -> Self {
        Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

impl Adam {
    /// Adam with this learning rate and PyTorch's defaults for the rest.
    pub fn new(learning_rate: f32) -> Adam {
        Adam { learning_rate, ..Adam::default() }
    }

    /// The step in the lectures' notation, from the gradient g on.
    fn step_formula(&self) -> Vec<String> {
        let Adam { learning_rate: eta, beta1, beta2, epsilon, .. } = self;
        vec![
            format!("m ← {beta1}·m + (1 − {beta1})·g,  v ← {beta2}·v + (1 − {beta2})·g²"),
            format!("m̂ = m/(1 − {beta1}ᵗ),  v̂ = v/(1 − {beta2}ᵗ),  t = 1"),
            format!("w ← w − η·m̂/(√v̂ + {epsilon:e}),  η = {eta}"),
        ]
    }

    fn rule(&self, decoupled: bool) -> AdamStep {
        let Adam { beta1, beta2, epsilon, weight_decay, .. } = *self;
        AdamStep { beta1, beta2, epsilon, weight_decay, decoupled }
    }
}

impl Rule for Adam {
    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    fn options(&mut self) -> Options<'_> {
        let Self { learning_rate, weight_decay, .. } = self;
        Options { learning_rate, weight_decay, momentum: None, nesterov: None }
    }

    fn validate(&self) -> Result<()> {
        check_range("learning_rate", self.learning_rate, 0.0, f32::INFINITY)?;
        check_range("beta1", self.beta1, 0.0, 1.0)?;
        check_range("beta2", self.beta2, 0.0, 1.0)?;
        check_range("epsilon", self.epsilon, 0.0, f32::INFINITY)?;
        check_range("weight_decay", self.weight_decay, 0.0, f32::INFINITY)
    }

    fn state(&self) -> &'static [Kept] {
        MOMENTS
    }

    fn formula(&self, gradient: &str) -> Vec<String> {
        [vec![gradient_formula(gradient, self.weight_decay)], self.step_formula()].concat()
    }

    fn update(&self, graph: &mut Graph, inputs: &[ValueId]) -> Result<()> {
        graph.apply_all(self.rule(false), inputs).map(|_| ())
    }
}

/// Adam with decoupled weight decay, as `torch.optim.AdamW`: the decay acts on the weight itself, not on the gradient.
///
/// ```
/// use anygrad::optim::AdamW;
/// assert_eq!(AdamW::new(0.001).weight_decay, 0.01);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamW {
    /// Step length, at least 0.
    pub learning_rate: f32,
    /// β1, share of the first moment kept, in `[0, 1)`.
    pub beta1: f32,
    /// β2, share of the second moment kept, in `[0, 1)`.
    pub beta2: f32,
    /// ε, at least 0.
    pub epsilon: f32,
    /// `learning_rate · weight_decay · w` is taken off the weight in each step.
    pub weight_decay: f32,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }
    }
}

impl AdamW {
    /// AdamW with this learning rate and PyTorch's defaults for the rest.
    pub fn new(learning_rate: f32) -> AdamW {
        AdamW { learning_rate, ..AdamW::default() }
    }

    fn as_adam(&self) -> Adam {
        let AdamW { learning_rate, beta1, beta2, epsilon, weight_decay } = *self;
        Adam { learning_rate, beta1, beta2, epsilon, weight_decay }
    }
}

impl Rule for AdamW {
    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    fn options(&mut self) -> Options<'_> {
        let Self { learning_rate, weight_decay, .. } = self;
        Options { learning_rate, weight_decay, momentum: None, nesterov: None }
    }

    fn validate(&self) -> Result<()> {
        self.as_adam().validate()
    }

    fn state(&self) -> &'static [Kept] {
        MOMENTS
    }

    fn formula(&self, gradient: &str) -> Vec<String> {
        let decay = format!("w ← w·(1 − η·{})", self.weight_decay);
        [vec![gradient_formula(gradient, 0.0), decay], self.as_adam().step_formula()].concat()
    }

    fn update(&self, graph: &mut Graph, inputs: &[ValueId]) -> Result<()> {
        graph.apply_all(self.as_adam().rule(true), inputs).map(|_| ())
    }
}

/// The update of one parameter. Inputs: `weight` (in place), `grad`, and the moments (in place), of shape `[2,
/// …weight]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// β1, share of the first moment kept.
    pub beta1: f32,
    /// β2, share of the second moment kept.
    pub beta2: f32,
    /// ε, keeps the division finite.
    pub epsilon: f32,
    /// Factor of `w`.
    pub weight_decay: f32,
    /// Whether the decay acts on the weight itself (AdamW) instead of the gradient.
    pub decoupled: bool,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of the weight.
        count: u32,
        /// Elements of a row.
        columns: u32,
        /// β1
        beta1: f32,
        /// 1 − β1, rounded once.
        share1: f32,
        /// ln β1
        log_beta1: f32,
        /// β2
        beta2: f32,
        /// 1 − β2, rounded once.
        share2: f32,
        /// ln β2
        log_beta2: f32,
        /// ε
        epsilon: f32,
        /// Factor of `w`.
        weight_decay: f32,
        /// 1 for AdamW, else 0.
        decoupled: u32,
        /// Elements of the weight, for the stage.
        size: u32,
    }
}

/// The op as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const PART: Part = Part::new("adam", wgsl!("stage/adam.wgsl"))
    .fields(Params::LAYOUT.stage_fields())
    .bindings(&[Binding::write("weight"), Binding::write("moments").holding(Content::PositiveSlot(1))])
    .clock()
    .cells();

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub static SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| map::kernel(&PART, 1, twin!(call, fast = call_fast)));

impl Operation for AdamStep {
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
            [weight, grad, moments] => {
                weight.shape == grad.shape && moments.shape.elements() == 2 * weight.shape.elements()
            }
            _ => false,
        };
        if !fits {
            return Err(Error::shape(SPEC.name, "takes weight and grad of one shape, and moments of twice that size"));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let (beta1, beta2) = (f64::from(self.beta1), f64::from(self.beta2));
        let [count, columns] = map::extents(SPEC.name, shapes[0])?;
        let params = Params {
            count,
            columns,
            beta1: self.beta1,
            share1: (1.0 - beta1) as f32,
            log_beta1: libm::log(beta1) as f32,
            beta2: self.beta2,
            share2: (1.0 - beta2) as f32,
            log_beta2: libm::log(beta2) as f32,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            decoupled: u32::from(self.decoupled),
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
    let case = |decoupled| {
        let op = AdamStep { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01, decoupled };
        Case::new(op, [tensor(), tensor(), floats([2, rows, columns])])
    };
    vec![case(false), case(true)]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(moments)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let (first, second) = moments.split_at_mut(weight.len());
    reference(&params, call.clock, weight, grad, first, second);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::FloatMut(weight), Bound::Float(grad), Bound::FloatMut(moments)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let clock = call.clock;
    let (first, second) = moments.split_at_mut(weight.len());
    for_each_part(
        [weight, first, second],
        1,
        inlined!(|at, [w, m, v]| reference(&params, clock, w, &grad[at..], m, v)),
    );
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
#[inline(always)]
pub fn reference<F: Float>(
    params: &Params,
    clock: &Clock,
    weight: &mut [F],
    grad: &[F],
    first: &mut [F],
    second: &mut [F],
) {
    let f = F::from_f32;
    let t = F::from_f64(f64::from(clock.step) + 1.0);
    let (rate, decay) = (f(clock.learning_rate), f(params.weight_decay));
    // β = 0 has no logarithm, and 1 − 0ᵗ = 1: exp(−∞) = 0 gives just that.
    let correction1 = -(t * f(params.log_beta1)).exp_m1();
    let correction2 = -(t * f(params.log_beta2)).exp_m1();
    for (((w, &grad), m), v) in weight.iter_mut().zip(grad).zip(first).zip(second) {
        let mut g = grad;
        if params.decoupled == 1 {
            *w -= rate * decay * *w;
        } else {
            g += decay * *w;
        }
        *m = f(params.beta1) * *m + f(params.share1) * g;
        *v = f(params.beta2) * *v + f(params.share2) * g * g;
        *w -= rate * (*m / correction1) / ((*v / correction2).sqrt() + f(params.epsilon));
    }
}
