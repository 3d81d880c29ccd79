//! Losses by name: which target they take and which op computes them.

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::ops::column_sum::ColumnSum;
use crate::ops::mean_squared_error::MeanSquaredError;
use crate::ops::softmax_cross_entropy::SoftmaxCrossEntropy;
use std::fmt;
use std::str::FromStr;

/// What training minimizes: the mean over the rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Cross-entropy of class labels from logits (PyTorch's `CrossEntropyLoss`).
    CrossEntropy,
    /// Mean over all elements of (ŷ − y)² (PyTorch's `MSELoss`).
    MeanSquaredError,
}

impl Loss {
    /// All losses.
    pub const ALL: [Loss; 2] = [Loss::CrossEntropy, Loss::MeanSquaredError];

    /// Cross-entropy of class labels from logits.
    pub fn cross_entropy() -> Loss {
        Loss::CrossEntropy
    }

    /// Mean squared error of values.
    pub fn mean_squared_error() -> Loss {
        Loss::MeanSquaredError
    }

    /// Name in flags and files.
    pub fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy => "cross_entropy",
            Loss::MeanSquaredError => "mean_squared_error",
        }
    }

    /// Whether the target is a class label (else a row of values).
    pub fn takes_labels(self) -> bool {
        self == Loss::CrossEntropy
    }

    /// Appends the loss of each row, `[B, 1]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the target does not fit the output.
    pub fn rows(self, graph: &mut Graph, output: ValueId, target: ValueId) -> Result<ValueId> {
        match self {
            Loss::CrossEntropy => graph.apply(SoftmaxCrossEntropy, &[output, target]),
            Loss::MeanSquaredError => graph.apply(MeanSquaredError, &[output, target]),
        }
    }

    /// Appends the mean of the row losses, `[1]`.
    ///
    /// # Errors
    /// As [`Loss::rows`].
    pub fn mean(self, graph: &mut Graph, output: ValueId, target: ValueId) -> Result<ValueId> {
        let rows = self.rows(graph, output, target)?;
        let (count, _) = graph.shape(rows).matrix(self.name())?;
        graph.apply(ColumnSum { scale: 1.0 / count as f32 }, &[rows])
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Loss {
    type Err = Error;

    fn from_str(name: &str) -> Result<Loss> {
        let known = || Loss::ALL.iter().map(|loss| loss.name());
        Loss::ALL.into_iter().find(|loss| loss.name() == name).ok_or_else(|| Error::unknown("loss", name, known()))
    }
}
