// grad_logits[b,c] = grad_loss[b] * (softmax(z[b])[c] - q[c]), q = (1 - s) [c = label] + s / C for label
// smoothing s. One invocation per row.

struct Params {
    rows: u32,
    classes: u32,
    label_smoothing: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<Elem>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> grad_loss: array<Elem>;
@group(0) @binding(4) var<storage, read_write> grad_logits: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn softmax_cross_entropy_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let b = linear_index(group, groups, local);
    if b >= params.rows {
        return;
    }
    let row = b * params.classes;
    var largest = logits[row];
    for (var c = 1u; c < params.classes; c++) {
        largest = max(largest, logits[row + c]);
    }
    var sum = 0.0;
    for (var c = 0u; c < params.classes; c++) {
        sum += exp(logits[row + c] - largest);
    }
    let label = labels[b];
    let g = grad_loss[b];
    let spread = params.label_smoothing / f32(params.classes);
    let own = 1.0 - params.label_smoothing + spread;
    for (var c = 0u; c < params.classes; c++) {
        let softmax = exp(logits[row + c] - largest) / sum;
        grad_logits[row + c] = g * (softmax - select(spread, own, c == label));
    }
}
