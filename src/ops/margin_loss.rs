//! Losses by margins between the true class and the others: `loss[b] = Σ_{j≠y} max(0, z[b,j] − z[b,y] + margin)`.
//!
//! `z: [B, C]`, `labels: [B]`, `loss: [B, 1]`. With margin 1 it is the multiclass hinge loss (Weston and Watkins, 1999;
//! PyTorch's `MultiMarginLoss` divides it by C), with margin 0 the perceptron's. Gradient: `g[b]` for each class j ≠ y
//! whose term counts, minus their number times `g[b]` for y. A term counts if it is above 0; with margin 0 also if it
//! is 0, because the perceptron learns from ties (all weights start at 0). Nothing is saved.

use super::{Operation, extent, plain};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Extents, Inputs, Kinks, Shape, Value, ValueId, Vjp,
    case::{floats, words},
};
use crate::kernel::error_bound::{U, flushed, gamma, relative, spread};
use crate::kernel::{Binding, Bound, Float, Grid, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// The loss of each row. Inputs: outputs of the classes, labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginLoss {
    /// How far the true class must lie above the others, at least 0.
    pub margin: f32,
}

impl MarginLoss {
    /// The loss of a row of outputs `z`, and its derivative, as text.
    pub fn formula(&self, z: &str) -> (String, String) {
        let (margin, counts) =
            if self.margin == 0.0 { (String::new(), "≥") } else { (format!(" + {}", self.margin), ">") };
        (
            format!("Σ max(0, {z}ⱼ − {z}ᵧ{margin}) over the classes j ≠ y"),
            format!("1 where {z}ⱼ − {z}ᵧ{margin} {counts} 0, and −(their number) at y"),
        )
    }
}

/// The gradient of [`MarginLoss`] with respect to the outputs. Inputs: outputs, labels, gradient of each row's loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginLossGrad(pub MarginLoss);

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// B
        rows: u32,
        /// C
        classes: u32,
        /// How far the true class must lie above the others.
        margin: f32,
    }
}

