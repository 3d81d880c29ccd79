// c = dropout(a * b) * f'(saved), in register tiles: the gradient of a layer's input through the dropout and the
// activation before it; see shared/product*.wgsl.

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
@group(0) @binding(4) var<storage, read> saved: array<Elem>;
@group(0) @binding(5) var<storage, read_write> c: array<Elem>;

fn store_one(row: u32, column: u32, value: f32) {
    if column < params.n {
        let at = row * params.n + column;
        c[at] = value * activate_derivative(saved[at], params.parameter);
    }
}

fn store_four(row: u32, column: u32, product: vec4<f32>) {
    let value = select(vec4<f32>(), product * params.scale, keeps_four(row * params.n + column));
    store_one(row, column, value.x);
    store_one(row, column + 1u, value.y);
    store_one(row, column + 2u, value.z);
    store_one(row, column + 3u, value.w);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_grad_input_dropout_registers(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    multiply(group, groups, local);
}
