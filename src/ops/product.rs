//! The variants that kernels with a matrix product at their heart share: one invocation per element; for real GPUs
//! tiles in workgroup memory and sums split along K; for drivers that run on a CPU tiles in registers, alone or shared
//! by a subgroup.
//!
//! `Params` of such a kernel starts with m, n and k; its constants say which matrix is stored transposed. Its file
//! `x_registers.wgsl` states what happens to a finished element (`store`, or `store_four` for four neighbours at once);
//! `shaders/shared/product*.wgsl` compute it.

use super::{Workgroups, linear_grid};
use crate::kernel::{ALWAYS, Accepts, Constants, Requirements, Shared, Suits, Variant};

/// Invocations of a workgroup for drivers on a CPU: few, so that small products keep every core busy; and those of one
/// subgroup.
pub(crate) const SUBGROUP: u32 = 8;
/// Rows and columns of C that a workgroup computes where K is split.
const SPLIT_TILE: u32 = 8;
/// With so many workgroups a GPU counts as occupied.
const OCCUPIED: u64 = 128;

/// m, n and k, with which `Params` start.
pub(crate) fn extents(params: &[u8]) -> [u32; 3] {
    bytemuck::pod_read_unaligned(&params[..12])
}

/// How many elements a row of A and a row of B have as they are stored.
fn stored_rows(params: &[u8], constants: &Constants) -> [u32; 2] {
    let [m, n, k] = extents(params);
    let transposed = |name| constants.contains(&(name, 1));
    [if transposed("TRANSPOSE_A") { m } else { k }, if transposed("TRANSPOSE_B") { k } else { n }]
}

/// Whether the rows of A and of B consist of whole vectors of this length.
fn aligned<const LENGTH: u32>(params: &[u8], constants: &Constants) -> bool {
    stored_rows(params, constants).iter().all(|row| row.is_multiple_of(LENGTH))
}

const FOURS: Accepts = aligned::<4>;

const PAIRS: Accepts = aligned::<2>;

/// Whether K counts the rows of A and of B, as in the gradient of a weight, and these are whole pairs and fours.
fn is_outer(params: &[u8], constants: &Constants) -> bool {
    let [row_of_a, row_of_b] = stored_rows(params, constants);
    let by_rows = constants.contains(&("TRANSPOSE_A", 1)) && !constants.contains(&("TRANSPOSE_B", 1));
    by_rows && row_of_a.is_multiple_of(2) && row_of_b.is_multiple_of(4)
}

/// How many tiles cover C.
fn tiles(m: u32, n: u32, tile_m: u32, tile_n: u32) -> u64 {
    u64::from(m.div_ceil(tile_m)) * u64::from(n.div_ceil(tile_n))
}

/// Whether C has enough tiles of this size to occupy a GPU, and more of them filled than empty.
fn occupies<const TILE: u32>(params: &[u8], _: &Constants) -> bool {
    let [m, n, _] = extents(params);
    m.min(n) > TILE / 2 && tiles(m, n, TILE, TILE) >= OCCUPIED
}

/// Whether K is so long that each of this many slices has four steps of it.
fn has_slices<const SLICES: u32>(params: &[u8], _: &Constants) -> bool {
    let [_, _, k] = extents(params);
    k >= 4 * SLICES
}

/// How many multiply-adds a product takes.
fn multiply_adds(params: &[u8]) -> u64 {
    let [m, n, k] = extents(params);
    tiles(m, n, 1, 1) * u64::from(k)
}

/// Whether a product is so large that what is quick to run pays, rather than what is quick to compile.
fn is_large(params: &[u8], _: &Constants) -> bool {
    multiply_adds(params) >= 1 << 26
}

/// Whether one tile of 32 × 32 costs a driver on a CPU less than two of 16 × 32 and pays, though it takes twice as long to
/// compile.
fn fills_32(params: &[u8], constants: &Constants) -> bool {
    let [m, n, _] = extents(params);
    m > 16 && n > 32 && is_large(params, constants)
}

