//! Optimizers by name: what they keep for each parameter and which op updates it.

mod sgd;

pub use sgd::Sgd;

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};

/// Any optimizer, as config and model files state it: `kind = "sgd"` and its fields.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
}

impl From<Sgd> for Optimizer {
    fn from(sgd: Sgd) -> Optimizer {
        Optimizer::Sgd(sgd)
    }
}

impl Optimizer {
    /// Name in flags and files.
    pub fn name(&self) -> &'static str {
        match self {
            Optimizer::Sgd(_) => "sgd",
        }
    }

    /// Learning rate of the first step.
    pub fn learning_rate(&self) -> f32 {
        match self {
            Optimizer::Sgd(sgd) => sgd.learning_rate,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the field's name.
    pub fn validate(&self) -> Result<()> {
        match self {
            Optimizer::Sgd(sgd) => sgd.validate(),
        }
    }

    /// Declares what the optimizer keeps for a parameter, such as its velocity.
    pub fn declare_state(&self, graph: &mut Graph, parameter: ValueId) -> Vec<ValueId> {
        match self {
            Optimizer::Sgd(sgd) => sgd.declare_state(graph, parameter),
        }
    }

    /// Appends the update of a parameter in place.
    ///
    /// # Errors
    /// [`Error::Shape`] if the gradient does not fit the parameter.
    pub fn update(&self, graph: &mut Graph, parameter: ValueId, gradient: ValueId, state: &[ValueId]) -> Result<()> {
        match self {
            Optimizer::Sgd(sgd) => sgd.update(graph, parameter, gradient, state),
        }
    }
}

/// Checks that a field is finite and within `[low, high)`.
pub(crate) fn check_range(name: &str, value: f32, low: f32, high: f32) -> Result<()> {
    if value.is_finite() && value >= low && value < high {
        return Ok(());
    }
    let expected = match (low, high) {
        (low, f32::INFINITY) => format!("must be a number of at least {low}"),
        (low, high) => format!("must be at least {low} and below {high}"),
    };
    Err(Error::InvalidOption { name: name.into(), value: value.to_string(), expected })
}
