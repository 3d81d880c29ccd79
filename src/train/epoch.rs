//! What an epoch consists of: the passes over the training rows and over those that are only evaluated, each in batches,
//! and the phases of the program that run them.

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
}

impl Batches {
    pub(super) fn new(rows: usize, batch: usize, drop_last: bool) -> Batches {
        Batches { rows: batch, full: rows / batch, tail: if drop_last { 0 } else { rows % batch } }
    }

    /// Number of batches.
    pub fn count(&self) -> usize {
        self.full + usize::from(self.tail > 0)
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
