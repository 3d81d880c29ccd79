//! A kernel of your own: squared ReLU, `y = max(0, x)²` (So et al., 2021), an op that the library does not have. Its WGSL, its
//! twin on the processor, its gradient and how far a device may be from the twin stand in this file. It is held to all that
//! it states, as the library's ops are, then trained in a layer.
//!
//! `cargo run --release --example 20_own_kernel -- --device auto`

mod common;

use anygrad::Result;
use anygrad::data;
use anygrad::graph::case::floats;
use anygrad::graph::{Case, DType, Element, Inputs, Operation, Shape, Value, ValueId, Vjp};
use anygrad::kernel::error_bound::relative;
use anygrad::kernel::{Binding, Bound, Float, Grid, KernelSpec, Shared, TwinCall, Variant};
use anygrad::nn::{LayerDescription, Loss, Module, Pass, Sequential};
use anygrad::ops::activation::{Activate, Activation};
use anygrad::ops::elementwise::Elementwise;
use anygrad::ops::scale::Scale;
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use anygrad::{check, twin, uniform_struct};

const WGSL: &str = "// y[i] = max(0, x[i])^2, one invocation per element.

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn squared_relu(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i < params.count {
        let positive = max(x[i], 0.0);
        y[i] = positive * positive;
    }
}
";

uniform_struct! {
    /// `Params` of the WGSL.
    struct Params {
        /// Elements of x.
        count: u32,
    }
}

static SPEC: KernelSpec = KernelSpec::new(
    "squared_relu",
    &[Binding::PARAMS, Binding::read("x"), Binding::write("y")],
    Params::LAYOUT,
    &[Variant::plain("squared_relu", "squared_relu.wgsl", WGSL, &[Shared::Grid])],
    twin!(squared_relu),
);

/// The definition, in f32 for the CPU and in f64 as the reference.
fn squared_relu<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { unreachable!("the bindings of SPEC") };
    for (&x, y) in x.iter().zip(y.iter_mut()) {
        let positive = x.max(F::ZERO);
        *y = positive * positive;
    }
}

/// The op: what a graph asks of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct SquaredRelu;

impl Operation for SquaredRelu {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(anygrad::Error::shape(SPEC.name, "takes one tensor")) };
        Ok(vec![(x.shape.clone(), DType::F32)])
    }

    /// `grad_x = g · 2·max(0, x)`, of ops that there are.
    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let (x, g, graph) = (request.inputs[0], request.grad_output, &mut *request.graph);
        let positive = graph.apply(Activate(Activation::Relu), &[x])?;
        let slope = graph.apply(Scale { factor: 2.0 }, &[positive])?;
        Ok(vec![Some(graph.apply(Elementwise::Multiply, &[g, slope])?)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        Ok(Params { count: shapes[0].elements_u32(SPEC.name)? }.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[0].elements())
    }

    /// One product, so one rounding.
    fn bound(&self, _: &Inputs<'_>, at: Element) -> f64 {
        relative(1.0, at.expected)
    }
}

/// The op as a layer.
#[derive(Debug)]
struct SquaredReluLayer;

impl Module for SquaredReluLayer {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Custom("squared_relu".into())
    }

    fn output(&self, input: &Shape) -> Result<Shape> {
        Ok(input.clone())
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> Result<ValueId> {
        pass.apply(SquaredRelu, &[x])
    }
}

fn main() -> Result<()> {
    let device = common::device()?;
    // One element, less than a workgroup, just as many, one more, several.
    let shapes = [[1, 1], [3, 5], [1, 255], [16, 16], [1, 257], [33, 64]];
    let cases = shapes.map(|shape| Case::new(SquaredRelu, [floats(shape)]));
    println!("{}", check::operation_blocking(&cases, &device)?);

    let data = data::digits()?.split(0.2, 0)?;
    let layers = Sequential::new(64).linear(32).layer(SquaredReluLayer).linear(10);
    let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.05).momentum(0.9)).epochs(20).on(device);
    let history = trainer.fit_blocking(&data)?;
    println!("test accuracy {:.4}", history.last().and_then(|epoch| epoch.test_accuracy).unwrap_or(0.0));
    Ok(())
}
