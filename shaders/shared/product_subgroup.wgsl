// op(A) * op(B) on drivers that run on a CPU. There a read costs far more than arithmetic, so the eight invocations
// of a workgroup, one subgroup, read different parts of A and B and pass A around by shuffles, which cost nothing.
// A workgroup computes 8 * BLOCKS rows (two or four blocks) and 32 columns of C: of each row, invocation i holds the
// columns 4i to 4i + 3.
// One of subgroup_fours.wgsl and subgroup_pairs.wgsl says how many steps of K are taken at once (STEPS) and who reads what;
// an ACell holds so many of a row of A, Factors those of four columns of B.
// A kernel that uses it declares `params` with m, n and k, the matrices `a: array<ACell>` and `b: array<BCell>`, and
// `store_four`, which takes four neighbours of a finished row (those past column n are to be dropped).

// One vec4 of each of eight rows of C. Members instead of an array, because indexed arrays stay in memory where a driver
// does not unroll the loop.
struct Block {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
    r3: vec4<f32>,
    r4: vec4<f32>,
    r5: vec4<f32>,
    r6: vec4<f32>,
    r7: vec4<f32>,
}

// sums += rows * factors
fn multiply_add(sums: ptr<function, Block>, rows: ACell, factors: Factors) {
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

// Row i % 8 of a block, by halving.
fn pick(block: Block, i: u32) -> vec4<f32> {
    let bit_0 = (i & 1u) != 0u;
    let bit_1 = (i & 2u) != 0u;
    let rows_0 = select(select(block.r0, block.r1, bit_0), select(block.r2, block.r3, bit_0), bit_1);
    let rows_4 = select(select(block.r4, block.r5, bit_0), select(block.r6, block.r7, bit_0), bit_1);
    return select(rows_0, rows_4, (i & 4u) != 0u);
}

// A loop that picks, of a length unknown to the compiler: a driver on a CPU takes long to compile each store.
fn store_blocks(row: u32, column: u32, first: Block, second: Block, third: Block, fourth: Block) {
    let rows = min(max(params.m, row) - row, 8u * BLOCKS);
    for (var i = 0u; i < rows; i++) {
        var value = select(pick(first, i), pick(second, i), i >= 8u);
        if BLOCKS == 4u {
            value = select(value, select(pick(third, i), pick(fourth, i), i >= 24u), i >= 16u);
        }
        store_four(row + i, column, value);
    }
}

// Computes and stores the tile of a workgroup.
fn multiply(group: vec3<u32>, groups: vec3<u32>, lane: u32) {
    let tiles_n = (params.n + 31u) / 32u;
    let tile = group.y * groups.x + group.x;
    let row = tile / tiles_n * 8u * BLOCKS;
    let column = tile % tiles_n * 32u + 4u * lane;
    // Surplus workgroups of a spilled grid take no steps. Parameters alone do not say how many a workgroup takes, see
    // biases.wgsl.
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
    store_blocks(row, column, first, second, third, fourth);
}
