//! Activation functions and the gradient through them, `grad_x = g · f′`, element by element.
//!
//! Saved for backward: the output `y` where the derivative can be had from it, else the input `x`
//! ([`Activation::derivative_uses_output`]). To add one: a variant and its arms in `activation/function.rs`, its two
//! functions in `shaders/shared/activation.wgsl`; every test and bench loops over [`Activation::ALL`].

mod function;

pub use function::Activation;

use super::{Operation, Workgroups, element_grid, one_variant};
use crate::cpu::{FastF32, for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value, ValueId, Vjp};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Applies an activation function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activate(pub Activation);

/// Gradient through an activation function: inputs are what was saved (`x` or `y`) and the gradient of `y`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivateGrad(pub Activation);

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// Elements of each tensor.
        count: u32,
        /// The function's parameter, such as a slope.
        parameter: f32,
    }
}

/// The kernel of [`Activate`].
pub const SPEC: KernelSpec = KernelSpec {
    name: "activation",
    bindings: &[Binding::PARAMS, Binding::read("x"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &["ACTIVATION"],
    variants: one_variant!("activation", "activation.wgsl", [Grid, Activation]),
    twin: twin!(call, fast = call_fast),
};

/// The kernel of [`ActivateGrad`].
pub const GRAD_SPEC: KernelSpec = KernelSpec {
    name: "activation_grad",
    bindings: &[Binding::PARAMS, Binding::read("saved"), Binding::read("grad_output"), Binding::write("grad_input")],
    params: Params::LAYOUT,
    specialization: &["ACTIVATION"],
    variants: one_variant!("activation_grad", "activation_grad.wgsl", [Grid, Activation]),
    twin: twin!(call_grad, fast = call_grad_fast),
};

impl Operation for Activate {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(Error::shape(SPEC.name, "takes one tensor")) };
        Ok(vec![(x.shape.clone(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let saved = if self.0.derivative_uses_output() { request.outputs[0] } else { request.inputs[0] };
        Ok(vec![Some(request.graph.apply(ActivateGrad(self.0), &[saved, request.grad_output])?)])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![("ACTIVATION", self.0.index())]
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.0, shapes[0])
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        element_grid(bytemuck::pod_read_unaligned::<Params>(params).count, variant)
    }
}

impl Operation for ActivateGrad {
    fn spec(&self) -> &'static KernelSpec {
        &GRAD_SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [saved, grad] = inputs else { return Err(Error::shape(GRAD_SPEC.name, "takes two tensors")) };
        if saved.shape != grad.shape {
            return Err(Error::shape(GRAD_SPEC.name, format!("shapes differ: {} and {}", saved.shape, grad.shape)));
        }
        Ok(vec![(grad.shape.clone(), DType::F32)])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![("ACTIVATION", self.0.index())]
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.0, shapes[0])
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        element_grid(bytemuck::pod_read_unaligned::<Params>(params).count, variant)
    }
}

fn params(activation: Activation, shape: &Shape) -> Result<Vec<u8>> {
    let params = Params { count: shape.elements_u32(SPEC.name)?, parameter: activation.parameter() };
    Ok(bytemuck::bytes_of(&params).to_vec())
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let activation = Activation::from_index(call.constant("ACTIVATION"), call.params::<Params>().parameter);
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(activation, x, y);
}

fn call_grad<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let activation = Activation::from_index(call.constant("ACTIVATION"), call.params::<Params>().parameter);
    let [Bound::Float(saved), Bound::Float(grad_output), Bound::FloatMut(grad_input)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference_grad(activation, saved, grad_output, grad_input);
}

/// Runs `$body` with the function known to the compiler, which can then vectorize a loop over it.
macro_rules! known {
    ($activation:expr, $name:ident => $body:expr) => {
        $crate::ops::activation::known!(@ $activation, $name => $body, Identity Relu Sigmoid Tanh Step Gelu GeluTanh GeluSigmoid Silu)
    };
    (@ $activation:expr, $name:ident => $body:expr, $($unit:ident)*) => {
        match $activation {
            $(Activation::$unit => { let $name = Activation::$unit; $body })*
            Activation::LeakyRelu { slope } => { let $name = Activation::LeakyRelu { slope }; $body }
            Activation::Elu { alpha } => { let $name = Activation::Elu { alpha }; $body }
            // It calls a function of the library for each number.
            $name @ Activation::Softplus => $body
        }
    };
}

pub(crate) use known;

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let activation = Activation::from_index(call.constant("ACTIVATION"), call.params::<Params>().parameter);
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    for_each_part(
        [y],
        1,
        inlined!(|first, [y]| {
            let (x, y) = (FastF32::of(&x[first..][..y.len()]), FastF32::of_mut(y));
            known!(activation, f => reference(f, x, y));
        }),
    );
}

fn call_grad_fast(call: &mut TwinCall<'_, '_, f32>) {
    let activation = Activation::from_index(call.constant("ACTIVATION"), call.params::<Params>().parameter);
    let [Bound::Float(saved), Bound::Float(grad_output), Bound::FloatMut(grad_input)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    for_each_part(
        [grad_input],
        1,
        inlined!(|first, [grad_input]| {
            let len = grad_input.len();
            let (saved, g) = (FastF32::of(&saved[first..][..len]), FastF32::of(&grad_output[first..][..len]));
            let grad_input = FastF32::of_mut(grad_input);
            known!(activation, f => reference_grad(f, saved, g, grad_input));
        }),
    );
}

/// The definition of [`Activate`].
#[inline(always)]
pub fn reference<F: Float>(activation: Activation, x: &[F], y: &mut [F]) {
    for (&x, y) in x.iter().zip(y) {
        *y = activation.function(x);
    }
}

/// The definition of [`ActivateGrad`].
#[inline(always)]
pub fn reference_grad<F: Float>(activation: Activation, saved: &[F], grad_output: &[F], grad_input: &mut [F]) {
    for ((&saved, &g), grad_input) in saved.iter().zip(grad_output).zip(grad_input) {
        *grad_input = g * activation.derivative(saved);
    }
}
