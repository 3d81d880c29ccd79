// Two steps of K at once for a product that a subgroup shares, see product_subgroup.wgsl: half as much to compile as four.
// The rows of both matrices as stored are whole vec2.
// TRANSPOSE_B: B is stored [N, K].

alias Factors = mat2x4<f32>;
const STEPS: u32 = 2u;

// Eight rows of A, two steps of K: invocation i holds row i. Rows past the edge are clamped: their sums are not stored.
fn load_a(row: u32, k: u32, lane: u32) -> vec2<f32> {
    return a[(min(row + lane, params.m - 1u) * params.k + k) / 2u];
}

fn row_of_b(k: u32, column: u32) -> vec4<f32> {
    let row = k * params.n;
    let last = params.n - 2u;
    return vec4<f32>(b[(row + min(column, last)) / 2u], b[(row + min(column + 2u, last)) / 2u]);
}

// Two steps of K of four columns of op(B): column i of the matrix holds step i.
fn load_b(k: u32, column: u32) -> Factors {
    if TRANSPOSE_B == 1u {
        let last = params.n - 1u;
        return transpose(mat4x2<f32>(
            b[(min(column, last) * params.k + k) / 2u],
            b[(min(column + 1u, last) * params.k + k) / 2u],
            b[(min(column + 2u, last) * params.k + k) / 2u],
            b[(min(column + 3u, last) * params.k + k) / 2u],
        ));
    }
    return mat2x4<f32>(row_of_b(k, column), row_of_b(k + 1u, column));
}

// Two steps of K of the row that invocation `lane` holds.
fn spread(value: vec2<f32>, lane: u32) -> vec2<f32> {
    return vec2<f32>(subgroupShuffle(value.x, lane), subgroupShuffle(value.y, lane));
}
