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
                    $(Shared::$part => $crate::kernel::text::text!(include_str!(concat!("../../shaders/shared/", $file))),)*
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
    /// Losses of one output and their derivatives.
    Pointwise = "pointwise.wgsl",
    /// The counter-based generator.
    Random = "random.wgsl",
    /// Sums over a workgroup in a fixed order.
    Reduce = "reduce.wgsl",
    /// Sums over a workgroup that is a single subgroup; where the workgroup is a single subgroup.
    ReduceSubgroup = "reduce_subgroup.wgsl",
    /// The struct `Clock`.
    Clock = "clock.wgsl",
}
