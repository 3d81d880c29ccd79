//! Optimizers by name: what they keep for each parameter and which op updates it; schedules of the learning rate and
//! limits on gradients.

mod adaptive;
mod clipping;
mod schedule;
mod sgd;

pub use adaptive::{Adagrad, Adam, AdamW, RmsProp};
pub use clipping::Clipping;
pub(crate) use schedule::Plateau;
pub use schedule::{Per, ReduceOnPlateau, Schedule, ScheduleStep};
pub use sgd::Sgd;

use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Role, ValueId};

/// An optimizer: its learning rate, what it keeps for each parameter, and the op that updates one.
///
/// ```
/// use anygrad::optim::{Adam, Rule, Sgd};
/// assert_eq!(Adam::new(0.01).state(), ["first_moment", "second_moment"]);
/// // Plain descent keeps nothing.
/// assert!(Sgd::new(0.1).state().is_empty());
/// ```
pub trait Rule {
    /// Learning rate of the first step.
    fn learning_rate(&self) -> f32;

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the field's name.
    fn validate(&self) -> Result<()>;

    /// Names of the tensors that are kept for each parameter, of its shape, starting at 0.
    fn state(&self) -> &'static [&'static str];

    /// Appends the update of a parameter in place; inputs are the parameter, its gradient, and the kept tensors.
    ///
    /// # Errors
    /// [`Error::Shape`] if the inputs do not fit.
    fn update(&self, graph: &mut Graph, inputs: &[ValueId]) -> Result<()>;
}

/// Any optimizer, as config and model files state it: `kind = "sgd"` and its fields.
///
/// ```
/// use anygrad::optim::{Adam, Optimizer};
/// let optimizer: Optimizer = serde_json::from_str(r#"{ "kind": "adam", "learning_rate": 0.01 }"#).unwrap();
/// assert_eq!(optimizer, Adam::new(0.01).into());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Optimizer {
    /// Stochastic gradient descent, with or without momentum.
    Sgd(Sgd),
    /// Adam: steps scaled by estimates of the gradient's first and second moments.
    Adam(Adam),
    /// Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW(AdamW),
    /// RMSprop: steps scaled by a moving average of the squared gradient.
    #[serde(rename = "rmsprop")]
    RmsProp(RmsProp),
    /// Adagrad: steps scaled by the sum of all squared gradients.
    Adagrad(Adagrad),
}

macro_rules! conversions {
    ($($name:ident),*) => {
        $(impl From<$name> for Optimizer {
            fn from(rule: $name) -> Optimizer {
                Optimizer::$name(rule)
            }
        })*

        impl Optimizer {
            fn rule(&self) -> &dyn Rule {
                match self {
                    $(Optimizer::$name(rule) => rule,)*
                }
            }
        }
    };
}
conversions!(Sgd, Adam, AdamW, RmsProp, Adagrad);

impl Default for Optimizer {
    /// Descent with a learning rate of 0.1 and momentum 0.9.
    fn default() -> Optimizer {
        Sgd::new(0.1).momentum(0.9).into()
    }
}

impl Optimizer {
    /// Names of all optimizers, as flags and files give them.
    pub const NAMES: [&str; 5] = ["sgd", "adam", "adamw", "rmsprop", "adagrad"];

    /// The optimizer called `name` with its defaults: PyTorch's, and for `sgd` a learning rate of 0.1 and momentum 0.9.
    ///
    /// ```
    /// use anygrad::optim::Optimizer;
    /// assert_eq!(Optimizer::named("adamw")?.learning_rate(), 0.001);
    /// let error = Optimizer::named("adamm").unwrap_err();
    /// assert_eq!(error.to_string(), "unknown optimizer `adamm`; did you mean `adam`?");
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] if there is none.
    pub fn named(name: &str) -> Result<Optimizer> {
        Ok(match name {
            "sgd" => Optimizer::default(),
            "adam" => Adam::default().into(),
            "adamw" => AdamW::default().into(),
            "rmsprop" => RmsProp::default().into(),
            "adagrad" => Adagrad::default().into(),
            _ => return Err(Error::unknown("optimizer", name, Self::NAMES)),
        })
    }

    /// Name in flags and files.
    pub fn name(&self) -> &'static str {
        match self {
            Optimizer::Sgd(_) => "sgd",
            Optimizer::Adam(_) => "adam",
            Optimizer::AdamW(_) => "adamw",
            Optimizer::RmsProp(_) => "rmsprop",
            Optimizer::Adagrad(_) => "adagrad",
        }
    }

    /// Learning rate of the first step.
    pub fn learning_rate(&self) -> f32 {
        self.rule().learning_rate()
    }

    /// Checks every field.
    ///
    /// ```
    /// use anygrad::optim::{Optimizer, Sgd};
    /// let error = Optimizer::from(Sgd::new(0.1).momentum(1.0)).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "momentum = 1: must be at least 0 and below 1");
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the field's name.
    pub fn validate(&self) -> Result<()> {
        self.rule().validate()
    }

    /// Declares in a graph what the optimizer keeps for a parameter, such as its velocity; each tensor has the
    /// parameter's shape.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::optim::{Optimizer, Sgd};
    /// let mut graph = Graph::new();
    /// let weight = graph.declare("weight", [3, 2], DType::F32, Role::Parameter);
    /// let state = Optimizer::from(Sgd::new(0.1).momentum(0.9)).declare_state(&mut graph, weight);
    /// assert_eq!(graph.value(state[0]).name, "weight.velocity");
    /// ```
    pub fn declare_state(&self, graph: &mut Graph, parameter: ValueId) -> Vec<ValueId> {
        let value = graph.value(parameter);
        let (name, shape) = (value.name.clone(), value.shape.clone());
        let declare = |kept: &&str| graph.declare(format!("{name}.{kept}"), &shape, DType::F32, Role::Optimizer);
        self.rule().state().iter().map(declare).collect()
    }

    /// Appends the update of a parameter in place to a graph; `state` is what [`Optimizer::declare_state`] declared.
    ///
    /// # Errors
    /// [`Error::Shape`] if the gradient does not fit the parameter.
    pub fn update(&self, graph: &mut Graph, parameter: ValueId, gradient: ValueId, state: &[ValueId]) -> Result<()> {
        let inputs: Vec<ValueId> = [parameter, gradient].iter().chain(state).copied().collect();
        self.rule().update(graph, &inputs)
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
