//! Gradient clipping, as `torch.nn.utils.clip_grad_value_` and `clip_grad_norm_`:
//!
//! ```text
//! by value: y = min(max(x, −limit), limit)
//! by norm:  y = x · min(1, limit / (√s + 10⁻⁶)),  s = Σx² over all gradients of the model
//! ```
//!
//! The norm bounds the length of a step without turning it (Pascanu et al., 2013). Neither has a gradient: they stand
//! between gradients and update.

use super::{Operation, map, plain};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Element, Extents, Inputs, Shape, Stage, Value, case::floats};
use crate::kernel::error_bound::relative;
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Binding, Bound, Content, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

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
        /// Elements of a row.
        columns: u32,
        /// The limit.
        limit: f32,
    }
}

/// [`ClipValue`] as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const PART: Part =
    Part::new("clip_value", wgsl!("stage/clip_value.wgsl")).fields(Params::LAYOUT.stage_fields()).cells();

/// The kernel of [`ClipValue`].
pub static VALUE_SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| map::kernel(&PART, 0, twin!(call_value)));

/// The kernel of [`ClipNorm`].
pub const NORM_SPEC: KernelSpec = KernelSpec {
    name: "clip_norm",
    bindings: &[
        Binding::PARAMS,
        Binding::read("x"),
        Binding::read("squares").holding(Content::Positive),
        Binding::write("y"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[plain!("clip_norm", [Grid])],
    twin: twin!(call_norm),
    composition: None,
    entry_point: None,
};

fn params(limit: f32, gradient: &Shape) -> Result<Vec<u8>> {
    let [count, columns] = map::extents("clip", gradient)?;
    Ok(Params { count, columns, limit }.to_bytes())
}

impl Operation for ClipValue {
    fn spec(&self) -> &'static KernelSpec {
        &VALUE_SPEC
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::new(&PART, 0))
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(Error::shape(PART.name, "takes one gradient")) };
        Ok(vec![(x.shape.clone(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.limit, shapes[0])
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        map::grid(shapes[0])
    }
}

impl Operation for ClipNorm {
    fn spec(&self) -> &'static KernelSpec {
        &NORM_SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
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

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        map::grid(shapes[0])
    }

    fn bound(&self, _inputs: &Inputs<'_>, at: Element) -> f64 {
        // The root is good to about 5 ULP, then a sum, a quotient and a product.
        relative(12.0, at.expected)
    }
}

/// Cases of both ops for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let gradient = || floats([rows, columns]);
    vec![
        Case::new(ClipValue { limit: 0.25 }, [gradient()]),
        Case::new(ClipNorm { limit: 0.5 }, [gradient(), floats([1])]),
    ]
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

/// Computes [`ClipValue`] by plain loops over slices: the definition that its kernels are compared with.
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

/// Computes [`ClipNorm`] by plain loops over slices: the definition that its kernels are compared with. `1e-6` keeps
/// the quotient finite where all gradients are 0, as in PyTorch.
pub fn reference_norm<F: Float>(limit: F, x: &[F], squares: F, y: &mut [F]) {
    let quotient = limit / (squares.sqrt() + F::from_f64(1e-6));
    let factor = if quotient < F::ONE { quotient } else { F::ONE };
    for (&x, y) in x.iter().zip(y) {
        *y = x * factor;
    }
}
