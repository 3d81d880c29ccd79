//! `y[c] = scale · Σ_r x[r,c]`, `x: [R, C]`, `y: [C]`.
//!
//! With `scale = 1` it is the bias gradient; over a single column with `scale = 1/R` it is the mean of row losses.
//! Gradient: `grad_x[r,c] = scale · g[c]`. Nothing is saved.

use super::broadcast_rows::BroadcastRows;
use super::{Operation, Workgroups, extent, linear_grid};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value, ValueId, Vjp};
use crate::kernel::{
    ALWAYS, Binding, Bound, Float, KernelSpec, Requirements, Shared, Suits, TwinCall, Variant, twin::MISMATCH,
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

/// The kernel.
pub const SPEC: KernelSpec = KernelSpec {
    name: "column_sum",
    bindings: &[Binding::PARAMS, Binding::read("x"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[
        Variant {
            name: "plain",
            file: "column_sum.wgsl",
            source: include_str!("../../shaders/column_sum.wgsl"),
            entry_point: "column_sum",
            shared: &[Shared::Grid],
            workgroup_size: 64,
            constants: &[],
            requirements: Requirements::NONE,
            suits: Suits::Any,
            accepts: |_, _| true,
            pays: ALWAYS,
        },
        Variant {
            name: "workgroup",
            file: "column_sum_workgroup.wgsl",
            source: include_str!("../../shaders/column_sum_workgroup.wgsl"),
            entry_point: "column_sum_workgroup",
            shared: &[Shared::Grid],
            workgroup_size: 256,
            constants: &[("COLUMNS", 16)],
            requirements: Requirements { workgroup_bytes: 256 * 4, ..Requirements::NONE },
            suits: Suits::Hardware,
            accepts: |_, _| true,
            pays: ALWAYS,
        },
    ],
    twin: twin!(call),
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
        Ok(bytemuck::bytes_of(&params).to_vec())
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        let columns = bytemuck::pod_read_unaligned::<Params>(params).columns;
        let columns_per_group = match variant.name {
            "workgroup" => variant.constant("COLUMNS"),
            _ => variant.workgroup_size,
        };
        linear_grid(u64::from(columns.div_ceil(columns_per_group)))
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(&params, x, y);
}

/// The definition.
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
