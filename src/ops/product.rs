//! The variants of matrix products, whatever their factors and whatever follows: one invocation per element; for real
//! GPUs tiles in workgroup memory and sums split along K; for drivers that run on a CPU tiles in registers, alone or
//! shared by a subgroup.
//!
//! `Params` of such a kernel starts with m, n and k; its constants say which matrix is stored transposed.

use crate::kernel::part::{Algorithm, DENSE, FOURS, PAIRS, TRANSPOSE_A, TRANSPOSE_B, native_wgsl, wgsl};
use crate::kernel::{ALWAYS, Accepts, Class, Constants, Grid, Requirements, Specialization, Target, Tile, Variant};

/// Invocations of a workgroup for drivers on a CPU: few, so that small products keep every core busy; and those of one
/// subgroup.
pub(crate) const SUBGROUP: u32 = 8;

/// How many elements a row of A and a row of B have as they are stored.
fn stored_rows(grid: &Grid, constants: &Constants) -> [usize; 2] {
    let [m, n, k] = grid.extents();
    let transposed = |constant: Specialization| constants.contains(&(constant.name, 1));
    [if transposed(TRANSPOSE_A) { m } else { k }, if transposed(TRANSPOSE_B) { k } else { n }]
}

/// Whether the rows of A and of B consist of whole vectors of this length.
fn aligned<const LENGTH: usize>(grid: &Grid, constants: &Constants) -> bool {
    stored_rows(grid, constants).iter().all(|row| row.is_multiple_of(LENGTH))
}

/// Whether reads of four neighbours are whole.
pub(crate) const WHOLE_FOURS: Accepts = aligned::<4>;

const WHOLE_PAIRS: Accepts = aligned::<2>;

/// Whether K counts the rows of A and of B, as in the gradient of a weight, and these are whole pairs and fours.
fn is_outer(grid: &Grid, constants: &Constants) -> bool {
    let [row_of_a, row_of_b] = stored_rows(grid, constants);
    let by_rows = constants.contains(&(TRANSPOSE_A.name, 1)) && !constants.contains(&(TRANSPOSE_B.name, 1));
    by_rows && row_of_a.is_multiple_of(2) && row_of_b.is_multiple_of(4)
}

/// Whether drivers on a CPU have subgroups that share products there: then these are small, and one kernel with others.
pub(crate) fn subgroups_share(target: &Target) -> bool {
    DENSE_VARIANTS.iter().any(|variant| variant.class == Class::Outer && target.can_run(variant))
}

const PLAIN: Algorithm = Algorithm {
    sources: &[wgsl!("product/plain.wgsl")],
    finish: None,
    beside: Some(wgsl!("beside/each.wgsl")),
    dense: [&DENSE; 2],
    scratch: false,
};
const TILED: Algorithm = Algorithm {
    sources: &[wgsl!("product/tiled.wgsl"), wgsl!("product/blocks.wgsl")],
    finish: Some(wgsl!("product/finish_four.wgsl")),
    beside: Some(wgsl!("beside/workgroup.wgsl")),
    dense: [&DENSE; 2],
    scratch: true,
};
const SPLIT_K: Algorithm =
    Algorithm { sources: &[wgsl!("product/split_k.wgsl"), wgsl!("product/blocks.wgsl")], ..TILED };
const REGISTERS: Algorithm = Algorithm {
    sources: &[wgsl!("product/registers.wgsl"), wgsl!("product/register_tile.wgsl")],
    finish: Some(wgsl!("product/finish_loop.wgsl")),
    beside: Some(wgsl!("beside/each.wgsl")),
    dense: [&DENSE; 2],
    scratch: false,
};
const REGISTERS_RAGGED: Algorithm =
    Algorithm { sources: &[wgsl!("product/registers_ragged.wgsl"), wgsl!("product/register_tile.wgsl")], ..REGISTERS };
