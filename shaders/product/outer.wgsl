// A^T * B in tiles of a subgroup, see subgroup_tile.wgsl: K counts the rows of both matrices as stored, and each step of it
// adds the outer product of two rows. Little to compile, because one step takes no more reads than several at once.
// m is even, n whole fours; BLOCKS is 2.

// Over K, of the two elements of each row of A that an invocation reads.
var<private> sums_of_a: vec2<f32>;

// sums += rows * factors: of a block whose eight rows the invocations from `lane` on have read, two each.
fn multiply_add(sums: ptr<function, Block>, rows: vec2<f32>, factors: vec4<f32>, lane: u32) {
    (*sums).r0 += factors * subgroupShuffle(rows.x, lane);
    (*sums).r1 += factors * subgroupShuffle(rows.y, lane);
    (*sums).r2 += factors * subgroupShuffle(rows.x, lane + 1u);
    (*sums).r3 += factors * subgroupShuffle(rows.y, lane + 1u);
    (*sums).r4 += factors * subgroupShuffle(rows.x, lane + 2u);
    (*sums).r5 += factors * subgroupShuffle(rows.y, lane + 2u);
    (*sums).r6 += factors * subgroupShuffle(rows.x, lane + 3u);
    (*sums).r7 += factors * subgroupShuffle(rows.y, lane + 3u);
}

// Computes and stores the tile of a workgroup.
fn multiply(group: vec3<u32>, groups: vec3<u32>, lane: u32) {
    let at = place(group, groups, lane);
    let row = at.x;
    let column = at.y;
    // Surplus workgroups of a spilled grid take no steps. Parameters alone do not say how many a workgroup takes, see
    // beside/each.wgsl.
    let end = select(params.k, 0u, row >= params.m);
    // Of each row of A invocation i reads two elements from 2i on: all that the tile needs. Rows and columns of C past the
    // edge are clamped: they are not stored.
    let twos_m = params.m / 2u;
    let fours_n = params.n / 4u;
    let two_of_a = min(row / 2u + lane, twos_m - 1u);
    let four_of_b = min(column / 4u, fours_n - 1u);
    var first: Block;
    var second: Block;
    for (var k = 0u; k < end; k++) {
        let rows = a_pair_at(k * twos_m + two_of_a);
        let factors = b_four_at(k * fours_n + four_of_b);
        multiply_add(&first, rows, factors, 0u);
        multiply_add(&second, rows, factors, 4u);
        sums_of_a += rows;
    }
    finish_blocks(row, column, first, second, first, second);
}
