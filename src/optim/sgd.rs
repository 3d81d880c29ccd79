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

use super::{Kept, Options, Rule, check_range, gradient_formula};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Extents, Graph, Inputs, Operation, Shape, Stage, Value, ValueId, case::floats,
};
use crate::kernel::error_bound::{U, flushed};
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Binding, Bound, Clock, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::ops::map;
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

/// Stochastic gradient descent, as `torch.optim.SGD`: with momentum, dampening, Nesterov's form and weight decay if
/// asked.
///
/// ```
/// use anygrad::optim::{Rule, Sgd};
/// let optimizer = Sgd::new(0.1).momentum(0.9).nesterov();
/// assert!(optimizer.validate().is_ok());
/// assert!(Sgd::new(f32::NAN).validate().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// Step length, at least 0.
    pub learning_rate: f32,
    /// Share of the velocity kept from step to step, in `[0, 1)`.
    #[serde(default)]
    pub momentum: f32,
    /// Share of the gradient withheld from the velocity, in `[0, 1]`.
    #[serde(default)]
    pub dampening: f32,
    /// Look ahead along the velocity; needs momentum and no dampening.
    #[serde(default)]
    pub nesterov: bool,
    /// Added to the gradient as `weight_decay · w`, for weights and biases alike.
    #[serde(default)]
    pub weight_decay: f32,
}

impl Sgd {
    /// Plain descent: w ← w − learning_rate · gradient.
    pub fn new(learning_rate: f32) -> Sgd {
        Sgd { learning_rate, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }

    /// Keeps this share of the velocity from step to step, in `[0, 1)`.
    pub fn momentum(mut self, momentum: f32) -> Sgd {
        self.momentum = momentum;
        self
    }

    /// Withholds this share of the gradient from the velocity, in `[0, 1]`.
    pub fn dampening(mut self, dampening: f32) -> Sgd {
        self.dampening = dampening;
        self
    }

    /// Takes Nesterov's form of momentum, which looks ahead along the velocity.
    ///
    /// ```
    /// use anygrad::optim::{Rule, Sgd};
    /// assert!(Sgd::new(0.1).momentum(0.9).nesterov().validate().is_ok());
    /// // There is nothing to look ahead along without momentum.
    /// let error = Sgd::new(0.1).nesterov().validate().unwrap_err();
    /// assert_eq!(error.to_string(), "nesterov = true: needs momentum above 0 and dampening 0");
    /// ```
    pub fn nesterov(mut self) -> Sgd {
        self.nesterov = true;
        self
    }

    /// Adds `weight_decay · w` to each gradient.
    pub fn weight_decay(mut self, weight_decay: f32) -> Sgd {
        self.weight_decay = weight_decay;
        self
    }
}

impl Rule for Sgd {
    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    fn validate(&self) -> Result<()> {
        check_range("learning_rate", self.learning_rate, 0.0, f32::INFINITY)?;
        check_range("momentum", self.momentum, 0.0, 1.0)?;
        check_range("dampening", self.dampening, 0.0, 1.0 + f32::EPSILON)?;
        check_range("weight_decay", self.weight_decay, 0.0, f32::INFINITY)?;
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            return Err(Error::option("nesterov", true, "needs momentum above 0 and dampening 0"));
        }
        Ok(())
    }

    fn options(&mut self) -> Options<'_> {
        Options {
            learning_rate: &mut self.learning_rate,
            weight_decay: &mut self.weight_decay,
            momentum: Some(&mut self.momentum),
            nesterov: Some(&mut self.nesterov),
        }
    }

    fn state(&self) -> &'static [Kept] {
        if self.momentum == 0.0 { &[] } else { &[Kept { name: "velocity", letter: "v" }] }
    }

    fn formula(&self, gradient: &str) -> Vec<String> {
        let (momentum, eta) = (self.momentum, self.learning_rate);
        let first = gradient_formula(gradient, self.weight_decay);
        if momentum == 0.0 {
            return vec![first, format!("w ← w − η·g,  η = {eta}")];
        }
        let later = match self.dampening {
            0.0 => format!("{momentum}·v + g"),
            dampening => format!("{momentum}·v + (1 − {dampening})·g"),
        };
        let direction = if self.nesterov { format!("(g + {momentum}·v)") } else { "v".into() };
        vec![first, format!("v ← g at the first step, later v ← {later}"), format!("w ← w − η·{direction},  η = {eta}")]
    }

    fn update(&self, graph: &mut Graph, inputs: &[ValueId]) -> Result<()> {
        let Sgd { momentum, dampening, nesterov, weight_decay, .. } = *self;
        graph.apply_all(SgdStep { momentum, dampening, nesterov, weight_decay }, inputs).map(|_| ())
    }
}

/// The update of one parameter. Inputs: `weight` (in place), `grad`, and `velocity` (in place) if `momentum ≠ 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
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

impl Operation for SgdStep {
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
        8.0 * U * size + flushed(4)
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
    let op = |momentum, dampening, nesterov| SgdStep { momentum, dampening, nesterov, weight_decay: 0.01 };
    let with_momentum = |op: SgdStep| Case::new(op, [tensor(), tensor(), tensor()]);
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
