//! Gradient clipping, as `torch.nn.utils.clip_grad_value_` and `clip_grad_norm_`:
//!
//! ```text
//! by value: y = min(max(x, −limit), limit)
//! by norm:  y = x · min(1, limit / (√s + 10⁻⁶)),  s = Σx² over all gradients of the model
//! ```
//!
//! The norm bounds the length of a step without turning it (Pascanu et al., 2013). Neither has a gradient: they stand
//! between gradients and update.

use super::{Operation, Workgroups, element_grid, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Limits each element. Input: a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipValue {
    /// Largest magnitude of an element, above 0.
    pub limit: f32,
}

/// Limits the norm of all gradients together. Inputs: a gradient, the sum of squares `[1]` over all gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipNorm {
    /// Largest norm, above 0.
    pub limit: f32,
}

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// Elements of the gradient.
        count: u32,
        /// The limit.
        limit: f32,
    }
}

/// The kernel of [`ClipValue`].
pub const VALUE_SPEC: KernelSpec = KernelSpec {
    name: "clip_value",
    bindings: &[Binding::PARAMS, Binding::read("x"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("clip_value", "clip_value.wgsl", [Grid]),
    twin: twin!(call_value),
};

/// The kernel of [`ClipNorm`].
pub const NORM_SPEC: KernelSpec = KernelSpec {
    name: "clip_norm",
    bindings: &[Binding::PARAMS, Binding::read("x"), Binding::read("squares"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("clip_norm", "clip_norm.wgsl", [Grid]),
    twin: twin!(call_norm),
};

fn params(limit: f32, gradient: &Shape) -> Result<Vec<u8>> {
    Ok(bytemuck::bytes_of(&Params { count: gradient.elements_u32("clip")?, limit }).to_vec())
}

fn workgroups(params: &[u8], variant: &Variant) -> Workgroups {
    element_grid(bytemuck::pod_read_unaligned::<Params>(params).count, variant)
}

impl Operation for ClipValue {
    fn spec(&self) -> &'static KernelSpec {
        &VALUE_SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(Error::shape(VALUE_SPEC.name, "takes one gradient")) };
        Ok(vec![(x.shape.clone(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.limit, shapes[0])
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        workgroups(params, variant)
    }
}

impl Operation for ClipNorm {
    fn spec(&self) -> &'static KernelSpec {
        &NORM_SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        match inputs {
            [x, squares] if squares.shape.elements() == 1 => Ok(vec![(x.shape.clone(), DType::F32)]),
            _ => Err(Error::shape(NORM_SPEC.name, "takes a gradient and one sum of squares")),
        }
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.limit, shapes[0])
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        workgroups(params, variant)
    }
}

fn call_value<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let limit = F::from_f32(call.params::<Params>().limit);
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference_value(limit, x, y);
}

fn call_norm<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let limit = F::from_f32(call.params::<Params>().limit);
    let [Bound::Float(x), Bound::Float(squares), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference_norm(limit, x, squares[0], y);
}

/// The definition of [`ClipValue`].
pub fn reference_value<F: Float>(limit: F, x: &[F], y: &mut [F]) {
    for (&x, y) in x.iter().zip(y) {
        *y = if x > limit {
            limit
        } else if x < -limit {
            -limit
        } else {
            x
        };
    }
}

/// The definition of [`ClipNorm`]. `1e-6` keeps the quotient finite where all gradients are 0, as in PyTorch.
pub fn reference_norm<F: Float>(limit: F, x: &[F], squares: F, y: &mut [F]) {
    let quotient = limit / (squares.sqrt() + F::from_f64(1e-6));
    let factor = if quotient < F::ONE { quotient } else { F::ONE };
    for (&x, y) in x.iter().zip(y) {
        *y = x * factor;
    }
}
