//! The loop: queues phases, submits many at once, reads the ring back behind the device, adds up results.

use super::program::{Batches, Program, RING_SLOTS, RING_WIDTH};
use super::report::{EpochReport, Event, History};
use crate::backend::{Executor, Reading};
use crate::error::{Error, Result};
use crate::nn::Tensor;
use crate::plan::{PhaseId, Plan};
use std::collections::VecDeque;

/// Most steps in one submission.
const MOST_STEPS: usize = 64;
/// Arithmetic operations after which a submission is closed: about a second of work, so that a slow device still
/// answers in time and progress shows.
const FLOPS_PER_SUBMISSION: u64 = 10_000_000_000;
/// Submissions whose results are still on their way while the next is recorded.
const IN_FLIGHT: usize = 1;

/// One filed batch that the host still has to read.
#[derive(Clone, Copy, Debug)]
struct Entry {
    epoch: u64,
    rows: usize,
    training: bool,
    ends_epoch: bool,
}

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

/// Phase numbers of the program in its plan.
#[derive(Clone, Copy, Debug)]
struct Phases {
    begin_epoch: PhaseId,
    train: PhaseId,
    train_tail: Option<PhaseId>,
    begin_eval: Option<PhaseId>,
    eval: Option<PhaseId>,
    eval_tail: Option<PhaseId>,
}

