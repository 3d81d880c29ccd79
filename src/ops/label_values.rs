//! Labels of two classes as numbers: `y[b] = label_b`, `labels: [B]` of 0 and 1, `y: [B, 1]`.
//!
//! It lets a loss of numbers, such as binary cross-entropy with one output, take class labels. No gradient.

use super::{Operation, extent, plain};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Extents, Shape, Value, case::words};
use crate::kernel::{Binding, Bound, Float, Grid, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Labels as numbers. Input: labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelValues;

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// B
        rows: u32,
    }
}

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub const SPEC: KernelSpec = KernelSpec {
    name: "label_values",
    bindings: &[Binding::PARAMS, Binding::read_words("labels"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[Variant { workgroup_size: 64, ..plain!("label_values", [Grid]) }],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

impl Operation for LabelValues {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [labels] = inputs else { return Err(Error::shape(SPEC.name, "takes labels")) };
        Ok(vec![([labels.shape.vector(SPEC.name)?, 1].into(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        Ok(Params { rows: extent(SPEC.name, shapes[0].elements())? }.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[0].elements())
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, .. }: Extents) -> Vec<Case> {
    vec![Case::new(LabelValues, [words([rows])])]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let [Bound::Word(labels), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    for (&label, y) in labels.iter().zip(y.iter_mut()) {
        *y = F::from_f64(f64::from(label));
    }
}
