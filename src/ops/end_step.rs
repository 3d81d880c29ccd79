//! Files the results of a batch in the ring and moves the run's state on:
//! `ring[slot mod S] ← (loss, metric)`, `slot ← slot + 1`, `batch_start ← batch_start + B`, in training
//! `step ← step + 1`.
//!
//! `loss, metric: [1]`, `ring: [S, W]` with W at least 2; further columns are filed by [`record`](super::record). The host reads the ring back once for many steps.

use super::{Operation, Workgroups, extent, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Float, KernelSpec, StepState, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Ends a batch. Inputs: the run's state (in place), loss, metric, ring (in place).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndStep {
    /// B
    pub rows: usize,
    /// Whether the batch was a training step.
    pub training: bool,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// B
        rows: u32,
        /// Added to the step number: 1 in training, else 0.
        steps: u32,
        /// S, the entries of the ring.
        slots: u32,
        /// W, the numbers of an entry.
        width: u32,
    }
}

/// The kernel: one invocation.
pub const SPEC: KernelSpec = KernelSpec {
    name: "end_step",
    bindings: &[
        Binding::PARAMS,
        Binding::STEP_MUT,
        Binding::read("loss"),
        Binding::read("metric"),
        Binding::write("ring"),
    ],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("end_step", "end_step.wgsl", [Step], 1),
    twin: twin!(call),
};

impl Operation for EndStep {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [_state, loss, metric, ring] = inputs else {
            return Err(Error::shape(SPEC.name, "takes the run's state, loss, metric and ring"));
        };
        let (_, entries) = ring.shape.matrix(SPEC.name)?;
        if loss.shape.elements() != 1 || metric.shape.elements() != 1 || entries < 2 {
            let detail = format!("loss is {}, metric {}, ring {}", loss.shape, metric.shape, ring.shape);
            return Err(Error::shape(SPEC.name, detail));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let (slots, width) = shapes[3].matrix(SPEC.name)?;
        let params = Params {
            rows: extent(SPEC.name, self.rows)?,
            steps: u32::from(self.training),
            slots: extent(SPEC.name, slots)?,
            width: extent(SPEC.name, width)?,
        };
        Ok(bytemuck::bytes_of(&params).to_vec())
    }

    fn workgroups(&self, _params: &[u8], _variant: &Variant) -> Workgroups {
        [1, 1, 1]
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::WordMut(words), Bound::Float(loss), Bound::Float(metric), Bound::FloatMut(ring)] = call.buffers else {
        panic!("{MISMATCH}")
    };
    let mut state = StepState::from_words(words);
    let entry = (state.slot % params.slots * params.width) as usize;
    ring[entry] = loss[0];
    ring[entry + 1] = metric[0];
    state.slot = state.slot.wrapping_add(1);
    state.batch_start += params.rows;
    state.step += params.steps;
    words.copy_from_slice(&state.words());
}