const SUBGROUP_FOURS: Algorithm = Algorithm {
    sources: &[
        native_wgsl!("product/subgroup.wgsl"),
        native_wgsl!("product/subgroup_tile.wgsl"),
        native_wgsl!("product/subgroup_fours.wgsl"),
    ],
    dense: [&FOURS; 2],
    ..REGISTERS
};
const SUBGROUP_PAIRS: Algorithm = Algorithm {
    sources: &[
        native_wgsl!("product/subgroup.wgsl"),
        native_wgsl!("product/subgroup_tile.wgsl"),
        native_wgsl!("product/subgroup_pairs.wgsl"),
    ],
    dense: [&PAIRS; 2],
    ..REGISTERS
};
const OUTER: Algorithm = Algorithm {
    sources: &[native_wgsl!("product/outer.wgsl"), native_wgsl!("product/subgroup_tile.wgsl")],
    beside: Some(native_wgsl!("beside/outer.wgsl")),
    dense: [&PAIRS, &FOURS],
    ..REGISTERS
};

/// All ways to compute a product.
pub const ALGORITHMS: &[&Algorithm] =
    &[&PLAIN, &TILED, &SPLIT_K, &REGISTERS, &REGISTERS_RAGGED, &SUBGROUP_FOURS, &SUBGROUP_PAIRS, &OUTER];

/// A variant that needs nothing.
const fn row(
    name: &'static str,
    class: Class,
    algorithm: &'static Algorithm,
    tile: Tile,
    constants: &'static Constants,
) -> Variant {
    let source = algorithm.sources[0];
    Variant {
        name,
        file: source.file,
        source: source.text,
        entry_point: "",
        shared: &[],
        workgroup_size: SUBGROUP,
        constants,
        requirements: Requirements::NONE,
        class,
        tile,
        shares: true,
        accepts: ALWAYS,
        algorithm: Some(algorithm),
    }
}

const fn plain() -> Variant {
    let row = row("plain", Class::Element, &PLAIN, Tile::ELEMENT, &[("A_CELL", 1), ("B_CELL", 1)]);
    Variant { workgroup_size: 64, ..row }
}

/// A tile in registers: the smaller, the quicker to compile; the larger, the quicker to run. Those for ragged rows compile
/// quicker and run slower, too.
const fn registers<const ROWS: u32, const COLUMNS: u32>(name: &'static str, constants: &'static Constants) -> Variant {
    let tile = Tile::Invocation { rows: ROWS, columns: COLUMNS };
    let (algorithm, accepts) = match constants {
        [_, _, _, (_, 4)] => (&REGISTERS, WHOLE_FOURS),
        _ => (&REGISTERS_RAGGED, ALWAYS),
    };
    Variant { accepts, ..row(name, Class::Registers, algorithm, tile, constants) }
}

const fn subgroup(
    name: &'static str,
    class: Class,
    rows: u32,
    constants: &'static Constants,
    accepts: Accepts,
) -> Variant {
    let algorithm = match class {
        Class::SubgroupPairs => &SUBGROUP_PAIRS,
        Class::Outer => &OUTER,
        _ => &SUBGROUP_FOURS,
    };
    let requirements = Requirements { subgroup_size: SUBGROUP, words: true, ..Requirements::NONE };
    Variant { requirements, accepts, ..row(name, class, algorithm, Tile::Workgroup { rows, columns: 32 }, constants) }
}

/// Two pairs of tiles in workgroup memory.
const fn tiled<const TILE: u32, const TILE_K: u32>(
    name: &'static str,
    workgroup_size: u32,
    constants: &'static Constants,
    accepts: Accepts,
) -> Variant {
    let workgroup_bytes = 2 * 2 * TILE * TILE_K * 4;
    let requirements = Requirements { workgroup_bytes, ..Requirements::NONE };
    let row = row(name, Class::Tiled, &TILED, Tile::Workgroup { rows: TILE, columns: TILE }, constants);
    Variant { workgroup_size, requirements, accepts, ..row }
}

/// Four blocks of 4 × 4 for each slice in workgroup memory.
const fn split_k<const SLICES: u32>(name: &'static str, constants: &'static Constants, accepts: Accepts) -> Variant {
    let requirements = Requirements { workgroup_bytes: 4 * 16 * SLICES * 4, ..Requirements::NONE };
    let row = row(name, Class::SplitK, &SPLIT_K, Tile::Workgroup { rows: 8, columns: 8 }, constants);
    Variant { workgroup_size: 4 * SLICES, requirements, accepts, ..row }
}

