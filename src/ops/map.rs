//! Ops on each element of a tensor: their kernels are a pass over it with one stage, and the stage is also part of fused
//! products (`ops/fused/`), so that each rule stands once.
//!
//! `Params` of such an op starts with the number of elements and the number in a row.

use crate::error::Result;
use crate::graph::Shape;
use crate::kernel::part::{Part, STORE, Source, wgsl};
use crate::kernel::source::CELL;
use crate::kernel::{
    ALWAYS, Class, Composition, Constants, Grid, Head, KernelSpec, Requirements, Tile, Twin, Variant, composed,
};

/// The kernel of an op with one stage, which takes the elements of the op's input at position `value`.
pub(crate) fn kernel(part: &'static Part, value: usize, twin: Twin) -> &'static KernelSpec {
    let variants: &'static [Variant] = match part {
        Part { draws: true, .. } => &FOURS,
        Part { cells: true, .. } => &CELLS,
        _ => CELLS.split_at(1).0,
    };
    let chain: &[&'static Part] = if part.changes_in_place() { &[part] } else { &[part, &STORE] };
    let composition = Composition { head: Head::Map(value), chain, beside: &[] };
    composed(composition, variants, twin)
}

/// Elements of a tensor, and of a row of it.
pub(crate) fn extents(place: &str, shape: &Shape) -> Result<[u32; 2]> {
    let count = shape.elements_u32(place)?;
    let columns = shape.dims().last().map_or(1, |&columns| columns as u32);
    Ok([count, columns])
}

/// What an op computes: the elements of a tensor, row by row.
pub(crate) fn grid(shape: &Shape) -> Grid {
    let columns = shape.dims().last().map_or(1, |&columns| columns.max(1));
    Grid::Rows { rows: shape.elements() / columns, columns }
}

const fn row(name: &'static str, source: Source, constants: &'static Constants, elements: u32) -> Variant {
    Variant {
        name,
        file: source.file,
        source: source.text,
        entry_point: "",
        shared: &[],
        workgroup_size: 256,
        constants,
        requirements: Requirements::NONE,
        class: Class::Element,
        tile: Tile::elements(elements),
        shares: true,
        accepts: ALWAYS,
        algorithm: None,
    }
}

/// One element, or four neighbours, to an invocation.
static CELLS: [Variant; 2] = [
    row("plain", CELLS_FILE, &[(CELL, 1)], 1),
    Variant { accepts: |grid, _| grid.is_whole(4), ..row("vec4", CELLS_FILE, &[(CELL, 4)], 4) },
];

/// Four neighbours to an invocation, which draws random numbers for all of them.
static FOURS: [Variant; 1] = [row("plain", FOURS_FILE, &[], 4)];

const CELLS_FILE: Source = wgsl!("map/cells.wgsl");
const FOURS_FILE: Source = wgsl!("map/fours.wgsl");

/// The files of all passes over a tensor.
pub const SOURCES: &[Source] = &[CELLS_FILE, FOURS_FILE];
