//! Optimizers that scale each weight's step by its past gradients, with PyTorch's fields; the rules stand in
//! [`crate::ops::adam`], [`crate::ops::rmsprop`] and [`crate::ops::adagrad`].

use super::{Kept, Options, Rule, check_range, gradient_formula};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::ops::{adagrad, adam, rmsprop};

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

    fn rule(&self, decoupled: bool) -> adam::Adam {
        let Adam { beta1, beta2, epsilon, weight_decay, .. } = *self;
        adam::Adam { beta1, beta2, epsilon, weight_decay, decoupled }
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
        graph.apply_all(rmsprop::RmsProp { alpha, epsilon, momentum, weight_decay }, inputs).map(|_| ())
    }
}

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
        graph.apply_all(adagrad::Adagrad { rate_decay, epsilon, weight_decay }, inputs).map(|_| ())
    }
}
