//! `y[i] = a[i] + b[i]` or `y[i] = a[i] · b[i]`, all of one shape.
//!
//! Gradient of the sum: `(g, g)`; of the product: `(g·b, g·a)`. Nothing is saved.

use super::{Operation, Workgroups, element_grid, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value, ValueId, Vjp};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Arithmetic on two tensors of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Elementwise {
    /// a + b
    Add = 0,
    /// a · b
    Multiply = 1,
}

impl Elementwise {
    /// Both, for tests.
    pub const ALL: [Elementwise; 2] = [Elementwise::Add, Elementwise::Multiply];
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of each tensor.
        count: u32,
    }
}

/// The kernel.
pub const SPEC: KernelSpec = KernelSpec {
    name: "elementwise",
    bindings: &[Binding::PARAMS, Binding::read("a"), Binding::read("b"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &["OPERATION"],
    variants: one_variant!("elementwise", "elementwise.wgsl", [Grid]),
    twin: twin!(call),
};

impl Operation for Elementwise {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [a, b] = inputs else { return Err(Error::shape(SPEC.name, "takes two tensors")) };
        if a.shape != b.shape {
            return Err(Error::shape(SPEC.name, format!("shapes differ: {} and {}", a.shape, b.shape)));
        }
        Ok(vec![(a.shape.clone(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let (a, b, g) = (request.inputs[0], request.inputs[1], request.grad_output);
        match self {
            Elementwise::Add => Ok(vec![Some(g), Some(g)]),
            Elementwise::Multiply => {
                let grad_a = request.if_needed(0, |graph| graph.apply(Elementwise::Multiply, &[g, b]))?;
                let grad_b = request.if_needed(1, |graph| graph.apply(Elementwise::Multiply, &[g, a]))?;
                Ok(vec![grad_a, grad_b])
            }
        }
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![("OPERATION", *self as u32)]
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        Ok(bytemuck::bytes_of(&Params { count: shapes[0].elements_u32(SPEC.name)? }).to_vec())
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        element_grid(bytemuck::pod_read_unaligned::<Params>(params).count, variant)
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let operation = if call.constant("OPERATION") == 0 { Elementwise::Add } else { Elementwise::Multiply };
    let [Bound::Float(a), Bound::Float(b), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(operation, a, b, y);
}

/// The definition.
pub fn reference<F: Float>(operation: Elementwise, a: &[F], b: &[F], y: &mut [F]) {
    for ((&a, &b), y) in a.iter().zip(b).zip(y) {
        *y = match operation {
            Elementwise::Add => a + b,
            Elementwise::Multiply => a * b,
        };
    }
}
