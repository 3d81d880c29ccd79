//! The gradients of a fully connected layer's weight and bias and their SGD step, in one kernel and in place:
//!
//! ```text
//! grad_W = gᵀ · x,  grad_b[o] = Σ_b g[b,o]        g: [B, O], x: [B, I], W: [O, I], b: [O]
//! W and b step as by sgd, without dampening
//! ```
//!
//! It stands for [`Matmul::TN`], [`ColumnSum`](super::column_sum::ColumnSum) and two
//! [`Sgd`] steps, and is put in their place after differentiation (`plan/fuse.rs`). The
//! gradients never reach memory. Velocities start at 0, so the first step's `v = g` needs no case of its own.

use super::matmul::{self, Matmul};
use super::product::{self, product_variants};
use super::sgd::{self, Sgd};
use super::{Operation, Workgroups, extent, linear_grid};
use crate::cpu::product::{self as cpu_product, Form, Matrix, Scaling};
use crate::cpu::{self, Aligned, inlined};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Clock, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};
use std::cell::RefCell;

/// The step of one layer. Inputs: weight and bias (in place), gradient of the layer's output, the layer's input, and
/// with momentum the velocities of weight and bias (in place).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearUpdate {
    /// The rule, without dampening.
    pub sgd: Sgd,
}

uniform_struct! {
    /// Parameters of the kernel without momentum.
    pub struct Params {
        /// O
        m: u32,
        /// I
        n: u32,
        /// B
        k: u32,
        /// Factor of `w` in the gradient.
        weight_decay: f32,
    }
}

uniform_struct! {
    /// Parameters of the kernel with momentum.
    pub struct MomentumParams {
        /// O
        m: u32,
        /// I
        n: u32,
        /// B
        k: u32,
        /// Factor of `w` in the gradient.
        weight_decay: f32,
        /// Share of the velocity kept.
        momentum: f32,
        /// 1 for Nesterov's form, else 0.
        nesterov: u32,
    }
}

/// The kernel without momentum.
pub const SPEC: KernelSpec = KernelSpec {
    name: "linear_update",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::write("weight"),
        Binding::write("bias"),
        Binding::read("a"),
        Binding::read("b"),
    ],
    params: Params::LAYOUT,
    specialization: &["TRANSPOSE_A", "TRANSPOSE_B"],
    variants: product_variants!(
        [subgroup, outer],
        "linear_update",
        [Clock, StepSgd],
        workgroup[StoreFour, BiasesWorkgroup],
        alone[StoreLoop, Biases],
        outer[StoreLoop, BiasesOuter]
    ),
    twin: twin!(call, fast = call_fast),
};

/// The kernel with momentum.
pub const MOMENTUM_SPEC: KernelSpec = KernelSpec {
    name: "linear_update_momentum",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::write("weight"),
        Binding::write("bias"),
        Binding::read("a"),
        Binding::read("b"),
        Binding::write("weight_velocity"),
        Binding::write("bias_velocity"),
    ],
    params: MomentumParams::LAYOUT,
    specialization: &["TRANSPOSE_A", "TRANSPOSE_B"],
    variants: product_variants!(
        [subgroup, outer],
        "linear_update_momentum",
        [Clock, StepMomentum],
        workgroup[StoreFour, BiasesWorkgroup],
        alone[StoreLoop, Biases],
        outer[StoreLoop, BiasesOuter]
    ),
    twin: twin!(call_momentum, fast = call_momentum_fast),
};

