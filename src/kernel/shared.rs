//! The parts in `shaders/shared/` that several kernels use.

macro_rules! shared_parts {
    ($($(#[$doc:meta])* $part:ident = $file:literal,)*) => {
        /// Parts in `shaders/shared/` that several kernels use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Shared {
            $($(#[$doc])* $part,)*
        }

        impl Shared {
            /// All parts.
            pub const ALL: &[Shared] = &[$(Shared::$part),*];

            /// File name in `shaders/shared/`.
            pub fn file(self) -> &'static str {
                match self {
                    $(Shared::$part => $file,)*
                }
            }

            /// Content of the file.
            pub fn source(self) -> &'static str {
                match self {
                    $(Shared::$part => include_str!(concat!("../../shaders/shared/", $file)),)*
                }
            }
        }
    };
}

shared_parts! {
    /// Linear index of an invocation over a grid that may spill from x into y.
    Grid = "grid.wgsl",
    /// Activation functions and derivatives.
    Activation = "activation.wgsl",
    /// The counter-based generator.
    Random = "random.wgsl",
    /// Which elements dropout keeps.
    Dropout = "dropout.wgsl",
    /// Reads of four neighbours in the matrix A.
    FoursA = "fours_a.wgsl",
    /// The same in B.
    FoursB = "fours_b.wgsl",
    /// Rows of a batch where they lie in a dataset of floats.
    RowsF32 = "rows_f32.wgsl",
    /// The same of bytes.
    RowsU8 = "rows_u8.wgsl",
    /// Such rows as the matrix A.
    GatheredA = "gathered_a.wgsl",
    /// The same as B.
    GatheredB = "gathered_b.wgsl",
    /// Products of 4 × 4 blocks.
    Blocks = "blocks.wgsl",
    /// Products of matrices in register tiles, each invocation by itself.
    Product = "product.wgsl",
    /// Reads of two and four neighbours as words of 64 bits.
    Words = "words.wgsl",
    /// A tile of a product as a subgroup holds it.
    SubgroupTile = "subgroup_tile.wgsl",
    /// Products in such tiles, several steps of K at once.
    ProductSubgroup = "product_subgroup.wgsl",
    /// The same where K counts the rows of both matrices, one step at a time.
    ProductOuter = "product_outer.wgsl",
    /// How a product in such tiles takes four steps of K at once.
    SubgroupFours = "subgroup_fours.wgsl",
    /// The same for two.
    SubgroupPairs = "subgroup_pairs.wgsl",
    /// Products in tiles of a workgroup.
    ProductTiled = "product_tiled.wgsl",
    /// The same, each sum split among the invocations of a workgroup.
    ProductSplitK = "product_split_k.wgsl",
    /// Four neighbours of a finished row of a product on real GPUs, written out.
    StoreFour = "store_four.wgsl",
    /// The same on drivers that run on a CPU, as a loop.
    StoreLoop = "store_loop.wgsl",
    /// The step of biases behind a product, each by one invocation.
    Biases = "biases.wgsl",
    /// The same behind a product whose K counts the rows of both matrices.
    BiasesOuter = "biases_outer.wgsl",
    /// The same, by workgroups.
    BiasesWorkgroup = "biases_workgroup.wgsl",
    /// Sums over a workgroup in a fixed order.
    Reduce = "reduce.wgsl",
    /// Such sums where the workgroup is a single subgroup.
    ReduceSubgroup = "reduce_subgroup.wgsl",
    /// The struct `Clock`.
    Clock = "clock.wgsl",
    /// The step of a layer's weights and biases by SGD.
    StepSgd = "step_sgd.wgsl",
    /// The same with momentum.
    StepMomentum = "step_momentum.wgsl",
}
