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
    loss: f64,
    correct: f64,
    penalty: f64,
}

impl Sums {
    fn add(&mut self, rows: usize, loss: f32, correct: f32, penalty: f32) {
        self.penalty += f64::from(penalty) * rows as f64;
        self.rows += rows;
        self.loss += f64::from(loss) * rows as f64;
        self.correct += f64::from(correct);
    }
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
    takes_labels: bool,
    has_penalty: bool,
    learning_rate: f32,
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
        takes_labels: bool,
        has_penalty: bool,
        learning_rate: f32,
        observer: &'a mut dyn FnMut(&Event),
    ) -> Result<Run<'a>> {
        let phases = Phases::find(executor.plan())?;
        let dispatches_per_step = executor.plan().phases()[phases.train.index()].dispatches.len();
        Ok(Run {
            executor,
            program,
            phases,
            takes_labels,
            has_penalty,
            learning_rate,
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
                self.take_in(entry, ring[at], ring[at + 1], ring[at + 2])?;
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

    fn take_in(&mut self, entry: Entry, loss: f32, correct: f32, penalty: f32) -> Result<()> {
        if !loss.is_finite() {
            let step = self.history.step_losses.len() as u64;
            let what = if entry.training { "loss" } else { "test loss" };
            return Err(Error::Diverged { what: what.into(), step, epoch: entry.epoch, value: loss });
        }
        if entry.training {
            self.history.step_losses.push(loss);
            self.rows_done += entry.rows as u64;
            self.train.add(entry.rows, loss, correct, penalty);
        } else {
            self.test.add(entry.rows, loss, correct, 0.0);
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

    fn report(&self, epoch: u64, train: Sums, test: Sums) -> EpochReport {
        let mean = |sum: f64, sums: Sums| (sums.rows > 0).then(|| sum / sums.rows as f64);
        let accuracy = |sums: Sums| if self.takes_labels { mean(sums.correct, sums) } else { None };
        EpochReport {
            epoch,
            train_loss: mean(train.loss, train).unwrap_or(0.0),
            train_penalty: self.has_penalty.then(|| mean(train.penalty, train)).flatten(),
            train_accuracy: accuracy(train),
            test_loss: mean(test.loss, test),
            test_accuracy: accuracy(test),
            learning_rate: self.learning_rate,
        }
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
