//! Losses by name: which target they take, which options, and which op computes them.
//!
//! The mean over the batch is minimized unless [`Loss::sum`] is asked for; what is reported is a mean either way.
//! Conversions: PyTorch's `MultiMarginLoss` is `hinge` divided by the number of classes; its `HuberLoss`, `L1Loss`,
//! `MSELoss`, `BCEWithLogitsLoss` and `CrossEntropyLoss` are the losses here. The lectures' Σ(ŷ−y)² is
//! `mean_squared_error` with `reduction = "sum"`.

use super::ClassWeights;
use super::loss_table::LossTable;
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, ValueId};
use crate::ops::label_values::LabelValues;
use crate::ops::margin_loss::MarginLoss;
use crate::ops::pointwise_loss::{Pointwise, PointwiseLoss};
use crate::ops::softmax_cross_entropy::SoftmaxCrossEntropy;
use std::fmt;
use std::str::FromStr;

/// The loss that training minimizes: a form for each row, a reduction over rows, weights of classes.
///
/// ```
/// use anygrad::nn::Loss;
/// let smooth = Loss::cross_entropy().label_smoothing(0.1);
/// assert_eq!("huber".parse::<Loss>()?, Loss::huber(1.0));
/// assert!(smooth.takes_labels() && !Loss::huber(1.0).takes_labels());
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "LossTable", into = "LossTable")]
pub struct Loss {
    /// The comparison of a row of outputs with its target.
    pub form: Form,
    /// Mean or sum over the rows of a batch.
    pub reduction: Reduction,
    /// Weight of the rows of each class; 1 for all if not given.
    pub class_weights: Option<ClassWeights>,
}

/// The comparison of a row of outputs ŷ with its target y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// Cross-entropy of class labels from logits.
    CrossEntropy {
        /// Share of the target that is spread over all classes, in `[0, 1)`.
        label_smoothing: f32,
    },
    /// Cross-entropy of each output on its own, from logits: labels of two classes with one output, or several targets
    /// between 0 and 1.
    BinaryCrossEntropy,
    /// (ŷ − y)², averaged over the outputs.
    MeanSquaredError,
    /// ½(ŷ − y)², averaged over the outputs.
    HalfSquaredError,
    /// |ŷ − y|, averaged over the outputs.
    MeanAbsoluteError,
    /// Huber's loss: ½e² up to |e| = δ, δ(|e| − ½δ) beyond, with e = ŷ − y, averaged over the outputs.
    Huber {
        /// δ, the |ŷ − y| at which the two meet, above 0.
        delta: f32,
    },
    /// Multiclass support vector machine: Σ_{j≠y} max(0, z_j − z_y + margin).
    Hinge {
        /// How far the true class must lie above the others, above 0.
        margin: f32,
    },
    /// Σ_{j≠y} max(0, z_j − z_y); with batch size 1, learning rate 1 and zero initial values the perceptron algorithm.
    Perceptron,
}

/// The reduction of the losses of rows (and, for losses of numbers, of outputs) to one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum, as in the lectures.
    Sum,
}

/// All forms with their default options.
const FORMS: [Form; 8] = [
    Form::CrossEntropy { label_smoothing: 0.0 },
    Form::BinaryCrossEntropy,
    Form::MeanSquaredError,
    Form::HalfSquaredError,
    Form::MeanAbsoluteError,
    Form::Huber { delta: 1.0 },
    Form::Hinge { margin: 1.0 },
    Form::Perceptron,
];

/// The op that compares rows.
enum RowLoss {
    CrossEntropy(SoftmaxCrossEntropy),
    Margin(MarginLoss),
    Pointwise(PointwiseLoss),
}

