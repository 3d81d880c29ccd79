//! The threshold of a model of two classes: a number, or the best for something on the validation rows.

use super::Trainer;
use crate::data::{Dataset, Split, Targets};
use crate::error::{Error, Result};
use crate::model::Loss;
use crate::model::quality::Criterion;
use std::fmt;
use std::str::FromStr;

/// From which probability on a row is of the second of two classes; the key `threshold` of `[train]` and the flag
/// `--threshold`.
///
/// ```
/// use anygrad::{model::quality::Criterion, train::Threshold};
/// assert_eq!("0.3".parse::<Threshold>()?, Threshold::Number(0.3));
/// assert_eq!("f1".parse::<Threshold>()?, Threshold::Best(Criterion::F1));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Threshold {
    /// This one.
    Number(f64),
    /// The one that is best by a criterion on the validation rows, after the training.
    Best(Criterion),
}

/// As files have it.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum Value {
    Number(f64),
    Text(String),
}

impl TryFrom<Value> for Threshold {
    type Error = Error;

    fn try_from(value: Value) -> Result<Threshold> {
        match value {
            Value::Number(number) => number.to_string().parse(),
            Value::Text(text) => text.parse(),
        }
    }
}

impl From<Threshold> for Value {
    fn from(threshold: Threshold) -> Value {
        match threshold {
            Threshold::Number(number) => Value::Number(number),
            Threshold::Best(criterion) => Value::Text(criterion.to_string()),
        }
    }
}

impl FromStr for Threshold {
    type Err = Error;

    fn from_str(text: &str) -> Result<Threshold> {
        match text.parse::<f64>() {
            Ok(number) if number > 0.0 && number < 1.0 => Ok(Threshold::Number(number)),
            Ok(number) => Err(Error::option("threshold", number, "must lie between 0 and 1, such as 0.3")),
            Err(_) => text.parse().map(Threshold::Best),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Threshold::Number(number) => number.fmt(f),
            Threshold::Best(criterion) => criterion.fmt(f),
        }
    }
}

impl Threshold {
    /// Refuses before the training what would fail after it.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if the model does not put out probabilities of two classes, or there are no validation rows
    /// to choose it by.
    pub fn check(&self, loss: &Loss, data: &Split) -> Result<()> {
        let is_of_two = matches!(&data.train.targets, Targets::Labels { classes, .. } if classes.len() == 2);
        if !is_of_two || !loss.has_probabilities() {
            let why = "only a model that puts out probabilities of two classes has a threshold";
            return Err(Error::option("threshold", self, why));
        }
        if matches!(self, Threshold::Best(_)) && data.validation.is_none() {
            let why = "is chosen by validation rows: add --validation-fraction 0.2";
            return Err(Error::option("threshold", self, why));
        }
        Ok(())
    }
}

impl Trainer {
    /// Gives the trained model the threshold that the recipe asks for.
    pub(super) async fn set_threshold(&mut self, validation: Option<&Dataset>) -> Result<()> {
        let Some(threshold) = self.recipe.train.threshold else { return Ok(()) };
        let Some(model) = &self.trained else { return Ok(()) };
        let threshold = match (threshold, validation) {
            (Threshold::Number(number), _) => number,
            (Threshold::Best(criterion), Some(rows)) => {
                model.best_threshold(rows, criterion, &self.device).await?.threshold
            }
            (Threshold::Best(_), None) => {
                let why = "is chosen by validation rows, and there are none";
                return Err(Error::option("threshold", threshold, why));
            }
        };
        self.trained = Some(model.clone().with_threshold(threshold)?);
        Ok(())
    }
}