/// The kernel of [`MarginLoss`].
pub const SPEC: KernelSpec = KernelSpec {
    name: "margin_loss",
    bindings: &[Binding::PARAMS, Binding::read("outputs"), Binding::read_words("labels"), Binding::write("loss")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[Variant { workgroup_size: 64, ..plain!("margin_loss", [Grid]) }],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

/// The kernel of [`MarginLossGrad`].
pub const GRAD_SPEC: KernelSpec = KernelSpec {
    name: "margin_loss_grad",
    bindings: &[
        Binding::PARAMS,
        Binding::read("outputs"),
        Binding::read_words("labels"),
        Binding::read("grad_loss"),
        Binding::write("grad_outputs"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[Variant { workgroup_size: 64, ..plain!("margin_loss_grad", [Grid]) }],
    twin: twin!(call_grad),
    composition: None,
    entry_point: None,
};

fn check(name: &str, outputs: &Value, labels: &Value) -> Result<usize> {
    let (rows, _) = outputs.shape.matrix(name)?;
    if labels.shape.vector(name)? != rows {
        return Err(Error::shape(name, format!("outputs are {}, labels {}", outputs.shape, labels.shape)));
    }
    Ok(rows)
}

fn params(margin: f32, outputs: &Shape) -> Result<Vec<u8>> {
    outputs.elements_u32(SPEC.name)?;
    let (rows, classes) = outputs.matrix(SPEC.name)?;
    let params = Params { rows: extent(SPEC.name, rows)?, classes: extent(SPEC.name, classes)?, margin };
    Ok(params.to_bytes())
}

impl Operation for MarginLoss {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [outputs, labels] = inputs else { return Err(Error::shape(SPEC.name, "takes outputs and labels")) };
        Ok(vec![([check(SPEC.name, outputs, labels)?, 1].into(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let inputs = [request.inputs[0], request.inputs[1], request.grad_output];
        Ok(vec![Some(request.graph.apply(MarginLossGrad(*self), &inputs)?), None])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.margin, shapes[0])
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[1].elements())
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        let z = inputs.row(0, at.index);
        z.len() as f64 * 2.0 * U * (spread(z) + 1.0) + gamma(z.len()) * at.expected.abs() + flushed(2 * z.len())
    }

    fn kinks(&self) -> Option<Kinks<'_>> {
        Some(Box::new(|inputs| {
            let (z, labels) = (inputs[0].floats(), inputs[1].words());
            let mut leads = Vec::new();
            for (row, &label) in z.chunks_exact((z.len() / labels.len().max(1)).max(1)).zip(labels) {
                let others = row.iter().enumerate().filter(|(class, _)| *class != label as usize);
                leads.extend(others.map(|(_, z)| z - row[label as usize] + f64::from(self.margin)));
            }
            leads
        }))
    }
}

impl Operation for MarginLossGrad {
    fn spec(&self) -> &'static KernelSpec {
        &GRAD_SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [outputs, labels, grad] = inputs else {
            return Err(Error::shape(GRAD_SPEC.name, "takes outputs, labels and grad_loss"));
        };
        if grad.shape.elements() != check(GRAD_SPEC.name, outputs, labels)? {
            let detail = format!("outputs are {}, grad_loss {}", outputs.shape, grad.shape);
            return Err(Error::shape(GRAD_SPEC.name, detail));
        }
        Ok(vec![(outputs.shape.clone(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        params(self.0.margin, shapes[0])
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[1].elements())
    }

    fn bound(&self, _inputs: &Inputs<'_>, at: Element) -> f64 {
        relative(1.0, at.expected)
    }
}

/// Cases of both ops for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let (outputs, labels) = (|| floats([rows, columns]), || words([rows]));
    let both = |op: MarginLoss| {
        let grad = MarginLossGrad(op);
        [Case::new(op, [outputs(), labels()]), Case::new(grad, [outputs(), labels(), floats([rows, 1])])]
    };
    [1.0, 0.0].into_iter().flat_map(|margin| both(MarginLoss { margin })).collect()
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(outputs), Bound::Word(labels), Bound::FloatMut(loss)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference(&params, outputs, labels, loss);
}

fn call_grad<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(outputs), Bound::Word(labels), Bound::Float(grad_loss), Bound::FloatMut(grad)] = call.buffers
    else {
        panic!("{MISMATCH}")
    };
    reference_grad(&params, outputs, labels, grad_loss, grad);
}

/// z_j − z_y + margin
fn excess<F: Float>(params: &Params, z: &[F], j: usize, label: usize) -> F {
    z[j] - z[label] + F::from_f32(params.margin)
}

/// Computes [`MarginLoss`] by plain loops over slices: the definition that its kernels are compared with.
pub fn reference<F: Float>(params: &Params, outputs: &[F], labels: &[u32], loss: &mut [F]) {
    let classes = params.classes as usize;
    for ((z, &label), loss) in outputs.chunks_exact(classes).zip(labels).zip(loss) {
        let others = (0..classes).filter(|&j| j != label as usize);
        // Not max(0, …), which would turn NaN into 0.
        let term = |x: F| if x <= F::ZERO { F::ZERO } else { x };
        *loss = others.map(|j| term(excess(params, z, j, label as usize))).sum();
    }
}

/// Computes [`MarginLossGrad`] by plain loops over slices: the definition that its kernels are compared with.
pub fn reference_grad<F: Float>(params: &Params, outputs: &[F], labels: &[u32], grad_loss: &[F], grad: &mut [F]) {
    let classes = params.classes as usize;
    let rows = outputs.chunks_exact(classes).zip(grad.chunks_exact_mut(classes));
    for (((z, grad), &label), &g) in rows.zip(labels).zip(grad_loss) {
        let label = label as usize;
        let mut counted = F::ZERO;
        for j in (0..classes).filter(|&j| j != label) {
            let x = excess(params, z, j, label);
            let counts = x > F::ZERO || (params.margin == 0.0 && x == F::ZERO);
            grad[j] = if counts { g } else { F::ZERO };
            counted += if counts { F::ONE } else { F::ZERO };
        }
        grad[label] = -counted * g;
    }
}
