// A^T * B in tiles of a subgroup, see subgroup_tile.wgsl: K counts the rows of both matrices as stored, and each step of it
// adds the outer product of two rows. Little to compile, because one step takes no more reads than several at once.
// A kernel that uses it declares `params` with m, n and k, m and n whole fours, and the matrices `a` and `b` of vec4.

// One element: a driver on a CPU reads only that.
fn one_of_a(at: u32) -> f32 {
    return a[at / 4u][at % 4u];
}

// sums += rows * factors: of a block whose eight rows the invocations `lane` and `lane` + 1 have read.
fn multiply_add(sums: ptr<function, Block>, rows: vec4<f32>, factors: vec4<f32>, lane: u32) {
    (*sums).r0 += factors * subgroupShuffle(rows.x, lane);
    (*sums).r1 += factors * subgroupShuffle(rows.y, lane);
    (*sums).r2 += factors * subgroupShuffle(rows.z, lane);
    (*sums).r3 += factors * subgroupShuffle(rows.w, lane);
    (*sums).r4 += factors * subgroupShuffle(rows.x, lane + 1u);
    (*sums).r5 += factors * subgroupShuffle(rows.y, lane + 1u);
    (*sums).r6 += factors * subgroupShuffle(rows.z, lane + 1u);
    (*sums).r7 += factors * subgroupShuffle(rows.w, lane + 1u);
}

// Computes and stores the tile of a workgroup.
fn multiply(group: vec3<u32>, groups: vec3<u32>, lane: u32) {
    let at = place(group, groups, lane);
    let row = at.x;
    let column = at.y;
    // Surplus workgroups of a spilled grid take no steps. Parameters alone do not say how many a workgroup takes, see
    // biases.wgsl.
    let end = select(params.k, 0u, row >= params.m);
    // Of each row of A invocation i reads four elements from 4i on: all that the tile needs. Rows and columns of C past the
    // edge are clamped: they are not stored.
    let fours_m = params.m / 4u;
    let fours_n = params.n / 4u;
    let four_of_a = min(row / 4u + lane, fours_m - 1u);
    let four_of_b = min(column / 4u, fours_n - 1u);
    var first: Block;
    var second: Block;
    var third: Block;
    var fourth: Block;
    for (var k = 0u; k < end; k++) {
        let rows = a[k * fours_m + four_of_a];
        let factors = b[k * fours_n + four_of_b];
        multiply_add(&first, rows, factors, 0u);
        multiply_add(&second, rows, factors, 2u);
        if BLOCKS == 4u {
            multiply_add(&third, rows, factors, 4u);
            multiply_add(&fourth, rows, factors, 6u);
        }
    }
    store_blocks(row, column, first, second, third, fourth);
}
