// C = op(A) * op(B). Each invocation computes an 8 x 16 tile of C in registers and reads A and B as vec4, without
// workgroup memory and barriers: on drivers that run on a CPU these cost more than they save.
// The rows of A and B as stored must be whole vec4. Rows and columns past the edge are clamped on reading (their
// sums are not stored), so that the inner loop has no branch.
// TRANSPOSE_A: A is stored [K, M]; TRANSPOSE_B: B is stored [N, K].

struct Params {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read_write> c: array<Elem>;

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

// Row `row` of A, four elements from 4k on.
fn row_of_a(row: u32, k: u32) -> vec4<f32> {
    return a[min(row, params.m - 1u) * (params.k / 4u) + k];
}

// Eight rows of A from `row` on, four elements from 4k on.
fn rows_of_a(row: u32, k: u32) -> Rows {
    return Rows(
        row_of_a(row, k), row_of_a(row + 1u, k), row_of_a(row + 2u, k), row_of_a(row + 3u, k),
        row_of_a(row + 4u, k), row_of_a(row + 5u, k), row_of_a(row + 6u, k), row_of_a(row + 7u, k),
    );
}

// Four elements of row k of a matrix with `columns` columns, from `column` on.
fn four_of_b(k: u32, column: u32) -> vec4<f32> {
    let vecs = params.n / 4u;
    return b[k * vecs + min(column / 4u, vecs - 1u)];
}

// Rows 4k to 4k + 3 of op(B), four columns from `column` on, as columns of a matrix.
fn block_of_b(k: u32, column: u32) -> mat4x4<f32> {
    if TRANSPOSE_B == 1u {
        let vecs = params.k / 4u;
        let last = params.n - 1u;
        return transpose(mat4x4<f32>(
            b[min(column, last) * vecs + k],
            b[min(column + 1u, last) * vecs + k],
            b[min(column + 2u, last) * vecs + k],
            b[min(column + 3u, last) * vecs + k],
        ));
    }
    let first = 4u * k;
    return mat4x4<f32>(
        four_of_b(first, column), four_of_b(first + 1u, column),
        four_of_b(first + 2u, column), four_of_b(first + 3u, column),
    );
}

fn store(row: u32, column: u32, value: vec4<f32>) {
    if row >= params.m {
        return;
    }
    let at = row * params.n + column;
    if column < params.n { c[at] = value.x; }
    if column + 1u < params.n { c[at + 1u] = value.y; }
    if column + 2u < params.n { c[at + 2u] = value.z; }
    if column + 3u < params.n { c[at + 3u] = value.w; }
}

fn store_rows(row: u32, column: u32, rows: Rows) {
    store(row, column, rows.r0);
    store(row + 1u, column, rows.r1);
    store(row + 2u, column, rows.r2);
    store(row + 3u, column, rows.r3);
    store(row + 4u, column, rows.r4);
    store(row + 5u, column, rows.r5);
    store(row + 6u, column, rows.r6);
    store(row + 7u, column, rows.r7);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn matmul_registers(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
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
        let vecs = params.m / 4u;
        let first = min(row / 4u, vecs - 1u);
        let second = min(row / 4u + 1u, vecs - 1u);
        for (var k = 0u; k < params.k; k++) {
            let upper = a[k * vecs + first];
            let lower = a[k * vecs + second];
            add_outer_product(&sums_0, upper, lower, four_of_b(k, column));
            add_outer_product(&sums_1, upper, lower, four_of_b(k, column + 4u));
            add_outer_product(&sums_2, upper, lower, four_of_b(k, column + 8u));
            add_outer_product(&sums_3, upper, lower, four_of_b(k, column + 12u));
        }
    } else {
        let steps = params.k / 4u;
        for (var k = 0u; k < steps; k++) {
            let rows = rows_of_a(row, k);
            multiply_add(&sums_0, rows, block_of_b(k, column));
            multiply_add(&sums_1, rows, block_of_b(k, column + 4u));
            multiply_add(&sums_2, rows, block_of_b(k, column + 8u));
            multiply_add(&sums_3, rows, block_of_b(k, column + 12u));
        }
    }
    store_rows(row, column, sums_0);
    store_rows(row, column + 4u, sums_1);
    store_rows(row, column + 8u, sums_2);
    store_rows(row, column + 12u, sums_3);
}
