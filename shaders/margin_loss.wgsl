// loss[b] = sum over j != label of max(0, z[b,j] - z[b,label] + margin), one invocation per row.

struct Params {
    rows: u32,
    classes: u32,
    margin: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> outputs: array<Elem>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn margin_loss(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let b = linear_index(group, groups, local);
    if b >= params.rows {
        return;
    }
    let row = b * params.classes;
    let label = labels[b];
    let own = outputs[row + label];
    var sum = 0.0;
    for (var j = 0u; j < params.classes; j++) {
        let excess = outputs[row + j] - own + params.margin;
        sum += select(excess, 0.0, excess <= 0.0 || j == label);
    }
    loss[b] = sum;
}
