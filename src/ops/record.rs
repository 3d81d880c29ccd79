//! Files one more result of a batch: `ring[slot mod S, column] ← x`, before [`end_step`](super::end_step) moves on.
//!
//! `x: [1]`, `ring: [S, W]`.

use super::{Operation, Workgroups, extent, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Float, KernelSpec, StepState, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Files a number. Inputs: the number, ring (in place).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which column of the ring.
    pub column: usize,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// S
        slots: u32,
        /// W
        width: u32,
        /// Which column.
        column: u32,
    }
}

/// The kernel: one invocation.
pub const SPEC: KernelSpec = KernelSpec {
    name: "record",
    bindings: &[Binding::PARAMS, Binding::STEP, Binding::read("x"), Binding::write("ring")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("record", "record.wgsl", [Step], 1),
    twin: twin!(call),
};

impl Operation for Record {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x, ring] = inputs else { return Err(Error::shape(SPEC.name, "takes a number and the ring")) };
        let (_, width) = ring.shape.matrix(SPEC.name)?;
        if x.shape.elements() != 1 || self.column >= width {
            let detail = format!("x is {}, ring {}, column {}", x.shape, ring.shape, self.column);
            return Err(Error::shape(SPEC.name, detail));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let (slots, width) = shapes[1].matrix(SPEC.name)?;
        let params = Params {
            slots: extent(SPEC.name, slots)?,
            width: extent(SPEC.name, width)?,
            column: extent(SPEC.name, self.column)?,
        };
        Ok(bytemuck::bytes_of(&params).to_vec())
    }

    fn workgroups(&self, _params: &[u8], _variant: &Variant) -> Workgroups {
        [1, 1, 1]
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Word(state), Bound::Float(x), Bound::FloatMut(ring)] = call.buffers else { panic!("{MISMATCH}") };
    let slot = StepState::from_words(state).slot % params.slots;
    ring[(slot * params.width + params.column) as usize] = x[0];
}
