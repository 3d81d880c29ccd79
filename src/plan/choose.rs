//! Which variant of a kernel a plan takes without tuning: the last in the kernel's table that the device can run, that
//! its profile prefers and that is worth it at the shape. These are rules by hand; `tune` measures instead.

use crate::kernel::part::{TRANSPOSE_A, TRANSPOSE_B};
use crate::kernel::{Class, Constants, Grid, KernelSpec, Profile, Target, Tile, Variant};
use crate::ops::product::WHOLE_FOURS;

/// The variant for a dispatch of `kernel` over `grid` with these constants.
///
/// ```
/// use anygrad::kernel::{Grid, Target};
/// use anygrad::ops::softmax_cross_entropy::SPEC;
/// use anygrad::plan::choose;
/// let chosen = |classes| choose(&Target::DOWNLEVEL, &SPEC, &Grid::Rows { rows: 64, columns: classes }, &[]).name;
/// // Few classes: one invocation per row. Many: one workgroup per row.
/// assert_eq!((chosen(10), chosen(1000)), ("plain", "workgroup"));
/// ```
pub fn choose(target: &Target, kernel: &'static KernelSpec, grid: &Grid, constants: &Constants) -> &'static Variant {
    let fits = |variant: &&Variant| {
        target.can_run(variant)
            && (variant.accepts)(grid, constants)
            && target.profile.prefers.contains(&variant.class)
            && is_worth_it(target.profile, variant, grid, constants)
    };
    kernel.variants.iter().rev().find(fits).unwrap_or(&kernel.variants[0])
}

/// Whether a variant is worth running at this shape, where one before it can too.
fn is_worth_it(profile: &Profile, variant: &Variant, grid: &Grid, constants: &Constants) -> bool {
    match (variant.class, variant.tile) {
        (Class::Tiled, Tile::Workgroup { rows, columns }) => fills(profile, rows, columns, grid),
        (Class::SplitK, _) => slices_pay(profile, variant, grid),
        (Class::SubgroupFours, Tile::Workgroup { rows: 32, .. }) => large_tile_pays(grid),
        (Class::SubgroupPairs, _) => pairs_pay(grid, constants),
        (Class::Outer, _) => !is_large(grid),
        (Class::Registers, Tile::Invocation { rows, .. }) => registers_pay(variant, rows, grid, constants),
        _ => true,
    }
}

/// Whether C has enough tiles of this size to occupy a GPU, and more of them filled than empty.
fn fills(profile: &Profile, rows: u32, columns: u32, grid: &Grid) -> bool {
    let [m, n, _] = grid.extents();
    m > rows as usize / 2 && n > columns as usize / 2 && grid.tiles(rows, columns) >= profile.occupied
}

/// Whether each of the slices that a workgroup cuts the inner extent into has a step to do; and of many slices four, with
/// so few workgroups that the device is not occupied twice.
fn slices_pay(profile: &Profile, variant: &Variant, grid: &Grid) -> bool {
    let Tile::Workgroup { rows, columns } = variant.tile else { return false };
    let (steps, slices) = (grid.extents()[2], variant.constant("SLICES") as usize);
    steps >= slices && (slices <= 16 || steps >= 4 * slices && grid.tiles(rows, columns) <= 2 * profile.occupied)
}

/// Whether one tile of 32 × 32 costs a driver on a CPU less than two of 16 × 32 and pays, though it takes twice as long
/// to compile.
fn large_tile_pays(grid: &Grid) -> bool {
    let [m, n, _] = grid.extents();
    m > 16 && n > 32 && is_large(grid)
}

/// Whether reads in pairs, which compile quickly, are as good as those in fours: if a product is small; or if it is not
/// large and either reads in fours would not be whole, or they would save little because the inner extent counts the
/// rows of B. The gradients of all layers then share a kernel, with that of the last, whose rows are seldom whole
/// fours.
fn pairs_pay(grid: &Grid, constants: &Constants) -> bool {
    let by_rows = !constants.contains(&(TRANSPOSE_B.name, 1));
    let is_small = multiply_adds(grid) <= 1 << 17;
    is_small || !is_large(grid) && (by_rows || !WHOLE_FOURS(grid, constants))
}

/// Whether a tile in registers of so many rows is worth the time that it takes to compile. Of fours that are whole, reads of
/// elements are only for the smallest products; where sums run along the columns of A and B, a higher tile takes little more.
fn registers_pay(variant: &Variant, rows: u32, grid: &Grid, constants: &Constants) -> bool {
    let by_columns = constants.contains(&(TRANSPOSE_A.name, 1));
    let is_ragged = variant.constant("A_CELL") == 1;
    if is_ragged && rows > 4 && WHOLE_FOURS(grid, constants) {
        return false;
    }
    let least = match rows {
        4 if is_ragged => 0,
        4 => 1 << 18,
        8 if is_ragged || by_columns => 1 << 20,
        8 => 1 << 23,
        _ => 1 << 24,
    };
    multiply_adds(grid) >= least
}

/// Whether a product is so large that what is quick to run pays, rather than what is quick to compile.
fn is_large(grid: &Grid) -> bool {
    multiply_adds(grid) >= 1 << 26
}

fn multiply_adds(grid: &Grid) -> usize {
    grid.extents().iter().product()
}
