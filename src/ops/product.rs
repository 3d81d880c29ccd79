//! The variants that kernels with a matrix product at their heart share: from one invocation per element to tiles in
//! registers, alone or shared by a subgroup, for drivers that run on a CPU.
//!
//! `Params` of such a kernel starts with m, n and k; its constants say which matrix is stored transposed. Its file
//! `x_registers.wgsl` states what happens to a finished part of a row (`store_four`); `shaders/shared/product*.wgsl`
//! compute it.

use super::{Workgroups, linear_grid};
use crate::kernel::{Constants, Variant};

/// Invocations of a workgroup: few, so that small products keep every core busy; and those of one subgroup.
pub(crate) const WORKGROUP: u32 = 8;

/// m, n, k
fn extents(params: &[u8]) -> [u32; 3] {
    bytemuck::pod_read_unaligned(&params[..12])
}

/// Whether the rows of A, and those of B, consist of whole vec4 as they are stored.
pub(crate) fn aligned(params: &[u8], constants: &Constants) -> (bool, bool) {
    let [m, n, k] = extents(params);
    let transposed = |name| constants.contains(&(name, 1));
    let row_of_a = if transposed("TRANSPOSE_A") { m } else { k };
    let row_of_b = if transposed("TRANSPOSE_B") { k } else { n };
    (row_of_a.is_multiple_of(4), row_of_b.is_multiple_of(4))
}

/// Whether C is larger than a tile of 16 × 32 both ways: one of 32 × 32 costs a driver on a CPU less than two of these, and
/// takes it longer to compile.
pub(crate) fn fills_32(params: &[u8], _: &Constants) -> bool {
    let [m, n, _] = extents(params);
    m > 16 && n > 32
}

/// The workgroups for an `[m, n]` result, if the variant is one of [`product_variants`].
pub(crate) fn workgroups(variant: &Variant, m: u32, n: u32) -> Option<Workgroups> {
    let tiles = |tile_m: u32, tile_n: u32| u64::from(m.div_ceil(tile_m)) * u64::from(n.div_ceil(tile_n));
    let per_workgroup = u64::from(variant.workgroup_size);
    match variant.name {
        "plain" => Some(linear_grid(tiles(1, 1).div_ceil(per_workgroup))),
        name if name.starts_with("registers") => Some(linear_grid(tiles(8, 16).div_ceil(per_workgroup))),
        name if name.starts_with("subgroup") => Some(linear_grid(tiles(16 * variant.constant("BLOCKS"), 32))),
        _ => None,
    }
}

/// The variant table of a kernel: name, shared parts, and variants of its own.
macro_rules! product_variants {
    ($name:literal, [$($part:ident),*] $(, $own:expr)*) => {
        &[
            $crate::kernel::Variant {
                name: "plain",
                file: concat!($name, ".wgsl"),
                source: include_str!(concat!("../../shaders/", $name, ".wgsl")),
                entry_point: $name,
                shared: &[$crate::kernel::Shared::Grid, $($crate::kernel::Shared::$part),*],
                workgroup_size: 64,
                constants: &[],
                requirements: $crate::kernel::Requirements::NONE,
                suits: $crate::kernel::Suits::Any,
                accepts: $crate::kernel::ALWAYS,
                pays: $crate::kernel::ALWAYS,
            },
            $($own,)*
            product_variants!(
                @row "registers_ragged", Product, 0, $name, [$($part),*],
                [("A_CELL", 1), ("B_CELL", 1)], $crate::kernel::ALWAYS, $crate::kernel::ALWAYS
            ),
            product_variants!(
                @row "registers", Product, 0, $name, [$($part),*], [("A_CELL", 4), ("B_CELL", 4)],
                |params, form| $crate::ops::product::aligned(params, form) == (true, true), $crate::kernel::ALWAYS
            ),
            // Reading rows that are not whole vec4 takes twice as long and compiles slower.
            product_variants!(
                @row "subgroup_16_unaligned", ProductSubgroup, 8, $name, [$($part),*],
                [("A_CELL", 4), ("B_CELL", 4), ("BLOCKS", 1), ("ALIGNED_A", 0), ("ALIGNED_B", 0)],
                $crate::kernel::ALWAYS, $crate::kernel::ALWAYS
            ),
            product_variants!(
                @row "subgroup_32_unaligned", ProductSubgroup, 8, $name, [$($part),*],
                [("A_CELL", 4), ("B_CELL", 4), ("BLOCKS", 2), ("ALIGNED_A", 0), ("ALIGNED_B", 0)],
                $crate::kernel::ALWAYS, $crate::ops::product::fills_32
            ),
            // Where one side is the number of classes, such as 10: in the gradients of the last layer.
            product_variants!(
                @row "subgroup_16_unaligned_a", ProductSubgroup, 8, $name, [$($part),*],
                [("A_CELL", 4), ("B_CELL", 4), ("BLOCKS", 1), ("ALIGNED_A", 0), ("ALIGNED_B", 1)],
                |params, form| $crate::ops::product::aligned(params, form).1, $crate::kernel::ALWAYS
            ),
            product_variants!(
                @row "subgroup_16", ProductSubgroup, 8, $name, [$($part),*],
                [("A_CELL", 4), ("B_CELL", 4), ("BLOCKS", 1), ("ALIGNED_A", 1), ("ALIGNED_B", 1)],
                |params, form| $crate::ops::product::aligned(params, form) == (true, true), $crate::kernel::ALWAYS
            ),
            product_variants!(
                @row "subgroup_32", ProductSubgroup, 8, $name, [$($part),*],
                [("A_CELL", 4), ("B_CELL", 4), ("BLOCKS", 2), ("ALIGNED_A", 1), ("ALIGNED_B", 1)],
                |params, form| $crate::ops::product::aligned(params, form) == (true, true),
                $crate::ops::product::fills_32
            ),
        ]
    };
    (@row $variant:literal, $product:ident, $subgroup:literal, $name:literal, [$($part:ident),*], [$($constant:expr),*],
        $accepts:expr, $pays:expr) => {
        $crate::kernel::Variant {
            name: $variant,
            file: concat!($name, "_registers.wgsl"),
            source: include_str!(concat!("../../shaders/", $name, "_registers.wgsl")),
            entry_point: concat!($name, "_registers"),
            shared: &[$($crate::kernel::Shared::$part,)* $crate::kernel::Shared::$product],
            workgroup_size: $crate::ops::product::WORKGROUP,
            constants: &[$($constant),*],
            requirements: $crate::kernel::Requirements {
                subgroup_size: $subgroup,
                ..$crate::kernel::Requirements::NONE
            },
            suits: $crate::kernel::Suits::Software,
            accepts: $accepts,
            pays: $pays,
        }
    };
}
pub(crate) use product_variants;