/// A run in progress.
pub(super) struct Run<'a> {
    executor: &'a mut Executor,
    program: &'a Program,
    phases: Phases,
    kind: Kind,
    rates: Rates,
    queued_flops: u64,
    schedule: Vec<(PhaseId, u32)>,
    entries: Vec<Entry>,
    in_flight: VecDeque<(Vec<Entry>, Reading)>,
    slot: usize,
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
        rates: Rates,
        observer: &'a mut dyn FnMut(&Event),
    ) -> Result<Run<'a>> {
        let phases = Phases::find(executor.plan())?;
        let dispatches_per_step = executor.plan().phases()[phases.train.index()].dispatches.len();
        Ok(Run {
            executor,
            program,
            phases,
            kind,
            rates,
            queued_flops: 0,
            schedule: Vec::new(),
            entries: Vec::new(),
            in_flight: VecDeque::new(),
            slot: 0,
            train: Sums::default(),
            test: Sums::default(),
            rows_done: 0,
            observer,
            history: History { dispatches_per_step, ..History::default() },
        })
    }

    /// Queues a whole epoch; submits whenever enough is queued.
    pub async fn epoch(&mut self, epoch: u64) -> Result<()> {
        let (phases, batches) = (self.phases, self.program.train_batches);
        self.schedule.push((phases.begin_epoch, 1));
        let has_test = phases.eval.is_some();
        self.pass(epoch, true, batches, phases.train, phases.train_tail, !has_test).await?;
        if let (Some(begin), Some(eval), Some(batches)) = (phases.begin_eval, phases.eval, self.program.test_batches) {
            self.schedule.push((begin, 1));
            self.pass(epoch, false, batches, eval, phases.eval_tail, true).await?;
        }
        Ok(())
    }

    fn flops(&self, phase: PhaseId) -> u64 {
        self.executor.plan().phases()[phase.index()].flops().max(1)
    }

    /// How many more batches of a phase go into the submission that is being queued: at least one into an empty one.
    fn room(&self, phase: PhaseId) -> usize {
        let by_count = MOST_STEPS.saturating_sub(self.entries.len());
        let by_work = FLOPS_PER_SUBMISSION.saturating_sub(self.queued_flops) / self.flops(phase);
        let room = by_count.min(usize::try_from(by_work).unwrap_or(usize::MAX));
        if self.entries.is_empty() { room.max(1) } else { room }
    }

    #[allow(clippy::too_many_arguments)]
    async fn pass(
        &mut self,
        epoch: u64,
        training: bool,
        batches: Batches,
        full: PhaseId,
        tail: Option<PhaseId>,
        ends_epoch: bool,
    ) -> Result<()> {
        let mut left = batches.full;
        while left > 0 {
            let room = self.room(full);
            if room == 0 {
                self.submit().await?;
                continue;
            }
            let now = left.min(room);
            left -= now;
            self.queued_flops += now as u64 * self.flops(full);
            self.schedule.push((full, now as u32));
            for i in 0..now {
                let last = ends_epoch && tail.is_none() && left == 0 && i + 1 == now;
                self.entries.push(Entry { epoch, rows: batches.rows, training, ends_epoch: last });
            }
        }
        if let Some(tail) = tail {
            self.queued_flops += self.flops(tail);
            self.schedule.push((tail, 1));
            self.entries.push(Entry { epoch, rows: batches.tail, training, ends_epoch });
        }
        Ok(())
    }

    /// Submits what is queued, and takes in results that are due.
    async fn submit(&mut self) -> Result<()> {
        if self.schedule.is_empty() {
            return Ok(());
        }
        self.executor.run(&self.schedule)?;
        self.schedule.clear();
        self.queued_flops = 0;
        self.history.submissions += 1;
        let reading = self.executor.start_read(self.program.ring).await?;
        self.in_flight.push_back((std::mem::take(&mut self.entries), reading));
        self.drain(IN_FLIGHT).await
    }

    /// Submits everything and waits for all results.
    pub async fn finish(&mut self) -> Result<()> {
        self.submit().await?;
        self.drain(0).await
    }

    /// Reads the parameters as they are after everything submitted so far.
    pub async fn read_weights(&mut self, tensors: &mut [Tensor]) -> Result<()> {
        for (&value, tensor) in self.program.parameters.iter().zip(tensors) {
            tensor.data = self.executor.read(value).await?;
        }
        Ok(())
    }

    async fn drain(&mut self, keep: usize) -> Result<()> {
        while self.in_flight.len() > keep {
            let Some((entries, reading)) = self.in_flight.pop_front() else { break };
            let ring = self.executor.finish(reading).await?;
            for entry in entries {
                let at = RING_WIDTH * (self.slot % RING_SLOTS);
                self.slot += 1;
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
            return Err(Error::Diverged { what: what.into(), step, epoch: entry.epoch, value: loss });
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
            let report = self.report(entry.epoch, train, test);
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
            learning_rate: self.rates.of_epoch(epoch),
        }
    }

    /// Replaces the learning rate of the epochs to come; for a schedule that goes by results.
    pub fn set_learning_rate(&mut self, rate: f32) -> Result<()> {
        self.rates.table = vec![rate];
        match self.program.rates {
            Some(table) => self.executor.write(table, &self.rates.table),
            None => Err(Error::shape("schedule", "the program has no table of learning rates")),
        }
    }

    /// The learning rate of the epoch that was queued last.
    pub fn learning_rate(&self) -> f32 {
        self.rates.of_epoch(u64::MAX)
    }
}

/// The learning rates of a run.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    /// An entry per epoch or step; later ones are as the last.
    pub table: Vec<f32>,
    /// Steps of an epoch, if there is an entry per step; else 1.
    pub entries_per_epoch: u64,
}

impl Rates {
    /// At the end of an epoch, counted from 1.
    fn of_epoch(&self, epoch: u64) -> f32 {
        let last = epoch.saturating_mul(self.entries_per_epoch).saturating_sub(1);
        let at = usize::try_from(last).unwrap_or(usize::MAX);
        self.table[at.min(self.table.len() - 1)]
    }
}

impl Phases {
    fn find(plan: &Plan) -> Result<Phases> {
        let required =
            |name: &str| plan.phase(name).ok_or_else(|| Error::shape("plan", format!("has no phase `{name}`")));
        Ok(Phases {
            begin_epoch: required("begin_epoch")?,
            train: required("train")?,
            train_tail: plan.phase("train_tail"),
            begin_eval: plan.phase("begin_eval"),
            eval: plan.phase("eval"),
            eval_tail: plan.phase("eval_tail"),
        })
    }
}
