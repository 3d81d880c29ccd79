// Takes the learning rate of this step or epoch from the table of rates, one invocation.

struct Params {
    entries: u32,
    per_step: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> step_state: StepState;
@group(0) @binding(2) var<storage, read> rates: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn set_learning_rate() {
    let epochs_done = max(step_state.epoch, 1u) - 1u;
    let at = select(epochs_done, step_state.step, params.per_step == 1u);
    step_state.learning_rate = rates[min(at, params.entries - 1u)];
}
