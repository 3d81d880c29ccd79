//! `y[b,o] = x[b,o] + bias[o]`, `x, y: [B, O]`, `bias: [O]`.
//!
//! Gradient: `grad_x = g`, `grad_bias[o] = Σ_b g[b,o]`. Nothing is saved.

use super::column_sum::ColumnSum;
use super::{Operation, Workgroups, element_grid, extent, one_variant};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value, ValueId, Vjp};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Adds a bias vector to each row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddBias;

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of `x`.
        count: u32,
        /// O, the elements of `bias`.
        columns: u32,
    }
}

/// The kernel.
pub const SPEC: KernelSpec = KernelSpec {
    name: "add_bias",
    bindings: &[Binding::PARAMS, Binding::read("x"), Binding::read("bias"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("add_bias", "add_bias.wgsl", [Grid]),
    twin: twin!(call, fast = call_fast),
};

impl Operation for AddBias {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x, bias] = inputs else { return Err(Error::shape(SPEC.name, "takes x and bias")) };
        let (_, columns) = x.shape.matrix(SPEC.name)?;
        if bias.shape.vector(SPEC.name)? != columns {
            return Err(Error::shape(SPEC.name, format!("x is {}, bias is {}", x.shape, bias.shape)));
        }
        Ok(vec![(x.shape.clone(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let g = request.grad_output;
        let grad_bias = request.if_needed(1, |graph| graph.apply(ColumnSum::SUM, &[g]))?;
        Ok(vec![Some(g), grad_bias])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let count = shapes[0].elements_u32(SPEC.name)?;
        let columns = extent(SPEC.name, shapes[1].elements())?;
        Ok(bytemuck::bytes_of(&Params { count, columns }).to_vec())
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        element_grid(bytemuck::pod_read_unaligned::<Params>(params).count, variant)
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let [Bound::Float(x), Bound::Float(bias), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(x, bias, y);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let [Bound::Float(x), Bound::Float(bias), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    for_each_part([y], bias.len(), inlined!(|first, [y]| reference(&x[first..], bias, y)));
}

/// The definition.
#[inline(always)]
pub fn reference<F: Float>(x: &[F], bias: &[F], y: &mut [F]) {
    for (x, y) in x.chunks_exact(bias.len()).zip(y.chunks_exact_mut(bias.len())) {
        for o in 0..bias.len() {
            y[o] = x[o] + bias[o];
        }
    }
}
