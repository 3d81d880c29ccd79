// A tile of a product as a subgroup of eight invocations holds it: 8 * BLOCKS rows (two or four blocks) and 32 columns of C.
// Of each row, invocation i holds the columns 4i to 4i + 3. For drivers that run on a CPU: there a read costs far more than
// arithmetic, so the invocations read different parts of A and B and pass A around by shuffles, which cost nothing.

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

// Row i % 8 of a block, by halving.
fn pick(block: Block, i: u32) -> vec4<f32> {
    let bit_0 = (i & 1u) != 0u;
    let bit_1 = (i & 2u) != 0u;
    let rows_0 = select(select(block.r0, block.r1, bit_0), select(block.r2, block.r3, bit_0), bit_1);
    let rows_4 = select(select(block.r4, block.r5, bit_0), select(block.r6, block.r7, bit_0), bit_1);
    return select(rows_0, rows_4, (i & 4u) != 0u);
}

// A loop that picks, of a length unknown to the compiler: a driver on a CPU takes long to compile each store.
fn finish_blocks(row: u32, column: u32, first: Block, second: Block, third: Block, fourth: Block) {
    let rows = min(max(params.m, row) - row, 8u * BLOCKS);
    for (var i = 0u; i < rows; i++) {
        var value = select(pick(first, i), pick(second, i), i >= 8u);
        if BLOCKS == 4u {
            value = select(value, select(pick(third, i), pick(fourth, i), i >= 24u), i >= 16u);
        }
        finish_four(row + i, column, value);
    }
}

// Row and column of what invocation `lane` of a workgroup holds first.
fn place(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> vec2<u32> {
    let tiles_n = (params.n + 31u) / 32u;
    let tile = group.y * groups.x + group.x;
    let tile_m = tile / tiles_n;
    return vec2<u32>(tile_m * 8u * BLOCKS, (tile - tile_m * tiles_n) * 32u + 4u * lane);
}
