//! `y[i] = a[i] / b[i]`, for tensors of one shape, 0 where the divisor is 0: a mean over no weight is 0, and so is its
//! gradient. Gradients: of a `g / b`, of b `−g · y / b`. y is saved.

use super::elementwise::Elementwise;
use super::scale::Scale;
use super::{Operation, plain};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Expression, Extents, Inputs, Portable, Shape, Value, ValueId, Vjp, case::floats,
};
use crate::kernel::error_bound::relative;
use crate::kernel::{Binding, Bound, Content, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Quotient, element by element, 0 where the divisor is 0. Inputs: dividend, divisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divide;

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of each tensor.
        count: u32,
    }
}

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub const SPEC: KernelSpec = KernelSpec {
    name: "divide",
    bindings: &[
        Binding::PARAMS,
        Binding::read("dividend"),
        Binding::read("divisor").holding(Content::Positive),
        Binding::write("y"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[plain!("divide", [Grid])],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

impl Operation for Divide {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        match inputs {
            [a, b] if a.shape == b.shape => Ok(vec![(a.shape.clone(), DType::F32)]),
            _ => Err(Error::shape(SPEC.name, "takes two tensors of one shape")),
        }
    }

    fn portable(&self) -> Option<Portable> {
        Some(Portable::Elementwise(Expression::Input(0) / Expression::Input(1)))
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let (b, y) = (request.inputs[1], request.outputs[0]);
        let over_b = request.graph.apply(Divide, &[request.grad_output, b])?;
        let of_b = request.if_needed(1, |graph| {
            let product = graph.apply(Elementwise::Multiply, &[over_b, y])?;
            graph.apply(Scale { factor: -1.0 }, &[product])
        })?;
        Ok(vec![Some(over_b), of_b])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        Ok(Params { count: shapes[0].elements_u32(SPEC.name)? }.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[0].elements())
    }

    fn bound(&self, _inputs: &Inputs<'_>, at: Element) -> f64 {
        relative(2.5, at.expected)
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    vec![Case::new(Divide, [floats([rows, columns]), floats([rows, columns])])]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let [Bound::Float(dividend), Bound::Float(divisor), Bound::FloatMut(y)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference(dividend, divisor, y);
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
pub fn reference<F: Float>(dividend: &[F], divisor: &[F], y: &mut [F]) {
    for ((&a, &b), y) in dividend.iter().zip(divisor).zip(y) {
        *y = if b == F::ZERO { F::ZERO } else { a / b };
    }
}
