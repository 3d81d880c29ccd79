//! Matrix product `C = op(A) · op(B)`, `op(A): [M, K]`, `op(B): [K, N]`, `C: [M, N]`, all row-major.
//!
//! Three forms, named by whether A and B are stored as they stand (N) or transposed (T):
//! NN for the input's gradient `grad_x = g · W`, NT for the forward pass `y = x · Wᵀ`, TN for the weight's gradient
//! `grad_W = gᵀ · x` (with `W: [O, I]`). The gradients of each form are products of the other two. Nothing is saved.

use super::product;
use super::{Operation, extent};
use crate::cpu::product::{self as cpu_product, Form, Matrix, Scaling, Size};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Extents, Factors, Graph, Inputs, Portable, Shape, Value, ValueId, Vjp, case::floats,
};
use crate::kernel::part::{Operand, STORE, TRANSPOSE_A, TRANSPOSE_B};
use crate::kernel::{Bound, Composition, Float, Grid, Head, KernelSpec, TwinCall, composed, twin::MISMATCH};
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

/// Matrix product. Inputs: A, B.
///
/// ```
/// use anygrad::ops::matmul::{Matmul, Params, reference};
/// // [1, 2] · [[3, 4], [5, 6]]ᵀ
/// let mut c = [0.0; 2];
/// reference(Matmul::NT, &Params { m: 1, n: 2, k: 2 }, &[1.0, 2.0], &[3.0, 4.0, 5.0, 6.0], &mut c);
/// assert_eq!(c, [11.0, 17.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matmul {
    /// `A: [M, K]`, `B: [K, N]`
    NN,
    /// `A: [M, K]`, `B: [N, K]`
    NT,
    /// `A: [K, M]`, `B: [K, N]`
    TN,
}

impl Matmul {
    /// The three forms.
    pub const ALL: [Matmul; 3] = [Matmul::NN, Matmul::NT, Matmul::TN];

    fn transposed(self) -> (bool, bool) {
        (self == Matmul::TN, self == Matmul::NT)
    }

    /// How the factors are stored, for a product on the processor.
    pub(crate) fn stored(self) -> Form {
        match self {
            Matmul::NN => Form::NN,
            Matmul::NT => Form::NT,
            Matmul::TN => Form::TN,
        }
    }

    /// The form whose constants these are.
    pub(crate) fn from_constants(transpose_a: u32, transpose_b: u32) -> Matmul {
        match (transpose_a, transpose_b) {
            (0, 0) => Matmul::NN,
            (0, _) => Matmul::NT,
            _ => Matmul::TN,
        }
    }

    /// `(M, N, K)`
    pub(super) fn extents(self, a: &Shape, b: &Shape) -> Result<(usize, usize, usize)> {
        let (a_rows, a_columns) = a.matrix(SPEC.name)?;
        let (b_rows, b_columns) = b.matrix(SPEC.name)?;
        let (m, k_of_a) = if self == Matmul::TN { (a_columns, a_rows) } else { (a_rows, a_columns) };
        let (k_of_b, n) = if self == Matmul::NT { (b_columns, b_rows) } else { (b_rows, b_columns) };
        if k_of_a != k_of_b {
            return Err(Error::shape(SPEC.name, format!("{a} and {b} do not fit in the form {self:?}")));
        }
        Ok((m, n, k_of_a))
    }
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Rows of C.
        m: u32,
        /// Columns of C.
        n: u32,
        /// Length of the sums.
        k: u32,
    }
}

impl Params {
    /// The extents, for a product on the processor.
    pub(crate) fn size(&self) -> Size {
        Size { m: self.m as usize, n: self.n as usize, k: self.k as usize }
    }
}

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub static SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| {
    let head = Head::Product([Operand::Dense; 2]);
    let composition = Composition { head, chain: &[&STORE], beside: &[] };
    let twin = twin!(call, fast = call_fast);
    composed(composition, &product::DENSE_VARIANTS, twin)
});

