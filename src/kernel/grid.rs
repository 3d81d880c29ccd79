//! What a dispatch computes, and how it is cut into tiles and workgroups.

use std::fmt;

/// Number of workgroups of a dispatch along x, y and z.
pub type Workgroups = [u32; 3];

/// Most workgroups along one dimension: WebGPU's limit.
pub const MAX_WORKGROUPS: u64 = 65_535;

/// The extents of what a dispatch computes, from which its variant and number of workgroups follow.
///
/// ```
/// use anygrad::kernel::Grid;
/// let grid = Grid::Product { m: 100, n: 64, k: 784 };
/// assert_eq!(grid.extents(), [100, 64, 784]);
/// assert_eq!(grid.tiles(32, 32), 4 * 2);
/// assert!(grid.is_whole(4));
/// assert_eq!(grid.to_string(), "100×64×784");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// One workgroup does it all.
    One,
    /// A number of elements, or of rows, each computed by itself.
    Elements(usize),
    /// A matrix, row by row.
    Rows {
        /// Number of rows.
        rows: usize,
        /// Elements of each.
        columns: usize,
    },
    /// A matrix of sums.
    Product {
        /// Number of rows.
        m: usize,
        /// Elements of each.
        n: usize,
        /// Terms of each sum.
        k: usize,
    },
}

impl Grid {
    /// Rows, columns, and terms of each sum.
    pub fn extents(&self) -> [usize; 3] {
        match *self {
            Grid::One => [1, 1, 1],
            Grid::Elements(count) => [1, count, 1],
            Grid::Rows { rows, columns } => [rows, columns, 1],
            Grid::Product { m, n, k } => [m, n, k],
        }
    }

    /// Whether the length of a row is a multiple of `length`, so that rows consist of whole vectors.
    pub fn is_whole(&self, length: usize) -> bool {
        self.extents()[1].is_multiple_of(length)
    }

    /// Number of tiles of `rows × columns` elements that cover the grid.
    pub fn tiles(&self, rows: u32, columns: u32) -> u64 {
        let [own_rows, own_columns, _] = self.extents().map(|extent| extent as u64);
        own_rows.div_ceil(rows.into()) * own_columns.div_ceil(columns.into())
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grid::One => f.write_str("one"),
            Grid::Elements(count) => write!(f, "{count}"),
            Grid::Rows { rows, columns } => write!(f, "{rows}×{columns}"),
            Grid::Product { m, n, k } => write!(f, "{m}×{n}×{k}"),
        }
    }
}

/// The part of the results that one invocation or one workgroup of a variant computes.
///
/// ```
/// use anygrad::kernel::{Grid, Tile, Variant};
/// let plain = Variant::plain("double", "double.wgsl", "", &[]);
/// let fours = Variant { tile: Tile::elements(4), ..plain };
/// assert_eq!(Grid::Elements(4096).workgroups(&plain), [4096 / plain.workgroup_size, 1, 1]);
/// assert_eq!(Grid::Elements(4096).workgroups(&fours), [1024 / plain.workgroup_size, 1, 1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tile {
    /// What one invocation computes.
    Invocation {
        /// Rows.
        rows: u32,
        /// Columns.
        columns: u32,
    },
    /// What a workgroup computes together.
    Workgroup {
        /// Rows.
        rows: u32,
        /// Columns.
        columns: u32,
    },
}

impl Tile {
    /// All rows, or all columns.
    pub const ALL: u32 = u32::MAX;
    /// One element per invocation.
    pub const ELEMENT: Tile = Tile::elements(1);

    /// A tile of `count` neighbouring elements of a row per invocation.
    pub const fn elements(count: u32) -> Tile {
        Tile::Invocation { rows: 1, columns: count }
    }
}

/// A grid of at least `groups` workgroups that spills from x into y. Kernels number them with
/// `shaders/shared/grid.wgsl` and guard the tail.
///
/// ```
/// use anygrad::kernel::linear_grid;
/// assert_eq!(linear_grid(1000), [1000, 1, 1]);
/// assert_eq!(linear_grid(70_000), [35_000, 2, 1]);
/// ```
pub fn linear_grid(groups: u64) -> Workgroups {
    let y = groups.div_ceil(MAX_WORKGROUPS).max(1);
    [groups.div_ceil(y) as u32, y as u32, 1]
}
