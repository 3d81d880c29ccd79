//! Stochastic gradient descent with PyTorch's fields; the rule stands in [`crate::ops::sgd`].

use super::{Kept, Options, Rule, check_range, gradient_formula};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::ops::sgd;

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
        graph.apply_all(sgd::Sgd { momentum, dampening, nesterov, weight_decay }, inputs).map(|_| ())
    }
}
