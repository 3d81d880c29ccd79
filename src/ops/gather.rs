//! Copies the rows of a batch out of the resident dataset: `y[r] = data[order[batch_start + r]]`.
//!
//! `order` is the epoch's row order, `batch_start` is the clock's. Three kernels: `f32` features
//! `[N, I] → [B, I]`, byte features packed four to a word `[N, I] → [B, I]` times `scale`, and labels `[N] → [B]`.
//! Data has no gradient.

use super::{Operation, by_cells, extent, plain, rows_and_columns};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Extents, Inputs, Shape, Value,
    case::{floats, words},
};
use crate::kernel::error_bound::relative;
use crate::kernel::{Binding, Bound, Clock, Content, Float, Grid, KernelSpec, Tile, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Rows of the batch. Inputs: data, order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gather {
    /// Float features or targets.
    F32 {
        /// B
        rows: usize,
    },
    /// Byte features.
    U8 {
        /// B
        rows: usize,
        /// Factor on each byte, such as 1/255.
        scale: f32,
    },
    /// Labels.
    Labels {
        /// B
        rows: usize,
    },
}

uniform_struct! {
    /// Parameters of the three kernels.
    pub struct Params {
        /// Elements of the batch.
        count: u32,
        /// I, the elements of a row; 1 for labels.
        columns: u32,
        /// Factor on each byte; 1 for floats and labels.
        scale: f32,
    }
}

/// The kernel for floats.
pub const F32_SPEC: KernelSpec = KernelSpec {
    name: "gather_f32",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::read("data").holding(Content::Dataset),
        Binding::read_words("order").holding(Content::Order),
        Binding::write("batch"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &by_cells(plain!("gather_f32", [Grid, Clock])),
    twin: twin!(call_f32, fast = call_f32_fast),
    composition: None,
    entry_point: None,
};

/// The kernel for bytes.
pub const U8_SPEC: KernelSpec = KernelSpec {
    name: "gather_u8",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::read_words("data").holding(Content::Dataset),
        Binding::read_words("order").holding(Content::Order),
        Binding::write("batch"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[
        plain!("gather_u8", [Grid, Clock]),
        // Four bytes, a word, per invocation.
        Variant {
            name: "words",
            tile: Tile::elements(4),
            accepts: |grid, _| grid.is_whole(4),
            ..plain!("gather_u8_words", [Grid, Clock])
        },
    ],
    twin: twin!(call_u8, fast = call_u8_fast),
    composition: None,
    entry_point: None,
};

/// The kernel for labels.
pub const LABELS_SPEC: KernelSpec = KernelSpec {
    name: "gather_labels",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::read_words("data").holding(Content::Dataset),
        Binding::read_words("order").holding(Content::Order),
        Binding::write_words("batch"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[Variant { workgroup_size: 64, ..plain!("gather_labels", [Grid, Clock]) }],
    twin: twin!(call_labels),
    composition: None,
    entry_point: None,
};

impl Operation for Gather {
    fn spec(&self) -> &'static KernelSpec {
        match self {
            Gather::F32 { .. } => &F32_SPEC,
            Gather::U8 { .. } => &U8_SPEC,
            Gather::Labels { .. } => &LABELS_SPEC,
        }
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let name = self.spec().name;
        let [data, order] = inputs else { return Err(Error::shape(name, "takes data and order")) };
        order.shape.vector(name)?;
        match *self {
            Gather::F32 { rows } | Gather::U8 { rows, .. } => {
                let (_, columns) = data.shape.matrix(name)?;
                Ok(vec![([rows, columns].into(), DType::F32)])
            }
            Gather::Labels { rows } => {
                data.shape.vector(name)?;
                Ok(vec![([rows].into(), DType::U32)])
            }
        }
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let name = self.spec().name;
        shapes[0].elements_u32(name)?;
        let columns = shapes[0].dims().get(1).copied().unwrap_or(1);
        let scale = if let Gather::U8 { scale, .. } = *self { scale } else { 1.0 };
        let params = Params { count: shapes[2].elements_u32(name)?, columns: extent(name, columns)?, scale };
        Ok(params.to_bytes())
    }

    fn flops(&self, shapes: &[&Shape]) -> u64 {
        shapes[2].elements() as u64
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        let (rows, columns) = rows_and_columns(shapes[2]);
        Grid::Rows { rows, columns }
    }

    fn bound(&self, _inputs: &Inputs<'_>, at: Element) -> f64 {
        relative(1.0, at.expected)
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let (all, order) = ([rows + 3, columns], || words([rows + 3]));
    vec![
        Case::new(Gather::F32 { rows }, [floats(all), order()]),
        Case::new(Gather::U8 { rows, scale: 1.0 / 255.0 }, [(all.into(), DType::U8), order()]),
        Case::new(Gather::Labels { rows }, [words([rows + 3]), order()]),
    ]
}

fn call_f32_fast(call: &mut TwinCall<'_, '_, f32>) {
    let (columns, clock) = (call.params::<Params>().columns as usize, call.clock);
    let [Bound::Float(data), Bound::Word(order), Bound::FloatMut(batch)] = call.buffers else { panic!("{MISMATCH}") };
    for_each_part(
        [batch],
        columns,
        inlined!(|first, [batch]| gather_f32(columns, clock, data, &order[first / columns..], batch)),
    );
}

fn call_u8_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::Word(data), Bound::Word(order), Bound::FloatMut(batch)] = call.buffers else { panic!("{MISMATCH}") };
    let (columns, clock) = (params.columns as usize, call.clock);
    for_each_part(
        [batch],
        columns,
        inlined!(|first, [batch]| gather_u8(&params, clock, data, &order[first / columns..], batch)),
    );
}

fn call_f32<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(data), Bound::Word(order), Bound::FloatMut(batch)] = call.buffers else { panic!("{MISMATCH}") };
    gather_f32(params.columns as usize, call.clock, data, order, batch);
}

