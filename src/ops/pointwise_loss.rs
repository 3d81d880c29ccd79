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

use super::activation::{Activation, logistic, softplus};
use super::{Operation, extent, plain};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Element, Extents, Inputs, Kinks, Shape, Value, ValueId, Vjp, case::floats};
use crate::kernel::error_bound::{TINY, U, flushed, gamma, relative};
use crate::kernel::{
    Binding, Bound, Content, Float, Grid, KernelSpec, Specialization, TwinCall, Variant, twin::MISMATCH,
};
use crate::{twin, uniform_struct};

/// ℓ: how one prediction is compared with its target.
///
/// ```
/// use anygrad::ops::pointwise_loss::Pointwise;
/// let huber = Pointwise::Huber { delta: 1.0 };
/// assert_eq!((huber.loss(3.0, 0.0), huber.derivative(3.0, 0.0)), (2.5, 1.0));
/// assert_eq!(Pointwise::SquaredError.loss(3.0, 1.0), 4.0);
/// ```
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
    /// All forms, with default parameters. The position is the constant `POINTWISE` in WGSL, in the order of its names.
    pub const ALL: [Pointwise; 5] = [
        Pointwise::SquaredError,
        Pointwise::HalfSquaredError,
        Pointwise::AbsoluteError,
        Pointwise::Huber { delta: 1.0 },
        Pointwise::BinaryCrossEntropy,
    ];

    const CONSTANT: Specialization = Specialization::choice(
        "POINTWISE",
        &["squared_error", "half_squared_error", "absolute_error", "huber", "binary_cross_entropy"],
    );

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
            Pointwise::BinaryCrossEntropy => softplus(p) - p * y,
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
            Pointwise::BinaryCrossEntropy => logistic(p) - y,
        }
    }

    /// ℓ and dℓ/dp as text, of an output `z`. `factor` stands in front of both; it is empty for 1.
    pub fn formula(self, z: &str, factor: &str) -> (String, String) {
        let difference = |a: &str| if factor.is_empty() { format!("{a} − y") } else { format!("({a} − y)") };
        let (loss, derivative) = match self {
            Pointwise::SquaredError => (format!("({z} − y)²"), format!("2·({z} − y)")),
            Pointwise::HalfSquaredError => (format!("½·({z} − y)²"), difference(z)),
            Pointwise::AbsoluteError => (format!("|{z} − y|"), format!("sign({z} − y)")),
            Pointwise::Huber { delta } => (
                format!("ℓ({z} − y), ℓ(e) = ½e² where |e| ≤ {delta}, else {delta}·(|e| − {})", 0.5 * delta),
                format!("ℓ′({z} − y), ℓ′(e) = e where |e| ≤ {delta}, else {delta}·sign e"),
            ),
            Pointwise::BinaryCrossEntropy => (format!("−(y·log p + (1 − y)·log(1 − p)), p = σ({z})"), difference("p")),
        };
        (loss, format!("{factor}{derivative}"))
    }

    /// What ℓ(p, y) is computed from is at most this in all, given |p| and |y|: its rounding error in units of 2⁻²³.
    fn rounding_size(self, p: f64, y: f64) -> f64 {
        match self {
            // max(p, 0), p·y and a logarithm, which may cancel.
            Pointwise::BinaryCrossEntropy => 4.0 * p + p * y + 24.0,
            Pointwise::SquaredError | Pointwise::HalfSquaredError => 2.0 * (p + y) * (p + y),
            Pointwise::AbsoluteError | Pointwise::Huber { .. } => 3.0 * (p + y),
        }
    }

    /// [`Pointwise::rounding_size`] of dℓ/dp.
    fn derivative_rounding_size(self, p: f64, y: f64) -> f64 {
        match self {
            Pointwise::BinaryCrossEntropy => 16.0 + y,
            _ => 6.0 * (p + y),
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

/// The gradient of [`PointwiseLoss`] with respect to the prediction. Inputs: prediction, target, gradient of each row's
/// loss.
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
    bindings: &[
        Binding::PARAMS,
        Binding::read("prediction"),
        Binding::read("expected").holding(Content::Target),
        Binding::write("loss"),
    ],
    params: Params::LAYOUT,
    specialization: &[Pointwise::CONSTANT, Activation::CONSTANT],
    variants: &[Variant { workgroup_size: 64, ..plain!("pointwise_loss", [Grid, Activation, Pointwise]) }],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

/// The kernel of [`PointwiseLossGrad`].
pub const GRAD_SPEC: KernelSpec = KernelSpec {
    name: "pointwise_loss_grad",
    bindings: &[
        Binding::PARAMS,
        Binding::read("prediction"),
        Binding::read("expected").holding(Content::Target),
        Binding::read("grad_loss"),
        Binding::write("grad_prediction"),
    ],
    params: Params::LAYOUT,
    specialization: &[Pointwise::CONSTANT, Activation::CONSTANT],
    variants: &[plain!("pointwise_loss_grad", [Grid, Activation, Pointwise])],
    twin: twin!(call_grad),
    composition: None,
    entry_point: None,
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
        Ok(params.to_bytes())
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

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[2].elements())
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let columns = inputs.columns(0);
        let scale = if self.mean { 1.0 / columns as f64 } else { 1.0 };
        let rows = inputs.row(0, at.index).iter().zip(inputs.row(1, at.index));
        let terms: f64 = rows.map(|(p, y)| self.form.rounding_size(f64::from(p.abs()), f64::from(y.abs()))).sum();
        scale * (terms * (U + gamma(columns)) + flushed(2 * columns)) + TINY
    }

    fn kinks(&self) -> Option<Kinks<'_>> {
        let errors = |inputs: &[Bound<'_, f64>]| {
            inputs[0].floats().iter().zip(inputs[1].floats()).map(|(p, y)| p - y).collect::<Vec<f64>>()
        };
        (self.form == Pointwise::AbsoluteError).then(|| Box::new(errors) as Kinks<'_>)
    }
}