impl Form {
    /// The op of this form, averaged over the outputs of a row or not.
    fn op(self, mean: bool) -> RowLoss {
        let form = match self {
            Form::CrossEntropy { label_smoothing } => {
                return RowLoss::CrossEntropy(SoftmaxCrossEntropy { label_smoothing });
            }
            Form::Hinge { margin } => return RowLoss::Margin(MarginLoss { margin }),
            Form::Perceptron => return RowLoss::Margin(MarginLoss { margin: 0.0 }),
            Form::BinaryCrossEntropy => Pointwise::BinaryCrossEntropy,
            Form::MeanSquaredError => Pointwise::SquaredError,
            Form::HalfSquaredError => Pointwise::HalfSquaredError,
            Form::MeanAbsoluteError => Pointwise::AbsoluteError,
            Form::Huber { delta } => Pointwise::Huber { delta },
        };
        RowLoss::Pointwise(PointwiseLoss { form, mean })
    }

    /// The option of this form, by its name in files.
    pub(super) fn option(&mut self) -> Option<(&'static str, &mut f32)> {
        match self {
            Form::CrossEntropy { label_smoothing } => Some(("label_smoothing", label_smoothing)),
            Form::Huber { delta } => Some(("delta", delta)),
            Form::Hinge { margin } => Some(("margin", margin)),
            _ => None,
        }
    }
}

impl Loss {
    fn new(form: Form) -> Loss {
        Loss { form, reduction: Reduction::Mean, class_weights: None }
    }

    /// All losses with their default options.
    pub fn all() -> impl Iterator<Item = Loss> {
        FORMS.into_iter().map(Loss::new)
    }

    /// Cross-entropy of class labels from logits.
    pub fn cross_entropy() -> Loss {
        Loss::new(FORMS[0])
    }

    /// Cross-entropy of each output on its own, from logits.
    pub fn binary_cross_entropy() -> Loss {
        Loss::new(Form::BinaryCrossEntropy)
    }

    /// Mean squared error.
    pub fn mean_squared_error() -> Loss {
        Loss::new(Form::MeanSquaredError)
    }

    /// Half the mean squared error.
    pub fn half_squared_error() -> Loss {
        Loss::new(Form::HalfSquaredError)
    }

    /// Mean absolute error.
    pub fn mean_absolute_error() -> Loss {
        Loss::new(Form::MeanAbsoluteError)
    }

    /// Huber's loss, quadratic up to `delta` (above 0).
    pub fn huber(delta: f32) -> Loss {
        Loss::new(Form::Huber { delta })
    }

    /// Multiclass hinge loss with this margin (above 0).
    pub fn hinge(margin: f32) -> Loss {
        Loss::new(Form::Hinge { margin })
    }

    /// The perceptron's loss. A row counts as correct if its class comes first among equal outputs, but the loss still
    /// learns from such a tie, as the algorithm does.
    pub fn perceptron() -> Loss {
        Loss::new(Form::Perceptron)
    }

    /// Spreads this share of the target over all classes; only for cross-entropy.
    pub fn label_smoothing(mut self, share: f32) -> Loss {
        if let Form::CrossEntropy { label_smoothing } = &mut self.form {
            *label_smoothing = share;
        }
        self
    }

    /// Makes the rows of each class count by its weight; only for losses of class labels.
    pub fn class_weights(mut self, weights: ClassWeights) -> Loss {
        self.class_weights = Some(weights);
        self
    }

    /// Adds the losses of rows (and of outputs) instead of averaging them. What a run reports stays a mean over rows.
    pub fn sum(mut self) -> Loss {
        self.reduction = Reduction::Sum;
        self
    }

    /// Name in flags and files.
    pub fn name(&self) -> &'static str {
        match self.form {
            Form::CrossEntropy { .. } => "cross_entropy",
            Form::BinaryCrossEntropy => "binary_cross_entropy",
            Form::MeanSquaredError => "mean_squared_error",
            Form::HalfSquaredError => "half_squared_error",
            Form::MeanAbsoluteError => "mean_absolute_error",
            Form::Huber { .. } => "huber",
            Form::Hinge { .. } => "hinge",
            Form::Perceptron => "perceptron",
        }
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the option's name.
    pub fn validate(&self) -> Result<()> {
        let above_0 = |name, value: f32| {
            if value > 0.0 && value.is_finite() {
                return Ok(());
            }
            Err(Error::option(name, value, "must be a number above 0"))
        };
        if let Some(weights) = &self.class_weights {
            weights.validate()?;
            if !self.takes_labels() {
                let expected = format!("{self} compares numbers: only losses of classes take weights");
                return Err(Error::option("class_weights", weights, &expected));
            }
            if matches!(self.form, Form::CrossEntropy { label_smoothing } if label_smoothing != 0.0) {
                let expected = "cannot be combined with label_smoothing: choose one of the two";
                return Err(Error::option("class_weights", weights, expected));
            }
        }
        match self.form {
            Form::CrossEntropy { label_smoothing } if !(0.0..1.0).contains(&label_smoothing) => {
                Err(Error::option("label_smoothing", label_smoothing, "must be at least 0 and below 1"))
            }
            Form::Huber { delta } => above_0("delta", delta),
            Form::Hinge { margin } => above_0("margin", margin),
            _ => Ok(()),
        }
    }

