//! What an epoch consists of: the passes over the training rows and over those that are only evaluated, each in batches,
//! and the phases of the program that run them.

use super::queue::MOST_BATCHES;
use crate::graph::PhaseId;

/// The batches of a pass over rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Rows of a full batch.
    pub rows: usize,
    /// Number of full batches.
    pub full: usize,
    /// Rows of the last, smaller batch; 0 if there is none.
    pub tail: usize,
    /// Batches of a window, if the device holds the rows of no more than these at one time; else it holds all rows.
    pub window: Option<usize>,
}

/// A window of the rows of a pass: those of a few batches, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Whether the pass is over the training rows.
    pub training: bool,
    /// Number of the epoch.
    pub epoch: u32,
    /// Windows of the pass before it.
    pub number: usize,
}

impl Batches {
    /// The batches of `rows` rows, of which the device can hold `most` at one time, or the rows of one batch if these are
    /// more.
    pub(super) fn new(rows: usize, batch: usize, drop_last: bool, most: usize) -> Batches {
        let tail = if drop_last { 0 } else { rows % batch };
        let mut batches = Batches { rows: batch, full: rows / batch, tail, window: None };
        if rows > most {
            // Windows of one size, so that none is much smaller than the others.
            let windows = batches.count().div_ceil((most / batch).clamp(1, MOST_BATCHES));
            let window = batches.count().div_ceil(windows.max(1));
            batches.window = Some(window).filter(|window| window * batch < rows);
        }
        batches
    }

    /// Number of batches.
    pub fn count(&self) -> usize {
        self.full + usize::from(self.tail > 0)
    }

    /// Rows of the device's window, if it does not hold all.
    pub fn window_rows(&self) -> Option<usize> {
        self.window.map(|batches| batches * self.rows)
    }

    /// Windows of a pass; 0 if the device holds all rows.
    pub fn windows(&self) -> usize {
        self.window.map_or(0, |batches| self.count().div_ceil(batches))
    }

    /// Whether the batch at a position of the pass is the first of a window.
    pub(super) fn begins_window(&self, at: usize) -> bool {
        self.window.is_some_and(|batches| at.is_multiple_of(batches))
    }
}

/// A pass over rows: its batches, and the phases that run them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsPass {
    /// Its batches.
    pub batches: Batches,
    /// What comes before the first batch: the order of the rows.
    pub begin: PhaseId,
    /// A full batch.
    pub full: PhaseId,
    /// The last, smaller batch, if there is one.
    pub tail: Option<PhaseId>,
}

impl RowsPass {
    /// The phase and the rows of the batch at a position of the pass.
    pub(super) fn batch(&self, at: usize) -> (PhaseId, usize) {
        match self.tail {
            Some(tail) if at >= self.batches.full => (tail, self.batches.tail),
            _ => (self.full, self.batches.rows),
        }
    }
}

/// The passes of an epoch: over the training rows, then over the rows that are only evaluated, if there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The training rows: a batch is a step.
    pub train: RowsPass,
    /// The rows that are evaluated.
    pub eval: Option<RowsPass>,
}

impl Epoch {
    /// The pass that a batch belongs to.
    pub(super) fn pass(&self, training: bool) -> RowsPass {
        if training { self.train } else { self.eval.unwrap_or(self.train) }
    }
}
