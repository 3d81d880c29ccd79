//! The table of all ops but the steps of optimizers, which stand with these in `optim`. One file per op holds everything
//! about it: formula, gradient, parameters, kernel, variants, dispatch and the CPU twin.

pub mod activation;
pub mod add_bias;
pub mod broadcast_rows;
pub mod class_weights;
pub mod classification_step;
pub mod clip;
pub mod column_sum;
pub mod correct_rows;
pub mod divide;
pub mod dropout;
pub mod elementwise;
pub mod fused;
pub mod gather;
pub mod label_values;
pub mod map;
pub mod margin_loss;
pub mod matmul;
pub mod non_finite;
pub mod penalty;
pub mod pointwise_loss;
pub mod product;
pub mod record;
pub mod scale;
pub mod shuffle;
pub mod softmax_cross_entropy;

pub use crate::graph::{Op, Operation};

use crate::error::{Error, Result};
use crate::graph::{Case, Extents, Shape};
use crate::kernel::source::CELL;
use crate::kernel::{Tile, Variant};

/// Rows and columns of a matrix that [`Operation::infer`] has let pass; a vector is a column.
pub(crate) fn rows_and_columns(shape: &Shape) -> (usize, usize) {
    let dims = shape.dims();
    (dims.first().copied().unwrap_or(1), dims.get(1).copied().unwrap_or(1))
}

/// An extent as the device's index type.
pub(crate) fn extent(place: &str, n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| Error::shape(place, format!("extent {n} exceeds 2³²")))
}

/// A variant with one invocation per element or row, from `shaders/<name>.wgsl` and shared parts.
macro_rules! plain {
    ($name:literal, [$($part:ident),*]) => {
        $crate::kernel::Variant::plain(
            $name,
            concat!($name, ".wgsl"),
            $crate::kernel::text::text!(include_str!(concat!("../../shaders/", $name, ".wgsl"))),
            &[$($crate::kernel::Shared::$part),*],
        )
    };
}
pub(crate) use plain;

/// The variants of a kernel bound by memory, from one file: one element per invocation, then four where rows are whole
/// fours.
pub(crate) const fn by_cells(plain: Variant) -> [Variant; 2] {
    [
        Variant { constants: &[(CELL, 1)], ..plain },
        Variant {
            name: "vec4",
            constants: &[(CELL, 4)],
            tile: Tile::elements(4),
            accepts: |grid, _| grid.is_whole(4),
            ..plain
        },
    ]
}

/// What a table of ops makes: for each op's file the kernels in it, and the stages.
macro_rules! table {
    ($($op:ident: $($spec:ident),+ $(=> $($part:ident),+)?;)*) => {
        /// All kernels of this room's single ops, in the order of its table. Fused ones are as many as chains: those of
        /// [`cases`] stand for them.
        pub fn kernels() -> Vec<&'static $crate::kernel::KernelSpec> {
            vec![$($(&$op::$spec),+),*]
        }

        /// The stages of all ops that have one.
        pub const STAGES: &[&$crate::kernel::part::Part] = &[$($($(&$op::$part),+,)?)*];

        fn cases_of_ops(extents: $crate::graph::Extents) -> Vec<$crate::graph::Case> {
            [$($op::cases(extents)),*].concat()
        }
    };
}
pub(crate) use table;

table! {
    matmul: SPEC;
    add_bias: SPEC => PART;
    column_sum: SPEC;
    broadcast_rows: SPEC;
    elementwise: SPEC;
    divide: SPEC;
    activation: SPEC, GRAD_SPEC => PART, GRAD_PART;
    dropout: SPEC => PART;
    softmax_cross_entropy: SPEC, GRAD_SPEC;
    pointwise_loss: SPEC, GRAD_SPEC;
    margin_loss: SPEC, GRAD_SPEC;
    penalty: SPEC, GRAD_SPEC;
    scale: SPEC => PART;
    record: SPEC, PAIR_SPEC;
    non_finite: SPEC;
    label_values: SPEC;
    class_weights: SPEC;
    correct_rows: SPEC;
    clip: VALUE_SPEC, NORM_SPEC => PART;
    gather: F32_SPEC, U8_SPEC, LABELS_SPEC;
    classification_step: SPEC;
    shuffle: SPEC;
}

/// Every op, and every kernel, on tensors of these extents: what the tests compare. Those of the steps of optimizers are
/// `optim::cases`.
///
/// ```
/// use anygrad::graph::Extents;
/// for case in anygrad::ops::cases(Extents { rows: 5, columns: 3, inner: 4 }) {
///     assert!(!case.variants()?.is_empty(), "{}", case.op.name());
/// }
/// # Ok::<(), anygrad::Error>(())
/// ```
pub fn cases(extents: Extents) -> Vec<Case> {
    [cases_of_ops(extents), fused::cases(extents)].concat()
}
