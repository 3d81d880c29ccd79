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

/// RMSprop, as `torch.optim.RMSprop`, not centered: each step is scaled by a moving average of the squared gradient.
///
/// ```
/// use anygrad::optim::{RmsProp, Rule};
/// let optimizer = RmsProp { momentum: 0.9, ..RmsProp::new(0.01) };
/// let names: Vec<&str> = optimizer.state().iter().map(|kept| kept.name).collect();
/// assert_eq!(names, ["second_moment", "velocity"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// Step length, at least 0.
    pub learning_rate: f32,
    /// α, share of the second moment kept, in `[0, 1)`.
    pub alpha: f32,
    /// ε, at least 0.
    pub epsilon: f32,
    /// Share of the velocity kept, in `[0, 1)`.
    pub momentum: f32,
    /// Added to the gradient as `weight_decay · w`.
    pub weight_decay: f32,
}

impl Default for RmsProp {
    fn default() -> Self {
        RmsProp { learning_rate: 0.01, alpha: 0.99, epsilon: 1e-8, momentum: 0.0, weight_decay: 0.0 }
    }
}

impl RmsProp {
    /// RmsProp with this learning rate and PyTorch's defaults for the rest.
    pub fn new(learning_rate: f32) -> RmsProp {
        RmsProp { learning_rate, ..RmsProp::default() }
    }
}

impl Rule for RmsProp {
    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    fn options(&mut self) -> Options<'_> {
        let Self { learning_rate, weight_decay, momentum, .. } = self;
        Options { learning_rate, weight_decay, momentum: Some(momentum), nesterov: None }
    }

    fn validate(&self) -> Result<()> {
        check_range("learning_rate", self.learning_rate, 0.0, f32::INFINITY)?;
        check_range("alpha", self.alpha, 0.0, 1.0)?;
        check_range("epsilon", self.epsilon, 0.0, f32::INFINITY)?;
        check_range("momentum", self.momentum, 0.0, 1.0)?;
        check_range("weight_decay", self.weight_decay, 0.0, f32::INFINITY)
    }

    fn state(&self) -> &'static [Kept] {
        let kept = const { &[Kept { name: "second_moment", letter: "v" }, Kept { name: "velocity", letter: "b" }] };
        if self.momentum == 0.0 { &kept[..1] } else { kept }
    }

    fn formula(&self, gradient: &str) -> Vec<String> {
        let RmsProp { learning_rate: eta, alpha, epsilon, .. } = self;
        let direction = format!("g/(√v + {epsilon:e})");
        let step = match self.momentum {
            0.0 => format!("w ← w − η·{direction},  η = {eta}"),
            momentum => format!("b ← {momentum}·b + {direction},  w ← w − η·b,  η = {eta}"),
        };
        vec![gradient_formula(gradient, self.weight_decay), format!("v ← {alpha}·v + (1 − {alpha})·g²"), step]
    }

    fn update(&self, graph: &mut Graph, inputs: &[ValueId]) -> Result<()> {
        let RmsProp { alpha, epsilon, momentum, weight_decay, .. } = *self;
        graph.apply_all(RmsPropStep { alpha, epsilon, momentum, weight_decay }, inputs).map(|_| ())
    }
}

/// The update of one parameter. Inputs: `weight` (in place), `grad`, and what is kept (in place), of shape
/// `[slots, …weight]`: mean squares, and velocities if `momentum ≠ 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropStep {
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

impl RmsPropStep {
    /// How many tensors of the weight's shape it keeps.
    pub fn slots(&self) -> usize {
        if self.momentum == 0.0 { 1 } else { 2 }
    }
}

impl Operation for RmsPropStep {
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
        let op = RmsPropStep { alpha: 0.99, epsilon: 1e-8, momentum, weight_decay: 0.01 };
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
