//! Ends training when a result no longer improves, and keeps the weights of the best epoch.

use super::report::EpochReport;
use crate::error::{Error, Result};
use crate::model::Tensor;

/// A rule of early stopping: `early_stopping = { monitor = "test_loss", patience = 5 }` in a config file.
///
/// ```
/// use anygrad::train::{EarlyStopping, Monitor};
/// let rule = EarlyStopping { monitor: Monitor::TestAccuracy, min_delta: 0.001, ..EarlyStopping::patience(10) };
/// rule.validate()?;
/// // A run with test rows and classes has a test accuracy, one with values has none.
/// assert!(rule.check_run(Some(false), true).is_ok());
/// assert!(rule.check_run(Some(false), false).is_err());
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
    TestLoss,
    /// Higher is better.
    TestAccuracy,
    /// Lower is better.
    TrainLoss,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping { monitor: Monitor::TestLoss, patience: 5, min_delta: 0.0, restore_best: true }
    }
}

impl EarlyStopping {
    /// Stops after `patience` epochs without a lower test loss, and restores the best weights.
    pub fn patience(patience: u64) -> EarlyStopping {
        EarlyStopping { patience, ..EarlyStopping::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the field's name.
    pub fn validate(&self) -> Result<()> {
        if self.patience == 0 {
            return Err(Error::option("patience", 0, "must be at least 1 epoch"));
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            return Err(Error::option("min_delta", self.min_delta, "must be a number of at least 0"));
        }
        Ok(())
    }

    /// Checks that a run has the watched result: which rows it holds back (`None`, or whether they are for validation),
    /// and whether its target is classes.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] that names a result to use instead.
    pub fn check_run(&self, validates: Option<bool>, has_accuracy: bool) -> Result<()> {
        use Monitor::{TestAccuracy, TestLoss, TrainLoss, ValidationAccuracy, ValidationLoss};
        let (name, rows, is_accuracy) = match self.monitor {
            TestLoss => ("test_loss", Some(false), false),
            TestAccuracy => ("test_accuracy", Some(false), true),
            ValidationLoss => ("validation_loss", Some(true), false),
            ValidationAccuracy => ("validation_accuracy", Some(true), true),
            TrainLoss => return Ok(()),
        };
        if rows == validates && (has_accuracy || !is_accuracy) {
            return Ok(());
        }
        let known = validates.map_or("train_loss", |yes| if yes { "validation_loss" } else { "test_loss" });
        Err(Error::option("monitor", name, &format!("this run has no such result: use {known}")))
    }

    /// The watched result, turned so that lower is better.
    fn result(&self, report: &EpochReport) -> f64 {
        let value = match self.monitor {
            Monitor::TestLoss => report.test_loss,
            Monitor::TestAccuracy => report.test_accuracy.map(|accuracy| -accuracy),
            Monitor::ValidationLoss => report.validation_loss,
            Monitor::ValidationAccuracy => report.validation_accuracy.map(|accuracy| -accuracy),
            Monitor::TrainLoss => Some(report.train_loss),
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

    fn report(test_loss: f64, test_accuracy: f64) -> EpochReport {
        EpochReport {
            epoch: 1,
            train_loss: 1.0,
            train_penalty: None,
            train_accuracy: None,
            validation_loss: None,
            validation_accuracy: None,
            test_loss: Some(test_loss),
            test_accuracy: Some(test_accuracy),
            learning_rate: 0.1,
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
    fn accuracy_is_better_when_higher() {
        let rule = EarlyStopping { monitor: Monitor::TestAccuracy, ..EarlyStopping::default() };
        let mut best = Best::default();
        assert!(best.improves(&rule, &report(1.0, 0.5)));
        assert!(!best.improves(&rule, &report(0.5, 0.4)));
        assert!(best.improves(&rule, &report(2.0, 0.6)));
    }
}
