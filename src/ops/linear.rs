//! A fully connected layer in one kernel: `y = f(x · Wᵀ + b)`, `x: [B, I]`, `W: [O, I]`, `b: [O]`, `y: [B, O]`; with
//! dropout, `y` and `dropped = dropout(y)`, because the gradient through the activation asks for `y`.
//!
//! It stands for [`Matmul::NT`], [`AddBias`](super::add_bias::AddBias),
//! [`Activate`](super::activation::Activate) and [`Dropout`] in a row, and is put in their place after differentiation
//! (`plan/fuse.rs`): it has no gradient of its own. Two or three trips through memory fewer.

use super::activation::{Activation, known};
use super::dropout::{Dropout, Mask};
use super::matmul::{self, Matmul};
use super::product::{self, product_variants};
use super::{Operation, Workgroups, extent};
use crate::cpu::product::{self as cpu_product, Form, Matrix, Scaling};
use crate::cpu::{self, FastF32, inlined};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Clock, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// The layer. Inputs: x, weight, bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    /// f
    pub activation: Activation,
    /// What follows it.
    pub dropout: Option<Dropout>,
}

uniform_struct! {
    /// Parameters of the kernel without dropout.
    pub struct Params {
        /// B
        m: u32,
        /// O
        n: u32,
        /// I
        k: u32,
        /// The activation's parameter, such as a slope.
        parameter: f32,
    }
}

uniform_struct! {
    /// Parameters of the kernel with dropout; also of the gradient through it.
    pub struct DropoutParams {
        /// Rows of the product: B.
        m: u32,
        /// Its columns: O, and I of the gradient.
        n: u32,
        /// Terms of its sums: I, and O of the gradient.
        k: u32,
        /// The activation's parameter, such as a slope.
        parameter: f32,
        /// An element is kept if the upper 24 bits of its word are at least this.
        threshold: u32,
        /// Low word of the layer's key.
        key_low: u32,
        /// High word of the layer's key.
        key_high: u32,
        /// Factor on the kept elements.
        scale: f32,
    }
}

impl DropoutParams {
    pub(super) fn new([m, n, k]: [u32; 3], parameter: f32, dropout: &Dropout) -> DropoutParams {
        let Dropout { scale, key: [key_low, key_high], .. } = *dropout;
        let threshold = dropout.threshold();
        DropoutParams { m, n, k, parameter, threshold, key_low, key_high, scale }
    }

    /// The mask of a step.
    pub(super) fn mask(&self, clock: &Clock) -> Mask {
        let DropoutParams { n, threshold, key_low, key_high, scale, .. } = *self;
        Mask::new([key_low, key_high], threshold, scale, n, clock)
    }
}

/// The kernel without dropout.
pub const SPEC: KernelSpec = KernelSpec {
    name: "linear",
    bindings: &[Binding::PARAMS, Binding::read("a"), Binding::read("b"), Binding::read("bias"), Binding::write("c")],
    params: Params::LAYOUT,
    specialization: &["ACTIVATION", "TRANSPOSE_A", "TRANSPOSE_B"],
    variants: product_variants!([subgroup], "linear", [Activation]),
    twin: twin!(call, fast = call_fast),
};

/// The kernel with dropout.
pub const DROPOUT_SPEC: KernelSpec = KernelSpec {
    name: "linear_dropout",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::read("a"),
        Binding::read("b"),
        Binding::read("bias"),
        Binding::write("c"),
        Binding::write("dropped"),
    ],
    params: DropoutParams::LAYOUT,
    specialization: &["ACTIVATION", "TRANSPOSE_A", "TRANSPOSE_B"],
    variants: product_variants!([subgroup], "linear_dropout", [Activation, Clock, Random, Dropout], workgroup [], alone []),
    twin: twin!(call_dropout, fast = call_dropout_fast),
};