impl Operation for LinearUpdate {
    fn spec(&self) -> &'static KernelSpec {
        if self.sgd.momentum == 0.0 { &SPEC } else { &MOMENTUM_SPEC }
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let name = self.spec().name;
        let (expected, velocities) = if self.sgd.momentum == 0.0 { (4, None) } else { (6, inputs.get(4..6)) };
        let (&[weight, bias, grad, x], true) = (&inputs[..inputs.len().min(4)], inputs.len() == expected) else {
            return Err(Error::shape(name, format!("takes {expected} tensors")));
        };
        let ((outputs, width), (rows, _)) = (weight.shape.matrix(name)?, grad.shape.matrix(name)?);
        let fits = bias.shape.vector(name)? == outputs
            && grad.shape.matrix(name)? == (rows, outputs)
            && x.shape.matrix(name)? == (rows, width)
            && velocities.is_none_or(|v| v[0].shape == weight.shape && v[1].shape == bias.shape);
        if !fits || self.sgd.dampening != 0.0 {
            let detail =
                format!("weight is {}, bias {}, gradient {}, x {}", weight.shape, bias.shape, grad.shape, x.shape);
            return Err(Error::shape(name, detail));
        }
        Ok(Vec::new())
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![("TRANSPOSE_A", 1), ("TRANSPOSE_B", 0)]
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        shapes.iter().try_for_each(|shape| shape.elements_u32(SPEC.name).map(|_| ()))?;
        let ((m, n), (k, _)) = (shapes[0].matrix(SPEC.name)?, shapes[3].matrix(SPEC.name)?);
        let (m, n, k) = (extent(SPEC.name, m)?, extent(SPEC.name, n)?, extent(SPEC.name, k)?);
        let Sgd { momentum, weight_decay, .. } = self.sgd;
        Ok(if momentum == 0.0 {
            bytemuck::bytes_of(&Params { m, n, k, weight_decay }).to_vec()
        } else {
            let nesterov = u32::from(self.sgd.nesterov);
            bytemuck::bytes_of(&MomentumParams { m, n, k, weight_decay, momentum, nesterov }).to_vec()
        })
    }

    fn flops(&self, shapes: &[&Shape]) -> u64 {
        2 * (shapes[0].elements() as u64) * shapes[3].dims()[0] as u64
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        // Both layouts start with the same members.
        let Params { m, n, .. } = bytemuck::pod_read_unaligned(&params[..size_of::<Params>()]);
        if variant.name != "plain" {
            return product::workgroups(variant, m, n);
        }
        let elements = u64::from(m) * (u64::from(n) + 1);
        linear_grid(elements.div_ceil(u64::from(variant.workgroup_size)))
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let Params { m, n, k, weight_decay } = call.params();
    let [Bound::FloatMut(weight), Bound::FloatMut(bias), Bound::Float(grad), Bound::Float(x)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let clock = call.clock;
    let mut grad_weight = vec![F::ZERO; weight.len()];
    let mut grad_bias = vec![F::ZERO; bias.len()];
    matmul::reference(Matmul::TN, &matmul::Params { m, n, k }, grad, x, &mut grad_weight);
    sum_columns(grad, &mut grad_bias);
    let rule = sgd::Params { weight_decay, ..sgd::Params::default() };
    sgd::reference(&rule, clock, weight, &grad_weight);
    sgd::reference(&rule, clock, bias, &grad_bias);
}

fn call_momentum<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let MomentumParams { m, n, k, weight_decay, momentum, nesterov } = call.params();
    let [
        Bound::FloatMut(weight),
        Bound::FloatMut(bias),
        Bound::Float(grad),
        Bound::Float(x),
        Bound::FloatMut(weight_velocity),
        Bound::FloatMut(bias_velocity),
    ] = call.buffers
    else {
        panic!("{MISMATCH}")
    };
    // From the second step on the velocity counts, and at the first it is 0.
    let clock = &Clock { step: 1, ..*call.clock };
    let mut grad_weight = vec![F::ZERO; weight.len()];
    let mut grad_bias = vec![F::ZERO; bias.len()];
    matmul::reference(Matmul::TN, &matmul::Params { m, n, k }, grad, x, &mut grad_weight);
    sum_columns(grad, &mut grad_bias);
    let rule = sgd::Params { momentum, nesterov, weight_decay, ..sgd::Params::default() };
    sgd::reference_momentum(&rule, clock, weight, &grad_weight, weight_velocity);
    sgd::reference_momentum(&rule, clock, bias, &grad_bias, bias_velocity);
}

/// Adds the rows of a gradient up.
fn sum_columns<F: Float>(grad: &[F], sums: &mut [F]) {
    for row in grad.chunks_exact(sums.len()) {
        for (sum, &g) in sums.iter_mut().zip(row) {
            *sum += g;
        }
    }
}

thread_local! {
    // Kept, so that a step allocates nothing.
    static GRADIENTS: RefCell<[Aligned<f32>; 2]> = const { RefCell::new([Aligned::new(), Aligned::new()]) };
}

/// Lends memory for the gradients of weight and bias that is kept from step to step. It holds anything.
fn with_memory(weights: usize, biases: usize, update: impl FnOnce(&mut [f32], &mut [f32])) {
    GRADIENTS
        .with_borrow_mut(|[grad_weight, grad_bias]| update(grad_weight.at_least(weights), grad_bias.at_least(biases)));
}

/// The step of the weight is part of the product: `w ← (1 − η·decay) w − η · gᵀ·x`.
fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let Params { m, n, k, weight_decay } = call.params();
    let [Bound::FloatMut(weight), Bound::FloatMut(bias), Bound::Float(grad), x] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let clock = call.clock;
    let rate = clock.learning_rate;
    let onto = Scaling { alpha: -rate, beta: 1.0 - rate * weight_decay };
    cpu_product::multiply(
        Form::TN,
        matmul::Params { m, n, k }.size(),
        (Matrix::from(*grad), Matrix::of(x)),
        weight,
        onto,
        |_| (),
    );
    with_memory(0, bias.len(), |_, grad_bias| {
        let rule = sgd::Params { weight_decay, ..sgd::Params::default() };
        grad_bias.fill(0.0);
        cpu::widest(inlined!(|| sum_columns(grad, grad_bias)));
        sgd::reference(&rule, clock, bias, grad_bias);
    });
}

fn call_momentum_fast(call: &mut TwinCall<'_, '_, f32>) {
    let MomentumParams { m, n, k, weight_decay, momentum, nesterov } = call.params();
    let [
        Bound::FloatMut(weight),
        Bound::FloatMut(bias),
        Bound::Float(grad),
        x,
        Bound::FloatMut(weight_velocity),
        Bound::FloatMut(bias_velocity),
    ] = call.buffers
    else {
        panic!("{MISMATCH}")
    };
    // As in the definition.
    let clock = &Clock { step: 1, ..*call.clock };
    let rule = sgd::Params { momentum, nesterov, weight_decay, ..sgd::Params::default() };
    with_memory(weight.len(), bias.len(), |grad_weight, grad_bias| {
        let params = matmul::Params { m, n, k };
        cpu_product::multiply(
            Form::TN,
            params.size(),
            (Matrix::from(*grad), Matrix::of(x)),
            grad_weight,
            Scaling::PRODUCT,
            |_| (),
        );
        grad_bias.fill(0.0);
        cpu::widest(inlined!(|| sum_columns(grad, grad_bias)));
        for (w, v, grad) in [(&mut **weight, &mut **weight_velocity, grad_weight), (bias, bias_velocity, grad_bias)] {
            cpu::for_each_part(
                [w, v],
                1,
                inlined!(|first, [w, v]| sgd::reference_momentum(&rule, clock, w, &grad[first..], v)),
            );
        }
    });
}
