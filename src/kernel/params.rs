//! Uniform parameters: Rust structs whose layout a test compares with the WGSL structs of the same name.

/// A scalar type that Rust and WGSL share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// `u32`
    U32,
    /// `f32`
    F32,
}

/// Rust types that may stand in a uniform struct.
pub trait UniformScalar {
    /// The WGSL type.
    const SCALAR: Scalar;
}

impl UniformScalar for u32 {
    const SCALAR: Scalar = Scalar::U32;
}

impl UniformScalar for f32 {
    const SCALAR: Scalar = Scalar::F32;
}

/// One member of a uniform struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, the same in Rust and WGSL.
    pub name: &'static str,
    /// Offset in bytes.
    pub offset: usize,
    /// Type.
    pub scalar: Scalar,
}

/// Layout of a uniform struct, taken from the Rust side by `offset_of!`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamsLayout {
    /// Size in bytes.
    pub size: usize,
    /// Members in order.
    pub fields: &'static [Field],
}

/// Declares a uniform struct: `#[repr(C)]`, `Pod`, with its layout as the constant `LAYOUT`.
#[macro_export]
#[doc(hidden)]
macro_rules! uniform_struct {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        $vis struct $name { $($(#[$doc])* pub $field: $ty,)* }

        impl $name {
            /// Layout of the struct, compared with WGSL by a test.
            pub const LAYOUT: $crate::kernel::ParamsLayout = $crate::kernel::ParamsLayout {
                size: std::mem::size_of::<$name>(),
                fields: &[$($crate::kernel::Field {
                    name: stringify!($field),
                    offset: std::mem::offset_of!($name, $field),
                    scalar: <$ty as $crate::kernel::params::UniformScalar>::SCALAR,
                },)*],
            };
        }
    };
}
