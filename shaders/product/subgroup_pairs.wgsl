// Two steps of K at once for a product that a subgroup shares, see subgroup.wgsl: half as much to compile as four.
// The rows of both matrices as stored are whole vec2.

alias Steps = vec2<f32>;
alias Factors = mat2x4<f32>;
const STEPS: u32 = 2u;
// Whether the last two steps of K are both within K: except where K counts the rows of both, their alignment says so.
const WHOLE_K: bool = TRANSPOSE_A == 0u;

// Eight rows of op(A), two steps of K, spread over the subgroup. As it stands, invocation i holds row i; transposed, the
// rows 2(i % 4) and 2(i % 4) + 1 of step i / 4. Rows past the edge are clamped: their sums are not stored.
fn load_a(row: u32, k: u32, lane: u32) -> vec2<f32> {
    if TRANSPOSE_A == 1u {
        let column = min(row + 2u * (lane % 4u), params.m - 2u);
        let step = k + lane / 4u;
        let value = a_pair_at((min(step, params.k - 1u) * params.m + column) / 2u);
        return select(vec2<f32>(), value, step < params.k);
    }
    return a_pair_at((min(row + lane, params.m - 1u) * params.k + k) / 2u);
}

fn row_of_b(k: u32, column: u32) -> vec4<f32> {
    let row = min(k, params.k - 1u) * params.n;
    let last = params.n - 2u;
    let value = vec4<f32>(b_pair_at((row + min(column, last)) / 2u), b_pair_at((row + min(column + 2u, last)) / 2u));
    if WHOLE_K {
        return value;
    }
    return select(vec4<f32>(), value, k < params.k);
}

// Two steps of K of four columns of op(B): column i of the matrix holds step i.
fn load_b(k: u32, column: u32) -> Factors {
    if TRANSPOSE_B == 1u {
        let last = params.n - 1u;
        return transpose(mat4x2<f32>(
            b_pair_at((min(column, last) * params.k + k) / 2u),
            b_pair_at((min(column + 1u, last) * params.k + k) / 2u),
            b_pair_at((min(column + 2u, last) * params.k + k) / 2u),
            b_pair_at((min(column + 3u, last) * params.k + k) / 2u),
        ));
    }
    return mat2x4<f32>(row_of_b(k, column), row_of_b(k + 1u, column));
}

// Two steps of K of the row that invocation `lane` holds.
fn spread(value: vec2<f32>, lane: u32) -> vec2<f32> {
    return vec2<f32>(subgroupShuffle(value.x, lane), subgroupShuffle(value.y, lane));
}

// Those of a transposed A: `value` is the row's element in the invocations that hold it.
fn spread_transposed(value: f32, lane: u32) -> vec2<f32> {
    return vec2<f32>(subgroupShuffle(value, lane), subgroupShuffle(value, lane + 4u));
}

// sums += rows * factors where A is transposed.
fn multiply_add_transposed(sums: ptr<function, Block>, rows: Steps, factors: Factors) {
    (*sums).r0 += factors * spread_transposed(rows.x, 0u);
    (*sums).r1 += factors * spread_transposed(rows.y, 0u);
    (*sums).r2 += factors * spread_transposed(rows.x, 1u);
    (*sums).r3 += factors * spread_transposed(rows.y, 1u);
    (*sums).r4 += factors * spread_transposed(rows.x, 2u);
    (*sums).r5 += factors * spread_transposed(rows.y, 2u);
    (*sums).r6 += factors * spread_transposed(rows.x, 3u);
    (*sums).r7 += factors * spread_transposed(rows.y, 3u);
}
