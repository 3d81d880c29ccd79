// op(A) * op(B), one invocation per element of C.

fn multiply(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let i = linear_index(group, groups, local);
    if i >= params.m * params.n {
        return;
    }
    let row = i / params.n;
    let column = i % params.n;
    var sum = 0.0;
    for (var k = 0u; k < params.k; k++) {
        sum += factor_of_a(row, k) * factor_of_b(k, column);
    }
    finish(Place(row, column, i), sum);
}

fn factor_of_a(row: u32, k: u32) -> f32 {
    if TRANSPOSE_A == 1u {
        return a_one(k, row, params.m);
    }
    return a_one(row, k, params.k);
}

fn factor_of_b(k: u32, column: u32) -> f32 {
    if TRANSPOSE_B == 1u {
        return b_one(column, k, params.k);
    }
    return b_one(k, column, params.n);
}
