// Four steps of K at once for a product that a subgroup shares, see subgroup.wgsl.
// ALIGNED: the rows of both matrices as stored are whole vec4. If not, each read takes two.

alias Steps = vec4<f32>;
alias Factors = mat4x4<f32>;
const STEPS: u32 = 4u;
// Whether the last four steps of K are all within K: except where K counts the rows of both, their alignment says so.
const WHOLE_K: bool = TRANSPOSE_A == 0u && ALIGNED == 1u;

// Which four elements out of eight neighbours, from `shift` on.
fn shifted(low: vec4<f32>, high: vec4<f32>, shift: u32) -> vec4<f32> {
    let by_one = vec4<f32>(low.yzw, high.x);
    let by_two = vec4<f32>(low.zw, high.xy);
    let by_three = vec4<f32>(low.w, high.xyz);
    return select(select(low, by_one, shift == 1u), select(by_two, by_three, shift == 3u), shift >= 2u);
}

// Four elements of A from `at` on; what lies behind the end is arbitrary.
fn neighbours_of_a(at: u32) -> vec4<f32> {
    let low = a_four_at(at / 4u);
    if ALIGNED == 1u {
        return low;
    }
    let last = (params.m * params.k - 1u) / 4u;
    return shifted(low, a_four_at(min(at / 4u + 1u, last)), at % 4u);
}

fn neighbours_of_b(at: u32) -> vec4<f32> {
    let low = b_four_at(at / 4u);
    if ALIGNED == 1u {
        return low;
    }
    let last = (params.n * params.k - 1u) / 4u;
    return shifted(low, b_four_at(min(at / 4u + 1u, last)), at % 4u);
}

// Four neighbours along K: behind the end of K they count as zero, whatever was read there.
fn within_k(value: vec4<f32>, k: u32) -> vec4<f32> {
    if WHOLE_K {
        return value;
    }
    return select(vec4<f32>(), value, k + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.k));
}

// Eight rows of op(A), four steps of K, spread over the subgroup. As it stands, invocation i holds row i; transposed, the
// rows 4(i % 2) to 4(i % 2) + 3 of step i / 2. Rows past the edge are clamped: their sums are not stored.
fn load_a(row: u32, k: u32, lane: u32) -> vec4<f32> {
    if TRANSPOSE_A == 1u {
        let column = min(row + 4u * (lane % 2u), (params.m - 1u) / 4u * 4u);
        let step = k + lane / 2u;
        let value = neighbours_of_a(min(step, params.k - 1u) * params.m + column);
        return select(vec4<f32>(), value, step < params.k);
    }
    return within_k(neighbours_of_a(min(row + lane, params.m - 1u) * params.k + k), k);
}

fn row_of_b(k: u32, column: u32) -> vec4<f32> {
    let value = neighbours_of_b(min(k, params.k - 1u) * params.n + column);
    if WHOLE_K {
        return value;
    }
    return select(vec4<f32>(), value, k < params.k);
}

// Four steps of K of four columns of op(B): column i of the matrix holds step i.
fn load_b(k: u32, column: u32) -> Factors {
    if TRANSPOSE_B == 1u {
        let last = params.n - 1u;
        return transpose(mat4x4<f32>(
            within_k(neighbours_of_b(min(column, last) * params.k + k), k),
            within_k(neighbours_of_b(min(column + 1u, last) * params.k + k), k),
            within_k(neighbours_of_b(min(column + 2u, last) * params.k + k), k),
            within_k(neighbours_of_b(min(column + 3u, last) * params.k + k), k),
        ));
    }
    let clamped = min(column, (params.n - 1u) / 4u * 4u);
    return mat4x4<f32>(
        row_of_b(k, clamped), row_of_b(k + 1u, clamped), row_of_b(k + 2u, clamped), row_of_b(k + 3u, clamped),
    );
}

// Four steps of K of the row that invocation `lane` holds.
fn spread(value: vec4<f32>, lane: u32) -> vec4<f32> {
    return vec4<f32>(
        subgroupShuffle(value.x, lane), subgroupShuffle(value.y, lane),
        subgroupShuffle(value.z, lane), subgroupShuffle(value.w, lane),
    );
}

// Those of a transposed A: `value` is the row's element in the invocations that hold it.
fn spread_transposed(value: f32, lane: u32) -> vec4<f32> {
    return vec4<f32>(
        subgroupShuffle(value, lane), subgroupShuffle(value, lane + 2u),
        subgroupShuffle(value, lane + 4u), subgroupShuffle(value, lane + 6u),
    );
}

// sums += rows * factors where A is transposed.
fn multiply_add_transposed(sums: ptr<function, Block>, rows: Steps, factors: Factors) {
    (*sums).r0 += factors * spread_transposed(rows.x, 0u);
    (*sums).r1 += factors * spread_transposed(rows.y, 0u);
    (*sums).r2 += factors * spread_transposed(rows.z, 0u);
    (*sums).r3 += factors * spread_transposed(rows.w, 0u);
    (*sums).r4 += factors * spread_transposed(rows.x, 1u);
    (*sums).r5 += factors * spread_transposed(rows.y, 1u);
    (*sums).r6 += factors * spread_transposed(rows.z, 1u);
    (*sums).r7 += factors * spread_transposed(rows.w, 1u);
}
