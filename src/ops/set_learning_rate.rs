//! Takes the learning rate from the schedule's table: `learning_rate ← rates[min(t, N − 1)]`, where `t` is the number of
//! epochs or of steps done.
//!
//! `rates: [N]`, computed by the host before the run (see [`Schedule`](crate::optim::Schedule)), so that every device
//! takes the same rates and the host writes nothing while steps run.

use super::{Operation, Workgroups, extent, one_variant};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value};
use crate::kernel::{Binding, Bound, Float, KernelSpec, StepState, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Sets the learning rate. Inputs: the run's state (in place), rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLearningRate {
    /// Whether the table has an entry per step (else per epoch).
    pub per_step: bool,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// N
        entries: u32,
        /// 1 if the table has an entry per step, 0 if per epoch.
        per_step: u32,
    }
}

/// The kernel: one invocation.
pub const SPEC: KernelSpec = KernelSpec {
    name: "set_learning_rate",
    bindings: &[Binding::PARAMS, Binding::STEP_MUT, Binding::read("rates")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("set_learning_rate", "set_learning_rate.wgsl", [Step], 1),
    twin: twin!(call),
};

impl Operation for SetLearningRate {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [_state, rates] = inputs else { return Err(Error::shape(SPEC.name, "takes the run's state and rates")) };
        rates.shape.vector(SPEC.name)?;
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let params = Params { entries: extent(SPEC.name, shapes[1].elements())?, per_step: u32::from(self.per_step) };
        Ok(bytemuck::bytes_of(&params).to_vec())
    }

    fn workgroups(&self, _params: &[u8], _variant: &Variant) -> Workgroups {
        [1, 1, 1]
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::WordMut(words), Bound::Float(rates)] = call.buffers else { panic!("{MISMATCH}") };
    let mut state = StepState::from_words(words);
    let t = if params.per_step == 1 { state.step } else { state.epoch.max(1) - 1 };
    state.learning_rate = rates[(t as usize).min(rates.len() - 1)].to_f64() as f32;
    words.copy_from_slice(&state.words());
}
