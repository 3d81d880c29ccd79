//! `y[r,c] = scale · x[c]`, `x: [C]`, `y: [R, C]`: the transpose of `column_sum`.
//!
//! Gradient: `grad_x[c] = scale · Σ_r g[r,c]`. Nothing is saved.

use super::column_sum::ColumnSum;
use super::{Operation, extent, plain};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Expression, Extents, Inputs, Portable, Shape, Value, ValueId, Vjp, case::floats,
};
use crate::kernel::error_bound::relative;
use crate::kernel::{Binding, Bound, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
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

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub const SPEC: KernelSpec = KernelSpec {
    name: "broadcast_rows",
    bindings: &[Binding::PARAMS, Binding::read("x"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[plain!("broadcast_rows", [Grid])],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

impl Operation for BroadcastRows {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(Error::shape(SPEC.name, "takes one vector")) };
        Ok(vec![([self.rows, x.shape.vector(SPEC.name)?].into(), DType::F32)])
    }

    fn portable(&self) -> Option<Portable> {
        Some(Portable::Elementwise(Expression::Number(f64::from(self.scale)) * Expression::Input(0)))
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let sum = ColumnSum { scale: self.scale };
        Ok(vec![Some(request.graph.apply(sum, &[request.grad_output])?)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let count = shapes[1].elements_u32(SPEC.name)?;
        let columns = extent(SPEC.name, shapes[0].elements())?;
        Ok(Params { count, columns, scale: self.scale }.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[1].elements())
    }

    fn bound(&self, _inputs: &Inputs<'_>, at: Element) -> f64 {
        relative(1.0, at.expected)
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    vec![Case::new(BroadcastRows { rows, scale: 0.75 }, [floats([columns])])]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(&params, x, y);
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
pub fn reference<F: Float>(params: &Params, x: &[F], y: &mut [F]) {
    let scale = F::from_f32(params.scale);
    for row in y.chunks_exact_mut(x.len()) {
        for c in 0..x.len() {
            row[c] = scale * x[c];
        }
    }
}
