// op(A) * op(B) in tiles of 8 x 16 or 4 x 8 per invocation, in registers, without workgroup memory and barriers: on drivers
// that run on a CPU these cost more than they save. Rows and columns past the edge are clamped on reading, so that the inner
// loop has no branch.

// Four rows of four: of A along K, or of a tile of C along N. Members instead of an array, because indexed arrays
// stay in memory where a driver does not unroll the loop.
struct Rows {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
    r3: vec4<f32>,
}

// sums += rows * factors, where column i of `factors` holds the factors of element i of a row.
fn multiply_add(sums: ptr<function, Rows>, rows: Rows, factors: mat4x4<f32>) {
    (*sums).r0 += factors * rows.r0;
    (*sums).r1 += factors * rows.r1;
    (*sums).r2 += factors * rows.r2;
    (*sums).r3 += factors * rows.r3;
}

// sums += column * row, with four elements of a column of op(A) and four of a row of op(B).
fn add_outer_product(sums: ptr<function, Rows>, column: vec4<f32>, row: vec4<f32>) {
    (*sums).r0 += column.x * row;
    (*sums).r1 += column.y * row;
    (*sums).r2 += column.z * row;
    (*sums).r3 += column.w * row;
}

// Four rows of A [M, K] from `row` on, elements 4k to 4k + 3; those that `within` masks are 0.
fn rows_of_a(row: u32, k: u32, within: vec4<f32>) -> Rows {
    let last = params.m - 1u;
    return Rows(
        within * a_four(min(row, last), k, params.k),
        within * a_four(min(row + 1u, last), k, params.k),
        within * a_four(min(row + 2u, last), k, params.k),
        within * a_four(min(row + 3u, last), k, params.k),
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

// Row i of four, by halving.
fn pick(rows: Rows, i: u32) -> vec4<f32> {
    let odd = (i & 1u) != 0u;
    return select(select(rows.r0, rows.r1, odd), select(rows.r2, rows.r3, odd), i >= 2u);
}

// Computes and stores the tile of an invocation: of four rows and eight columns, or where LARGE is 1 of twice as many each.
fn multiply(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let height = 4u * (1u + LARGE);
    let width = 8u * (1u + LARGE);
    let tiles_n = (params.n + width - 1u) / width;
    let tile = (group.y * groups.x + group.x) * WORKGROUP_SIZE + local;
    let row = (tile / tiles_n) * height;
    let column = (tile % tiles_n) * width;
    if row >= params.m {
        return;
    }
    var upper_0: Rows;
    var upper_1: Rows;
    var upper_2: Rows;
    var upper_3: Rows;
    var lower_0: Rows;
    var lower_1: Rows;
    var lower_2: Rows;
    var lower_3: Rows;
    if TRANSPOSE_A == 1u {
        for (var k = 0u; k < params.k; k++) {
            let four = column / 4u;
            let upper = a_four(k, row / 4u, params.m);
            let b_0 = b_four(k, four, params.n);
            let b_1 = b_four(k, four + 1u, params.n);
            add_outer_product(&upper_0, upper, b_0);
            add_outer_product(&upper_1, upper, b_1);
            if LARGE == 1u {
                let lower = a_four(k, row / 4u + 1u, params.m);
                let b_2 = b_four(k, four + 2u, params.n);
                let b_3 = b_four(k, four + 3u, params.n);
                add_outer_product(&lower_0, lower, b_0);
                add_outer_product(&lower_1, lower, b_1);
                add_outer_product(&upper_2, upper, b_2);
                add_outer_product(&lower_2, lower, b_2);
                add_outer_product(&upper_3, upper, b_3);
                add_outer_product(&lower_3, lower, b_3);
            }
        }
    } else {
        let steps = (params.k + 3u) / 4u;
        for (var k = 0u; k < steps; k++) {
            // Only where K is no multiple of four can a factor lie past its end.
            let at = vec4<u32>(4u * k) + vec4<u32>(0u, 1u, 2u, 3u);
            let within = select(select(vec4<f32>(0.0), vec4<f32>(1.0), at < vec4<u32>(params.k)), vec4<f32>(1.0), A_CELL == 4u);
            let upper = rows_of_a(row, k, within);
            let b_0 = block_of_b(k, column);
            let b_1 = block_of_b(k, column + 4u);
            multiply_add(&upper_0, upper, b_0);
            multiply_add(&upper_1, upper, b_1);
            if LARGE == 1u {
                let lower = rows_of_a(row + 4u, k, within);
                let b_2 = block_of_b(k, column + 8u);
                let b_3 = block_of_b(k, column + 12u);
                multiply_add(&lower_0, lower, b_0);
                multiply_add(&lower_1, lower, b_1);
                multiply_add(&upper_2, upper, b_2);
                multiply_add(&lower_2, lower, b_2);
                multiply_add(&upper_3, upper, b_3);
                multiply_add(&lower_3, lower, b_3);
            }
        }
    }
    // A loop that picks, of a length unknown to the compiler: a driver on a CPU takes long to compile each store.
    let rows = min(max(params.m, row) - row, height);
    for (var i = 0u; i < rows; i++) {
        if LARGE == 1u {
            let is_upper = i < 4u;
            finish_four(row + i, column, select(pick(lower_0, i - 4u), pick(upper_0, i), is_upper));
            finish_four(row + i, column + 4u, select(pick(lower_1, i - 4u), pick(upper_1, i), is_upper));
            finish_four(row + i, column + 8u, select(pick(lower_2, i - 4u), pick(upper_2, i), is_upper));
            finish_four(row + i, column + 12u, select(pick(lower_3, i - 4u), pick(upper_3, i), is_upper));
        } else {
            finish_four(row + i, column, pick(upper_0, i));
            finish_four(row + i, column + 4u, pick(upper_1, i));
        }
    }
}
