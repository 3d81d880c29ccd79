//! What goes into one submission: the batches of a run, queued until it is full. The clock moves on here, and nowhere
//! else. The loop submits the queue, a forecast counts it.

use super::epoch::{Epoch, Window};
use super::learning_rate::LearningRate;
use crate::error::Result;
use crate::kernel::{Clock, Profile};
use crate::plan::{PhaseId, Plan};

/// Most batches in one submission.
pub(super) const MOST_BATCHES: usize = 64;
/// Arithmetic operations after which a submission is closed, at least: about a second of work of a slow device, so that it
/// still answers in time and progress shows.
const FLOPS_PER_SUBMISSION: u64 = 10_000_000_000;

/// Arithmetic operations after which a submission is closed: of a device of which more is expected, 100 ms of work.
fn most_flops(profile: &Profile) -> u64 {
    match profile.budget.flops {
        u64::MAX => FLOPS_PER_SUBMISSION,
        flops => flops.max(FLOPS_PER_SUBMISSION),
    }
}

/// Steps of so many operations that fit into one submission to a kind of device.
pub(super) fn most_steps(flops: u64, profile: &Profile) -> usize {
    ((most_flops(profile) / flops.max(1)) as usize).clamp(1, MOST_BATCHES)
}

/// One filed batch that the host still has to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub epoch: u32,
    /// Its entry of the ring, counted without wrapping.
    pub slot: u32,
    pub rows: usize,
    pub training: bool,
    pub ends_epoch: bool,
}

/// Where a run stands: the batch that is queued next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    /// Whether the batch is one of the training rows.
    pub training: bool,
    /// Batches of its pass before it.
    pub batch: usize,
    /// The clock as the batch before it left it.
    pub clock: Clock,
}

impl Position {
    /// The position at the beginning of a run.
    pub const START: Position = Position {
        training: true,
        batch: 0,
        clock: Clock { step: 0, epoch: 0, batch_start: 0, slot: 0, first_row: 0, learning_rate: 0.0 },
    };

    /// Whether the batch is the first of an epoch.
    pub fn is_between_epochs(&self) -> bool {
        self.training && self.batch == 0
    }

    /// What a run must do again before it goes on within a pass: the order of the rows is a function of the clock.
    pub fn begin_again(&self, epoch: &Epoch) -> Option<(PhaseId, Clock)> {
        (self.batch > 0).then(|| (epoch.pass(self.training).begin, self.clock))
    }

    /// Batches before it over the whole run, those of evaluations too.
    pub fn batches(&self) -> u32 {
        self.clock.slot
    }

    /// Whether a run of such epochs comes by here: what a file says must not lead it past its end.
    pub fn is_of(&self, epoch: &Epoch, counts_from_start: bool) -> bool {
        let counts = [Some(epoch.train), epoch.eval].map(|pass| pass.map_or(0, |pass| pass.batches.count() as u32));
        let [train, eval] = counts;
        let Clock { step, batch_start, slot, first_row, .. } = self.clock;
        let (count, before) = if self.training { (train, 0) } else { (eval, train) };
        let Some(batch) = u32::try_from(self.batch).ok().filter(|&batch| batch < count) else { return false };
        let done = self.epochs_done() as u32;
        let steps = done.wrapping_mul(train).wrapping_add(if self.training { batch } else { train });
        let batches = done.wrapping_mul(train.wrapping_add(eval)).wrapping_add(before + batch);
        let rows = epoch.pass(self.training).batches.rows as u32;
        let is_in_place = batch == 0 || batch_start == batch.wrapping_mul(rows);
        let has_begun = self.clock.epoch > 0 || self.is_between_epochs();
        let counts = !counts_from_start || (step, slot) == (steps, batches);
        has_begun && is_in_place && counts && first_row == 0
    }

    /// Epochs that are done.
    pub fn epochs_done(&self) -> u64 {
        u64::from(self.clock.epoch).saturating_sub(u64::from(!self.is_between_epochs()))
    }
}

/// The submission that is being put together.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub runs: Vec<(PhaseId, Clock)>,
    pub entries: Vec<Entry>,
    /// The window that its batches take rows from, if they do.
    pub window: Option<Window>,
    flops: u64,
}

