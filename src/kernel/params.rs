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

impl ParamsLayout {
    /// The members that belong to the stage of an op that has one: all but the first two, which are the number of
    /// elements and the length of a row.
    pub const fn stage_fields(&self) -> &'static [Field] {
        self.fields.split_at(2).1
    }
}

/// Declares a uniform struct: `#[repr(C)]` and `Pod`, with its layout as the constant `LAYOUT`, and its bytes. A crate
/// that uses it needs `bytemuck` with its feature `derive`.
///
/// ```
/// anygrad::uniform_struct! {
///     /// `struct Params { count: u32, factor: f32 }` in WGSL.
///     struct Params {
///         /// Elements.
///         count: u32,
///         /// Factor on each.
///         factor: f32,
///     }
/// }
/// assert_eq!(Params::LAYOUT.size, Params { count: 3, factor: 0.5 }.to_bytes().len());
/// ```
#[macro_export]
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

            /// The bytes that a shader reads.
            pub fn to_bytes(&self) -> Vec<u8> {
                bytemuck::bytes_of(self).to_vec()
            }
        }
    };
}
