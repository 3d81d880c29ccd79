//! The threshold that `train` stores in the model: a number, or the best for something on the validation rows.

use super::output::note;
use super::quality::figure;
use anygrad::backend::Device;
use anygrad::data::{Split, Targets};
use anygrad::model::Model;
use anygrad::model::quality::Criterion;
use anygrad::nn::Loss;
use anygrad::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// What `--threshold` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ThresholdChoice {
    /// This one.
    Number(f64),
    /// The best by a criterion.
    Best(Criterion),
}

impl FromStr for ThresholdChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<ThresholdChoice> {
        match text.parse::<f64>() {
            Ok(number) if number > 0.0 && number < 1.0 => Ok(ThresholdChoice::Number(number)),
            Ok(number) => Err(Error::option("threshold", number, "must lie between 0 and 1, such as 0.3")),
            Err(_) => text.parse().map(ThresholdChoice::Best),
        }
    }
}

impl fmt::Display for ThresholdChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ThresholdChoice::Number(number) => number.fmt(f),
            ThresholdChoice::Best(criterion) => criterion.fmt(f),
        }
    }
}

impl ThresholdChoice {
    /// Whether validation rows decide it.
    pub fn decides(&self) -> bool {
        matches!(self, ThresholdChoice::Best(_))
    }

    /// Refuses before the training what would fail after it.
    pub fn check(&self, loss: &Loss, data: &Split) -> Result<()> {
        let is_of_two = matches!(&data.train.targets, Targets::Labels { classes, .. } if classes.len() == 2);
        if !is_of_two || !loss.has_probabilities() {
            let why = "only a model that puts out probabilities of two classes has a threshold";
            return Err(Error::option("threshold", self, why));
        }
        if matches!(self, ThresholdChoice::Best(_)) && data.validation.is_none() {
            let why = "is chosen by validation rows: add --validation-fraction 0.2";
            return Err(Error::option("threshold", self, why));
        }
        Ok(())
    }

    /// The model with its threshold.
    pub fn apply(&self, model: Model, data: &Split, device: &Device) -> Result<Model> {
        match (self, &data.validation) {
            (ThresholdChoice::Best(criterion), Some(rows)) => {
                let best = model.best_threshold_blocking(rows, *criterion, device)?;
                let (threshold, value) = (figure(best.threshold), figure(best.value));
                note(&format!("threshold {threshold}: the best for {criterion} on the validation rows, {value}"));
                model.with_threshold(best.threshold)
            }
            (ThresholdChoice::Best(_), None) => Ok(model),
            (ThresholdChoice::Number(number), _) => model.with_threshold(*number),
        }
    }
}
