//! Matrix product `C = op(A) · op(B)`, `op(A): [M, K]`, `op(B): [K, N]`, `C: [M, N]`, all row-major.
//!
//! Three forms, named by whether A and B are stored as they stand (N) or transposed (T):
//! NN for the input's gradient `grad_x = g · W`, NT for the forward pass `y = x · Wᵀ`, TN for the weight's gradient
//! `grad_W = gᵀ · x` (with `W: [O, I]`). The gradients of each form are products of the other two. Nothing is saved.

use super::{Operation, Workgroups, extent, linear_grid, matmul_cpu};
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Shape, Value, ValueId, Vjp};
use crate::kernel::{
    Accepts, Binding, Bound, Constants, Float, KernelSpec, Requirements, Shared, Suits, TwinCall, Variant,
    twin::MISMATCH,
};
use crate::{twin, uniform_struct};

/// Matrix product. Inputs: A, B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matmul {
    /// `A: [M, K]`, `B: [K, N]`
    NN,
    /// `A: [M, K]`, `B: [N, K]`
    NT,
    /// `A: [K, M]`, `B: [K, N]`
    TN,
}

impl Matmul {
    /// The three forms.
    pub const ALL: [Matmul; 3] = [Matmul::NN, Matmul::NT, Matmul::TN];

    fn transposed(self) -> (bool, bool) {
        (self == Matmul::TN, self == Matmul::NT)
    }

    /// The form whose constants these are.
    pub(crate) fn from_constants(transpose_a: u32, transpose_b: u32) -> Matmul {
        match (transpose_a, transpose_b) {
            (0, 0) => Matmul::NN,
            (0, _) => Matmul::NT,
            _ => Matmul::TN,
        }
    }

    /// `(M, N, K)`
    fn extents(self, a: &Shape, b: &Shape) -> Result<(usize, usize, usize)> {
        let (a_rows, a_columns) = a.matrix(SPEC.name)?;
        let (b_rows, b_columns) = b.matrix(SPEC.name)?;
        let (m, k_of_a) = if self == Matmul::TN { (a_columns, a_rows) } else { (a_rows, a_columns) };
        let (k_of_b, n) = if self == Matmul::NT { (b_columns, b_rows) } else { (b_rows, b_columns) };
        if k_of_a != k_of_b {
            return Err(Error::shape(SPEC.name, format!("{a} and {b} do not fit in the form {self:?}")));
        }
        Ok((m, n, k_of_a))
    }
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Rows of C.
        m: u32,
        /// Columns of C.
        n: u32,
        /// Length of the sums.
        k: u32,
    }
}

/// The kernel.
pub const SPEC: KernelSpec = KernelSpec {
    name: "matmul",
    bindings: &[Binding::PARAMS, Binding::read("a"), Binding::read("b"), Binding::write("c")],
    params: Params::LAYOUT,
    specialization: &["TRANSPOSE_A", "TRANSPOSE_B"],
    variants: &[
        Variant {
            name: "plain",
            file: "matmul.wgsl",
            source: include_str!("../../shaders/matmul.wgsl"),
            entry_point: "matmul",
            shared: &[Shared::Grid],
            workgroup_size: 64,
            constants: &[],
            requirements: Requirements::NONE,
            suits: Suits::Any,
            accepts: |_, _| true,
        },
        // A tile of C per workgroup through workgroup memory: what real GPUs want. The small tile keeps more
        // workgroups busy, the large one reads less.
        tiled(
            "tiled_32",
            64,
            &[("TILE_M", 32), ("TILE_N", 32), ("TILE_K", 16), ("THREAD_M", 4), ("THREAD_N", 4)],
            |_, _| true,
        ),
        tiled(
            "tiled_64",
            256,
            &[("TILE_M", 64), ("TILE_N", 64), ("TILE_K", 16), ("THREAD_M", 4), ("THREAD_N", 4)],
            fills_64,
        ),
        // A tile of C per invocation in registers, no workgroup memory: what drivers on a CPU want.
        registers("registers_ragged", &[("A_CELL", 1), ("B_CELL", 1)], |_, _| true),
        registers("registers_ragged_a", &[("A_CELL", 1), ("B_CELL", 4)], |params, constants| {
            aligned(params, constants).1
        }),
        registers("registers", &[("A_CELL", 4), ("B_CELL", 4)], |params, constants| {
            aligned(params, constants) == (true, true)
        }),
    ],
    twin: twin!(call, fast = matmul_cpu::call),
};

