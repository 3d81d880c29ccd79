//! What a run tells while it runs and afterwards.

/// Results of one epoch. A loss is a mean over rows, also where training minimizes their sum (`reduction = "sum"`), so
/// that it does not depend on the size of batches; where rows or classes have weights, it is their mean by weight. An
/// accuracy is a share of rows, by weight where rows have weights.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct EpochReport {
    /// Counted from 1.
    pub epoch: u64,
    /// Mean over the epoch's rows of the loss before each update.
    pub train_loss: f64,
    /// Mean of the penalty (L1, L2) before each update; it is not part of `train_loss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_penalty: Option<f64>,
    /// Share of the epoch's rows that were classified correctly before each update.
    pub train_accuracy: Option<f64>,
    /// Mean loss over the validation rows after the epoch, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Share of the validation rows classified correctly after the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
    /// Mean loss over the test rows after the epoch, for the eye only. With validation rows, the test rows wait until
    /// training is over.
    pub test_loss: Option<f64>,
    /// Share of the test rows classified correctly after the epoch.
    pub test_accuracy: Option<f64>,
    /// Learning rate at the end of the epoch.
    pub learning_rate: f32,
    /// Hash of the weights after the epoch, if it was [asked for](super::Trainer::hash_weights).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_hash: Option<String>,
}

impl EpochReport {
    /// The loss that decisions are made by: of the validation rows, or of the training rows if there are none; never of
    /// the test rows.
    ///
    /// ```
    /// use anygrad::train::EpochReport;
    /// let report = EpochReport { train_loss: 0.1, test_loss: Some(0.3), ..EpochReport::default() };
    /// assert_eq!(report.deciding_loss(), 0.1);
    /// ```
    pub fn deciding_loss(&self) -> f64 {
        self.validation_loss.unwrap_or(self.train_loss)
    }
}

/// A message to an observer of a run. Several steps run before the host hears of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Training starts.
    Start {
        /// Steps of the whole run.
        steps: u64,
    },
    /// Steps are done.
    Steps {
        /// Steps so far.
        done: u64,
        /// Rows trained on so far.
        rows: u64,
        /// Loss of the latest step, the mean over its rows.
        loss: f32,
    },
    /// An epoch is done.
    Epoch(EpochReport),
    /// The device was lost. The run goes on, on the device opened anew.
    DeviceLost {
        /// Why.
        reason: String,
        /// The step that it goes on from.
        step: u64,
    },
    /// A number became NaN or infinite, and the run went back.
    RolledBack {
        /// Where the numbers went bad.
        reason: String,
        /// The epoch behind which it goes on.
        epoch: u64,
        /// The optimizer's learning rate from there on.
        learning_rate: f32,
    },
}

/// The answer of a callback: whether training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// End training after this epoch.
    Stop,
}

/// The results and counters of a run.
///
/// ```
/// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
/// let data = data::xor(80, 0)?.split(0.2, 0)?;
/// let model = Sequential::new(2).linear(4).relu().linear(2);
/// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).batch_size(16).epochs(3);
/// let history = trainer.fit_blocking(&data)?;
/// assert_eq!((history.epochs.len(), history.step_losses.len()), (3, 3 * 4));
/// assert_eq!(history.of_model(), history.last());
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// One report per epoch, in order. Of more than 65,536 epochs there are the first 32,768, the last 16,384 and some before
    /// them, and that of the model, so that a long run takes no more memory than a short one.
    pub epochs: Vec<EpochReport>,
    /// The epoch whose weights the model has, counted from 1; 0 for the initial ones. It is the last one unless early
    /// stopping has restored a better.
    pub model_epoch: u64,
    /// Whether early stopping has ended the run before its last epoch.
    pub stopped_early: bool,
    /// How often the run went back because a number became NaN or infinite.
    pub rollbacks: u64,
    /// Whether the run was stopped before its end, to go on another time.
    pub is_interrupted: bool,
    /// Training steps.
    pub steps: u64,
    /// Loss of each step before its update, of the first 32,768 steps, so that a long run takes no more memory than a short
    /// one: the mean over its rows, by weight. With `reduction = "sum"` the step minimizes it times the number (or the
    /// weight) of these rows; 0 for a step whose rows all have the weight 0.
    pub step_losses: Vec<f32>,
    /// Launches of one full training step, of one or several kernels each.
    pub launches_per_step: usize,
    /// Submissions to the device.
    pub submissions: u64,
    /// Most bytes allocated on the device at one time.
    pub device_bytes: u64,
    /// Windows of rows that were brought to the device; 0 if it held all rows.
    pub windows: u64,
    /// Bytes of main memory in which the rows of windows were gathered.
    pub window_bytes: u64,
}

impl History {
    /// Most steps whose losses are kept.
    const MOST_LOSSES: usize = 1 << 15;
    /// Most epochs whose reports are kept, beside that of the model.
    const MOST_EPOCHS: usize = 1 << 16;

    /// Counts a step.
    pub(super) fn add_step(&mut self, loss: f32) {
        self.steps += 1;
        if self.step_losses.len() < History::MOST_LOSSES {
            self.step_losses.push(loss);
        }
    }

    /// Adds the report of an epoch.
    pub(super) fn add_epoch(&mut self, report: EpochReport) {
        if self.epochs.len() >= History::MOST_EPOCHS {
            let (of_model, left_out) = (self.model_epoch, History::MOST_EPOCHS / 2..History::MOST_EPOCHS * 3 / 4);
            let mut at = 0..;
            self.epochs.retain(|report| at.next().is_none_or(|i| !left_out.contains(&i)) || report.epoch == of_model);
        }
        self.epochs.push(report);
    }

    /// Epochs that are done.
    pub fn epochs_done(&self) -> u64 {
        self.last().map_or(0, |report| report.epoch)
    }

    /// The report of the epoch whose weights the model has.
    pub fn of_model(&self) -> Option<&EpochReport> {
        self.epochs.iter().find(|report| report.epoch == self.model_epoch)
    }

    /// The report of the last epoch.
    pub fn last(&self) -> Option<&EpochReport> {
        self.epochs.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_a_bounded_number_of_reports() {
        let mut history = History { model_epoch: 40_000, ..History::default() };
        for epoch in 1..=200_000 {
            history.add_epoch(EpochReport { epoch, ..EpochReport::default() });
            assert!(history.epochs.len() <= History::MOST_EPOCHS + 1);
        }
        let epochs: Vec<u64> = history.epochs.iter().map(|report| report.epoch).collect();
        let (first, last) = (&epochs[..32_768], &epochs[epochs.len() - 16_384..]);
        assert!(epochs.is_sorted() && first.iter().zip(1..).all(|(&epoch, i)| epoch == i));
        assert!(last.iter().rev().zip(0..).all(|(&epoch, i)| epoch == 200_000 - i));
        assert_eq!((history.epochs_done(), history.of_model().map(|report| report.epoch)), (200_000, Some(40_000)));
    }
}
