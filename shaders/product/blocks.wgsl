// Products of 4 x 4 blocks in registers, and what becomes of a finished one. Written out, because indexed arrays and
// matrices leave the registers where a driver does not unroll a loop.

// sum + row * factors, where column i of `factors` belongs to element i of the row.
fn add_row(sum: vec4<f32>, row: vec4<f32>, factors: mat4x4<f32>) -> vec4<f32> {
    var result = sum;
    result += row.x * factors[0];
    result += row.y * factors[1];
    result += row.z * factors[2];
    result += row.w * factors[3];
    return result;
}

// Adds one step of K for four rows: columns 0 to 3 of `sums` and `rows` are the rows of the blocks.
fn add_product(sums: mat4x4<f32>, rows: mat4x4<f32>, factors: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        add_row(sums[0], rows[0], factors),
        add_row(sums[1], rows[1], factors),
        add_row(sums[2], rows[2], factors),
        add_row(sums[3], rows[3], factors),
    );
}

// Row i of a block, by halving.
fn row_of(block: mat4x4<f32>, i: u32) -> vec4<f32> {
    let odd = (i & 1u) != 0u;
    return select(select(block[0], block[1], odd), select(block[2], block[3], odd), i >= 2u);
}

// A loop that picks, of a length unknown to the compiler: each store may be long.
fn finish_block(row: u32, column: u32, block: mat4x4<f32>) {
    let rows = min(max(params.m, row) - row, 4u);
    for (var i = 0u; i < rows; i++) {
        finish_four(row + i, column, row_of(block, i));
    }
}
