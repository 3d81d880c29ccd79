//! The tables of optimizers; schedules of the learning rate and limits on gradients. One file per optimizer holds
//! everything about it: its rule, its fields, what it keeps for each parameter, and the op that takes a step.

pub mod adagrad;
pub mod adam;
mod cases;
mod clipping;
pub mod rmsprop;
mod schedule;
pub mod sgd;

pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use cases::cases;
pub use clipping::Clipping;
pub use rmsprop::RmsProp;
pub(crate) use schedule::Plateau;
pub use schedule::{Per, ReduceOnPlateau, Schedule, ScheduleStep};
pub use sgd::Sgd;

use crate::error::{Error, Result};
use crate::graph::{DType, Element, Graph, Inputs, Role, ValueId};
use crate::kernel::error_bound::{U, flushed};
use crate::ops::table;

/// An optimizer: its learning rate, what it keeps for each parameter, and the op that updates one.
///
/// ```
/// use anygrad::optim::{Adam, Rule, Sgd};
/// let names: Vec<&str> = Adam::new(0.01).state().iter().map(|kept| kept.name).collect();
/// assert_eq!(names, ["first_moment", "second_moment"]);
/// // Plain descent keeps nothing.
/// assert!(Sgd::new(0.1).state().is_empty());
/// ```
pub trait Rule {
    /// Learning rate of the first step.
    fn learning_rate(&self) -> f32;

    /// The fields that flags set.
    fn options(&mut self) -> Options<'_>;

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the field's name.
    fn validate(&self) -> Result<()>;

    /// The tensors that are kept for each parameter, of its shape, starting at 0.
    fn state(&self) -> &'static [Kept];

    /// The update of a parameter w as lines: from the gradient g, of which `gradient` is the first part, to w. At the
    /// first step.
    fn formula(&self, gradient: &str) -> Vec<String>;

    /// Appends the update of a parameter in place; inputs are the parameter, its gradient, and the kept tensors.
    ///
    /// # Errors
    /// [`Error::Shape`] if the inputs do not fit.
    fn update(&self, graph: &mut Graph, inputs: &[ValueId]) -> Result<()>;
}

/// A tensor that an optimizer keeps for each parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Name, such as `velocity`.
    pub name: &'static str,
    /// Letter in formulas, such as `v`.
    pub letter: &'static str,
}

/// The fields of an optimizer that flags of the program set; `None` where it has no such field.
#[derive(Debug)]
pub struct Options<'a> {
    /// Step length.
    pub learning_rate: &'a mut f32,
    /// Pull of each parameter to 0.
    pub weight_decay: &'a mut f32,
    /// Share of the velocity kept.
    pub momentum: Option<&'a mut f32>,
    /// Whether to look ahead along the velocity.
    pub nesterov: Option<&'a mut bool>,
}

/// [`Optimizer`] from the table of all: type, name in files, defaults.
macro_rules! optimizers {
    ($($(#[$doc:meta])* $rule:ident = $name:literal, $default:expr;)*) => {
        /// Any optimizer, as config and model files state it: `kind = "sgd"` and its fields.
        ///
        /// ```
        /// use anygrad::optim::{Adam, Optimizer};
        /// let optimizer: Optimizer = serde_json::from_str(r#"{ "kind": "adam", "learning_rate": 0.01 }"#).unwrap();
        /// assert_eq!(optimizer, Adam::new(0.01).into());
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "kind")]
        pub enum Optimizer {
            $($(#[$doc])* #[serde(rename = $name)] $rule($rule),)*
        }

        $(impl From<$rule> for Optimizer {
            fn from(rule: $rule) -> Optimizer {
                Optimizer::$rule(rule)
            }
        })*

        impl Optimizer {
            /// Names of all optimizers, as flags and files give them.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The optimizer called `name` with its defaults: PyTorch's, and for `sgd` a learning rate of 0.1 and
            /// momentum 0.9.
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
                match name {
                    $($name => Ok($default.into()),)*
                    _ => Err(Error::unknown("optimizer", name, Self::NAMES.iter().copied())),
                }
            }

            /// Name in flags and files.
            pub fn name(&self) -> &'static str {
                match self { $(Optimizer::$rule(_) => $name,)* }
            }

            fn rule(&self) -> &dyn Rule {
                match self { $(Optimizer::$rule(rule) => rule,)* }
            }

            fn rule_mut(&mut self) -> &mut dyn Rule {
                match self { $(Optimizer::$rule(rule) => rule,)* }
            }
        }
    };
}

