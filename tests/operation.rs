//! The check of an op of one's own finds what is wrong with it, and names it.

mod common;

use anygrad::backend::Device;
use anygrad::check;
use anygrad::graph::case::{Values, floats};
use anygrad::graph::{Case, DType, Element, Inputs, Operation, Shape, Value, ValueId, Vjp};
use anygrad::kernel::error_bound::relative;
use anygrad::kernel::{Binding, Bound, Float, Grid, KernelSpec, Shared, TwinCall, Variant};
use anygrad::ops::scale::Scale;
use anygrad::{Result, twin, uniform_struct};

/// y = 3·x for the elements that a guard lets through.
macro_rules! wgsl {
    ($guard:literal) => {
        concat!(
            "struct Params { count: u32 }
            @group(0) @binding(0) var<uniform> params: Params;
            @group(0) @binding(1) var<storage, read> x: array<Elem>;
            @group(0) @binding(2) var<storage, read_write> y: array<Elem>;
            @compute @workgroup_size(WORKGROUP_SIZE)
            fn triple(
                @builtin(workgroup_id) group: vec3<u32>,
                @builtin(num_workgroups) groups: vec3<u32>,
                @builtin(local_invocation_index) local: u32,
            ) {
                let i = linear_index(group, groups, local);
                if ",
            $guard,
            " < params.count { y[i] = 3.0 * x[i]; }
            }"
        )
    };
}

const ALL: &[Variant] = &[Variant::plain("triple", "triple.wgsl", wgsl!("i"), &[Shared::Grid])];
const ALL_BUT_THE_LAST: &[Variant] = &[Variant::plain("triple", "triple.wgsl", wgsl!("i + 1u"), &[Shared::Grid])];
const BINDINGS: &[Binding] = &[Binding::PARAMS, Binding::read("x"), Binding::write("y")];
const OTHER_BINDINGS: &[Binding] = &[Binding::PARAMS, Binding::read("z"), Binding::write("y")];

uniform_struct! {
    struct Params {
        count: u32,
    }
}

static RIGHT: KernelSpec = KernelSpec::new("triple", BINDINGS, Params::LAYOUT, ALL, twin!(triple));
static SHORT: KernelSpec = KernelSpec::new("triple", BINDINGS, Params::LAYOUT, ALL_BUT_THE_LAST, twin!(triple));
static OTHER_NAMES: KernelSpec = KernelSpec::new("triple", OTHER_BINDINGS, Params::LAYOUT, ALL, twin!(triple));

fn triple<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { unreachable!("the bindings of the kernel") };
    for (&x, y) in x.iter().zip(y.iter_mut()) {
        *y = F::from_f64(3.0) * x;
    }
}

/// y = 3·x, with what may be wrong about it.
#[derive(Clone, Copy, Debug)]
struct Triple {
    spec: &'static KernelSpec,
    slope: f32,
}

impl PartialEq for Triple {
    fn eq(&self, other: &Triple) -> bool {
        std::ptr::eq(self.spec, other.spec) && self.slope == other.slope
    }
}

impl Operation for Triple {
    fn spec(&self) -> &'static KernelSpec {
        self.spec
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        Ok(vec![(inputs[0].shape.clone(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(request.graph.apply(Scale { factor: self.slope }, &[request.grad_output])?)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        Ok(Params { count: shapes[0].elements_u32("triple")? }.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[0].elements())
    }

    fn bound(&self, _: &Inputs<'_>, at: Element) -> f64 {
        relative(1.0, at.expected)
    }
}

fn checked(op: Triple, device: &Device) -> std::result::Result<check::OperationCheck, String> {
    let cases = [[1, 1], [3, 5], [1, 257]].map(|shape| Case::new(op, [floats(shape)]));
    check::operation_blocking(&cases, device).map_err(|error| error.to_string())
}

#[test]
fn an_op_that_does_what_it_states_passes() {
    let device = common::gpu().map_or(Device::Cpu, Device::Gpu);
    let check = checked(Triple { spec: &RIGHT, slope: 3.0 }, &device).expect("nothing is wrong");
    // 273 elements, each before and after, of eight kinds of numbers.
    assert_eq!((check.shaders, check.compared["CPU"], check.gradients), (1, 273 * 2 * 8, 273));
    assert!(check.left_out.is_empty(), "{check}");
    assert_eq!(check.compared.get("plain").copied(), matches!(device, Device::Gpu(_)).then_some(273 * 2 * 8));
}

#[test]
fn a_wrong_gradient_is_found() {
    let error = checked(Triple { spec: &RIGHT, slope: 3.01 }, &Device::Cpu).expect_err("the slope is 3");
    assert!(error.contains("gradient check failed"), "{error}");
}

#[test]
fn a_shader_that_says_something_else_is_found() {
    let error = checked(Triple { spec: &OTHER_NAMES, slope: 3.0 }, &Device::Cpu).expect_err("`x` is not `z`");
    assert!(error.contains("triple/plain: `z`: name"), "{error}");
}

#[test]
fn a_variant_that_is_not_its_twin_is_found() {
    let Some(gpu) = common::gpu() else { return };
    let error = checked(Triple { spec: &SHORT, slope: 3.0 }, &Device::Gpu(gpu)).expect_err("one is missing");
    assert!(error.contains("plain on [1, 1]: output 0[0] is 999"), "{error}");
}

#[test]
fn a_verified_device_with_a_wrong_kernel_is_not_right() {
    let Some(gpu) = common::gpu() else { return };
    let of = |spec| Case::new(Triple { spec, slope: 3.0 }, [floats([1, 257])]);
    let kinds = &[Values::Unit, Values::Zero][..];
    let cases = [(of(&RIGHT), kinds), (of(&SHORT), kinds)];
    let receipt = pollster::block_on(check::verify_cases(&gpu, &cases, |_, _| true)).expect("a receipt");
    assert!(!receipt.is_right() && receipt.comparisons == 4, "{receipt:?}");
    // Zeros are missed where they are not written, too: memory has other numbers before.
    let [unit, zero] = &receipt.failures[..] else { panic!("{:?}", receipt.failures) };
    assert!(unit.kernel == "triple/plain" && unit.case.contains("numbers Unit"), "{unit:?}");
    assert!(zero.case.contains("on [1, 257]") && zero.found.contains("[256] is"), "{zero:?}");
}
