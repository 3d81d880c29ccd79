//! The weight of each row by its class: `y[b] = weights[label_b]`, `weights: [C]`, `labels: [B]`, `y: [B, 1]`.
//!
//! The weights are data: there is no gradient.

use super::{Operation, Workgroups, element_grid, extent, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
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

/// The kernel.
pub const SPEC: KernelSpec = KernelSpec {
    name: "class_weights",
    bindings: &[Binding::PARAMS, Binding::read("weights"), Binding::read_words("labels"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("class_weights", "class_weights.wgsl", [Grid], 64),
    twin: twin!(call),
};

impl Operation for ClassWeights {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [weights, labels] = inputs else { return Err(Error::shape(SPEC.name, "takes weights and labels")) };
        weights.shape.vector(SPEC.name)?;
        Ok(vec![([labels.shape.vector(SPEC.name)?, 1].into(), DType::F32)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        Ok(bytemuck::bytes_of(&Params { rows: extent(SPEC.name, shapes[1].elements())? }).to_vec())
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        element_grid(bytemuck::pod_read_unaligned::<Params>(params).rows, variant)
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let [Bound::Float(weights), Bound::Word(labels), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(weights, labels, y);
}

/// The definition.
pub fn reference<F: Float>(weights: &[F], labels: &[u32], y: &mut [F]) {
    for (&label, y) in labels.iter().zip(y) {
        *y = weights[label as usize];
    }
}
