//! Losses that are a sum over the outputs of a row: `loss[b] = scale · Σ_o ℓ(p[b,o], y[b,o])`.
//!
//! `p, y: [B, O]`, `loss: [B, 1]`; `scale` is 1/O for the mean over outputs and 1 for their sum. With `e = p − y`:
//!
//! | | ℓ | dℓ/dp |
//! |---|---|---|
//! | squared error | e² | 2e |
//! | half squared error | ½e² | e |
//! | absolute error | \|e\| | sign e, 0 at 0 |
//! | Huber (1964) | ½e² if \|e\| ≤ δ, else δ(\|e\| − ½δ) | e, else δ·sign e |
//! | binary cross-entropy | max(p,0) − p·y + log(1 + e^−\|p\|), p a logit | σ(p) − y |
//!
//! Gradient: `grad_p[b,o] = g[b] · scale · dℓ/dp`; the target is data. Nothing is saved.

use super::activation::Activation;
use super::{Operation, Workgroups, element_grid, extent, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value, ValueId, Vjp};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// ℓ: how one prediction is compared with its target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pointwise {
    /// e²
    SquaredError,
    /// ½e²
    HalfSquaredError,
    /// |e|
    AbsoluteError,
    /// Quadratic up to δ, linear beyond.
    Huber {
        /// Where the two meet, above 0.
        delta: f32,
    },
    /// From a logit and a target in `[0, 1]`.
    BinaryCrossEntropy,
}

impl Pointwise {
    /// All forms, with default parameters. The position is the constant `POINTWISE` in WGSL.
    pub const ALL: [Pointwise; 5] = [
        Pointwise::SquaredError,
        Pointwise::HalfSquaredError,
        Pointwise::AbsoluteError,
        Pointwise::Huber { delta: 1.0 },
        Pointwise::BinaryCrossEntropy,
    ];

    fn index(self) -> u32 {
        let same = |other: &Pointwise| std::mem::discriminant(other) == std::mem::discriminant(&self);
        Self::ALL.iter().position(same).unwrap_or(0) as u32
    }

    fn from_index(index: u32, delta: f32) -> Pointwise {
        match Self::ALL[index as usize] {
            Pointwise::Huber { .. } => Pointwise::Huber { delta },
            other => other,
        }
    }

    /// ℓ(p, y)
    pub fn loss<F: Float>(self, p: F, y: F) -> F {
        let (e, half) = (p - y, F::from_f64(0.5));
        match self {
            Pointwise::SquaredError => e * e,
            Pointwise::HalfSquaredError => half * e * e,
            Pointwise::AbsoluteError => e.abs(),
            Pointwise::Huber { delta } => {
                let delta = F::from_f32(delta);
                if e.abs() <= delta { half * e * e } else { delta * (e.abs() - half * delta) }
            }
            Pointwise::BinaryCrossEntropy => Activation::Softplus.function(p) - p * y,
        }
    }

    /// dℓ/dp
    pub fn derivative<F: Float>(self, p: F, y: F) -> F {
        let e = p - y;
        match self {
            Pointwise::SquaredError => e + e,
            Pointwise::HalfSquaredError => e,
            Pointwise::AbsoluteError => sign(e),
            Pointwise::Huber { delta } => {
                let delta = F::from_f32(delta);
                if e.abs() <= delta { e } else { delta * sign(e) }
            }
            Pointwise::BinaryCrossEntropy => Activation::Sigmoid.function(p) - y,
        }
    }
}

/// −1, 0 or 1; NaN stays NaN.
fn sign<F: Float>(x: F) -> F {
    if x > F::ZERO {
        F::ONE
    } else if x < F::ZERO {
        -F::ONE
    } else {
        x
    }
}

/// The loss of each row. Inputs: prediction, target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointwiseLoss {
    /// ℓ
    pub form: Pointwise,
    /// Whether the outputs of a row are averaged (else added).
    pub mean: bool,
}

/// Its gradient with respect to the prediction. Inputs: prediction, target, gradient of each row's loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointwiseLossGrad(pub PointwiseLoss);

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// B
        rows: u32,
        /// O
        columns: u32,
        /// Factor on the sum over a row.
        scale: f32,
        /// Where Huber's loss becomes linear.
        delta: f32,
    }
}

/// The kernel of [`PointwiseLoss`].
pub const SPEC: KernelSpec = KernelSpec {
    name: "pointwise_loss",
    bindings: &[Binding::PARAMS, Binding::read("prediction"), Binding::read("expected"), Binding::write("loss")],
    params: Params::LAYOUT,
    specialization: &["POINTWISE", "ACTIVATION"],
    variants: one_variant!("pointwise_loss", "pointwise_loss.wgsl", [Grid, Activation], 64),
    twin: twin!(call),
};

