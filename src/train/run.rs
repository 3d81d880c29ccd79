//! The loop: queues phases, submits many at once, reads the ring back behind the device, adds up results.

use super::learning_rate::LearningRate;
use super::program::{Program, RING_SLOTS, RING_WIDTH};
use super::queue::{Entry, Epoch, Position, Queue};
use super::report::{EpochReport, Event, History};
use crate::backend::{Executor, Reading};
use crate::error::{Error, Result};
use crate::model::Tensor;
use crate::plan::Plan;
use std::collections::VecDeque;

/// Submissions whose results are still on their way while the next is recorded.
pub(super) const IN_FLIGHT: usize = 1;

/// Sums over the batches of an epoch.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    rows: usize,
    weight: f64,
    loss: f64,
    correct: f64,
    penalty: f64,
}

/// What the rows of a run are, and what of the ring is filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Whether the target is class labels, so that there is an accuracy.
    pub takes_labels: bool,
    /// Whether a penalty is filed.
    pub has_penalty: bool,
    /// Whether the weight of each batch is filed.
    pub has_weights: bool,
    /// Whether the rows that are only evaluated are validation rows (else test rows).
    pub validates: bool,
}

/// A run in progress.
pub(super) struct Run<'a> {
    executor: &'a mut Executor,
    program: &'a Program,
    passes: Epoch,
    kind: Kind,
    /// The learning rate of each step.
    pub rate: LearningRate,
    position: Position,
    queue: Queue,
    in_flight: VecDeque<(Vec<Entry>, Reading)>,
    train: Sums,
    test: Sums,
    rows_done: u64,
    observer: &'a mut dyn FnMut(&Event),
    /// What happened so far.
    pub history: History,
}

impl<'a> Run<'a> {
    pub fn new(
        executor: &'a mut Executor,
        program: &'a Program,
        kind: Kind,
        rate: LearningRate,
        observer: &'a mut dyn FnMut(&Event),
    ) -> Result<Run<'a>> {
        let passes = Epoch::find(executor.plan(), program)?;
        let launches_per_step = launches_of_a_step(executor.plan());
        Ok(Run {
            executor,
            program,
            passes,
            kind,
            rate,
            position: Position::START,
            queue: Queue::default(),
            in_flight: VecDeque::new(),
            train: Sums::default(),
            test: Sums::default(),
            rows_done: 0,
            observer,
            history: History { launches_per_step, ..History::default() },
        })
    }

    /// Queues a whole epoch; submits whenever enough is queued.
    pub async fn epoch(&mut self) -> Result<()> {
        let done = self.position.epochs_done();
        while self.position.epochs_done() == done {
            let plan = self.executor.plan();
            if !self.queue.push(&self.passes, &mut self.position, &self.rate, plan)? {
                self.submit().await?;
            }
        }
        Ok(())
    }

    /// Submits what is queued, and takes in results that are due.
    async fn submit(&mut self) -> Result<()> {
        if self.queue.runs.is_empty() {
            return Ok(());
        }
        self.executor.run(&self.queue.runs)?;
        self.history.submissions += 1;
        let reading = self.executor.start_read(self.program.ring).await?;
        self.in_flight.push_back((self.queue.clear(), reading));
        self.drain(IN_FLIGHT).await
    }

    /// Submits everything and waits for all results.
    pub async fn finish(&mut self) -> Result<()> {
        self.submit().await?;
        self.drain(0).await
    }

    /// Reads the model's tensors as they are after everything submitted so far.
    pub async fn read_weights(&mut self, tensors: &mut [Tensor]) -> Result<()> {
        for (&value, tensor) in self.program.tensors.values().iter().zip(tensors) {
            tensor.data = self.executor.read(value).await?;
        }
        Ok(())
    }

    /// What happened, with the memory that it took.
    pub fn take_history(&mut self) -> History {
        self.history.device_bytes = self.executor.allocated_bytes();
        std::mem::take(&mut self.history)
    }

    async fn drain(&mut self, keep: usize) -> Result<()> {
        while self.in_flight.len() > keep {
            let Some((entries, reading)) = self.in_flight.pop_front() else { break };
            let ring = self.executor.finish(reading).await?;
            for entry in entries {
                let at = RING_WIDTH * (entry.slot as usize % RING_SLOTS);
                self.take_in(entry, &ring[at..at + RING_WIDTH])?;
            }
            self.tell_steps();
        }
        Ok(())
    }

    fn tell_steps(&mut self) {
        if let Some(&loss) = self.history.step_losses.last() {
            let done = self.history.step_losses.len() as u64;
            (self.observer)(&Event::Steps { done, rows: self.rows_done, loss });
        }
    }

    /// Adds up one entry of the ring: loss, number of correct rows, penalty, weight of the rows.
    fn take_in(&mut self, entry: Entry, filed: &[f32]) -> Result<()> {
        let (loss, correct) = (filed[0], filed[1]);
        if !loss.is_finite() {
            let step = self.history.step_losses.len() as u64;
            let what = if !entry.training {
                if self.kind.validates { "validation loss" } else { "test loss" }
            } else {
                "loss"
            };
            return Err(Error::Diverged { what: what.into(), step, epoch: entry.epoch.into(), value: loss });
        }
        let weight = if self.kind.has_weights { f64::from(filed[3]) } else { entry.rows as f64 };
        let sums = if entry.training { &mut self.train } else { &mut self.test };
        sums.rows += entry.rows;
        sums.weight += weight;
        sums.loss += f64::from(loss) * weight;
        sums.correct += f64::from(correct);
        if entry.training {
            sums.penalty += f64::from(filed[2]) * entry.rows as f64;
            self.history.step_losses.push(loss);
            self.rows_done += entry.rows as u64;
        }
        if entry.ends_epoch {
            self.tell_steps();
            let (train, test) = (std::mem::take(&mut self.train), std::mem::take(&mut self.test));
            let report = self.report(entry.epoch.into(), train, test);
            (self.observer)(&Event::Epoch(report.clone()));
            self.history.epochs.push(report);
        }
        Ok(())
    }

    fn report(&self, epoch: u64, train: Sums, held_out: Sums) -> EpochReport {
        let over = |sum: f64, whole: f64| (whole > 0.0).then(|| sum / whole);
        let accuracy = |sums: Sums| {
            if self.kind.takes_labels { over(sums.correct, sums.rows as f64) } else { None }
        };
        let of = |is_asked_for: bool, value: Option<f64>| if is_asked_for { value } else { None };
        let (loss, validates) = (over(held_out.loss, held_out.weight), self.kind.validates);
        EpochReport {
            epoch,
            train_loss: over(train.loss, train.weight).unwrap_or(0.0),
            train_penalty: of(self.kind.has_penalty, over(train.penalty, train.rows as f64)),
            train_accuracy: accuracy(train),
            validation_loss: of(validates, loss),
            validation_accuracy: of(validates, accuracy(held_out)),
            test_loss: of(!validates, loss),
            test_accuracy: of(!validates, accuracy(held_out)),
            learning_rate: self.rate.of_epoch(epoch),
        }
    }
}

/// Launches of a full training step.
pub(super) fn launches_of_a_step(plan: &Plan) -> usize {
    plan.phase("train").map_or(0, |phase| plan.phases()[phase.index()].launches.len())
}
