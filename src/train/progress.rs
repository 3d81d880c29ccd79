//! What the host knows of a run: the sums of the epoch under way, what happened so far, and what an epoch's results
//! decide.

use super::early_stopping::Best;
use super::program::RING_WIDTH;
use super::queue::Entry;
use super::report::{EpochReport, Event, History};
use crate::error::{Divergence, Error, Result};
use crate::optim::Plateau;

/// Sums over the batches of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub rows: u64,
    /// Of the weights in the loss.
    pub weight: f64,
    /// Of the row losses, each times its weight.
    pub loss: f64,
    /// Of the rows' own weights.
    pub own_weight: f64,
    /// Of the own weights of correct rows.
    pub correct: f64,
    pub penalty: f64,
}

/// What the rows of a run are, and what of the ring is filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Whether the target is class labels, so that there is an accuracy.
    pub takes_labels: bool,
    /// Whether a penalty is filed.
    pub has_penalty: bool,
    /// Whether the loss of a batch is a sum over its rows, not their mean.
    pub sums: bool,
    /// Whether classes have weights.
    pub weighs_classes: bool,
    /// Whether training rows have weights of their own.
    pub weighs_training_rows: bool,
    /// Whether rows that are only evaluated have weights of their own.
    pub weighs_held_out_rows: bool,
    /// Whether the rows that are only evaluated are validation rows (else test rows).
    pub validates: bool,
}

/// The results of a run so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub train: Sums,
    pub held_out: Sums,
    pub rows_done: u64,
    /// Of the last step.
    pub last_loss: f32,
    pub history: History,
    /// For early stopping.
    pub best: Best,
    /// For a schedule by results.
    pub plateau: Plateau,
    /// Whether early stopping has ended the run.
    pub has_ended: bool,
}

impl Progress {
    /// Tells of the steps so far.
    pub fn steps(&self) -> Option<Event> {
        let (done, rows, loss) = (self.history.steps, self.rows_done, self.last_loss);
        (done > 0).then_some(Event::Steps { done, rows, loss })
    }

    /// Adds up one entry of the ring: loss, number or weight of correct rows, penalty, sum of the weights in the loss, sum
    /// of the rows' own weights. `rate` is the learning rate of its epoch. The report of the epoch, if it ends one.
    pub fn take_in(&mut self, entry: Entry, filed: &[f32], kind: Kind, rate: f32) -> Result<Option<EpochReport>> {
        debug_assert_eq!(filed.len(), RING_WIDTH);
        let (loss, correct, epoch) = (filed[0], filed[1], u64::from(entry.epoch));
        if !loss.is_finite() {
            return Err(self.diverged("loss".into(), epoch, 0, loss, kind, entry.training));
        }
        let weighs_rows = if entry.training { kind.weighs_training_rows } else { kind.weighs_held_out_rows };
        let filed_or_rows = |is_filed: bool, filed: f32| if is_filed { f64::from(filed) } else { entry.rows as f64 };
        let weight = filed_or_rows(weighs_rows || kind.weighs_classes, filed[3]);
        let loss = if kind.sums { over(f64::from(loss), weight).unwrap_or(0.0) } else { f64::from(loss) };
        let sums = if entry.training { &mut self.train } else { &mut self.held_out };
        sums.rows += entry.rows as u64;
        sums.weight += weight;
        sums.loss += loss * weight;
        sums.own_weight += filed_or_rows(weighs_rows, filed[4]);
        sums.correct += f64::from(correct);
        if entry.training {
            sums.penalty += f64::from(filed[2]) * entry.rows as f64;
            self.history.add_step(loss as f32);
            self.last_loss = loss as f32;
            self.rows_done += entry.rows as u64;
        }
        if !entry.ends_epoch {
            return Ok(None);
        }
        let (train, held_out) = (std::mem::take(&mut self.train), std::mem::take(&mut self.held_out));
        Ok(Some(report(epoch, train, held_out, kind, rate)))
    }

    /// A tensor whose numbers are bad `steps` steps from here, at the least that can be said.
    pub fn diverged(&self, tensor: String, epoch: u64, steps: u64, value: f32, kind: Kind, training: bool) -> Error {
        let part = match (training, kind.validates) {
            (true, _) => "training",
            (false, true) => "validation",
            (false, false) => "test",
        };
        let step = self.history.steps + steps;
        let cause = "lower the learning rate or scale the data".into();
        Error::Diverged(Box::new(Divergence {
            tensor,
            layer: None,
            step,
            epoch,
            value,
            part,
            rows: Vec::new(),
            batch: 0,
            cause,
        }))
    }
}

/// A quotient, if there is something to divide by.
fn over(sum: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| sum / whole)
}

fn report(epoch: u64, train: Sums, held_out: Sums, kind: Kind, learning_rate: f32) -> EpochReport {
    let accuracy = |sums: Sums| if kind.takes_labels { over(sums.correct, sums.own_weight) } else { None };
    let of = |is_asked_for: bool, value: Option<f64>| if is_asked_for { value } else { None };
    let (loss, validates) = (over(held_out.loss, held_out.weight), kind.validates);
    EpochReport {
        epoch,
        train_loss: over(train.loss, train.weight).unwrap_or(0.0),
        train_penalty: of(kind.has_penalty, over(train.penalty, train.rows as f64)),
        train_accuracy: accuracy(train),
        validation_loss: of(validates, loss),
        validation_accuracy: of(validates, accuracy(held_out)),
        test_loss: of(!validates, loss),
        test_accuracy: of(!validates, accuracy(held_out)),
        learning_rate,
        weights_hash: None,
    }
}
