//! `y[c] = scale · Σ_r x[r,c]`, `x: [R, C]`, `y: [C]`.
//!
//! With `scale = 1` it is the bias gradient; over a single column with `scale = 1/R` it is the mean of row losses.
//! Gradient: `grad_x[r,c] = scale · g[c]`. Nothing is saved.

use super::broadcast_rows::BroadcastRows;
use super::{Operation, extent, plain, rows_and_columns};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Element, Extents, Inputs, Shape, Value, ValueId, Vjp, case::floats};
use crate::kernel::error_bound::{TINY, flushed, gamma};
use crate::kernel::{
    Binding, Bound, Class, Float, Grid, KernelSpec, Requirements, Tile, TwinCall, Variant, twin::MISMATCH,
};
use crate::{twin, uniform_struct};

/// Scaled sum of each column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColumnSum {
    /// Factor on each sum.
    pub scale: f32,
}

impl ColumnSum {
    /// The plain sum.
    pub const SUM: ColumnSum = ColumnSum { scale: 1.0 };
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// R
        rows: u32,
        /// C
        columns: u32,
        /// Factor on each sum.
        scale: f32,
    }
}

/// Columns that a workgroup sums.
const COLUMNS: u32 = 16;

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub const SPEC: KernelSpec = KernelSpec {
    name: "column_sum",
    bindings: &[Binding::PARAMS, Binding::read("x"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[
        Variant {
            workgroup_size: 64,
            tile: Tile::Invocation { rows: Tile::ALL, columns: 1 },
            ..plain!("column_sum", [Grid])
        },
        Variant {
            name: "workgroup",
            constants: &[("COLUMNS", COLUMNS)],
            requirements: Requirements { workgroup_bytes: 256 * 4, ..Requirements::NONE },
            class: Class::Reduction,
            tile: Tile::Workgroup { rows: Tile::ALL, columns: COLUMNS },
            ..plain!("column_sum_workgroup", [Grid])
        },
    ],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

impl Operation for ColumnSum {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(Error::shape(SPEC.name, "takes one matrix")) };
        let (_, columns) = x.shape.matrix(SPEC.name)?;
        Ok(vec![([columns].into(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let (rows, _) = request.graph.shape(request.inputs[0]).matrix(SPEC.name)?;
        let broadcast = BroadcastRows { rows, scale: self.scale };
        Ok(vec![Some(request.graph.apply(broadcast, &[request.grad_output])?)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        shapes[0].elements_u32(SPEC.name)?;
        let (rows, columns) = shapes[0].matrix(SPEC.name)?;
        let params = Params { rows: extent(SPEC.name, rows)?, columns: extent(SPEC.name, columns)?, scale: self.scale };
        Ok(params.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        let (rows, columns) = rows_and_columns(shapes[0]);
        Grid::Rows { rows, columns }
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let rows = inputs.dims(0)[0];
        let sum: f64 = (0..rows).map(|row| inputs.magnitude(0, row * inputs.columns(0) + at.index)).sum();
        f64::from(self.scale) * (gamma(rows + 1) * sum + flushed(rows)) + TINY
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let op = |scale| Case::new(ColumnSum { scale }, [floats([rows, columns])]);
    vec![op(1.0), op(1.0 / rows as f32)]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(&params, x, y);
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
pub fn reference<F: Float>(params: &Params, x: &[F], y: &mut [F]) {
    y.fill(F::ZERO);
    for row in x.chunks_exact(y.len()) {
        for c in 0..y.len() {
            y[c] += row[c];
        }
    }
    let scale = F::from_f32(params.scale);
    y.iter_mut().for_each(|y| *y *= scale);
}
