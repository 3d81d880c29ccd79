//! The gradient of a fully connected layer's input, carried on through the activation before the layer, in one kernel:
//! `grad_z = (g · W) ⊙ f′(saved)`, `g: [B, O]`, `W: [O, I]`, `saved, grad_z: [B, I]`; where dropout follows the
//! activation, `grad_z = dropout(g · W) ⊙ f′(saved)` with the mask of the forward pass.
//!
//! It stands for [`Matmul::NN`], [`Dropout`] and [`ActivateGrad`](super::activation::ActivateGrad) in a row,
//! and is put in their place after differentiation (`plan/fuse.rs`).

use super::activation::{Activation, known};
use super::dropout::{Dropout, Mask};
use super::linear::DropoutParams;
use super::matmul::{self, Matmul};
use super::product::{self, product_variants};
use super::{Operation, Workgroups, extent};
use crate::cpu::product::{self as cpu_product, Form, Scaling};
use crate::cpu::{self, FastF32, inlined};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// The gradient. Inputs: gradient of the layer's output, weight, what the activation before the layer saved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearGradInput {
    /// f, the activation before the layer.
    pub activation: Activation,
    /// Dropout between the two.
    pub dropout: Option<Dropout>,
}

uniform_struct! {
    /// Parameters of the kernel without dropout.
    pub struct Params {
        /// B
        m: u32,
        /// I
        n: u32,
        /// O
        k: u32,
        /// The activation's parameter, such as a slope.
        parameter: f32,
    }
}

/// The kernel without dropout.
pub const SPEC: KernelSpec = KernelSpec {
    name: "linear_grad_input",
    bindings: &[Binding::PARAMS, Binding::read("a"), Binding::read("b"), Binding::read("saved"), Binding::write("c")],
    params: Params::LAYOUT,
    specialization: &["ACTIVATION", "TRANSPOSE_A", "TRANSPOSE_B"],
    variants: product_variants!([subgroup], "linear_grad_input", [Activation]),
    twin: twin!(call, fast = call_fast),
};

/// The kernel with dropout.
pub const DROPOUT_SPEC: KernelSpec = KernelSpec {
    name: "linear_grad_input_dropout",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::read("a"),
        Binding::read("b"),
        Binding::read("saved"),
        Binding::write("c"),
    ],
    params: DropoutParams::LAYOUT,
    specialization: &["ACTIVATION", "TRANSPOSE_A", "TRANSPOSE_B"],
    variants: product_variants!([subgroup], "linear_grad_input_dropout", [Activation, Clock, Random, Dropout], workgroup [], alone []),
    twin: twin!(call_dropout, fast = call_dropout_fast),
};

impl Operation for LinearGradInput {
    fn spec(&self) -> &'static KernelSpec {
        if self.dropout.is_some() { &DROPOUT_SPEC } else { &SPEC }
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [grad, weight, saved] = inputs else {
            return Err(Error::shape(SPEC.name, "takes a gradient, weight and what the activation saved"));
        };
        let ((rows, width), (outputs, inputs)) = (grad.shape.matrix(SPEC.name)?, weight.shape.matrix(SPEC.name)?);
        if width != outputs || saved.shape.matrix(SPEC.name)? != (rows, inputs) {
            let detail = format!("the gradient is {}, weight {}, saved {}", grad.shape, weight.shape, saved.shape);
            return Err(Error::shape(SPEC.name, detail));
        }
        Ok(vec![(saved.shape.clone(), DType::F32)])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![("ACTIVATION", self.activation.index()), ("TRANSPOSE_A", 0), ("TRANSPOSE_B", 0)]
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        shapes.iter().try_for_each(|shape| shape.elements_u32(SPEC.name).map(|_| ()))?;
        let ((m, _), (k, n)) = (shapes[0].matrix(SPEC.name)?, shapes[1].matrix(SPEC.name)?);
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
    let [Bound::Float(grad), Bound::Float(weight), Bound::Float(saved), Bound::FloatMut(result)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    matmul::reference(Matmul::NN, &params, grad, weight, result);
    finish(activation, saved, result);
}

fn call_dropout<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let ((params, activation), mask) = (parameters(call), call.params::<DropoutParams>());
    let [Bound::Float(grad), Bound::Float(weight), Bound::Float(saved), Bound::FloatMut(result)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    matmul::reference(Matmul::NN, &params, grad, weight, result);
    mask.mask(call.clock).apply(0, result);
    finish(activation, saved, result);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let (params, activation) = parameters(call);
    let [Bound::Float(grad), Bound::Float(weight), Bound::Float(saved), Bound::FloatMut(result)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    gradient_fast(activation, &params, (grad, weight, saved), result, None);
}

fn call_dropout_fast(call: &mut TwinCall<'_, '_, f32>) {
    let ((params, activation), mask) = (parameters(call), call.params::<DropoutParams>());
    let [Bound::Float(grad), Bound::Float(weight), Bound::Float(saved), Bound::FloatMut(result)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let mask = mask.mask(call.clock);
    gradient_fast(activation, &params, (grad, weight, saved), result, Some(mask));
}

/// Each block of the result gets the mask, if there is one, and the activation's derivative while it is in the cache.
fn gradient_fast(
    activation: Activation,
    params: &matmul::Params,
    (grad, weight, saved): (&[f32], &[f32], &[f32]),
    result: &mut [f32],
    mask: Option<Mask>,
) {
    let (width, operands) = (params.n as usize, (grad.into(), weight.into()));
    cpu_product::multiply(Form::NN, params.size(), operands, result, Scaling::PRODUCT, |block| {
        if let Some(mask) = mask {
            let apply = inlined!(|row, first, part: &mut [f32]| mask.apply(row * width + first, part));
            cpu::widest(inlined!(|| block.for_each_row(apply)));
        }
        cpu::widest(inlined!(|| {
            known!(activation, f => block.for_each_row(inlined!(|row, first, part| {
                finish(f, &FastF32::of(saved)[row * width + first..], FastF32::of_mut(part));
            })));
        }));
    });
}

/// `Params` of either kernel: they start with the same members.
fn parameters<F: Float>(call: &TwinCall<'_, '_, F>) -> (matmul::Params, Activation) {
    let Params { m, n, k, parameter } = bytemuck::pod_read_unaligned(&call.params[..size_of::<Params>()]);
    (matmul::Params { m, n, k }, Activation::from_index(call.constant("ACTIVATION"), parameter))
}

/// The definition of what follows the product, for a part of it: `grad ← grad ⊙ f′(saved)`.
#[inline(always)]
fn finish<F: Float>(activation: Activation, saved: &[F], grad: &mut [F]) {
    for (grad, &saved) in grad.iter_mut().zip(saved) {
        *grad *= activation.derivative(saved);
    }
}