optimizers! {
    /// Stochastic gradient descent, with or without momentum.
    Sgd = "sgd", Sgd::new(0.1).momentum(0.9);
    /// Adam: steps scaled by estimates of the gradient's first and second moments.
    Adam = "adam", Adam::default();
    /// Adam with decoupled weight decay.
    AdamW = "adamw", AdamW::default();
    /// RMSprop: steps scaled by a moving average of the squared gradient.
    RmsProp = "rmsprop", RmsProp::default();
    /// Adagrad: steps scaled by the sum of all squared gradients.
    Adagrad = "adagrad", Adagrad::default();
}

table! {
    sgd: SPEC, MOMENTUM_SPEC => PART, MOMENTUM_PART;
    adam: SPEC => PART;
    rmsprop: SPEC => PART;
    adagrad: SPEC => PART;
}

impl Default for Optimizer {
    /// AdamW with a learning rate of 0.003 and a weight decay of 0.1: with half a cosine wave for a schedule, what did best on
    /// real tables (benches/tables).
    fn default() -> Optimizer {
        AdamW { weight_decay: 0.1, ..AdamW::new(0.003) }.into()
    }
}

impl Optimizer {
    /// Learning rate of the first step.
    pub fn learning_rate(&self) -> f32 {
        self.rule().learning_rate()
    }

    /// The fields that flags set.
    pub fn options(&mut self) -> Options<'_> {
        self.rule_mut().options()
    }

    /// The update of a parameter as lines, given the gradient of the objective as text, such as `∂L/∂w`.
    pub fn formula(&self, gradient: &str) -> Vec<String> {
        self.rule().formula(gradient)
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

    /// What the optimizer keeps for a parameter, such as its velocity: each of the parameter's shape.
    pub fn kept(&self) -> &'static [Kept] {
        self.rule().state()
    }

    /// Declares what the optimizer keeps for a parameter, if anything: as one tensor, so that a kernel binds few
    /// buffers. Several that are kept stand in it one after the other, `[kept, …parameter]`.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::optim::{Adam, Optimizer};
    /// let mut graph = Graph::new();
    /// let weight = graph.declare("weight", [3, 2], DType::F32, Role::Parameter);
    /// let state = Optimizer::from(Adam::new(0.001)).declare_state(&mut graph, weight).expect("two moments");
    /// assert_eq!(graph.value(state).name, "weight.first_moment_and_second_moment");
    /// assert_eq!(graph.shape(state).dims(), [2, 3, 2]);
    /// ```
    pub fn declare_state(&self, graph: &mut Graph, parameter: ValueId) -> Option<ValueId> {
        let value = graph.value(parameter);
        let (name, dims) = (value.name.clone(), value.shape.dims().to_vec());
        let (name, shape) = match self.kept() {
            [] => return None,
            [kept] => (format!("{name}.{}", kept.name), dims),
            all => {
                let names: Vec<&str> = all.iter().map(|kept| kept.name).collect();
                (format!("{name}.{}", names.join("_and_")), [vec![all.len()], dims].concat())
            }
        };
        Some(graph.declare(name, shape, DType::F32, Role::Optimizer))
    }

    /// Appends the update of a parameter in place to a graph; `state` is what [`Optimizer::declare_state`] declared.
    ///
    /// # Errors
    /// [`Error::Shape`] if the gradient does not fit the parameter.
    pub fn update(
        &self,
        graph: &mut Graph,
        parameter: ValueId,
        gradient: ValueId,
        state: Option<ValueId>,
    ) -> Result<()> {
        let inputs: Vec<ValueId> = [parameter, gradient].into_iter().chain(state).collect();
        self.rule().update(graph, &inputs)
    }
}

/// The first line of a formula: the gradient with PyTorch's weight decay.
fn gradient_formula(gradient: &str, weight_decay: f32) -> String {
    match weight_decay {
        0.0 => format!("g = {gradient}"),
        decay => format!("g = {gradient} + {decay}·w"),
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

/// The bound of an optimizer's step: each result is a sum of products of the operands with factors below 1, and of a
/// step whose relative error is a few roundings. Weight and gradient come first.
fn step_bound(inputs: &Inputs<'_>, at: Element) -> f64 {
    // What is kept may be several tensors of the weight's size, one after the other.
    let count = inputs.floats(0).len();
    let own = |input: usize| inputs.floats(input).iter().skip(at.index % count).step_by(count);
    let size: f64 = (0..inputs.count()).flat_map(own).map(|x| f64::from(x.abs())).sum();
    let g = inputs.magnitude(1, at.index % count) + 0.01 * inputs.magnitude(0, at.index % count);
    32.0 * U * (size + g * g + at.expected.abs()) + flushed(4)
}
