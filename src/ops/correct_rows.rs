//! `correct[b] = 1` if the largest logit of row `b` is that of its label (the first, among equals), else 0.
//!
//! `logits: [B, C]`, `labels: [B]`, `correct: [B, 1]`. With C = 1 the class is 1 if the logit is positive.
//! A metric: it has no derivative.

use super::{Operation, Workgroups, element_grid, extent, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Whether each row is classified correctly. Inputs: logits, labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorrectRows;

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// B
        rows: u32,
        /// C
        classes: u32,
    }
}

/// The kernel.
pub const SPEC: KernelSpec = KernelSpec {
    name: "correct_rows",
    bindings: &[Binding::PARAMS, Binding::read("logits"), Binding::read_words("labels"), Binding::write("correct")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("correct_rows", "correct_rows.wgsl", [Grid], 64),
    twin: twin!(call),
};

impl Operation for CorrectRows {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [logits, labels] = inputs else { return Err(Error::shape(SPEC.name, "takes logits and labels")) };
        let (rows, _) = logits.shape.matrix(SPEC.name)?;
        if labels.shape.vector(SPEC.name)? != rows {
            return Err(Error::shape(SPEC.name, format!("logits are {}, labels {}", logits.shape, labels.shape)));
        }
        Ok(vec![([rows, 1].into(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        shapes[0].elements_u32(SPEC.name)?;
        let (rows, classes) = shapes[0].matrix(SPEC.name)?;
        let params = Params { rows: extent(SPEC.name, rows)?, classes: extent(SPEC.name, classes)? };
        Ok(bytemuck::bytes_of(&params).to_vec())
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        element_grid(bytemuck::pod_read_unaligned::<Params>(params).rows, variant)
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let classes = call.params::<Params>().classes as usize;
    let [Bound::Float(logits), Bound::Word(labels), Bound::FloatMut(correct)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference(classes, logits, labels, correct);
}

/// The definition.
pub fn reference<F: Float>(classes: usize, logits: &[F], labels: &[u32], correct: &mut [F]) {
    for ((z, &label), correct) in logits.chunks_exact(classes).zip(labels).zip(correct) {
        *correct = if predicted_class(z) == label as usize { F::ONE } else { F::ZERO };
    }
}

/// The class that a row of logits stands for.
pub fn predicted_class<F: Float>(logits: &[F]) -> usize {
    if let [only] = logits {
        return usize::from(*only > F::ZERO);
    }
    let mut best = 0;
    for c in 1..logits.len() {
        if logits[c] > logits[best] {
            best = c;
        }
    }
    best
}