impl Operation for Linear {
    fn spec(&self) -> &'static KernelSpec {
        if self.dropout.is_some() { &DROPOUT_SPEC } else { &SPEC }
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x, weight, bias] = inputs else { return Err(Error::shape(SPEC.name, "takes x, weight and bias")) };
        let ((rows, width), (outputs, inputs)) = (x.shape.matrix(SPEC.name)?, weight.shape.matrix(SPEC.name)?);
        if width != inputs || bias.shape.vector(SPEC.name)? != outputs {
            let detail = format!("x is {}, weight {}, bias {}", x.shape, weight.shape, bias.shape);
            return Err(Error::shape(SPEC.name, detail));
        }
        let result = ([rows, outputs].into(), DType::F32);
        Ok(vec![result; if self.dropout.is_some() { 2 } else { 1 }])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![("ACTIVATION", self.activation.index()), ("TRANSPOSE_A", 0), ("TRANSPOSE_B", 1)]
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        shapes.iter().try_for_each(|shape| shape.elements_u32(SPEC.name).map(|_| ()))?;
        let ((m, k), (n, _)) = (shapes[0].matrix(SPEC.name)?, shapes[1].matrix(SPEC.name)?);
        let (m, n, k) = (extent(SPEC.name, m)?, extent(SPEC.name, n)?, extent(SPEC.name, k)?);
        let parameter = self.activation.parameter();
        Ok(match &self.dropout {
            None => bytemuck::bytes_of(&Params { m, n, k, parameter }).to_vec(),
            Some(dropout) => bytemuck::bytes_of(&DropoutParams::new([m, n, k], parameter, dropout)).to_vec(),
        })
    }

    fn flops(&self, shapes: &[&Shape]) -> u64 {
        2 * (shapes[1].elements() as u64) * shapes[0].dims()[0] as u64
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        let [m, n, _] = product::extents(params);
        product::workgroups(variant, m, n)
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let (params, activation) = parameters(call);
    let [Bound::Float(x), Bound::Float(weight), Bound::Float(bias), Bound::FloatMut(y)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    layer(activation, &params, (x, weight, bias), y);
}

fn call_dropout<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let ((params, activation), mask) = (parameters(call), call.params::<DropoutParams>());
    let [Bound::Float(x), Bound::Float(weight), Bound::Float(bias), Bound::FloatMut(y), Bound::FloatMut(dropped)] =
        call.buffers
    else {
        panic!("{MISMATCH}")
    };
    layer(activation, &params, (x, weight, bias), y);
    dropped.copy_from_slice(y);
    mask.mask(call.clock).apply(0, dropped);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let (params, activation) = parameters(call);
    let [x, Bound::Float(weight), Bound::Float(bias), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    layer_fast(activation, &params, (Matrix::of(x), weight, bias), y);
}

/// The mask in a second pass.
fn call_dropout_fast(call: &mut TwinCall<'_, '_, f32>) {
    let ((params, activation), mask) = (parameters(call), call.params::<DropoutParams>());
    let [x, Bound::Float(weight), Bound::Float(bias), Bound::FloatMut(y), Bound::FloatMut(dropped)] = call.buffers
    else {
        panic!("{MISMATCH}")
    };
    layer_fast(activation, &params, (Matrix::of(x), weight, bias), y);
    let mask = mask.mask(call.clock);
    cpu::for_each_part([dropped], 1, inlined!(|first, [dropped]| mask.copy(first, &y[first..], dropped)));
}

/// `Params` of either kernel: they start with the same members.
fn parameters<F: Float>(call: &TwinCall<'_, '_, F>) -> (matmul::Params, Activation) {
    let Params { m, n, k, parameter } = bytemuck::pod_read_unaligned(&call.params[..size_of::<Params>()]);
    (matmul::Params { m, n, k }, Activation::from_index(call.constant("ACTIVATION"), parameter))
}

/// The definition without dropout.
fn layer<F: Float>(
    activation: Activation,
    params: &matmul::Params,
    (x, weight, bias): (&[F], &[F], &[F]),
    y: &mut [F],
) {
    matmul::reference(Matmul::NT, params, x, weight, y);
    for row in y.chunks_exact_mut(bias.len()) {
        finish(activation, bias, row);
    }
}

/// Each block of y gets bias and activation while it is in the cache.
fn layer_fast(
    activation: Activation,
    params: &matmul::Params,
    (x, weight, bias): (Matrix<'_>, &[f32], &[f32]),
    y: &mut [f32],
) {
    cpu_product::multiply(Form::NT, params.size(), (x, weight.into()), y, Scaling::PRODUCT, |block| {
        cpu::widest(inlined!(|| {
            known!(activation, f => block.for_each_row(inlined!(|_, first, part| {
                finish(f, &FastF32::of(bias)[first..], FastF32::of_mut(part));
            })));
        }));
    });
}

/// The definition of what follows the product, for a part of a row: `y ← f(y + bias)`.
#[inline(always)]
fn finish<F: Float>(activation: Activation, bias: &[F], y: &mut [F]) {
    for (y, &bias) in y.iter_mut().zip(bias) {
        *y = activation.function(*y + bias);
    }
}
