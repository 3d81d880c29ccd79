//! The weight of each row by its class: `y[b] = weights[label_b]`, `weights: [C]`, `labels: [B]`, `y: [B, 1]`.
//!
//! The weights are data: there is no gradient.

use super::{Operation, extent, plain};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Extents, Shape, Value,
    case::{floats, words},
};
use crate::kernel::{Binding, Bound, Float, Grid, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// The weight of each row. Inputs: weights of the classes, labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassWeights;

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// B
        rows: u32,
    }
}

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub const SPEC: KernelSpec = KernelSpec {
    name: "class_weights",
    bindings: &[Binding::PARAMS, Binding::read("weights"), Binding::read_words("labels"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[Variant { workgroup_size: 64, ..plain!("class_weights", [Grid]) }],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

impl Operation for ClassWeights {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [weights, labels] = inputs else { return Err(Error::shape(SPEC.name, "takes weights and labels")) };
        weights.shape.vector(SPEC.name)?;
        Ok(vec![([labels.shape.vector(SPEC.name)?, 1].into(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        Ok(Params { rows: extent(SPEC.name, shapes[1].elements())? }.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        Grid::Elements(shapes[1].elements())
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, .. }: Extents) -> Vec<Case> {
    vec![Case::new(ClassWeights, [floats([10]), words([rows])])]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let [Bound::Float(weights), Bound::Word(labels), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(weights, labels, y);
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
pub fn reference<F: Float>(weights: &[F], labels: &[u32], y: &mut [F]) {
    for (&label, y) in labels.iter().zip(y) {
        *y = weights[label as usize];
    }
}
