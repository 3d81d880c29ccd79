//! Counts what is NaN or infinite: of each block of 4096 elements of a tensor, the number of such elements, filed in the
//! columns of the ring that batches leave free.
//!
//! `x` of any shape, of N elements; `ring: [S, W]`. Block b of a tensor is number n = first + b of those that share the
//! ring, and is filed in `ring[n / (W − column), column + n mod (W − column)]`. The host reads the ring anyway; so the
//! parameters of a run are checked without a read of their own. What an update has made NaN or infinite stays so: an
//! update adds to it, and no sum with it is a number again.

use super::{Operation, extent, plain};
use crate::cpu::{inlined, widest};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Extents, Shape, Value, case::floats};
use crate::kernel::{
    Binding, Bound, Class, Content, Float, Grid, KernelSpec, Requirements, Tile, TwinCall, Variant, twin::MISMATCH,
};
use crate::{twin, uniform_struct};

/// Elements of a block.
const BLOCK: u32 = 4096;

/// Counts the NaN and infinite elements of a tensor, block by block. Inputs: the tensor, ring (in place).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// Number of the tensor's first block among all that the ring has room for.
    pub first: usize,
    /// The first column of the ring that is free for blocks.
    pub column: usize,
}

impl NonFinite {
    /// Blocks of a tensor of so many elements.
    pub fn blocks(elements: usize) -> usize {
        elements.div_ceil(BLOCK as usize)
    }

    /// The place in the ring, of rows of `width` numbers, of a block by its number among all.
    pub fn place(self, block: usize, width: usize) -> usize {
        let (at, columns) = (self.first + block, width - self.column);
        at / columns * width + self.column + at % columns
    }
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// N
        count: u32,
        /// Number of the first block.
        first: u32,
        /// W
        width: u32,
        /// The first free column.
        column: u32,
    }
}

/// The kernel: an invocation per block, or a workgroup.
pub const SPEC: KernelSpec = KernelSpec {
    name: "non_finite",
    bindings: &[
        Binding::PARAMS,
        Binding::read("x").holding(Content::NotAllFinite),
        Binding::write("ring").holding(Content::Ring),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[
        Variant {
            constants: &[("BLOCK", BLOCK)],
            // Few, so that a small tensor keeps the cores of a processor busy.
            workgroup_size: 8,
            tile: Tile::Invocation { rows: 1, columns: BLOCK },
            ..plain!("non_finite", [Grid])
        },
        Variant {
            name: "workgroup",
            constants: &[("BLOCK", BLOCK)],
            requirements: Requirements { workgroup_bytes: 256 * 4, ..Requirements::NONE },
            class: Class::Reduction,
            tile: Tile::Workgroup { rows: 1, columns: BLOCK },
            ..plain!("non_finite_workgroup", [Grid, Reduce])
        },
    ],
    twin: twin!(call, fast = call_fast),
    composition: None,
    entry_point: None,
};

impl Operation for NonFinite {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x, ring] = inputs else { return Err(Error::shape(SPEC.name, "takes a tensor and the ring")) };
        let (rows, width) = ring.shape.matrix(SPEC.name)?;
        let end = self.first.saturating_add(NonFinite::blocks(x.shape.elements()));
        if self.column >= width || end.div_ceil(width - self.column) > rows {
            let detail = format!("ring {} has no room for {end} blocks from column {} on", ring.shape, self.column);
            return Err(Error::shape(SPEC.name, detail));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let (_, width) = shapes[1].matrix(SPEC.name)?;
        let params = Params {
            count: shapes[0].elements_u32(SPEC.name)?,
            first: extent(SPEC.name, self.first)?,
            width: extent(SPEC.name, width)?,
            column: extent(SPEC.name, self.column)?,
        };
        Ok(params.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[0].elements())
    }
}

/// Cases of the op for the tests: of one block, and of three, the last not full.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    vec![
        Case::new(NonFinite { first: 2, column: 5 }, [floats([rows, columns]), floats([40, 7])]),
        Case::new(NonFinite { first: 0, column: 1 }, [floats([2 * BLOCK as usize + 5]), floats([2, 3])]),
    ]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(x), Bound::FloatMut(ring)] = call.buffers else { panic!("{MISMATCH}") };
    let count = |block: &[F]| block.iter().filter(|x| !x.to_f64().is_finite()).count() as f64;
    reference(&params, x, |block| F::from_f64(count(block)), ring);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::Float(x), Bound::FloatMut(ring)] = call.buffers else { panic!("{MISMATCH}") };
    const EXPONENT: u32 = f32::INFINITY.to_bits();
    let is_bad = |x: &f32| u32::from(x.to_bits() & EXPONENT == EXPONENT);
    let count = |block: &[f32]| widest(inlined!(|| block.iter().map(is_bad).sum::<u32>()));
    reference(&params, x, |block| count(block) as f32, ring);
}

/// Computes the op by plain loops over slices: the definition that its kernel is compared with.
fn reference<F: Float>(params: &Params, x: &[F], count: impl Fn(&[F]) -> F, ring: &mut [F]) {
    let op = NonFinite { first: params.first as usize, column: params.column as usize };
    for (number, block) in x.chunks(BLOCK as usize).enumerate() {
        ring[op.place(number, params.width as usize)] = count(block);
    }
}
