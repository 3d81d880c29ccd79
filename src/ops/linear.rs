//! A fully connected layer in one kernel: `y = f(x · Wᵀ + b)`, `x: [B, I]`, `W: [O, I]`, `b: [O]`, `y: [B, O]`.
//!
//! It stands for [`Matmul::NT`], [`AddBias`](super::add_bias::AddBias) and
//! [`Activate`](super::activation::Activate) in a row, and is put in their place after differentiation
//! (`plan/fuse.rs`): it has no gradient of its own. Two trips through memory fewer.

use super::activation::{Activation, known};
use super::matmul::{self, Matmul};
use super::product::{self, product_variants};
use super::{Operation, Workgroups, extent, matmul_cpu};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, Wide, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// The layer. Inputs: x, weight, bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    /// f
    pub activation: Activation,
}

uniform_struct! {
    /// Parameters of the kernel.
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

/// The kernel.
pub const SPEC: KernelSpec = KernelSpec {
    name: "linear",
    bindings: &[Binding::PARAMS, Binding::read("a"), Binding::read("b"), Binding::read("bias"), Binding::write("c")],
    params: Params::LAYOUT,
    specialization: &["ACTIVATION", "TRANSPOSE_A", "TRANSPOSE_B"],
    variants: product_variants!("linear", [Activation]),
    twin: twin!(call, fast = call_fast),
};

impl Operation for Linear {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x, weight, bias] = inputs else { return Err(Error::shape(SPEC.name, "takes x, weight and bias")) };
        let ((rows, width), (outputs, inputs)) = (x.shape.matrix(SPEC.name)?, weight.shape.matrix(SPEC.name)?);
        if width != inputs || bias.shape.vector(SPEC.name)? != outputs {
            let detail = format!("x is {}, weight {}, bias {}", x.shape, weight.shape, bias.shape);
            return Err(Error::shape(SPEC.name, detail));
        }
        Ok(vec![([rows, outputs].into(), DType::F32)])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![("ACTIVATION", self.activation.index()), ("TRANSPOSE_A", 0), ("TRANSPOSE_B", 1)]
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        shapes.iter().try_for_each(|shape| shape.elements_u32(SPEC.name).map(|_| ()))?;
        let ((m, k), (n, _)) = (shapes[0].matrix(SPEC.name)?, shapes[1].matrix(SPEC.name)?);
        let (m, n, k) = (extent(SPEC.name, m)?, extent(SPEC.name, n)?, extent(SPEC.name, k)?);
        Ok(bytemuck::bytes_of(&Params { m, n, k, parameter: self.activation.parameter() }).to_vec())
    }

    fn flops(&self, shapes: &[&Shape]) -> u64 {
        2 * (shapes[1].elements() as u64) * shapes[0].dims()[0] as u64
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        let Params { m, n, .. } = bytemuck::pod_read_unaligned(params);
        product::workgroups(variant, m, n)
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let (params, activation) = parameters(call);
    let [Bound::Float(x), Bound::Float(weight), Bound::Float(bias), Bound::FloatMut(y)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    matmul::reference(Matmul::NT, &params, x, weight, y);
    for row in y.chunks_exact_mut(bias.len()) {
        finish(activation, bias, row);
    }
}

/// Each part of a row gets bias and activation while it is in the cache.
fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let (params, activation) = parameters(call);
    let [Bound::Float(x), Bound::Float(weight), Bound::Float(bias), Bound::FloatMut(y)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    matmul_cpu::multiply(Matmul::NT, &params, (x, weight), y, matmul_cpu::Onto::NOTHING, |part, _, first| {
        matmul_cpu::widest(|| known!(activation, f => finish(f, &Wide::of(bias)[first..], Wide::of_mut(part))));
    });
}

fn parameters<F: Float>(call: &TwinCall<'_, '_, F>) -> (matmul::Params, Activation) {
    let Params { m, n, k, parameter } = call.params();
    (matmul::Params { m, n, k }, Activation::from_index(call.constant("ACTIVATION"), parameter))
}

/// The definition of what follows the product, for a part of a row: `y ← f(y + bias)`.
#[inline(always)]
fn finish<F: Float>(activation: Activation, bias: &[F], y: &mut [F]) {
    for (y, &bias) in y.iter_mut().zip(bias) {
        *y = activation.function(*y + bias);
    }
}
