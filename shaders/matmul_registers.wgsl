// C = op(A) * op(B) in register tiles; see shared/product*.wgsl.

struct Params {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<ACell>;
@group(0) @binding(2) var<storage, read> b: array<BCell>;
@group(0) @binding(3) var<storage, read_write> c: array<Elem>;

fn store_four(row: u32, column: u32, value: vec4<f32>) {
    let at = row * params.n + column;
    if column < params.n { c[at] = value.x; }
    if column + 1u < params.n { c[at + 1u] = value.y; }
    if column + 2u < params.n { c[at + 2u] = value.z; }
    if column + 3u < params.n { c[at + 3u] = value.w; }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn matmul_registers(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    multiply(group, groups, local);
}