macro_rules! tile {
    ($tile:literal, $tile_k:literal, $thread:literal, $cell:literal) => {
        &[
            ("TILE_M", $tile),
            ("TILE_N", $tile),
            ("TILE_K", $tile_k),
            ("THREAD_M", $thread),
            ("THREAD_N", $thread),
            ("A_CELL", $cell),
            ("B_CELL", $cell),
        ]
    };
}

macro_rules! registers {
    ($tile_m:literal, $tile_n:literal, $cell:literal) => {
        &[("TILE_M", $tile_m), ("TILE_N", $tile_n), ("A_CELL", $cell), ("B_CELL", $cell)]
    };
}

/// The variants of a product of two matrices.
pub static DENSE_VARIANTS: [Variant; 23] = [
    plain(),
    split_k::<16>("split_k_16_ragged", &[("SLICES", 16), ("A_CELL", 1), ("B_CELL", 1)], ALWAYS),
    split_k::<16>("split_k_16", &[("SLICES", 16), ("A_CELL", 4), ("B_CELL", 4)], WHOLE_FOURS),
    split_k::<64>("split_k_64_ragged", &[("SLICES", 64), ("A_CELL", 1), ("B_CELL", 1)], ALWAYS),
    split_k::<64>("split_k_64", &[("SLICES", 64), ("A_CELL", 4), ("B_CELL", 4)], WHOLE_FOURS),
    // The small tile keeps more workgroups busy, the large one reads less. 64 slices and tiles of 64 and 128 take all of
    // WebGPU's default workgroup memory.
    tiled::<32, 16>("tiled_32_ragged", 64, tile!(32, 16, 4, 1), ALWAYS),
    tiled::<32, 16>("tiled_32", 64, tile!(32, 16, 4, 4), WHOLE_FOURS),
    tiled::<64, 16>("tiled_64_ragged", 256, tile!(64, 16, 4, 1), ALWAYS),
    tiled::<64, 16>("tiled_64", 256, tile!(64, 16, 4, 4), WHOLE_FOURS),
    tiled::<128, 8>("tiled_128_ragged", 256, tile!(128, 8, 8, 1), ALWAYS),
    tiled::<128, 8>("tiled_128", 256, tile!(128, 8, 8, 4), WHOLE_FOURS),
    registers::<4, 8>("registers_4_ragged", registers!(4, 8, 1)),
    registers::<4, 8>("registers_4", registers!(4, 8, 4)),
    registers::<8, 8>("registers_8_ragged", registers!(8, 8, 1)),
    registers::<8, 8>("registers_8", registers!(8, 8, 4)),
    registers::<16, 16>("registers_16_ragged", registers!(16, 16, 1)),
    registers::<16, 16>("registers_16", registers!(16, 16, 4)),
    // Those that a subgroup shares. Reads of fours that are not whole take twice as long and compile slower.
    subgroup("subgroup_16_unaligned", Class::SubgroupFours, 16, &[("BLOCKS", 2), ("ALIGNED", 0)], ALWAYS),
    subgroup("subgroup_32_unaligned", Class::SubgroupFours, 32, &[("BLOCKS", 4), ("ALIGNED", 0)], ALWAYS),
    subgroup("subgroup_16", Class::SubgroupFours, 16, &[("BLOCKS", 2), ("ALIGNED", 1)], WHOLE_FOURS),
    subgroup("subgroup_32", Class::SubgroupFours, 32, &[("BLOCKS", 4), ("ALIGNED", 1)], WHOLE_FOURS),
    // A number of classes such as 10 is whole in pairs: in the gradients of the last layer.
    subgroup("subgroup_16_pairs", Class::SubgroupPairs, 16, &[("BLOCKS", 2)], WHOLE_PAIRS),
    // K counts the rows of both matrices, one step of it at a time.
    subgroup("outer_16", Class::Outer, 16, &[("BLOCKS", 2)], is_outer),
];

/// Where a factor is rows of a dataset: those that read elements or vec4.
pub static ROWS_VARIANTS: &[Variant] = DENSE_VARIANTS.split_at(17).0;