impl Operation for PointwiseLossGrad {
    fn spec(&self) -> &'static KernelSpec {
        &GRAD_SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
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

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[0].elements())
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let columns = inputs.columns(0);
        let (g, scale) =
            (inputs.magnitude(2, at.index / columns), if self.0.mean { 1.0 / columns as f64 } else { 1.0 });
        let (p, y) = (inputs.magnitude(0, at.index), inputs.magnitude(1, at.index));
        g * scale * self.0.form.derivative_rounding_size(p, y) * U + relative(4.0, at.expected)
    }
}

/// Cases of both ops for the tests, of every form.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let matrix = || floats([rows, columns]);
    let both = |op: PointwiseLoss| {
        let grad = PointwiseLossGrad(op);
        [Case::new(op, [matrix(), matrix()]), Case::new(grad, [matrix(), matrix(), floats([rows, 1])])]
    };
    let ops = Pointwise::ALL.iter().flat_map(|&form| [true, false].map(|mean| PointwiseLoss { form, mean }));
    ops.flat_map(both).collect()
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

/// Computes [`PointwiseLoss`] by plain loops over slices: the definition that its kernels are compared with.
pub fn reference<F: Float>(form: Pointwise, params: &Params, prediction: &[F], expected: &[F], loss: &mut [F]) {
    let (columns, scale) = (params.columns as usize, F::from_f32(params.scale));
    let rows = prediction.chunks_exact(columns).zip(expected.chunks_exact(columns));
    for ((prediction, expected), loss) in rows.zip(loss) {
        *loss = scale * prediction.iter().zip(expected).map(|(&p, &y)| form.loss(p, y)).sum::<F>();
    }
}

/// Computes [`PointwiseLossGrad`] by plain loops over slices: the definition that its kernels are compared with.
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
