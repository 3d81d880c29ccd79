//! What goes into one submission: steps of a run, queued until it is full. The loop submits it, a forecast counts it.

use super::program::Batches;
use crate::error::{Error, Result};
use crate::plan::{PhaseId, Plan};

/// Most steps in one submission.
const MOST_STEPS: usize = 64;
/// Arithmetic operations after which a submission is closed: about a second of work, so that a slow device still
/// answers in time and progress shows.
const FLOPS_PER_SUBMISSION: u64 = 10_000_000_000;

/// One filed batch that the host still has to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub epoch: u64,
    pub rows: usize,
    pub training: bool,
    pub ends_epoch: bool,
}

/// Phase numbers of the program in its plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phases {
    pub begin_epoch: PhaseId,
    pub train: PhaseId,
    pub train_tail: Option<PhaseId>,
    pub begin_eval: Option<PhaseId>,
    pub eval: Option<PhaseId>,
    pub eval_tail: Option<PhaseId>,
}

impl Phases {
    pub fn find(plan: &Plan) -> Result<Phases> {
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

    /// The passes of an epoch: over the training rows, then over the rows that are only evaluated.
    pub fn passes(&self, epoch: u64, train: Batches, test: Option<Batches>) -> Vec<Pass> {
        let pass = |training, begin, full, tail, batches: Batches, ends_epoch| Pass {
            epoch,
            training,
            begin: Some(begin),
            full,
            left: batches.full,
            tail,
            batches,
            ends_epoch,
        };
        let mut passes = vec![pass(true, self.begin_epoch, self.train, self.train_tail, train, self.eval.is_none())];
        if let (Some(begin), Some(eval), Some(test)) = (self.begin_eval, self.eval, test) {
            passes.push(pass(false, begin, eval, self.eval_tail, test, true));
        }
        passes
    }
}

/// A pass over rows, as far as it is not queued yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    epoch: u64,
    training: bool,
    begin: Option<PhaseId>,
    full: PhaseId,
    left: usize,
    tail: Option<PhaseId>,
    batches: Batches,
    ends_epoch: bool,
}

/// The submission that is being put together.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub schedule: Vec<(PhaseId, u32)>,
    pub entries: Vec<Entry>,
    flops: u64,
}

impl Queue {
    /// Queues of a pass as much as the submission holds. Returns whether all of it is queued; if not, the submission is
    /// full.
    pub fn fill(&mut self, pass: &mut Pass, plan: &Plan) -> bool {
        if let Some(begin) = pass.begin.take() {
            self.schedule.push((begin, 1));
        }
        while pass.left > 0 {
            let room = self.room(pass.full, plan);
            if room == 0 {
                return false;
            }
            let now = pass.left.min(room);
            pass.left -= now;
            self.flops += now as u64 * flops(plan, pass.full);
            self.schedule.push((pass.full, now as u32));
            for i in 0..now {
                let last = pass.ends_epoch && pass.tail.is_none() && pass.left == 0 && i + 1 == now;
                self.file(pass, pass.batches.rows, last);
            }
        }
        if let Some(tail) = pass.tail.take() {
            self.flops += flops(plan, tail);
            self.schedule.push((tail, 1));
            self.file(pass, pass.batches.tail, pass.ends_epoch);
        }
        true
    }

    fn file(&mut self, pass: &Pass, rows: usize, ends_epoch: bool) {
        self.entries.push(Entry { epoch: pass.epoch, rows, training: pass.training, ends_epoch });
    }

    /// How many more batches of a phase go into the submission: at least one into an empty one.
    fn room(&self, phase: PhaseId, plan: &Plan) -> usize {
        let by_count = MOST_STEPS.saturating_sub(self.entries.len());
        let by_work = FLOPS_PER_SUBMISSION.saturating_sub(self.flops) / flops(plan, phase);
        let room = by_count.min(usize::try_from(by_work).unwrap_or(usize::MAX));
        if self.entries.is_empty() { room.max(1) } else { room }
    }

    /// How full the submission is.
    pub fn level(&self) -> (usize, u64) {
        (self.entries.len(), self.flops)
    }

    /// Forgets what has been submitted and returns what it files.
    pub fn clear(&mut self) -> Vec<Entry> {
        self.schedule.clear();
        self.flops = 0;
        std::mem::take(&mut self.entries)
    }
}

fn flops(plan: &Plan, phase: PhaseId) -> u64 {
    plan.phases()[phase.index()].flops().max(1)
}