/// Whether a product is so small that what is quick to compile takes little longer than what is quick to run, or not large
/// and reads in fours would not be whole, or save little because K counts the rows of B: then the gradients of all layers
/// share a kernel, with that of the last, whose rows are seldom whole fours.
fn pairs_pay(params: &[u8], constants: &Constants) -> bool {
    let by_rows = !constants.contains(&("TRANSPOSE_B", 1));
    multiply_adds(params) <= 1 << 17 || !is_large(params, constants) && (by_rows || !FOURS(params, constants))
}

fn outer_pays(params: &[u8], constants: &Constants) -> bool {
    !is_large(params, constants)
}

/// The workgroups for an `[m, n]` result of a variant of [`product_variants`].
pub(crate) fn workgroups(variant: &Variant, m: u32, n: u32) -> Workgroups {
    let per_workgroup = u64::from(variant.workgroup_size);
    let constant = |name| variant.constant(name);
    linear_grid(match variant.name.split('_').next() {
        Some("tiled") => tiles(m, n, constant("TILE_M"), constant("TILE_N")),
        Some("split") => tiles(m, n, SPLIT_TILE, SPLIT_TILE),
        Some("registers") => tiles(m, n, 8, 16).div_ceil(per_workgroup),
        Some("subgroup" | "outer") => tiles(m, n, 8 * constant("BLOCKS"), 32),
        _ => tiles(m, n, 1, 1).div_ceil(per_workgroup),
    })
}

/// The WGSL of a kernel with a product.
pub(crate) struct Sources {
    /// `x_registers.wgsl`: its name, content and entry point.
    pub file: &'static str,
    /// Content of the file.
    pub source: &'static str,
    /// Name of the entry point.
    pub entry_point: &'static str,
    /// The shared parts behind each way to compute the product.
    pub tiled: &'static [Shared],
    /// The same where K is split.
    pub split_k: &'static [Shared],
    /// The same in registers.
    pub registers: &'static [Shared],
    /// The same in registers that a subgroup shares, four steps of K at once.
    pub fours: &'static [Shared],
    /// The same, two steps at once.
    pub pairs: &'static [Shared],
    /// The same where K counts the rows of both matrices, one step at a time.
    pub outer: &'static [Shared],
}

impl Sources {
    /// A variant that needs nothing and suits drivers on a CPU.
    const fn row(
        &self,
        name: &'static str,
        shared: &'static [Shared],
        constants: &'static Constants,
        accepts: Accepts,
        pays: Accepts,
    ) -> Variant {
        Variant {
            name,
            file: self.file,
            source: self.source,
            entry_point: self.entry_point,
            shared,
            workgroup_size: SUBGROUP,
            constants,
            requirements: Requirements::NONE,
            suits: Suits::Software,
            accepts,
            pays,
        }
    }

    const fn registers(&self, name: &'static str, constants: &'static Constants, accepts: Accepts) -> Variant {
        self.row(name, self.registers, constants, accepts, ALWAYS)
    }

    const fn subgroup(
        &self,
        name: &'static str,
        shared: &'static [Shared],
        constants: &'static Constants,
        accepts: Accepts,
        pays: Accepts,
    ) -> Variant {
        let requirements = Requirements { subgroup_size: SUBGROUP, words: true, ..Requirements::NONE };
        Variant { requirements, ..self.row(name, shared, constants, accepts, pays) }
    }

    /// Two pairs of tiles in workgroup memory.
    const fn tiled<const TILE: u32, const TILE_K: u32>(
        &self,
        name: &'static str,
        workgroup_size: u32,
        constants: &'static Constants,
        accepts: Accepts,
    ) -> Variant {
        let workgroup_bytes = 2 * 2 * TILE * TILE_K * 4;
        let requirements = Requirements { workgroup_bytes, ..Requirements::NONE };
        let row = self.row(name, self.tiled, constants, accepts, occupies::<TILE>);
        Variant { workgroup_size, requirements, suits: Suits::Hardware, ..row }
    }

