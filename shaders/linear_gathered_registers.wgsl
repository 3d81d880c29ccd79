// c = activation(a * b^T + bias), in register tiles: a fully connected layer whose input a is rows of the
// dataset; see shared/product*.wgsl and shared/rows*.wgsl.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    parameter: f32,
    byte_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(4) var<storage, read> b: array<BCell>;
@group(0) @binding(5) var<storage, read> bias: array<Elem>;
@group(0) @binding(6) var<storage, read_write> c: array<Elem>;

fn store(row: u32, column: u32, value: f32) {
    c[row * params.n + column] = activate(value + bias[column], params.parameter);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_gathered_registers(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    multiply(group, groups, local);
}
