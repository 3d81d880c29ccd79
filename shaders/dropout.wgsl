// y[i] = x[i] * scale where the mask keeps element i, else 0. One invocation per pair of neighbours, which share one
// call of the generator.

struct Params {
    count: u32,
    threshold: u32,
    key_low: u32,
    key_high: u32,
    scale: f32,
    steps_back: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step_state: StepState;
@group(0) @binding(2) var<storage, read> x: array<Elem>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn dropout(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let pair = linear_index(group, groups, local);
    let i = pair * 2u;
    // Both tests: at 2^32 - 1 elements, pair * 2 of a surplus invocation would wrap.
    if pair > (params.count >> 1u) || i >= params.count {
        return;
    }
    let kept = keeps_pair(pair);
    y[i] = select(0.0, x[i] * params.scale, kept.x);
    if i + 1u < params.count {
        y[i + 1u] = select(0.0, x[i + 1u] * params.scale, kept.y);
    }
}