    /// Four blocks of 4 × 4 for each slice in workgroup memory.
    const fn split_k<const SLICES: u32>(
        &self,
        name: &'static str,
        constants: &'static Constants,
        accepts: Accepts,
    ) -> Variant {
        let requirements = Requirements { workgroup_bytes: 4 * 16 * SLICES * 4, ..Requirements::NONE };
        let row = self.row(name, self.split_k, constants, accepts, has_slices::<SLICES>);
        Variant { workgroup_size: 4 * SLICES, requirements, suits: Suits::Hardware, ..row }
    }
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

macro_rules! fours {
    ($blocks:literal, $aligned:literal) => {
        &[("A_WORDS", 2), ("B_WORDS", 2), ("BLOCKS", $blocks), ("ALIGNED", $aligned)]
    };
}

/// Those that a subgroup does not share.
pub(crate) const fn alone(plain: Variant, of: &Sources) -> [Variant; 13] {
    [
        plain,
        of.split_k::<16>("split_k_16_ragged", &[("SLICES", 16), ("A_CELL", 1), ("B_CELL", 1)], ALWAYS),
        of.split_k::<16>("split_k_16", &[("SLICES", 16), ("A_CELL", 4), ("B_CELL", 4)], FOURS),
        of.split_k::<64>("split_k_64_ragged", &[("SLICES", 64), ("A_CELL", 1), ("B_CELL", 1)], ALWAYS),
        of.split_k::<64>("split_k_64", &[("SLICES", 64), ("A_CELL", 4), ("B_CELL", 4)], FOURS),
        // The small tile keeps more workgroups busy, the large one reads less. 64 slices and tiles of 64 and 128 take
        // all of WebGPU's default workgroup memory.
        of.tiled::<32, 16>("tiled_32_ragged", 64, tile!(32, 16, 4, 1), ALWAYS),
        of.tiled::<32, 16>("tiled_32", 64, tile!(32, 16, 4, 4), FOURS),
        of.tiled::<64, 16>("tiled_64_ragged", 256, tile!(64, 16, 4, 1), ALWAYS),
        of.tiled::<64, 16>("tiled_64", 256, tile!(64, 16, 4, 4), FOURS),
        of.tiled::<128, 8>("tiled_128_ragged", 256, tile!(128, 8, 8, 1), ALWAYS),
        of.tiled::<128, 8>("tiled_128", 256, tile!(128, 8, 8, 4), FOURS),
        of.registers("registers_ragged", &[("A_CELL", 1), ("B_CELL", 1)], ALWAYS),
        of.registers("registers", &[("A_CELL", 4), ("B_CELL", 4)], FOURS),
    ]
}

/// Those that a subgroup shares, several steps of K at once.
pub(crate) const fn subgroup(of: &Sources) -> [Variant; 5] {
    [
        // Reads of fours that are not whole take twice as long and compile slower.
        of.subgroup("subgroup_16_unaligned", of.fours, fours!(2, 0), ALWAYS, ALWAYS),
        of.subgroup("subgroup_32_unaligned", of.fours, fours!(4, 0), ALWAYS, fills_32),
        of.subgroup("subgroup_16", of.fours, fours!(2, 1), FOURS, ALWAYS),
        of.subgroup("subgroup_32", of.fours, fours!(4, 1), FOURS, fills_32),
        // A number of classes such as 10 is whole in pairs: in the gradients of the last layer.
        of.subgroup("subgroup_16_pairs", of.pairs, &[("A_WORDS", 1), ("B_WORDS", 1), ("BLOCKS", 2)], PAIRS, pairs_pay),
    ]
}

/// That which a subgroup shares where K counts the rows of both matrices, one step of it at a time.
pub(crate) const fn outer(of: &Sources) -> [Variant; 1] {
    let constants = &[("A_WORDS", 1), ("B_WORDS", 2), ("BLOCKS", 2)];
    [of.subgroup("outer_16", of.outer, constants, is_outer, outer_pays)]
}

/// All of them in one table.
pub(crate) const fn joined<const COUNT: usize>(parts: &[&[Variant]]) -> [Variant; COUNT] {
    let mut all = [parts[0][0]; COUNT];
    let (mut part, mut i, mut count) = (0, 0, 0);
    while part < parts.len() {
        if i < parts[part].len() {
            all[count] = parts[part][i];
            (i, count) = (i + 1, count + 1);
        } else {
            (part, i) = (part + 1, 0);
        }
    }
    all
}

/// How many they are.
pub(crate) const fn count(parts: &[&[Variant]]) -> usize {
    let (mut part, mut count) = (0, 0);
    while part < parts.len() {
        (part, count) = (part + 1, count + parts[part].len());
    }
    count
}

/// The variant table of a kernel: what a subgroup shares (`subgroup`, and `outer` where K may count the rows of both
/// matrices); its name and the shared parts that its own files use; then those behind products with workgroup memory, those
/// behind products without, and of these behind `outer`, if they are not just what calls `store` for each element.
macro_rules! product_variants {
    ($forms:tt, $name:literal, $parts:tt) => {
        product_variants!($forms, $name, $parts, workgroup [StoreFour], alone [StoreLoop])
    };
    ($forms:tt, $name:literal, $parts:tt, workgroup $workgroup:tt, alone $alone:tt) => {
        product_variants!($forms, $name, $parts, workgroup $workgroup, alone $alone, outer $alone)
    };
    ($forms:tt, $name:literal, $parts:tt, workgroup $workgroup:tt, alone $alone:tt, outer $outer:tt) => {
        product_variants!(@ $forms, $name, $parts, [FoursA, FoursB], $workgroup, $alone, $outer, &[])
    };
    (
        @ [$($form:ident),*], $name:literal, [$($part:ident),*], [$($fours:ident),*], [$($shared:ident),*],
        [$($alone:ident),*], [$($outer:ident),*], $constants:expr
    ) => {{
        use $crate::kernel::{ALWAYS, Requirements, Shared, Suits, Variant};
        const PLAIN: Variant = Variant {
            name: "plain",
            file: concat!($name, ".wgsl"),
            source: include_str!(concat!("../../shaders/", $name, ".wgsl")),
            entry_point: $name,
            shared: &[Shared::Grid, $(Shared::$part),*],
            workgroup_size: 64,
            constants: $constants,
            requirements: Requirements::NONE,
            suits: Suits::Any,
            accepts: ALWAYS,
            pays: ALWAYS,
        };
        const SOURCES: $crate::ops::product::Sources = $crate::ops::product::Sources {
            file: concat!($name, "_registers.wgsl"),
            source: include_str!(concat!("../../shaders/", $name, "_registers.wgsl")),
            entry_point: concat!($name, "_registers"),
            tiled: &[
                $(Shared::$part,)* $(Shared::$fours,)* Shared::Blocks, Shared::ProductTiled, $(Shared::$shared),*
            ],
            split_k: &[
                $(Shared::$part,)* $(Shared::$fours,)* Shared::Blocks, Shared::ProductSplitK, $(Shared::$shared),*
            ],
            registers: &[$(Shared::$part,)* $(Shared::$fours,)* Shared::Product, $(Shared::$alone),*],
            fours: &[
                $(Shared::$part,)* Shared::Words, Shared::SubgroupTile, Shared::ProductSubgroup, Shared::SubgroupFours, $(Shared::$alone),*
            ],
            pairs: &[
                $(Shared::$part,)* Shared::Words, Shared::SubgroupTile, Shared::ProductSubgroup, Shared::SubgroupPairs, $(Shared::$alone),*
            ],
            outer: &[$(Shared::$part,)* Shared::Words, Shared::SubgroupTile, Shared::ProductOuter, $(Shared::$outer),*],
        };
        use $crate::ops::product;
        const PARTS: &[&[Variant]] = &[&product::alone(PLAIN, &SOURCES), $(&product::$form(&SOURCES)),*];
        const VARIANTS: &[Variant] = &product::joined::<{ product::count(PARTS) }>(PARTS);
        VARIANTS
    }};
}
pub(crate) use product_variants;

/// The same where one of the matrices is rows of the dataset, which `$parts` say how to read, and `$dense` is what reads
/// the other. Without subgroups: drivers on a CPU gather before the product.
macro_rules! gathered_variants {
    ($name:literal, $parts:tt, $dense:ident) => {
        gathered_variants!($name, $parts, $dense, workgroup[StoreFour], alone[StoreLoop])
    };
    ($name:literal, $parts:tt, $dense:ident, workgroup $workgroup:tt, alone $alone:tt) => {
        $crate::ops::product::product_variants!(
            @ [], $name, $parts, [$dense], $workgroup, $alone, [], &[("A_CELL", 1), ("B_CELL", 1)]
        )
    };
}
pub(crate) use gathered_variants;
