//! Rows of a training step, as code, flags and files state it: a number, or all.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// Rows of a training step.
///
/// ```
/// use anygrad::train::BatchSize;
/// assert_eq!("full".parse::<BatchSize>()?.rows(1437), 1437);
/// assert_eq!("64".parse::<BatchSize>()?, BatchSize::Rows(64));
/// assert!("0".parse::<BatchSize>().is_err());
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "BatchSizeValue", into = "BatchSizeValue")]
pub enum BatchSize {
    /// This many; 1 is stochastic descent.
    Rows(usize),
    /// All: batch descent.
    Full,
}

impl BatchSize {
    /// Rows of a step over a dataset of `rows`.
    pub fn rows(self, rows: usize) -> usize {
        match self {
            BatchSize::Rows(n) => n.min(rows),
            BatchSize::Full => rows,
        }
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchSize::Rows(n) => write!(f, "{n}"),
            BatchSize::Full => f.write_str("full"),
        }
    }
}

impl FromStr for BatchSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<BatchSize> {
        if text == "full" {
            return Ok(BatchSize::Full);
        }
        let rows = text.parse().ok().filter(|&n| n > 0);
        rows.map(BatchSize::Rows).ok_or_else(|| Error::option("batch_size", text, "must be a number from 1, or full"))
    }
}

/// The form in files: `64` or `"full"`.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum BatchSizeValue {
    Rows(usize),
    Word(String),
}

impl TryFrom<BatchSizeValue> for BatchSize {
    type Error = Error;
    fn try_from(value: BatchSizeValue) -> Result<BatchSize> {
        match value {
            BatchSizeValue::Rows(n) => n.to_string().parse(),
            BatchSizeValue::Word(text) => text.parse(),
        }
    }
}

impl From<BatchSize> for BatchSizeValue {
    fn from(size: BatchSize) -> BatchSizeValue {
        match size {
            BatchSize::Rows(n) => BatchSizeValue::Rows(n),
            BatchSize::Full => BatchSizeValue::Word("full".into()),
        }
    }
}