/// The kernel of [`PointwiseLossGrad`].
pub const GRAD_SPEC: KernelSpec = KernelSpec {
    name: "pointwise_loss_grad",
    bindings: &[
        Binding::PARAMS,
        Binding::read("prediction"),
        Binding::read("expected"),
        Binding::read("grad_loss"),
        Binding::write("grad_prediction"),
    ],
    params: Params::LAYOUT,
    specialization: &["POINTWISE", "ACTIVATION"],
    variants: one_variant!("pointwise_loss_grad", "pointwise_loss_grad.wgsl", [Grid, Activation]),
    twin: twin!(call_grad),
};

impl PointwiseLoss {
    fn check(&self, name: &str, prediction: &Value, expected: &Value) -> Result<usize> {
        let (rows, _) = prediction.shape.matrix(name)?;
        if prediction.shape != expected.shape {
            let detail = format!("prediction is {}, target {}", prediction.shape, expected.shape);
            return Err(Error::shape(name, detail));
        }
        Ok(rows)
    }

    fn kernel_params(&self, prediction: &Shape) -> Result<Vec<u8>> {
        prediction.elements_u32(SPEC.name)?;
        let (rows, columns) = prediction.matrix(SPEC.name)?;
        let delta = if let Pointwise::Huber { delta } = self.form { delta } else { 0.0 };
        let scale = if self.mean { 1.0 / columns as f32 } else { 1.0 };
        let params = Params { rows: extent(SPEC.name, rows)?, columns: extent(SPEC.name, columns)?, scale, delta };
        Ok(bytemuck::bytes_of(&params).to_vec())
    }

    /// The shared activation functions need their constant, though these kernels call softplus and sigmoid by name.
    fn kernel_constants(&self) -> Vec<(&'static str, u32)> {
        vec![("POINTWISE", self.form.index()), ("ACTIVATION", 0)]
    }
}

impl Operation for PointwiseLoss {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [prediction, expected] = inputs else {
            return Err(Error::shape(SPEC.name, "takes prediction and target"));
        };
        Ok(vec![([self.check(SPEC.name, prediction, expected)?, 1].into(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        if request.needed[1] {
            return Err(Error::shape(SPEC.name, "the target must be data: it must not depend on a parameter"));
        }
        let inputs = [request.inputs[0], request.inputs[1], request.grad_output];
        Ok(vec![Some(request.graph.apply(PointwiseLossGrad(*self), &inputs)?), None])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        self.kernel_constants()
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        self.kernel_params(shapes[0])
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        element_grid(bytemuck::pod_read_unaligned::<Params>(params).rows, variant)
    }
}

impl Operation for PointwiseLossGrad {
    fn spec(&self) -> &'static KernelSpec {
        &GRAD_SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [prediction, expected, grad] = inputs else {
            return Err(Error::shape(GRAD_SPEC.name, "takes prediction, target and grad_loss"));
        };
        if grad.shape.elements() != self.0.check(GRAD_SPEC.name, prediction, expected)? {
            let detail = format!("prediction is {}, grad_loss {}", prediction.shape, grad.shape);
            return Err(Error::shape(GRAD_SPEC.name, detail));
        }
        Ok(vec![(prediction.shape.clone(), DType::F32)])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        self.0.kernel_constants()
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        self.0.kernel_params(shapes[0])
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        let params = bytemuck::pod_read_unaligned::<Params>(params);
        element_grid(params.rows * params.columns, variant)
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let form = Pointwise::from_index(call.constant("POINTWISE"), params.delta);
    let [Bound::Float(prediction), Bound::Float(expected), Bound::FloatMut(loss)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference(form, &params, prediction, expected, loss);
}

fn call_grad<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let form = Pointwise::from_index(call.constant("POINTWISE"), params.delta);
    let [Bound::Float(prediction), Bound::Float(expected), Bound::Float(grad_loss), Bound::FloatMut(grad)] =
        call.buffers
    else {
        panic!("{MISMATCH}")
    };
    reference_grad(form, &params, prediction, expected, grad_loss, grad);
}

/// The definition of [`PointwiseLoss`].
pub fn reference<F: Float>(form: Pointwise, params: &Params, prediction: &[F], expected: &[F], loss: &mut [F]) {
    let (columns, scale) = (params.columns as usize, F::from_f32(params.scale));
    let rows = prediction.chunks_exact(columns).zip(expected.chunks_exact(columns));
    for ((prediction, expected), loss) in rows.zip(loss) {
        *loss = scale * prediction.iter().zip(expected).map(|(&p, &y)| form.loss(p, y)).sum::<F>();
    }
}

/// The definition of [`PointwiseLossGrad`].
pub fn reference_grad<F: Float>(
    form: Pointwise,
    params: &Params,
    prediction: &[F],
    expected: &[F],
    grad_loss: &[F],
    grad: &mut [F],
) {
    let (columns, scale) = (params.columns as usize, F::from_f32(params.scale));
    for (i, grad) in grad.iter_mut().enumerate() {
        *grad = grad_loss[i / columns] * scale * form.derivative(prediction[i], expected[i]);
    }
}
