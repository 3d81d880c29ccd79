// loss[b] = scale * sum over o of l(prediction[b,o], expected[b,o]), one invocation per row. POINTWISE chooses l: see
// the table in src/ops/pointwise_loss.rs.

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

fn pointwise(p: f32, y: f32) -> f32 {
    let e = p - y;
    switch POINTWISE {
        case 1u: { return 0.5 * e * e; }
        case 2u: { return abs(e); }
        case 3u: { return select(params.delta * (abs(e) - 0.5 * params.delta), 0.5 * e * e, abs(e) <= params.delta); }
        case 4u: { return softplus(p) - p * y; }
        default: { return e * e; }
    }
}

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
        sum += pointwise(prediction[b * params.columns + o], expected[b * params.columns + o]);
    }
    loss[b] = params.scale * sum;
}
