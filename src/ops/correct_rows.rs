//! `correct[b] = 1` if the largest logit of row `b` is that of its label (the first, among equals), else 0.
//!
//! `logits: [B, C]`, `labels: [B]`, `correct: [B, 1]`. With C = 1 the class is 1 if the logit is positive.
//! A metric: it has no derivative.

use super::{Operation, extent, plain};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Extents, Shape, Value,
    case::{floats, words},
};
use crate::kernel::{Binding, Bound, Float, Grid, KernelSpec, TwinCall, Variant, twin::MISMATCH};
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

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub const SPEC: KernelSpec = KernelSpec {
    name: "correct_rows",
    bindings: &[Binding::PARAMS, Binding::read("logits"), Binding::read_words("labels"), Binding::write("correct")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[Variant { workgroup_size: 64, ..plain!("correct_rows", [Grid]) }],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

impl Operation for CorrectRows {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
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
        Ok(params.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[1].elements())
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    vec![Case::new(CorrectRows, [floats([rows, columns]), words([rows])])]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let classes = call.params::<Params>().classes as usize;
    let [Bound::Float(logits), Bound::Word(labels), Bound::FloatMut(correct)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    reference(classes, logits, labels, correct);
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
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
