// loss[b] = sum over o of (prediction[b,o] - expected[b,o])^2 / O, one invocation per row.

struct Params {
    rows: u32,
    columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> prediction: array<Elem>;
@group(0) @binding(2) var<storage, read> expected: array<Elem>;
@group(0) @binding(3) var<storage, read_write> loss: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn mean_squared_error(
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
        let error = prediction[b * params.columns + o] - expected[b * params.columns + o];
        sum += error * error;
    }
    loss[b] = sum / f32(params.columns);
}
