//! Stochastic gradient descent with PyTorch's fields; the rule stands in [`crate::ops::sgd`].

use super::check_range;
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Role, ValueId};
use crate::ops::sgd;

/// `torch.optim.SGD`
///
/// ```
/// use anygrad::optim::Sgd;
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
    /// Plain descent.
    pub fn new(learning_rate: f32) -> Sgd {
        Sgd { learning_rate, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }

    /// With momentum.
    pub fn momentum(mut self, momentum: f32) -> Sgd {
        self.momentum = momentum;
        self
    }

    /// With dampening.
    pub fn dampening(mut self, dampening: f32) -> Sgd {
        self.dampening = dampening;
        self
    }

    /// In Nesterov's form.
    pub fn nesterov(mut self) -> Sgd {
        self.nesterov = true;
        self
    }

    /// With weight decay.
    pub fn weight_decay(mut self, weight_decay: f32) -> Sgd {
        self.weight_decay = weight_decay;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the field's name.
    pub fn validate(&self) -> Result<()> {
        check_range("learning_rate", self.learning_rate, 0.0, f32::INFINITY)?;
        check_range("momentum", self.momentum, 0.0, 1.0)?;
        check_range("dampening", self.dampening, 0.0, 1.0 + f32::EPSILON)?;
        check_range("weight_decay", self.weight_decay, 0.0, f32::INFINITY)?;
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            return Err(Error::option("nesterov", true, "needs momentum above 0 and dampening 0"));
        }
        Ok(())
    }

    pub(super) fn declare_state(&self, graph: &mut Graph, parameter: ValueId) -> Vec<ValueId> {
        if self.momentum == 0.0 {
            return Vec::new();
        }
        let value = graph.value(parameter);
        let (name, shape) = (format!("{}.velocity", value.name), value.shape.clone());
        vec![graph.declare(name, shape, DType::F32, Role::State)]
    }

    pub(super) fn update(
        &self,
        graph: &mut Graph,
        parameter: ValueId,
        gradient: ValueId,
        state: &[ValueId],
    ) -> Result<()> {
        let op = sgd::Sgd {
            momentum: self.momentum,
            dampening: self.dampening,
            nesterov: self.nesterov,
            weight_decay: self.weight_decay,
        };
        let inputs: Vec<ValueId> = [parameter, gradient].iter().chain(state).copied().collect();
        graph.apply_all(op, &inputs).map(|_| ())
    }
}
