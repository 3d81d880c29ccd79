//! Activation functions and the gradient through them, `grad_x = g · f′`, element by element.
//!
//! Saved for backward: the output `y` where the derivative can be had from it, else the input `x`
//! ([`Activation::derivative_uses_output`]). To add one: a variant and its arms in `activation/function.rs`, its two
//! functions in `shaders/shared/activation.wgsl`; every test, bench and help text loops over [`Activation::ALL`].

mod function;
mod text;

pub use function::Activation;
use function::known;
pub(super) use function::{logistic, softplus};

use super::{Operation, map};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use crate::cpu::piecewise;
use crate::cpu::product::Block;
use crate::cpu::{FastF32, for_each_part, inlined, widest};
use crate::error::{Error, Result};
use crate::graph::{
    BlockCall, Case, DType, Element, Expression, Extents, Inputs, Kinks, Portable, Shape, Stage, Value, ValueId, Vjp,
    case::floats,
};
use crate::kernel::error_bound::{TINY, U, relative};
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Binding, Bound, Float, Grid, KernelSpec, Shared, TwinCall, twin::MISMATCH};
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

/// Applies an activation function.
///
/// ```
/// use anygrad::graph::{DType, Graph, Role};
/// use anygrad::ops::activation::{Activate, Activation};
/// let leaky: Activation = "leaky_relu:0.1".parse()?;
/// assert_eq!(leaky.function(-2.0), 0.1f32 * -2.0);
/// assert_eq!(Activation::Sigmoid.derivative(0.5), 0.25);
/// let mut graph = Graph::new();
/// let x = graph.declare("x", [4, 3], DType::F32, Role::Input);
/// let y = graph.apply(Activate(leaky), &[x])?;
/// assert_eq!(graph.shape(y).dims(), [4, 3]);
/// # Ok::<(), anygrad::Error>(())
/// ```
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
        /// Elements of a row.
        columns: u32,
        /// The function's parameter, such as a slope.
        parameter: f32,
    }
}

/// [`Activate`] as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const PART: Part = Part::new("activation", wgsl!("stage/activation.wgsl"))
    .fields(Params::LAYOUT.stage_fields())
    .specialization(&[Activation::CONSTANT])
    .shared(&[Shared::Activation]);

/// [`ActivateGrad`] as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const GRAD_PART: Part = Part::new("activation_grad", wgsl!("stage/activation_grad.wgsl"))
    .fields(Params::LAYOUT.stage_fields())
    .specialization(&[Activation::CONSTANT])
    .bindings(&[Binding::read("saved")])
    .shared(&[Shared::Activation]);

/// The kernel of [`Activate`].
pub static SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| map::kernel(&PART, 0, twin!(call, fast = call_fast)));

/// The kernel of [`ActivateGrad`].
pub static GRAD_SPEC: LazyLock<&KernelSpec> =
    LazyLock::new(|| map::kernel(&GRAD_PART, 1, twin!(call_grad, fast = call_grad_fast)));

impl Operation for Activate {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage { block: Some(on_block), ..Stage::new(&PART, 0) })
    }

    fn portable(&self) -> Option<Portable> {
        Some(Portable::Elementwise(self.0.expression(Expression::Input(0))))
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

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        map::grid(shapes[0])
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        // A factor of x may be flushed to zero before it is multiplied.
        let x = inputs.float(0, at.index);
        U * self.0.rounding_bound(x, at.expected) + TINY * (1.0 + x.abs())
    }

    fn kinks(&self) -> Option<Kinks<'_>> {
        let x = |inputs: &[Bound<'_, f64>]| inputs[0].floats().to_vec();
        self.0.has_kink().then(|| Box::new(x) as Kinks<'_>)
    }
}

impl Operation for ActivateGrad {
    fn spec(&self) -> &'static KernelSpec {
        &GRAD_SPEC
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage { block: Some(on_block_grad), ..Stage::new(&GRAD_PART, 1) })
    }

    fn is_differentiable(&self) -> bool {
        false
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

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        map::grid(shapes[0])
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let rounding = self.0.derivative_rounding_bound(inputs.float(0, at.index));
        inputs.magnitude(1, at.index) * U * rounding + relative(4.0, at.expected)
    }
}

/// Cases of both ops for the tests, of every function.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let matrix = || floats([rows, columns]);
    let both = |&activation: &Activation| {
        [Case::new(Activate(activation), [matrix()]), Case::new(ActivateGrad(activation), [matrix(), matrix()])]
    };
    Activation::ALL.iter().flat_map(both).collect()
}

fn params(activation: Activation, shape: &Shape) -> Result<Vec<u8>> {
    let [count, columns] = map::extents(PART.name, shape)?;
    let params = Params { count, columns, parameter: activation.parameter() };
    Ok(params.to_bytes())
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

/// The function of a stage, by its parameters and the constants of the dispatch.
fn function_of(call: &BlockCall<'_, '_>) -> Activation {
    Activation::from_index(call.constant("ACTIVATION"), bytemuck::pod_read_unaligned(call.params))
}

fn on_block(call: &BlockCall<'_, '_>, block: &mut Block<'_, f32>) {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    if let Some(slope) = function_of(call).slope() {
        return block.for_each_row(|_, _, part| piecewise::function(slope, part));
    }
    widest(inlined!(|| {
        known!(function_of(call), f => block.for_each_row(inlined!(|_, _, part| {
            for y in FastF32::of_mut(part) {
                *y = f.function(*y);
            }
        })));
    }));
}

fn on_block_grad(call: &BlockCall<'_, '_>, block: &mut Block<'_, f32>) {
    let [Bound::Float(saved)] = call.inputs else { panic!("{MISMATCH}") };
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    if let Some(slope) = function_of(call).slope() {
        return block.for_each_row(|row, first, part| {
            piecewise::derivative(slope, &saved[row * call.columns + first..][..part.len()], part);
        });
    }
    widest(inlined!(|| {
        known!(function_of(call), f => block.for_each_row(inlined!(|row, first, part| {
            let saved = &FastF32::of(saved)[row * call.columns + first..];
            for (g, &saved) in FastF32::of_mut(part).iter_mut().zip(saved) {
                *g *= f.derivative(saved);
            }
        })));
    }));
}

/// Computes [`Activate`] by plain loops over slices: the definition that its kernels are compared with.
#[inline(always)]
pub fn reference<F: Float>(activation: Activation, x: &[F], y: &mut [F]) {
    for (&x, y) in x.iter().zip(y) {
        *y = activation.function(x);
    }
}

/// Computes [`ActivateGrad`] by plain loops over slices: the definition that its kernels are compared with.
#[inline(always)]
pub fn reference_grad<F: Float>(activation: Activation, saved: &[F], grad_output: &[F], grad_input: &mut [F]) {
    for ((&saved, &g), grad_input) in saved.iter().zip(grad_output).zip(grad_input) {
        *grad_input = g * activation.derivative(saved);
    }
}
