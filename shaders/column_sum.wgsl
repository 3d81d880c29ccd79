// y[c] = scale * sum over r of x[r,c], one invocation per column.

struct Params {
    rows: u32,
    columns: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn column_sum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let c = linear_index(group, groups, local);
    if c >= params.columns {
        return;
    }
    var sum = 0.0;
    for (var r = 0u; r < params.rows; r++) {
        sum += x[r * params.columns + c];
    }
    y[c] = sum * params.scale;
}
