//! Moves the run's state to the start of an epoch: `batch_start ← 0`, and in training `epoch ← epoch + 1`.

use super::{Operation, Workgroups, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Float, KernelSpec, StepState, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Begins an epoch of training, or a pass over data that is only evaluated. Input: the run's state, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeginEpoch {
    /// Whether it counts as an epoch of training.
    pub training: bool,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Added to the epoch number: 1 in training, else 0.
        epochs: u32,
    }
}

/// The kernel: one invocation.
pub const SPEC: KernelSpec = KernelSpec {
    name: "begin_epoch",
    bindings: &[Binding::PARAMS, Binding::STEP_MUT],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("begin_epoch", "begin_epoch.wgsl", [Step], 1),
    twin: twin!(call),
};

impl Operation for BeginEpoch {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [_state] = inputs else { return Err(Error::shape(SPEC.name, "takes the run's state")) };
        Ok(Vec::new())
    }

    fn params(&self, _shapes: &[&Shape]) -> Result<Vec<u8>> {
        Ok(bytemuck::bytes_of(&Params { epochs: u32::from(self.training) }).to_vec())
    }

    fn workgroups(&self, _params: &[u8], _variant: &Variant) -> Workgroups {
        [1, 1, 1]
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::WordMut(words)] = call.buffers else { panic!("{MISMATCH}") };
    let mut state = StepState::from_words(words);
    state.epoch += params.epochs;
    state.batch_start = 0;
    words.copy_from_slice(&state.words());
}
