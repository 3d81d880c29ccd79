// Moves the run's state to the start of an epoch. One invocation.

struct Params {
    epochs: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> step_state: StepState;

@compute @workgroup_size(WORKGROUP_SIZE)
fn begin_epoch() {
    step_state.epoch += params.epochs;
    step_state.batch_start = 0u;
}
