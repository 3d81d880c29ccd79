// c = activation(a * b^T + bias), dropped = dropout(c), in register tiles: a fully connected layer;
// see shared/product*.wgsl.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    parameter: f32,
    threshold: u32,
    key_low: u32,
    key_high: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> a: array<ACell>;
@group(0) @binding(3) var<storage, read> b: array<BCell>;
@group(0) @binding(4) var<storage, read> bias: array<Elem>;
@group(0) @binding(5) var<storage, read_write> c: array<Elem>;
@group(0) @binding(6) var<storage, read_write> dropped: array<Elem>;

fn store_one(row: u32, column: u32, value: f32, kept: bool) {
    if column < params.n {
        let at = row * params.n + column;
        let y = activate(value + bias[column], params.parameter);
        c[at] = y;
        dropped[at] = select(0.0, y * params.scale, kept);
    }
}

fn store_four(row: u32, column: u32, value: vec4<f32>) {
    let kept = keeps_four(row * params.n + column);
    store_one(row, column, value.x, kept.x);
    store_one(row, column + 1u, value.y, kept.y);
    store_one(row, column + 2u, value.z, kept.z);
    store_one(row, column + 3u, value.w, kept.w);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_dropout_registers(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    multiply(group, groups, local);
}
