// Files the results of a batch in the ring and moves the run's state on. One invocation.

struct Params {
    rows: u32,
    steps: u32,
    slots: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> step_state: StepState;
@group(0) @binding(2) var<storage, read> loss: array<Elem>;
@group(0) @binding(3) var<storage, read> metric: array<Elem>;
@group(0) @binding(4) var<storage, read_write> ring: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn end_step() {
    let entry = (step_state.slot % params.slots) * params.width;
    ring[entry] = loss[0];
    ring[entry + 1u] = metric[0];
    step_state.slot += 1u;
    step_state.batch_start += params.rows;
    step_state.step += params.steps;
}
