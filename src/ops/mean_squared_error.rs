//! Squared error of each row, averaged over its outputs: `loss[b] = 1/O · Σ_o (ŷ[b,o] − y[b,o])²`.
//!
//! `ŷ, y: [B, O]`, `loss: [B, 1]`; the mean over the batch is then PyTorch's `MSELoss`, the mean over all elements.
//! Gradient: `grad_ŷ[b,o] = g[b] · 2/O · (ŷ[b,o] − y[b,o])`. Nothing is saved.

use super::{Operation, Workgroups, element_grid, extent, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value, ValueId, Vjp};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Squared error of each row. Inputs: prediction, target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeanSquaredError;

/// Its gradient with respect to the prediction. Inputs: prediction, target, gradient of each row's loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeanSquaredErrorGrad;

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// B
        rows: u32,
        /// O
        columns: u32,
    }
}

/// The kernel of [`MeanSquaredError`].
pub const SPEC: KernelSpec = KernelSpec {
    name: "mean_squared_error",
    bindings: &[Binding::PARAMS, Binding::read("prediction"), Binding::read("expected"), Binding::write("loss")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("mean_squared_error", "mean_squared_error.wgsl", [Grid], 64),
    twin: twin!(call),
};

/// The kernel of [`MeanSquaredErrorGrad`].
pub const GRAD_SPEC: KernelSpec = KernelSpec {
    name: "mean_squared_error_grad",
    bindings: &[
        Binding::PARAMS,
        Binding::read("prediction"),
        Binding::read("expected"),
        Binding::read("grad_loss"),
        Binding::write("grad_prediction"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("mean_squared_error_grad", "mean_squared_error_grad.wgsl", [Grid]),
    twin: twin!(call_grad),
};

fn check(name: &str, prediction: &Value, expected: &Value) -> Result<usize> {
    let (rows, _) = prediction.shape.matrix(name)?;
    if prediction.shape != expected.shape {
        let detail = format!("prediction is {}, target {}", prediction.shape, expected.shape);
        return Err(Error::shape(name, detail));
    }
    Ok(rows)
}

fn params(prediction: &Shape) -> Result<Vec<u8>> {
    prediction.elements_u32(SPEC.name)?;
    let (rows, columns) = prediction.matrix(SPEC.name)?;
    let params = Params { rows: extent(SPEC.name, rows)?, columns: extent(SPEC.name, columns)? };
    Ok(bytemuck::bytes_of(&params).to_vec())
}

impl Operation for MeanSquaredError {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [prediction, expected] = inputs else {
            return Err(Error::shape(SPEC.name, "takes prediction and target"));
        };
        Ok(vec![([check(SPEC.name, prediction, expected)?, 1].into(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let inputs = [request.inputs[0], request.inputs[1], request.grad_output];
        Ok(vec![Some(request.graph.apply(MeanSquaredErrorGrad, &inputs)?), None])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(shapes[0])
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        element_grid(bytemuck::pod_read_unaligned::<Params>(params).rows, variant)
    }
}

impl Operation for MeanSquaredErrorGrad {
    fn spec(&self) -> &'static KernelSpec {
        &GRAD_SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [prediction, expected, grad] = inputs else {
            return Err(Error::shape(GRAD_SPEC.name, "takes prediction, target and grad_loss"));
        };
        if grad.shape.elements() != check(GRAD_SPEC.name, prediction, expected)? {
            let detail = format!("prediction is {}, grad_loss {}", prediction.shape, grad.shape);
            return Err(Error::shape(GRAD_SPEC.name, detail));
        }
        Ok(vec![(prediction.shape.clone(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(shapes[0])
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        let params = bytemuck::pod_read_unaligned::<Params>(params);
        element_grid(params.rows * params.columns, variant)
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let columns = call.params::<Params>().columns as usize;
    let [Bound::Float(prediction), Bound::Float(expected), Bound::FloatMut(loss)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference(columns, prediction, expected, loss);
}

fn call_grad<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let columns = call.params::<Params>().columns as usize;
    let [Bound::Float(prediction), Bound::Float(expected), Bound::Float(grad_loss), Bound::FloatMut(grad)] =
        call.buffers
    else {
        panic!("{MISMATCH}")
    };
    reference_grad(columns, prediction, expected, grad_loss, grad);
}

/// The definition of [`MeanSquaredError`].
pub fn reference<F: Float>(columns: usize, prediction: &[F], expected: &[F], loss: &mut [F]) {
    let rows = prediction.chunks_exact(columns).zip(expected.chunks_exact(columns));
    for ((prediction, expected), loss) in rows.zip(loss) {
        let squares = prediction.iter().zip(expected).map(|(&p, &y)| (p - y) * (p - y));
        *loss = squares.sum::<F>() / F::from_f64(columns as f64);
    }
}

/// The definition of [`MeanSquaredErrorGrad`].
pub fn reference_grad<F: Float>(columns: usize, prediction: &[F], expected: &[F], grad_loss: &[F], grad: &mut [F]) {
    let factor = F::from_f64(2.0) / F::from_f64(columns as f64);
    for (i, grad) in grad.iter_mut().enumerate() {
        *grad = grad_loss[i / columns] * factor * (prediction[i] - expected[i]);
    }
}
