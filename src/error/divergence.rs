//! Where the numbers of a run went bad: which tensor first, at which step, in which rows, and why it may be.

use std::fmt;

/// Where a run first produced NaN or infinity.
///
/// ```
/// use anygrad::Divergence;
/// let divergence = Divergence {
///     tensor: "output of `0.matmul`".into(),
///     layer: Some("0".into()),
///     step: 12,
///     epoch: 2,
///     value: f32::INFINITY,
///     part: "training",
///     rows: vec![3, 17],
///     batch: 64,
///     cause: "feature `x` of row 3 is 3e38: scale or clean the data".into(),
/// };
/// assert_eq!(
///     divergence.to_string(),
///     "the output of `0.matmul` is inf at step 12 (epoch 2), in 2 of 64 training rows: 3, 17; feature `x` of row 3 is 3e38: \
///      scale or clean the data",
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// The first tensor of the step that holds such a value: a parameter by its name, else what it is.
    pub tensor: String,
    /// The path of the layer that it belongs to, if it does to one.
    pub layer: Option<String>,
    /// The training step, counted from 0 over the whole run; between steps, that of the step to come.
    pub step: u64,
    /// Its epoch, counted from 1.
    pub epoch: u64,
    /// The first such value in the tensor.
    pub value: f32,
    /// Which rows the step worked on: `training`, `validation` or `test`.
    pub part: &'static str,
    /// The rows in whose part of the tensor such values are; of a tensor without rows, those of the batch. Numbers of rows
    /// of the dataset, counted from 0. Empty if the step was not looked into.
    pub rows: Vec<usize>,
    /// Number of rows of the batch; 0 if the step was not looked into.
    pub batch: usize,
    /// The likely cause, and the remedy.
    pub cause: String,
}

/// Rows that a message names.
const MOST_ROWS: usize = 10;

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { tensor, step, epoch, value, part, rows, batch, cause, .. } = self;
        write!(f, "the {tensor} is {value} at step {step} (epoch {epoch})")?;
        if !rows.is_empty() {
            let shown: Vec<String> = rows.iter().take(MOST_ROWS).map(usize::to_string).collect();
            let more = if rows.len() > MOST_ROWS { " and others" } else { "" };
            write!(f, ", in {} of {batch} {part} rows: {}{more}", rows.len(), shown.join(", "))?;
        }
        write!(f, "; {cause}")
    }
}