    /// The formulas of L and of ∂L/∂z, as text, for a row of `outputs` numbers whose symbol is `z`.
    pub fn formula(&self, z: &str, outputs: usize) -> (String, String) {
        let is_mean = self.reduction == Reduction::Mean && outputs > 1;
        let factor = if is_mean { format!("1/{outputs}·") } else { String::new() };
        let (loss, derivative) = match self.form.op(is_mean) {
            RowLoss::CrossEntropy(op) => op.formula(z, outputs),
            RowLoss::Margin(op) => op.formula(z),
            RowLoss::Pointwise(op) => {
                let (loss, derivative) = op.form.formula(z, &factor);
                (format!("{factor}{}{loss}", if outputs > 1 { "Σ " } else { "" }), derivative)
            }
        };
        (format!("L = {loss}"), derivative)
    }

    /// Appends the loss of each row, `[B, 1]`. The target is labels `[B]` or values of the output's shape.
    ///
    /// # Errors
    /// [`Error::Shape`] if the target does not fit the output.
    pub fn rows(&self, graph: &mut Graph, output: ValueId, target: ValueId) -> Result<ValueId> {
        let op = match self.form.op(self.reduction == Reduction::Mean) {
            RowLoss::CrossEntropy(op) => return graph.apply(op, &[output, target]),
            RowLoss::Margin(op) => return graph.apply(op, &[output, target]),
            RowLoss::Pointwise(op) => op,
        };
        let is_labels = graph.value(target).dtype == DType::U32;
        let target = if is_labels { graph.apply(LabelValues, &[target])? } else { target };
        graph.apply(op, &[output, target])
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Loss {
    type Err = Error;

    /// The loss called `name`, with its default options.
    fn from_str(name: &str) -> Result<Loss> {
        let known = || Loss::all().map(|loss| loss.name());
        Loss::all().find(|loss| loss.name() == name).ok_or_else(|| Error::unknown("loss", name, known()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_the_round_trip_and_foreign_ones_are_refused() {
        let all = Loss::all().chain([
            Loss::cross_entropy().label_smoothing(0.1).sum(),
            Loss::huber(0.5),
            Loss::hinge(2.0),
            Loss::cross_entropy().class_weights(ClassWeights::Balanced),
            Loss::hinge(1.0).class_weights(ClassWeights::Given(vec![0.5, 2.0])),
        ]);
        for loss in all {
            let json = serde_json::to_string(&loss).unwrap();
            assert_eq!(serde_json::from_str::<Loss>(&json).unwrap(), loss, "{json}");
        }
        for (json, part) in [
            (r#"{"kind":"huber","margin":1}"#, "unknown key `margin`"),
            (r#"{"kind":"huber","delta":0}"#, "above 0"),
            (r#"{"kind":"cross_entropy","label_smoothing":1}"#, "below 1"),
            (r#"{"kind":"huber","class_weights":[1]}"#, "compares numbers"),
            (r#"{"kind":"cross_entropy","class_weights":[-1, 1]}"#, "above 0"),
            (r#"{"kind":"cross_entropy","class_weights":[1, 1],"label_smoothing":0.1}"#, "choose one"),
            (r#"{"kind":"hinje"}"#, "`hinge`"),
            (r#"{"kind":"huber","deltas":1}"#, "unknown key `deltas`"),
        ] {
            let error = serde_json::from_str::<Loss>(json).unwrap_err().to_string();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
