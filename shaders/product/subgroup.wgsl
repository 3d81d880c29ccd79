// op(A) * op(B) in tiles of a subgroup, see subgroup_tile.wgsl.
// One of subgroup_fours.wgsl and subgroup_pairs.wgsl says how many steps of K are taken at once (STEPS) and who reads what;
// Steps holds so many of a row of A, Factors those of four columns of B.

// sums += rows * factors
fn multiply_add(sums: ptr<function, Block>, rows: Steps, factors: Factors) {
    if TRANSPOSE_A == 1u {
        multiply_add_transposed(sums, rows, factors);
        return;
    }
    (*sums).r0 += factors * spread(rows, 0u);
    (*sums).r1 += factors * spread(rows, 1u);
    (*sums).r2 += factors * spread(rows, 2u);
    (*sums).r3 += factors * spread(rows, 3u);
    (*sums).r4 += factors * spread(rows, 4u);
    (*sums).r5 += factors * spread(rows, 5u);
    (*sums).r6 += factors * spread(rows, 6u);
    (*sums).r7 += factors * spread(rows, 7u);
}

// Computes and stores the tile of a workgroup.
fn multiply(group: vec3<u32>, groups: vec3<u32>, lane: u32) {
    let at = place(group, groups, lane);
    let row = at.x;
    let column = at.y;
    // Surplus workgroups of a spilled grid take no steps. Parameters alone do not say how many a workgroup takes, see
    // beside/each.wgsl.
    let end = select(params.k, 0u, row >= params.m);
    var first: Block;
    var second: Block;
    var third: Block;
    var fourth: Block;
    for (var k = 0u; k < end; k += STEPS) {
        let factors = load_b(k, column);
        multiply_add(&first, load_a(row, k, lane), factors);
        multiply_add(&second, load_a(row + 8u, k, lane), factors);
        if BLOCKS == 4u {
            multiply_add(&third, load_a(row + 16u, k, lane), factors);
            multiply_add(&fourth, load_a(row + 24u, k, lane), factors);
        }
    }
    finish_blocks(row, column, first, second, third, fourth);
}
