// C = op(A) * op(B), one invocation per element of C. TRANSPOSE_A: A is stored [K, M]; TRANSPOSE_B: B is stored [N, K].

struct Params {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Elem>;
@group(0) @binding(2) var<storage, read> b: array<Elem>;
@group(0) @binding(3) var<storage, read_write> c: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn matmul(
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
    // Offset of the first factor and distance to the next along K.
    let a_start = select(row * params.k, row, TRANSPOSE_A == 1u);
    let a_stride = select(1u, params.m, TRANSPOSE_A == 1u);
    let b_start = select(column, column * params.k, TRANSPOSE_B == 1u);
    let b_stride = select(params.n, 1u, TRANSPOSE_B == 1u);
    var sum = 0.0;
    for (var k = 0u; k < params.k; k++) {
        sum += a[a_start + k * a_stride] * b[b_start + k * b_stride];
    }
    c[i] = sum;
}