const fn tiled(name: &'static str, workgroup_size: u32, constants: &'static Constants, accepts: Accepts) -> Variant {
    Variant {
        name,
        file: "matmul_tiled.wgsl",
        source: include_str!("../../shaders/matmul_tiled.wgsl"),
        entry_point: "matmul_tiled",
        shared: &[],
        workgroup_size,
        constants,
        // Two tiles of 64 × 16 floats at most.
        requirements: Requirements { workgroup_bytes: 2 * 64 * 16 * 4 },
        suits: Suits::Hardware,
        accepts,
    }
}

/// Whether C has enough 64 × 64 tiles to occupy a GPU.
fn fills_64(params: &[u8], _: &Constants) -> bool {
    let p = bytemuck::pod_read_unaligned::<Params>(params);
    u64::from(p.m.div_ceil(64)) * u64::from(p.n.div_ceil(64)) >= 128
}

const fn registers(name: &'static str, constants: &'static Constants, accepts: Accepts) -> Variant {
    Variant {
        name,
        file: "matmul_registers.wgsl",
        source: include_str!("../../shaders/matmul_registers.wgsl"),
        entry_point: "matmul_registers",
        shared: &[Shared::Product],
        workgroup_size: REGISTERS_WORKGROUP,
        constants,
        requirements: Requirements::NONE,
        suits: Suits::Software,
        accepts,
    }
}

/// Invocations of a workgroup of the kernels in register tiles: few, so that small products keep every core busy.
pub(crate) const REGISTERS_WORKGROUP: u32 = 8;

/// Workgroups of a kernel in register tiles of 8 × 16 for an `[m, n]` result.
pub(crate) fn register_tiles(m: u32, n: u32) -> Workgroups {
    linear_grid((u64::from(m.div_ceil(8)) * u64::from(n.div_ceil(16))).div_ceil(u64::from(REGISTERS_WORKGROUP)))
}

/// Whether the rows of A, and those of B, consist of whole vec4 as they are stored.
fn aligned(params: &[u8], specialization: &Constants) -> (bool, bool) {
    let Params { m, n, k } = bytemuck::pod_read_unaligned(params);
    let flag = |name| specialization.contains(&(name, 1));
    let a = if flag("TRANSPOSE_A") { m } else { k };
    let b = if flag("TRANSPOSE_B") { k } else { n };
    (a.is_multiple_of(4), b.is_multiple_of(4))
}

/// The variants of a kernel with a product at its heart: one invocation per element, then tiles in registers for drivers
/// on a CPU, with A and B read as they are aligned. `$a` and `$b` are the lengths of their rows in `Params`.
macro_rules! product_variants {
    ($name:literal, [$($part:ident),*], [$($constant:expr),*], $params:ty, $a:ident, $b:ident) => {
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
                accepts: |_, _| true,
            },
            product_variants!(@row "registers_ragged", $name, [$($part),*], [$($constant),*], 1, 1, |_, _| true),
            product_variants!(@row "registers_ragged_a", $name, [$($part),*], [$($constant),*], 1, 4, |params, _| {
                bytemuck::pod_read_unaligned::<$params>(params).$b.is_multiple_of(4)
            }),
            product_variants!(@row "registers", $name, [$($part),*], [$($constant),*], 4, 4, |params, _| {
                let params = bytemuck::pod_read_unaligned::<$params>(params);
                params.$a.is_multiple_of(4) && params.$b.is_multiple_of(4)
            }),
        ]
    };
    (@row $variant:literal, $name:literal, [$($part:ident),*], [$($constant:expr),*], $a:literal, $b:literal, $accepts:expr) => {
        $crate::kernel::Variant {
            name: $variant,
            file: concat!($name, "_registers.wgsl"),
            source: include_str!(concat!("../../shaders/", $name, "_registers.wgsl")),
            entry_point: concat!($name, "_registers"),
            shared: &[$($crate::kernel::Shared::$part,)* $crate::kernel::Shared::Product],
            workgroup_size: $crate::ops::matmul::REGISTERS_WORKGROUP,
            constants: &[("A_CELL", $a), ("B_CELL", $b), $($constant),*],
            requirements: $crate::kernel::Requirements::NONE,
            suits: $crate::kernel::Suits::Software,
            accepts: $accepts,
        }
    };
}
pub(crate) use product_variants;

