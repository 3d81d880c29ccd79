// loss[b] = scale * sum over o of l(prediction[b,o], expected[b,o]), one invocation per row.

struct Params {
    rows: u32,
    columns: u32,
    scale: f32,
    delta: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> prediction: array<Elem>;
@group(0) @binding(2) var<storage, read> expected: array<Elem>;
@group(0) @binding(3) var<storage, read_write> loss: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn pointwise_loss(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let b = linear_index(group, groups, local);
    if b >= params.rows {
        return;
    }
    var sum = 0.0;
    for (var o = 0u; o < params.columns; o++) {
        sum += pointwise(prediction[b * params.columns + o], expected[b * params.columns + o], params.delta);
    }
    loss[b] = params.scale * sum;
}
