// loss[b] = log(sum over c of exp(z[b,c] - m)) - (z[b,label] - m) with m the row's maximum. One workgroup per row.

struct Params {
    rows: u32,
    classes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<Elem>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn softmax_cross_entropy_workgroup(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let b = linear_group(group, groups);
    // The same for the whole workgroup, so the barriers below stay in uniform control flow.
    if b >= params.rows {
        return;
    }
    let row = b * params.classes;
    var own_largest = logits[row];
    for (var c = local; c < params.classes; c += WORKGROUP_SIZE) {
        own_largest = max(own_largest, logits[row + c]);
    }
    let largest = workgroup_max(own_largest, local);
    var own_sum = 0.0;
    for (var c = local; c < params.classes; c += WORKGROUP_SIZE) {
        own_sum += exp(logits[row + c] - largest);
    }
    let sum = workgroup_sum(own_sum, local);
    if local == 0u {
        loss[b] = log(sum) - (logits[row + labels[b]] - largest);
    }
}
