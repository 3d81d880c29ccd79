//! `y[r,c] = scale · x[c]`, `x: [C]`, `y: [R, C]`: the transpose of `column_sum`.
//!
//! Gradient: `grad_x[c] = scale · Σ_r g[r,c]`. Nothing is saved.

use super::column_sum::ColumnSum;
use super::{Operation, Workgroups, element_grid, extent, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value, ValueId, Vjp};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Scaled row vector, repeated `rows` times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BroadcastRows {
    /// R
    pub rows: usize,
    /// Factor on each element.
    pub scale: f32,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of `y`.
        count: u32,
        /// C
        columns: u32,
        /// Factor on each element.
        scale: f32,
    }
}

/// The kernel.
pub const SPEC: KernelSpec = KernelSpec {
    name: "broadcast_rows",
    bindings: &[Binding::PARAMS, Binding::read("x"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("broadcast_rows", "broadcast_rows.wgsl", [Grid]),
    twin: twin!(call),
};

impl Operation for BroadcastRows {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(Error::shape(SPEC.name, "takes one vector")) };
        Ok(vec![([self.rows, x.shape.vector(SPEC.name)?].into(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let sum = ColumnSum { scale: self.scale };
        Ok(vec![Some(request.graph.apply(sum, &[request.grad_output])?)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let count = shapes[1].elements_u32(SPEC.name)?;
        let columns = extent(SPEC.name, shapes[0].elements())?;
        Ok(bytemuck::bytes_of(&Params { count, columns, scale: self.scale }).to_vec())
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        element_grid(bytemuck::pod_read_unaligned::<Params>(params).count, variant)
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(&params, x, y);
}

/// The definition.
pub fn reference<F: Float>(params: &Params, x: &[F], y: &mut [F]) {
    let scale = F::from_f32(params.scale);
    for row in y.chunks_exact_mut(x.len()) {
        for c in 0..x.len() {
            row[c] = scale * x[c];
        }
    }
}
