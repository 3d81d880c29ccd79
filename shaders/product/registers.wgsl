// op(A) * op(B) in tiles of 8 x 16 per invocation, in registers, without workgroup memory and barriers: on drivers that
// run on a CPU these cost more than they save. Rows and columns past the edge are clamped on reading, so that the inner
// loop has no branch.

// Eight rows of four: of A along K, or of a tile of C along N. Members instead of an array, because indexed arrays
// stay in memory where a driver does not unroll the loop.
struct Rows {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
    r3: vec4<f32>,
    r4: vec4<f32>,
    r5: vec4<f32>,
    r6: vec4<f32>,
    r7: vec4<f32>,
}

// sums += rows * factors, where column i of `factors` holds the factors of element i of a row.
fn multiply_add(sums: ptr<function, Rows>, rows: Rows, factors: mat4x4<f32>) {
    (*sums).r0 += factors * rows.r0;
    (*sums).r1 += factors * rows.r1;
    (*sums).r2 += factors * rows.r2;
    (*sums).r3 += factors * rows.r3;
    (*sums).r4 += factors * rows.r4;
    (*sums).r5 += factors * rows.r5;
    (*sums).r6 += factors * rows.r6;
    (*sums).r7 += factors * rows.r7;
}

// sums += column * row, with eight elements of a column of op(A) and four of a row of op(B).
fn add_outer_product(sums: ptr<function, Rows>, upper: vec4<f32>, lower: vec4<f32>, row: vec4<f32>) {
    (*sums).r0 += upper.x * row;
    (*sums).r1 += upper.y * row;
    (*sums).r2 += upper.z * row;
    (*sums).r3 += upper.w * row;
    (*sums).r4 += lower.x * row;
    (*sums).r5 += lower.y * row;
    (*sums).r6 += lower.z * row;
    (*sums).r7 += lower.w * row;
}

// Eight rows of A [M, K] from `row` on, elements 4k to 4k + 3; those that `within` masks are 0.
fn rows_of_a(row: u32, k: u32, within: vec4<f32>) -> Rows {
    let last = params.m - 1u;
    return Rows(
        within * a_four(min(row, last), k, params.k),
        within * a_four(min(row + 1u, last), k, params.k),
        within * a_four(min(row + 2u, last), k, params.k),
        within * a_four(min(row + 3u, last), k, params.k),
        within * a_four(min(row + 4u, last), k, params.k),
        within * a_four(min(row + 5u, last), k, params.k),
        within * a_four(min(row + 6u, last), k, params.k),
        within * a_four(min(row + 7u, last), k, params.k),
    );
}

// Rows 4k to 4k + 3 of op(B), four columns from `column` on, as columns of a matrix.
fn block_of_b(k: u32, column: u32) -> mat4x4<f32> {
    if TRANSPOSE_B == 1u {
        let last = params.n - 1u;
        return transpose(mat4x4<f32>(
            b_four(min(column, last), k, params.k),
            b_four(min(column + 1u, last), k, params.k),
            b_four(min(column + 2u, last), k, params.k),
            b_four(min(column + 3u, last), k, params.k),
        ));
    }
    let first = 4u * k;
    let last = params.k - 1u;
    return mat4x4<f32>(
        b_four(min(first, last), column / 4u, params.n),
        b_four(min(first + 1u, last), column / 4u, params.n),
        b_four(min(first + 2u, last), column / 4u, params.n),
        b_four(min(first + 3u, last), column / 4u, params.n),
    );
}

// Row i of eight, by halving.
fn pick(rows: Rows, i: u32) -> vec4<f32> {
    let bit_0 = (i & 1u) != 0u;
    let bit_1 = (i & 2u) != 0u;
    let upper = select(select(rows.r0, rows.r1, bit_0), select(rows.r2, rows.r3, bit_0), bit_1);
    let lower = select(select(rows.r4, rows.r5, bit_0), select(rows.r6, rows.r7, bit_0), bit_1);
    return select(upper, lower, i >= 4u);
}

// Computes and stores the tile of an invocation.
fn multiply(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let tiles_n = (params.n + 15u) / 16u;
    let tile = (group.y * groups.x + group.x) * WORKGROUP_SIZE + local;
    let row = (tile / tiles_n) * 8u;
    let column = (tile % tiles_n) * 16u;
    if row >= params.m {
        return;
    }
    var sums_0: Rows;
    var sums_1: Rows;
    var sums_2: Rows;
    var sums_3: Rows;
    if TRANSPOSE_A == 1u {
        for (var k = 0u; k < params.k; k++) {
            let upper = a_four(k, row / 4u, params.m);
            let lower = a_four(k, row / 4u + 1u, params.m);
            let four = column / 4u;
            add_outer_product(&sums_0, upper, lower, b_four(k, four, params.n));
            add_outer_product(&sums_1, upper, lower, b_four(k, four + 1u, params.n));
            add_outer_product(&sums_2, upper, lower, b_four(k, four + 2u, params.n));
            add_outer_product(&sums_3, upper, lower, b_four(k, four + 3u, params.n));
        }
    } else {
        let steps = (params.k + 3u) / 4u;
        for (var k = 0u; k < steps; k++) {
            // Only where K is no multiple of four can a factor lie past its end.
            let at = vec4<u32>(4u * k) + vec4<u32>(0u, 1u, 2u, 3u);
            let within = select(select(vec4<f32>(0.0), vec4<f32>(1.0), at < vec4<u32>(params.k)), vec4<f32>(1.0), A_CELL == 4u);
            let rows = rows_of_a(row, k, within);
            multiply_add(&sums_0, rows, block_of_b(k, column));
            multiply_add(&sums_1, rows, block_of_b(k, column + 4u));
            multiply_add(&sums_2, rows, block_of_b(k, column + 8u));
            multiply_add(&sums_3, rows, block_of_b(k, column + 12u));
        }
    }
    // A loop that picks, of a length unknown to the compiler: a driver on a CPU takes long to compile each store.
    let rows = min(max(params.m, row) - row, 8u);
    for (var i = 0u; i < rows; i++) {
        finish_four(row + i, column, pick(sums_0, i));
        finish_four(row + i, column + 4u, pick(sums_1, i));
        finish_four(row + i, column + 8u, pick(sums_2, i));
        finish_four(row + i, column + 12u, pick(sums_3, i));
    }
}
