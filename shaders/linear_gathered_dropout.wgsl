// c = activation(a * b^T + bias), dropped = dropout(c), one invocation per element: a fully connected layer whose
// input a is rows of the dataset; see shared/rows*.wgsl.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    parameter: f32,
    threshold: u32,
    key_low: u32,
    key_high: u32,
    scale: f32,
    byte_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(4) var<storage, read> b: array<Elem>;
@group(0) @binding(5) var<storage, read> bias: array<Elem>;
@group(0) @binding(6) var<storage, read_write> c: array<Elem>;
@group(0) @binding(7) var<storage, read_write> dropped: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_gathered_dropout(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i >= params.m * params.n {
        return;
    }
    let row = i / params.n;
    let column = i % params.n;
    let source = row_of_data(row);
    var sum = 0.0;
    for (var k = 0u; k < params.k; k++) {
        sum += element_of_data(source, k, params.k) * b[column * params.k + k];
    }
    let y = activate(sum + bias[column], params.parameter);
    c[i] = y;
    dropped[i] = select(0.0, y * params.scale, keeps_one(i));
}
