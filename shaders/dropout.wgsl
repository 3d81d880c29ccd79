// y[i] = x[i] * scale where the mask keeps element i, else 0. One invocation per pair of the mask, whose two elements
// share one call of the generator; a tensor that begins with the second of a pair takes one invocation more.

struct Params {
    count: u32,
    n: u32,
    threshold: u32,
    key_low: u32,
    key_high: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> x: array<Elem>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn dropout(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let pair = linear_index(group, groups, local);
    // Else pair * 2 of a surplus invocation could wrap.
    if pair > params.count / 2u {
        return;
    }
    let first = first_element();
    let kept = keeps_pair(first / 2u + pair);
    // The first of the pair. It wraps to the largest number, and back, if the tensor begins with the second.
    let i = pair * 2u - first % 2u;
    if i < params.count {
        y[i] = select(0.0, x[i] * params.scale, kept.x);
    }
    if i + 1u < params.count {
        y[i + 1u] = select(0.0, x[i + 1u] * params.scale, kept.y);
    }
}
