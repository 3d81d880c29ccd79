//! Ends training when a result no longer improves, and keeps the weights of the best epoch.

use super::report::EpochReport;
use crate::error::{Error, Result};
use crate::model::Tensor;

/// A rule of early stopping: `early_stopping = { monitor = "validation_loss", patience = 5 }` in a config file.
///
/// ```
/// use anygrad::train::{EarlyStopping, Monitor};
/// let rule = EarlyStopping { monitor: Monitor::ValidationAccuracy, min_delta: 0.001, ..EarlyStopping::patience(10) };
/// rule.validate()?;
/// // A run with validation rows and classes has an accuracy, one with values has none.
/// assert!(rule.check_run(true, true).is_ok());
/// assert!(rule.check_run(true, false).is_err());
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// What is watched.
    pub monitor: Monitor,
    /// Epochs without improvement after which training ends, at least 1.
    pub patience: u64,
    /// By how much a result must be better than the best so far to count, at least 0.
    pub min_delta: f64,
    /// Whether the model gets the weights of the best epoch (else of the last).
    pub restore_best: bool,
}

/// A result of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// Lower is better.
    ValidationLoss,
    /// Higher is better.
    ValidationAccuracy,
    /// Lower is better.
    TrainLoss,
    /// Of files that older programs wrote. A rule with it is refused: what test rows have decided, they cannot judge.
    TestLoss,
    /// As [`Monitor::TestLoss`].
    TestAccuracy,
}

impl Monitor {
    /// Whether validation rows are watched.
    pub fn is_of_validation(self) -> bool {
        matches!(self, Monitor::ValidationLoss | Monitor::ValidationAccuracy)
    }
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping { monitor: Monitor::ValidationLoss, patience: 10, min_delta: 0.0, restore_best: true }
    }
}

impl EarlyStopping {
    /// Stops after `patience` epochs without a lower validation loss, and restores the best weights.
    pub fn patience(patience: u64) -> EarlyStopping {
        EarlyStopping { patience, ..EarlyStopping::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the field's name.
    pub fn validate(&self) -> Result<()> {
        let refused = match self.monitor {
            Monitor::TestLoss => Some(("test_loss", "validation_loss")),
            Monitor::TestAccuracy => Some(("test_accuracy", "validation_accuracy")),
            _ => None,
        };
        if let Some((name, instead)) = refused {
            let expected = format!("test rows decide nothing, or they could not judge the result: use {instead}");
            return Err(Error::option("monitor", name, &expected));
        }
        if self.patience == 0 {
            return Err(Error::option("patience", 0, "must be at least 1 epoch"));
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            return Err(Error::option("min_delta", self.min_delta, "must be a number of at least 0"));
        }
        Ok(())
    }

    /// Checks that a run has the watched result: whether it holds back validation rows, and whether its target is classes.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] that says what to do.
    pub fn check_run(&self, validates: bool, has_accuracy: bool) -> Result<()> {
        match self.monitor {
            Monitor::ValidationLoss | Monitor::ValidationAccuracy if !validates => {
                let expected =
                    "there are no validation rows to watch: hold some back, as by with_validation(0.1, seed)";
                Err(Error::option("early_stopping", format!("patience {}", self.patience), expected))
            }
            Monitor::ValidationAccuracy if !has_accuracy => {
                let expected = "the target is numbers, which have no accuracy: use validation_loss";
                Err(Error::option("monitor", "validation_accuracy", expected))
            }
            _ => Ok(()),
        }
    }

    /// The watched result, turned so that lower is better.
    fn result(&self, report: &EpochReport) -> f64 {
        let value = match self.monitor {
            Monitor::ValidationLoss => report.validation_loss,
            Monitor::ValidationAccuracy => report.validation_accuracy.map(|accuracy| -accuracy),
            Monitor::TrainLoss => Some(report.train_loss),
            // No run begins with these.
            Monitor::TestLoss | Monitor::TestAccuracy => None,
        };
        value.unwrap_or(f64::INFINITY)
    }
}

/// The best epoch so far, by a rule.
#[derive(Clone, Debug)]
pub(super) struct Best {
    pub result: f64,
    pub epochs_since: u64,
    /// The weights of that epoch, if they are to be restored.
    pub weights: Option<Vec<Tensor>>,
}

impl Default for Best {
    fn default() -> Best {
        Best { result: f64::INFINITY, epochs_since: 0, weights: None }
    }
}

impl Best {
    /// Whether the epoch is the best so far; its weights should then be kept if the rule restores them.
    pub fn improves(&mut self, rule: &EarlyStopping, report: &EpochReport) -> bool {
        let result = rule.result(report);
        let better = result < self.result - rule.min_delta;
        if better {
            self.result = result;
            self.epochs_since = 0;
        } else {
            self.epochs_since += 1;
        }
        better
    }

    pub fn is_out_of_patience(&self, rule: &EarlyStopping) -> bool {
        self.epochs_since >= rule.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(loss: f64, accuracy: f64) -> EpochReport {
        EpochReport {
            epoch: 1,
            train_loss: 1.0,
            validation_loss: Some(loss),
            validation_accuracy: Some(accuracy),
            // What test rows say is never looked at.
            test_loss: Some(-loss),
            test_accuracy: Some(1.0 - accuracy),
            ..EpochReport::default()
        }
    }

    #[test]
    fn patience_counts_epochs_without_enough_improvement() {
        let rule = EarlyStopping { patience: 2, min_delta: 0.1, ..EarlyStopping::default() };
        let mut best = Best::default();
        let mut feed = |loss| (best.improves(&rule, &report(loss, 0.0)), best.is_out_of_patience(&rule));
        assert_eq!(feed(1.0), (true, false));
        assert_eq!(feed(0.95), (false, false));
        assert_eq!(feed(0.8), (true, false));
        assert_eq!(feed(0.79), (false, false));
        assert_eq!(feed(0.75), (false, true));
    }

    #[test]
    fn test_rows_decide_nothing() {
        for monitor in [Monitor::TestLoss, Monitor::TestAccuracy] {
            let error = EarlyStopping { monitor, ..EarlyStopping::default() }.validate().unwrap_err().to_string();
            assert!(error.contains("test rows decide nothing") && error.contains("use validation_"), "{error}");
        }
    }

    #[test]
    fn accuracy_is_better_when_higher() {
        let rule = EarlyStopping { monitor: Monitor::ValidationAccuracy, ..EarlyStopping::default() };
        let mut best = Best::default();
        assert!(best.improves(&rule, &report(1.0, 0.5)));
        assert!(!best.improves(&rule, &report(0.5, 0.4)));
        assert!(best.improves(&rule, &report(2.0, 0.6)));
    }
}