/// The definition for floats.
#[inline(always)]
fn gather_f32<F: Float>(columns: usize, clock: &Clock, data: &[F], order: &[u32], batch: &mut [F]) {
    for (row, batch) in batch_rows(clock, order).zip(batch.chunks_exact_mut(columns)) {
        batch.copy_from_slice(&data[row * columns..][..columns]);
    }
}

fn call_u8<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Word(data), Bound::Word(order), Bound::FloatMut(batch)] = call.buffers else { panic!("{MISMATCH}") };
    gather_u8(&params, call.clock, data, order, batch);
}

/// The definition for bytes.
#[inline(always)]
fn gather_u8<F: Float>(params: &Params, clock: &Clock, data: &[u32], order: &[u32], batch: &mut [F]) {
    let (columns, scale) = (params.columns as usize, F::from_f32(params.scale));
    let bytes: &[u8] = bytemuck::cast_slice(data);
    for (row, batch) in batch_rows(clock, order).zip(batch.chunks_exact_mut(columns)) {
        for (&byte, y) in bytes[row * columns..][..columns].iter().zip(batch) {
            *y = F::from_f32(f32::from(byte)) * scale;
        }
    }
}

fn call_labels<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let [Bound::Word(data), Bound::Word(order), Bound::WordMut(batch)] = call.buffers else { panic!("{MISMATCH}") };
    for (row, label) in batch_rows(call.clock, order).zip(batch.iter_mut()) {
        *label = data[row];
    }
}

/// The rows of a batch of floats or bytes, for the definition of kernels that read them where they lie.
pub(super) fn rows<F: Float>(params: &Params, clock: &Clock, data: &Bound<'_, F>, order: &[u32]) -> Vec<F> {
    let mut batch = vec![F::ZERO; params.count as usize];
    match data {
        Bound::Float(data) => gather_f32(params.columns as usize, clock, data, order, &mut batch),
        Bound::Word(data) => gather_u8(params, clock, data, order, &mut batch),
        _ => panic!("{MISMATCH}"),
    }
    batch
}

/// The dataset's row for each row of the batch.
fn batch_rows<'a>(clock: &Clock, order: &'a [u32]) -> impl Iterator<Item = usize> + 'a {
    let start = clock.batch_start as usize;
    order[start..].iter().map(|&row| row as usize)
}
