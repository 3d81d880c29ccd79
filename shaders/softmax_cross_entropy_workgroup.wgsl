// loss[b] = log(sum over c of exp(z[b,c] - m)) - sum over c of q[c] (z[b,c] - m) with m the row's maximum and
// q = (1 - s) [c = label] + s / C for label smoothing s. One workgroup per row.

struct Params {
    rows: u32,
    classes: u32,
    label_smoothing: f32,
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
    // All invocations of the workgroup agree, so the barriers below stay in uniform control flow.
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
    var own_distance = 0.0;
    if params.label_smoothing > 0.0 {
        for (var c = local; c < params.classes; c += WORKGROUP_SIZE) {
            own_distance += logits[row + c] - largest;
        }
    }
    let mean_distance = workgroup_sum(own_distance, local) / f32(params.classes);
    if local == 0u {
        let expected = (1.0 - params.label_smoothing) * (logits[row + labels[b]] - largest);
        loss[b] = log(sum) - expected - params.label_smoothing * mean_distance;
    }
}
