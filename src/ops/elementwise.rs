//! `y[i] = a[i] + b[i]` or `y[i] = a[i] · b[i]`, all of one shape.
//!
//! Gradient of the sum: `(g, g)`; of the product: `(g·b, g·a)`. Nothing is saved.

use super::{Operation, plain};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Expression, Extents, Graph, Inputs, Portable, Shape, Value, ValueId, Vjp, case::floats,
};
use crate::kernel::error_bound::relative;
use crate::kernel::{Binding, Bound, Float, Grid, KernelSpec, Specialization, TwinCall, twin::MISMATCH};
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

impl Graph {
    /// Appends to the current phase the gradients of the scalar `loss` with respect to `targets`. Where several meet at
    /// one value they are added.
    ///
    /// Returns one value for each target, of the target's shape.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::ops::{column_sum::ColumnSum, elementwise::Elementwise};
    /// let mut graph = Graph::new();
    /// let w = graph.declare("w", [4, 1], DType::F32, Role::Parameter);
    /// let squares = graph.apply(Elementwise::Multiply, &[w, w])?;
    /// let loss = graph.apply(ColumnSum::SUM, &[squares])?;
    /// let gradients = graph.gradients(loss, &[w])?;
    /// assert_eq!(graph.shape(gradients[0]).dims(), [4, 1]);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if `loss` is not a scalar computed in the current phase, if a target does not influence it,
    /// or if an op on the way has no derivative.
    pub fn gradients(&mut self, loss: ValueId, targets: &[ValueId]) -> Result<Vec<ValueId>> {
        self.differentiate(loss, targets, &Elementwise::Add.into())
    }
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of each tensor.
        count: u32,
    }
}

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub const SPEC: KernelSpec = KernelSpec {
    name: "elementwise",
    bindings: &[Binding::PARAMS, Binding::read("a"), Binding::read("b"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[Specialization::choice("OPERATION", &["add", "multiply"])],
    variants: &[plain!("elementwise", [Grid])],
    twin: twin!(call),
    composition: None,
    entry_point: None,
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

    fn portable(&self) -> Option<Portable> {
        let (a, b) = (Expression::Input(0), Expression::Input(1));
        Some(Portable::Elementwise(match self {
            Elementwise::Add => a + b,
            Elementwise::Multiply => a * b,
        }))
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
        Ok(Params { count: shapes[0].elements_u32(SPEC.name)? }.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[0].elements())
    }

    fn bound(&self, _inputs: &Inputs<'_>, at: Element) -> f64 {
        relative(1.0, at.expected)
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let op = |op| Case::new(op, [floats([rows, columns]), floats([rows, columns])]);
    Elementwise::ALL.map(op).to_vec()
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let operation = if call.constant("OPERATION") == 0 { Elementwise::Add } else { Elementwise::Multiply };
    let [Bound::Float(a), Bound::Float(b), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(operation, a, b, y);
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
pub fn reference<F: Float>(operation: Elementwise, a: &[F], b: &[F], y: &mut [F]) {
    for ((&a, &b), y) in a.iter().zip(b).zip(y) {
        *y = match operation {
            Elementwise::Add => a + b,
            Elementwise::Multiply => a * b,
        };
    }
}
