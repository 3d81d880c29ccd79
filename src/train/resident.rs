//! Rows on the device: their kind, how many of them it holds at one time, their place in the graph.

use super::epoch::Batches;
use crate::data::{Dataset, Features, Targets};
use crate::graph::{DType, Graph, Role, Shape, ValueId};

/// Most bytes of the features of a packed file that the device holds unless more are asked for: a file is there to save
/// memory.
const MOST_PACKED_BYTES: u64 = 256 << 20;

/// The kind of rows that a program is built for; their contents come later.
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
    /// Most bytes of features that the device holds at one time, and most bytes of targets; more come in windows.
    pub most_bytes: u64,
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
        let byte_scale = data.preprocessing.byte_scale().filter(|_| data.features.are_bytes());
        let most_bytes = if let Features::Packed(_) = data.features { MOST_PACKED_BYTES } else { u64::MAX };
        let target = match &data.targets {
            Targets::Labels { classes, .. } => TargetSpec::Labels(classes.len()),
            Targets::Values { names, .. } => TargetSpec::Values(names.len()),
        };
        let (rows, width, weighted) = (data.rows(), data.features.width(), data.weights.is_some());
        RowsSpec { rows, width, byte_scale, target, weighted, most_bytes }
    }

    /// Bytes of the features of a row.
    pub(super) fn feature_bytes(&self) -> usize {
        self.width * if self.byte_scale.is_some() { 1 } else { size_of::<f32>() }
    }

    /// Most rows that the device holds at one time.
    pub(super) fn most_rows(&self) -> usize {
        let feature_bytes = self.feature_bytes();
        let target_bytes = 4 * if let TargetSpec::Values(width) = self.target { width } else { 1 };
        let most = self.most_bytes / feature_bytes.max(target_bytes) as u64;
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// Number of classes; 0 if the target is numbers.
    pub fn classes(&self) -> usize {
        if let TargetSpec::Labels(classes) = self.target { classes } else { 0 }
    }
}

/// Rows on the device: all of a kind, or the window of a few batches that moves over them.
#[derive(Clone, Copy, Debug)]
pub struct ResidentRows {
    /// What they are, and how many there are in all.
    pub kind: RowsSpec,
    /// H, the rows that the device holds at one time.
    pub held: usize,
    /// `[H, I]`, floats or bytes.
    pub features: ValueId,
    /// `[H]` labels or `[H, O]` values.
    pub targets: ValueId,
    /// `[H, 1]`, the weights of the rows, if they have any.
    pub weights: Option<ValueId>,
}

impl ResidentRows {
    /// Declares room in a graph for rows of a kind that come in these batches.
    pub(super) fn declare(graph: &mut Graph, name: &str, kind: RowsSpec, batches: &Batches) -> ResidentRows {
        let held = batches.window_rows().unwrap_or(kind.rows);
        let dtype = if kind.byte_scale.is_some() { DType::U8 } else { DType::F32 };
        let features = graph.declare(format!("{name}.features"), [held, kind.width], dtype, Role::Dataset);
        let (shape, dtype): (Shape, DType) = match kind.target {
            TargetSpec::Labels(_) => ([held].into(), DType::U32),
            TargetSpec::Values(width) => ([held, width].into(), DType::F32),
        };
        let targets = graph.declare(format!("{name}.targets"), shape, dtype, Role::Dataset);
        let weights = || graph.declare(format!("{name}.weights"), [held, 1], DType::F32, Role::Dataset);
        let weights = kind.weighted.then(weights);
        ResidentRows { kind, held, features, targets, weights }
    }
}
