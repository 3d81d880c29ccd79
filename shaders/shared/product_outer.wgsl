// A^T * B in tiles of a subgroup, see subgroup_tile.wgsl: K counts the rows of both matrices as stored, and each step of it
// adds the outer product of two rows. Little to compile, because one step takes no more reads than several at once.
// A kernel that uses it declares `params` with m, n and k; fours_a.wgsl and fours_b.wgsl read the matrices.

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
    var first: Block;
    var second: Block;
    var third: Block;
    var fourth: Block;
    for (var k = 0u; k < end; k++) {
        let rows = four_of_a(k, row / 4u + lane, params.m);
        let factors = four_of_b(k, column / 4u, params.n);
        multiply_add(&first, rows, factors, 0u);
        multiply_add(&second, rows, factors, 2u);
        if BLOCKS == 4u {
            multiply_add(&third, rows, factors, 4u);
            multiply_add(&fourth, rows, factors, 6u);
        }
    }
    store_blocks(row, column, first, second, third, fourth);
}