impl Operation for Matmul {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [a, b] = inputs else { return Err(Error::shape(SPEC.name, "takes two matrices")) };
        let (m, n, _) = self.extents(&a.shape, &b.shape)?;
        Ok(vec![([m, n].into(), DType::F32)])
    }

    fn portable(&self) -> Option<Portable> {
        match self {
            Matmul::NN => Some(Portable::Product { transposed: false }),
            Matmul::NT => Some(Portable::Product { transposed: true }),
            // It sums over rows.
            Matmul::TN => None,
        }
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let (a, b, g) = (request.inputs[0], request.inputs[1], request.grad_output);
        let product = |form: Matmul, left, right| move |graph: &mut Graph| graph.apply(form, &[left, right]);
        let (grad_a, grad_b) = match self {
            Matmul::NN => (product(Matmul::NT, g, b), product(Matmul::TN, a, g)),
            Matmul::NT => (product(Matmul::NN, g, b), product(Matmul::TN, g, a)),
            Matmul::TN => (product(Matmul::NT, b, g), product(Matmul::NN, a, g)),
        };
        Ok(vec![request.if_needed(0, grad_a)?, request.if_needed(1, grad_b)?])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        let (a, b) = self.transposed();
        vec![(TRANSPOSE_A.name, u32::from(a)), (TRANSPOSE_B.name, u32::from(b))]
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        for shape in shapes {
            shape.elements_u32(SPEC.name)?;
        }
        let (m, n, k) = self.extents(shapes[0], shapes[1])?;
        let params = Params { m: extent(SPEC.name, m)?, n: extent(SPEC.name, n)?, k: extent(SPEC.name, k)? };
        Ok(params.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        let (m, n, k) = self.extents(shapes[0], shapes[1]).unwrap_or_default();
        Grid::Product { m, n, k }
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        inputs.sum(at.index, 0.0).rounding
    }

    fn degree(&self) -> u32 {
        2
    }

    fn factors(&self) -> Option<Factors> {
        Some(Factors { form: self.stored(), a: 0, b: 1 })
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, inner }: Extents) -> Vec<Case> {
    vec![
        Case::new(Matmul::NN, [floats([rows, inner]), floats([inner, columns])]),
        Case::new(Matmul::NT, [floats([rows, inner]), floats([columns, inner])]),
        Case::new(Matmul::TN, [floats([inner, rows]), floats([inner, columns])]),
    ]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let form = Matmul::from_constants(call.constant(TRANSPOSE_A.name), call.constant(TRANSPOSE_B.name));
    let params = call.params::<Params>();
    let [Bound::Float(a), Bound::Float(b), Bound::FloatMut(c)] = call.buffers else { panic!("{MISMATCH}") };
    reference(form, &params, a, b, c);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let form = Matmul::from_constants(call.constant(TRANSPOSE_A.name), call.constant(TRANSPOSE_B.name));
    let params = call.params::<Params>();
    let [Bound::Float(a), Bound::Float(b), Bound::FloatMut(c)] = call.buffers else { panic!("{MISMATCH}") };
    let operands = (Matrix::from(*a), Matrix::from(*b));
    cpu_product::multiply(form.stored(), params.size(), operands, c, Scaling::PRODUCT, call.reproducible, |_| ());
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
pub fn reference<F: Float>(form: Matmul, params: &Params, a: &[F], b: &[F], c: &mut [F]) {
    let (m, n, k) = (params.m as usize, params.n as usize, params.k as usize);
    for i in 0..m {
        for j in 0..n {
            c[i * n + j] = (0..k)
                .map(|l| match form {
                    Matmul::NN => a[i * k + l] * b[l * n + j],
                    Matmul::NT => a[i * k + l] * b[j * k + l],
                    Matmul::TN => a[l * m + i] * b[l * n + j],
                })
                .sum();
        }
    }
}
