//! Penalty on the size of a parameter: `p = l2 · Σ w² + l1 · Σ |w|`, a single number `[1]`.
//!
//! With both factors it is the elastic net (Zou and Hastie, 2005). The lectures' convention: no ½, so the gradient is
//! `g · (2 · l2 · w + l1 · sign w)`, with sign 0 at 0. Nothing is saved. PyTorch's `weight_decay = d` has the gradient
//! of `l2 = d/2`; scikit-learn's `alpha` that of `l2 = alpha / (2 · rows)`; Keras's `l2` is the one here.

use super::{Operation, plain};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Element, Extents, Inputs, Kinks, Shape, Value, ValueId, Vjp, case::floats};
use crate::kernel::error_bound::{TINY, U, flushed, gamma};
use crate::kernel::{Binding, Bound, Float, Grid, KernelSpec, Requirements, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// The penalty on one parameter. Input: the parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty {
    /// Factor of Σ|w|.
    pub l1: f32,
    /// Factor of Σw².
    pub l2: f32,
}

impl Penalty {
    /// No penalty.
    pub const NONE: Penalty = Penalty { l1: 0.0, l2: 0.0 };
    /// The sum of squares.
    pub const SQUARES: Penalty = Penalty { l1: 0.0, l2: 1.0 };
}

/// The gradient of [`Penalty`]. Inputs: the parameter, the gradient of the penalty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PenaltyGrad(pub Penalty);

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// Elements of the parameter.
        count: u32,
        /// Factor of Σ|w|.
        l1: f32,
        /// Factor of Σw².
        l2: f32,
    }
}

/// The kernel of [`Penalty`]: one workgroup, whose lanes stride over the parameter.
pub const SPEC: KernelSpec = KernelSpec {
    name: "penalty",
    bindings: &[Binding::PARAMS, Binding::read("weight"), Binding::write("total")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[Variant {
        requirements: Requirements { workgroup_bytes: 256 * 4, ..Requirements::NONE },
        shares: false,
        ..plain!("penalty", [Reduce])
    }],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

/// The kernel of [`PenaltyGrad`].
pub const GRAD_SPEC: KernelSpec = KernelSpec {
    name: "penalty_grad",
    bindings: &[Binding::PARAMS, Binding::read("weight"), Binding::read("grad_total"), Binding::write("grad_weight")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[plain!("penalty_grad", [Grid])],
    twin: twin!(call_grad),
    composition: None,
    entry_point: None,
};

fn params(penalty: Penalty, weight: &Shape) -> Result<Vec<u8>> {
    let params = Params { count: weight.elements_u32(SPEC.name)?, l1: penalty.l1, l2: penalty.l2 };
    Ok(params.to_bytes())
}

impl Operation for Penalty {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [_weight] = inputs else { return Err(Error::shape(SPEC.name, "takes one parameter")) };
        Ok(vec![([1].into(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let inputs = [request.inputs[0], request.grad_output];
        Ok(vec![Some(request.graph.apply(PenaltyGrad(*self), &inputs)?)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(*self, shapes[0])
    }

    fn grid(&self, _shapes: &[&Shape]) -> Grid {
        Grid::One
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let count = inputs.floats(0).len();
        gamma(count + 4) * at.expected.abs() + f64::from(1.0 + self.l1 + self.l2) * flushed(2 * count)
    }

    fn kinks(&self) -> Option<Kinks<'_>> {
        let weights = |inputs: &[Bound<'_, f64>]| inputs[0].floats().to_vec();
        (self.l1 != 0.0).then(|| Box::new(weights) as Kinks<'_>)
    }
}

impl Operation for PenaltyGrad {
    fn spec(&self) -> &'static KernelSpec {
        &GRAD_SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        match inputs {
            [weight, grad] if grad.shape.elements() == 1 => Ok(vec![(weight.shape.clone(), DType::F32)]),
            _ => Err(Error::shape(GRAD_SPEC.name, "takes a parameter and one number")),
        }
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.0, shapes[0])
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[0].elements())
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let size = 2.0 * f64::from(self.0.l2) * inputs.magnitude(0, at.index) + f64::from(self.0.l1);
        4.0 * U * inputs.magnitude(1, 0) * size + TINY
    }
}

/// Cases of both ops for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let op = Penalty { l1: 0.25, l2: 0.5 };
    let weight = || floats([rows, columns]);
    vec![Case::new(op, [weight()]), Case::new(PenaltyGrad(op), [weight(), floats([1])])]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(weight), Bound::FloatMut(total)] = call.buffers else { panic!("{MISMATCH}") };
    total[0] = reference(&params, weight);
}

fn call_grad<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(weight), Bound::Float(grad_total), Bound::FloatMut(grad)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference_grad(&params, weight, grad_total[0], grad);
}

/// Computes [`Penalty`] by plain loops over slices: the definition that its kernels are compared with.
pub fn reference<F: Float>(params: &Params, weight: &[F]) -> F {
    let squares: F = weight.iter().map(|&w| w * w).sum();
    let magnitudes: F = weight.iter().map(|&w| w.abs()).sum();
    F::from_f32(params.l2) * squares + F::from_f32(params.l1) * magnitudes
}

/// Computes [`PenaltyGrad`] by plain loops over slices: the definition that its kernels are compared with.
pub fn reference_grad<F: Float>(params: &Params, weight: &[F], grad_total: F, grad: &mut [F]) {
    let (twice_l2, l1) = (F::from_f32(2.0 * params.l2), F::from_f32(params.l1));
    for (&w, grad) in weight.iter().zip(grad) {
        let sign = if w > F::ZERO {
            l1
        } else if w < F::ZERO {
            -l1
        } else {
            F::ZERO
        };
        *grad = grad_total * (twice_l2 * w + sign);
    }
}
