//! Rows that live on the device for a whole run: their kind, their place in the graph, their upload.

use crate::backend::Executor;
use crate::data::{Dataset, Features, Targets};
use crate::error::Result;
use crate::graph::{DType, Graph, Role, Shape, ValueId};

/// The kind of rows that a program is built for; their contents are uploaded later.
///
/// ```
/// use anygrad::{data, train::{RowsSpec, TargetSpec}};
/// let rows = RowsSpec::of(&data::xor(64, 0)?);
/// assert_eq!((rows.rows, rows.width, rows.target), (64, 2, TargetSpec::Labels(2)));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowsSpec {
    /// Number of rows.
    pub rows: usize,
    /// Features of a row.
    pub width: usize,
    /// Factor on each byte if the features are bytes on the device; `None` for floats.
    pub byte_scale: Option<f32>,
    /// Target of a row.
    pub target: TargetSpec,
    /// Whether rows have weights.
    pub weighted: bool,
}

/// The kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetSpec {
    /// A label of this many classes.
    Labels(usize),
    /// This many numbers.
    Values(usize),
}

impl RowsSpec {
    /// The kind of the rows of `data`.
    pub fn of(data: &Dataset) -> RowsSpec {
        let byte_scale = match data.features {
            Features::U8 { .. } => data.preprocessing.byte_scale(),
            Features::F32 { .. } => None,
        };
        let target = match &data.targets {
            Targets::Labels { classes, .. } => TargetSpec::Labels(classes.len()),
            Targets::Values { names, .. } => TargetSpec::Values(names.len()),
        };
        let (rows, width, weighted) = (data.rows(), data.features.width(), data.weights.is_some());
        RowsSpec { rows, width, byte_scale, target, weighted }
    }

    /// Number of classes; 0 if the target is numbers.
    pub fn classes(&self) -> usize {
        if let TargetSpec::Labels(classes) = self.target { classes } else { 0 }
    }
}

/// Resident rows.
#[derive(Clone, Copy, Debug)]
pub struct ResidentRows {
    /// What they are.
    pub kind: RowsSpec,
    /// `[N, I]`, floats or bytes.
    pub features: ValueId,
    /// `[N]` labels or `[N, O]` values.
    pub targets: ValueId,
    /// `[N, 1]`, the weights of the rows, if they have any.
    pub weights: Option<ValueId>,
}

impl ResidentRows {
    /// Declares room for rows of a kind in a graph.
    pub(super) fn declare(graph: &mut Graph, name: &str, kind: RowsSpec) -> ResidentRows {
        let dtype = if kind.byte_scale.is_some() { DType::U8 } else { DType::F32 };
        let features = graph.declare(format!("{name}.features"), [kind.rows, kind.width], dtype, Role::Dataset);
        let (shape, dtype): (Shape, DType) = match kind.target {
            TargetSpec::Labels(_) => ([kind.rows].into(), DType::U32),
            TargetSpec::Values(width) => ([kind.rows, width].into(), DType::F32),
        };
        let targets = graph.declare(format!("{name}.targets"), shape, dtype, Role::Dataset);
        let weights = || graph.declare(format!("{name}.weights"), [kind.rows, 1], DType::F32, Role::Dataset);
        ResidentRows { kind, features, targets, weights: kind.weighted.then(weights) }
    }

    /// Copies the rows of `data`, of the declared kind, to the device.
    pub(super) fn upload(self, executor: &mut Executor, data: &Dataset) -> Result<()> {
        match (&data.features, data.preprocessing.byte_scale()) {
            (Features::U8 { data, .. }, Some(_)) => {
                // Packed four to a word, the first in the lowest bits.
                let word = |bytes: &[u8]| {
                    bytes.iter().enumerate().fold(0u32, |word, (i, &byte)| word | u32::from(byte) << (8 * i))
                };
                executor.write_words(self.features, &data.chunks(4).map(word).collect::<Vec<_>>())?;
            }
            (features, _) => executor.write(self.features, &data.preprocessing.inputs(features))?,
        }
        if let (Some(value), Some(weights)) = (self.weights, &data.weights) {
            executor.write(value, weights)?;
        }
        match &data.targets {
            Targets::Labels { data: labels, .. } => executor.write_words(self.targets, labels),
            Targets::Values { data: values, .. } => {
                let mut values = values.clone();
                data.target_preprocessing.apply(&mut values);
                executor.write(self.targets, &values)
            }
        }
    }
}
