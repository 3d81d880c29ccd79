//! What a step on the board shows, before its numbers are read.

use crate::graph::ValueId;

/// Part of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The row.
    Input,
    /// From the row to the output, with local derivatives.
    Forward,
    /// The loss, and its derivative by the output.
    Loss,
    /// Gradients, from the output to the first layer.
    Backward,
    /// The optimizer's step.
    Update,
    /// The loss of the same row with the new weights.
    After,
}

/// When a value is read: after forward and backward pass, or after update and second pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
}

/// A step whose numbers are still to be read.
pub(super) struct Draft {
    pub stage: Stage,
    pub layer: Option<usize>,
    pub formula: String,
    pub values: Vec<Shown>,
}

/// A tensor that is shown under a symbol.
pub(super) struct Shown {
    pub symbol: String,
    pub value: ValueId,
    pub moment: Moment,
    /// If the value is several tensors one after the other, which of them.
    pub slot: Option<usize>,
}

impl Shown {
    pub fn new(symbol: String, value: ValueId, moment: Moment) -> Shown {
        Shown { symbol, value, moment, slot: None }
    }
}