impl Queue {
    /// Queues the next batch and moves the position behind it. Returns whether it did; if not, the submission is full.
    pub fn push(&mut self, epoch: &Epoch, position: &mut Position, rate: &LearningRate, plan: &Plan) -> Result<bool> {
        let pass = epoch.pass(position.training);
        let (phase, rows) = pass.batch(position.batch);
        let flops = plan.phases()[phase.index()].flops().max(1);
        // A window is brought to the device before a submission; the last, smaller batch goes with the others.
        let begins_window = pass.batches.begins_window(position.batch) && !self.entries.is_empty();
        if begins_window || (position.batch < pass.batches.full && !self.has_room(flops, plan.target().profile)) {
            return Ok(false);
        }
        let clock = &mut position.clock;
        if position.batch == 0 {
            if position.training {
                clock.begin_epoch()
            } else {
                clock.begin_pass()
            }
            self.runs.push((pass.begin, *clock));
        }
        if position.training {
            clock.learning_rate = rate.of_step(clock)?;
        }
        let mut run = *clock;
        if let Some(batches) = pass.batches.window {
            let (training, number) = (position.training, position.batch / batches);
            self.window = Some(Window { training, epoch: clock.epoch, number });
            // The device counts rows from the first of the window.
            run.batch_start -= (number * batches * pass.batches.rows) as u32;
        }
        self.runs.push((phase, run));
        self.flops += flops;
        let ends_pass = position.batch + 1 == pass.batches.count();
        let ends_epoch = ends_pass && (!position.training || epoch.eval.is_none());
        let (epoch, slot, training) = (clock.epoch, clock.slot, position.training);
        self.entries.push(Entry { epoch, slot, rows, training, ends_epoch });
        clock.end_batch(rows as u32, training);
        position.batch = if ends_pass { 0 } else { position.batch + 1 };
        position.training = if ends_pass { ends_epoch } else { training };
        Ok(true)
    }

    /// Whether one more batch of this many operations fits into the submission; into an empty one any does.
    fn has_room(&self, flops: u64, profile: &Profile) -> bool {
        let fits = most_flops(profile).saturating_sub(self.flops) >= flops;
        self.entries.is_empty() || (self.entries.len() < MOST_BATCHES && fits)
    }

    /// The batches and operations that the submission holds.
    pub fn level(&self) -> (usize, u64) {
        (self.entries.len(), self.flops)
    }

    /// Forgets what has been submitted and returns what it files.
    pub fn clear(&mut self) -> Vec<Entry> {
        self.runs.clear();
        self.window = None;
        self.flops = 0;
        std::mem::take(&mut self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MOST_RUNS;
    use crate::data;
    use crate::model::{Loss, Sequential};
    use crate::optim::Sgd;
    use crate::train::Trainer;

    /// Epochs of one batch begin as often as they step; a last, smaller batch goes along however full the submission
    /// is.
    #[test]
    fn each_epoch_begins_with_an_order_of_its_own() {
        let data = data::xor(40, 0).unwrap().split(0.25, 0).unwrap();
        let trainer = Trainer::new(Sequential::new(2).linear(2), Loss::cross_entropy(), Sgd::new(0.1)).epochs(3);
        let program = trainer.batch_size(8).program(&data.train, Some(&data.test)).unwrap();
        let trainer = Trainer::new(Sequential::new(2).linear(2), Loss::cross_entropy(), Sgd::new(0.1)).epochs(3);
        let (plan, rate) = (trainer.lower(&program).unwrap(), trainer.rate(&program));
        let (mut queue, mut position) = (Queue::default(), Position::START);
        while position.epochs_done() < 3 {
            assert!(queue.push(&program.epoch, &mut position, &rate, &plan).unwrap(), "a short run is one submission");
        }
        let begins = |begin: PhaseId| queue.runs.iter().filter(move |(phase, _)| *phase == begin);
        assert_eq!(begins(program.epoch.train.begin).map(|(_, clock)| clock.epoch).collect::<Vec<_>>(), [1, 2, 3]);
        let evaluations: Vec<u32> = begins(program.epoch.eval.unwrap().begin).map(|(_, clock)| clock.epoch).collect();
        assert_eq!(evaluations, [1, 2, 3]);
        // Its orders differ, and each is of all rows.
        let order = |epoch| {
            let order = crate::random::Permutation::new(program.key.unwrap(), epoch, 30);
            (0..30).map(|i| order.at(i)).collect::<Vec<_>>()
        };
        assert!(order(1) != order(2) && order(2) != order(3));
    }

    #[test]
    fn a_fast_device_is_given_more_at_once() {
        let steps = |profile| most_steps(9_800_000_000, profile);
        assert_eq!([&Profile::CPU, &Profile::SOFTWARE, &Profile::INTEGRATED].map(steps), [1; 3]);
        assert_eq!(steps(&Profile::DISCRETE), 10);
    }

    #[test]
    fn a_submission_has_no_more_runs_than_a_device_has_clocks() {
        let data = data::xor(40, 0).unwrap().split(0.25, 0).unwrap();
        let mut most = 0;
        for batch in [30, 29, 16, 15, 1] {
            let trainer = Trainer::new(Sequential::new(2).linear(2), Loss::cross_entropy(), Sgd::new(0.1));
            let trainer = trainer.batch_size(batch).epochs(500);
            let program = trainer.program(&data.train, Some(&data.test)).unwrap();
            let plan = trainer.lower(&program).unwrap();
            let (epoch, rate) = (program.epoch, trainer.rate(&program));
            let (mut queue, mut position) = (Queue::default(), Position::START);
            while position.epochs_done() < 500 {
                if !queue.push(&epoch, &mut position, &rate, &plan).unwrap() {
                    most = queue.runs.len().max(most);
                    queue.clear();
                }
            }
        }
        // One more checks what all these leave.
        assert!((2 * MOST_BATCHES..MOST_RUNS).contains(&most), "{most} runs");
    }
}