impl Operation for Matmul {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [a, b] = inputs else { return Err(Error::shape(SPEC.name, "takes two matrices")) };
        let (m, n, _) = self.extents(&a.shape, &b.shape)?;
        Ok(vec![([m, n].into(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let (a, b, g) = (request.inputs[0], request.inputs[1], request.grad_output);
        let product = |form: Matmul, left, right| move |graph: &mut Graph| graph.apply(form, &[left, right]);
        let (grad_a, grad_b) = match self {
            Matmul::NN => (product(Matmul::NT, g, b), product(Matmul::TN, a, g)),
            Matmul::NT => (product(Matmul::NN, g, b), product(Matmul::TN, g, a)),
            Matmul::TN => (product(Matmul::NT, b, g), product(Matmul::NN, a, g)),
        };
        Ok(vec![request.if_needed(0, grad_a)?, request.if_needed(1, grad_b)?])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        let (a, b) = self.transposed();
        vec![("TRANSPOSE_A", u32::from(a)), ("TRANSPOSE_B", u32::from(b))]
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        for shape in shapes {
            shape.elements_u32(SPEC.name)?;
        }
        let (m, n, k) = self.extents(shapes[0], shapes[1])?;
        let params = Params { m: extent(SPEC.name, m)?, n: extent(SPEC.name, n)?, k: extent(SPEC.name, k)? };
        Ok(bytemuck::bytes_of(&params).to_vec())
    }

    fn flops(&self, shapes: &[&Shape]) -> u64 {
        self.extents(shapes[0], shapes[1]).map_or(0, |(m, n, k)| 2 * (m * n * k) as u64)
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        let Params { m, n, .. } = bytemuck::pod_read_unaligned(params);
        let tiles = |tile_m: u32, tile_n: u32| u64::from(m.div_ceil(tile_m)) * u64::from(n.div_ceil(tile_n));
        linear_grid(match variant.name {
            "plain" => tiles(1, 1).div_ceil(u64::from(variant.workgroup_size)),
            name if name.starts_with("registers") => return register_tiles(m, n),
            _ => tiles(variant.constant("TILE_M"), variant.constant("TILE_N")),
        })
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let form = Matmul::from_constants(call.constant("TRANSPOSE_A"), call.constant("TRANSPOSE_B"));
    let params = call.params::<Params>();
    let [Bound::Float(a), Bound::Float(b), Bound::FloatMut(c)] = call.buffers else { panic!("{MISMATCH}") };
    reference(form, &params, a, b, c);
}

/// The definition.
pub fn reference<F: Float>(form: Matmul, params: &Params, a: &[F], b: &[F], c: &mut [F]) {
    let (m, n, k) = (params.m as usize, params.n as usize, params.k as usize);
    for i in 0..m {
        for j in 0..n {
            c[i * n + j] = (0..k)
                .map(|l| match form {
                    Matmul::NN => a[i * k + l] * b[l * n + j],
                    Matmul::NT => a[i * k + l] * b[j * k + l],
                    Matmul::TN => a[l * m + i] * b[l * n + j],
                })
                .sum();
        }
    }
}
