//! One way to compute a kernel: which WGSL, what it needs, where it is fast.

use super::Shared;
use super::grid::{Grid, Tile, Workgroups, linear_grid};
use super::part::Algorithm;

/// One way to compute a kernel: a WGSL file and the numbers it is built with.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Name of the variant within its kernel, for example `tiled_32`.
    pub name: &'static str,
    /// File name in `shaders/`, for messages and tests.
    pub file: &'static str,
    /// Content of that file.
    pub source: &'static str,
    /// Name of the entry point: never `main`, because profilers show it.
    pub entry_point: &'static str,
    /// Parts of `shaders/shared/` that the file uses, in order.
    pub shared: &'static [Shared],
    /// Invocations per workgroup; the constant `WORKGROUP_SIZE` in WGSL.
    pub workgroup_size: u32,
    /// Further constants in WGSL, such as tile sizes.
    pub constants: &'static [(&'static str, u32)],
    /// What a device must have to run it.
    pub requirements: Requirements,
    /// In which way it computes: what a device's profile may prefer.
    pub class: Class,
    /// What an invocation or a workgroup computes.
    pub tile: Tile,
    /// Whether its entry point numbers its workgroups by the arguments `group`, `groups` and `local`, so that it can
    /// share a launch.
    pub shares: bool,
    /// Whether it can run on this grid with these constants of the dispatch.
    pub accepts: Accepts,
    /// How it computes a product, of a kernel that is composed around one.
    pub algorithm: Option<&'static Algorithm>,
}

impl Variant {
    /// The first variant of a kernel, with one element per invocation: `file` is `<entry_point>.wgsl`.
    pub const fn plain(
        entry_point: &'static str,
        file: &'static str,
        source: &'static str,
        shared: &'static [Shared],
    ) -> Variant {
        Variant {
            name: "plain",
            file,
            source,
            entry_point,
            shared,
            workgroup_size: 256,
            constants: &[],
            requirements: Requirements::NONE,
            class: Class::Element,
            tile: Tile::ELEMENT,
            shares: true,
            accepts: ALWAYS,
            algorithm: None,
        }
    }

    /// The value of a constant of this variant.
    ///
    /// # Panics
    /// If the variant has no such constant: a defect of the table, caught by the shader tests.
    pub fn constant(&self, name: &str) -> u32 {
        match self.constants.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => *value,
            None => panic!("variant {} of {} has no constant {name}", self.name, self.file),
        }
    }
}

impl Grid {
    /// The workgroups of a variant.
    pub fn workgroups(&self, variant: &Variant) -> Workgroups {
        match (self, variant.tile) {
            (Grid::One, _) => [1, 1, 1],
            (_, Tile::Workgroup { rows, columns }) => linear_grid(self.tiles(rows, columns)),
            (_, Tile::Invocation { rows, columns }) => {
                linear_grid(self.tiles(rows, columns).div_ceil(variant.workgroup_size.into()))
            }
        }
    }
}

/// Constants by name, as they are emitted into WGSL.
pub type Constants = [(&'static str, u32)];

/// A question to a variant about the grid and the constants of a dispatch.
pub type Accepts = fn(&Grid, &Constants) -> bool;

/// The answer of variants to which neither matters.
pub const ALWAYS: Accepts = |_, _| true;

/// The requirements of a variant: what a device must have to run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Invocations per subgroup, exactly; 0 if it does without subgroups.
    pub subgroup_size: u32,
    /// Whether it reads words of 64 bits.
    pub words: bool,
}

impl Requirements {
    /// Nothing beyond WebGPU's downlevel limits.
    pub const NONE: Requirements = Requirements { workgroup_bytes: 0, subgroup_size: 0, words: false };
}

/// A way to compute a kernel. Profiles of devices say which are fast; `plan/choose.rs` says at which shapes one is
/// worth it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// An invocation computes an element, a few neighbours or a row by itself.
    Element,
    /// A workgroup reduces a row or columns in workgroup memory.
    Reduction,
    /// A workgroup that is one subgroup reduces without workgroup memory.
    Subgroup,
    /// A workgroup multiplies tiles that lie in workgroup memory.
    Tiled,
    /// A workgroup shares out the inner extent of a product and adds the shares.
    SplitK,
    /// An invocation keeps a tile of a product in registers.
    Registers,
    /// A subgroup shares a tile of a product, read in fours.
    SubgroupFours,
    /// A subgroup shares a tile of a product, read in pairs: quicker to compile.
    SubgroupPairs,
    /// A subgroup shares a tile of a product whose inner extent counts the rows of both factors.
    Outer,
}
