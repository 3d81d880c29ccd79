// op(A) * op(B) on drivers that run on a CPU. There a read costs far more than arithmetic, so the eight invocations
// of a workgroup, one subgroup, read different parts of A and B and pass A around by shuffles, which cost nothing.
// A workgroup computes 16 * BLOCKS rows and 32 columns of C, four steps of K at a time: of each row, invocation i holds
// the columns 4i to 4i + 3.
// ALIGNED_A, ALIGNED_B: the rows of the matrix as stored are whole vec4. If not, each read takes two.
// TRANSPOSE_A: A is stored [K, M]; TRANSPOSE_B: B is stored [N, K].
// A kernel that uses it declares `params` with m, n and k, the matrices `a` and `b` as arrays of vec4, and `store_four`,
// which takes four neighbours of a finished row (those past column n are to be dropped).

// Whether the last four steps of K are all within K: except where K counts the rows of both, their alignment says so.
const WHOLE_K: bool = TRANSPOSE_A == 0u && ALIGNED_A == 1u;

// One vec4 of each of the 16 rows of a block of C. Members instead of an array, because indexed arrays stay in memory
// where a driver does not unroll the loop.
struct Block {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
    r3: vec4<f32>,
    r4: vec4<f32>,
    r5: vec4<f32>,
    r6: vec4<f32>,
    r7: vec4<f32>,
    r8: vec4<f32>,
    r9: vec4<f32>,
    r10: vec4<f32>,
    r11: vec4<f32>,
    r12: vec4<f32>,
    r13: vec4<f32>,
    r14: vec4<f32>,
    r15: vec4<f32>,
}

// Sixteen rows of op(A), four steps of K, spread over the subgroup.
// A as it stands: invocation i holds rows i and 8 + i. Transposed: it holds rows 4(i % 4) to 4(i % 4) + 3 for the
// steps i / 4 and 2 + i / 4.
struct Fragment {
    first: vec4<f32>,
    second: vec4<f32>,
}

// Which four elements out of eight neighbours, from `shift` on.
fn shifted(low: vec4<f32>, high: vec4<f32>, shift: u32) -> vec4<f32> {
    let by_one = vec4<f32>(low.yzw, high.x);
    let by_two = vec4<f32>(low.zw, high.xy);
    let by_three = vec4<f32>(low.w, high.xyz);
    return select(select(low, by_one, shift == 1u), select(by_two, by_three, shift == 3u), shift >= 2u);
}

// Four elements of A from `at` on; what lies behind the end is arbitrary.
fn four_of_a(at: u32) -> vec4<f32> {
    let low = a[at / 4u];
    if ALIGNED_A == 1u {
        return low;
    }
    let last = (params.m * params.k - 1u) / 4u;
    return shifted(low, a[min(at / 4u + 1u, last)], at % 4u);
}

// One element: a driver on a CPU reads only that.
fn one_of_a(at: u32) -> f32 {
    return a[at / 4u][at % 4u];
}

fn four_of_b(at: u32) -> vec4<f32> {
    let low = b[at / 4u];
    if ALIGNED_B == 1u {
        return low;
    }
    let last = (params.n * params.k - 1u) / 4u;
    return shifted(low, b[min(at / 4u + 1u, last)], at % 4u);
}

// Four neighbours along K: behind the end of K they count as zero, whatever was read there.
fn within_k(value: vec4<f32>, k: u32) -> vec4<f32> {
    if WHOLE_K {
        return value;
    }
    return select(vec4<f32>(), value, k + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.k));
}

// Rows past the edge are clamped: their sums are not stored.
fn load_a(row: u32, k: u32, lane: u32) -> Fragment {
    if TRANSPOSE_A == 1u {
        let column = min(row + 4u * (lane % 4u), (params.m - 1u) / 4u * 4u);
        let step = k + lane / 4u;
        let first = four_of_a(min(step, params.k - 1u) * params.m + column);
        let second = four_of_a(min(step + 2u, params.k - 1u) * params.m + column);
        return Fragment(
            select(vec4<f32>(), first, step < params.k),
            select(vec4<f32>(), second, step + 2u < params.k),
        );
    }
    let last = params.m - 1u;
    return Fragment(
        within_k(four_of_a(min(row + lane, last) * params.k + k), k),
        within_k(four_of_a(min(row + 8u + lane, last) * params.k + k), k),
    );
}

fn row_of_b(k: u32, column: u32) -> vec4<f32> {
    let value = four_of_b(min(k, params.k - 1u) * params.n + column);
    if WHOLE_K {
        return value;
    }
    return select(vec4<f32>(), value, k < params.k);
}

// Four steps of K of four columns of op(B): column i of the matrix holds step i.
fn load_b(k: u32, column: u32) -> mat4x4<f32> {
    if TRANSPOSE_B == 1u {
        let last = params.n - 1u;
        return transpose(mat4x4<f32>(
            within_k(four_of_b(min(column, last) * params.k + k), k),
            within_k(four_of_b(min(column + 1u, last) * params.k + k), k),
            within_k(four_of_b(min(column + 2u, last) * params.k + k), k),
            within_k(four_of_b(min(column + 3u, last) * params.k + k), k),
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

// The same of a transposed A: `first` and `second` are the row's elements in the parts of a fragment.
fn spread_transposed(first: f32, second: f32, lane: u32) -> vec4<f32> {
    return vec4<f32>(
        subgroupShuffle(first, lane), subgroupShuffle(first, lane + 4u),
        subgroupShuffle(second, lane), subgroupShuffle(second, lane + 4u),
    );
}

// sums += rows * factors
fn multiply_add(sums: ptr<function, Block>, rows: Fragment, factors: mat4x4<f32>) {
    let f = rows.first;
    let s = rows.second;
    if TRANSPOSE_A == 1u {
        (*sums).r0 += factors * spread_transposed(f.x, s.x, 0u);
        (*sums).r1 += factors * spread_transposed(f.y, s.y, 0u);
        (*sums).r2 += factors * spread_transposed(f.z, s.z, 0u);
        (*sums).r3 += factors * spread_transposed(f.w, s.w, 0u);
        (*sums).r4 += factors * spread_transposed(f.x, s.x, 1u);
        (*sums).r5 += factors * spread_transposed(f.y, s.y, 1u);
        (*sums).r6 += factors * spread_transposed(f.z, s.z, 1u);
        (*sums).r7 += factors * spread_transposed(f.w, s.w, 1u);
        (*sums).r8 += factors * spread_transposed(f.x, s.x, 2u);
        (*sums).r9 += factors * spread_transposed(f.y, s.y, 2u);
        (*sums).r10 += factors * spread_transposed(f.z, s.z, 2u);
        (*sums).r11 += factors * spread_transposed(f.w, s.w, 2u);
        (*sums).r12 += factors * spread_transposed(f.x, s.x, 3u);
        (*sums).r13 += factors * spread_transposed(f.y, s.y, 3u);
        (*sums).r14 += factors * spread_transposed(f.z, s.z, 3u);
        (*sums).r15 += factors * spread_transposed(f.w, s.w, 3u);
    } else {
        (*sums).r0 += factors * spread(f, 0u);
        (*sums).r1 += factors * spread(f, 1u);
        (*sums).r2 += factors * spread(f, 2u);
        (*sums).r3 += factors * spread(f, 3u);
        (*sums).r4 += factors * spread(f, 4u);
        (*sums).r5 += factors * spread(f, 5u);
        (*sums).r6 += factors * spread(f, 6u);
        (*sums).r7 += factors * spread(f, 7u);
        (*sums).r8 += factors * spread(s, 0u);
        (*sums).r9 += factors * spread(s, 1u);
        (*sums).r10 += factors * spread(s, 2u);
        (*sums).r11 += factors * spread(s, 3u);
        (*sums).r12 += factors * spread(s, 4u);
        (*sums).r13 += factors * spread(s, 5u);
        (*sums).r14 += factors * spread(s, 6u);
        (*sums).r15 += factors * spread(s, 7u);
    }
}

// Row i of a block, by halving.
fn pick(block: Block, i: u32) -> vec4<f32> {
    let bit_0 = (i & 1u) != 0u;
    let bit_1 = (i & 2u) != 0u;
    let bit_2 = (i & 4u) != 0u;
    let rows_0 = select(select(block.r0, block.r1, bit_0), select(block.r2, block.r3, bit_0), bit_1);
    let rows_4 = select(select(block.r4, block.r5, bit_0), select(block.r6, block.r7, bit_0), bit_1);
    let rows_8 = select(select(block.r8, block.r9, bit_0), select(block.r10, block.r11, bit_0), bit_1);
    let rows_12 = select(select(block.r12, block.r13, bit_0), select(block.r14, block.r15, bit_0), bit_1);
    return select(select(rows_0, rows_4, bit_2), select(rows_8, rows_12, bit_2), i >= 8u);
}

// A loop that picks, of a length unknown to the compiler: a driver on a CPU takes long to compile each store.
fn store_blocks(row: u32, column: u32, upper: Block, lower: Block) {
    let rows = min(max(params.m, row) - row, 16u * BLOCKS);
    for (var i = 0u; i < rows; i++) {
        var value = pick(upper, i % 16u);
        if BLOCKS == 2u {
            value = select(value, pick(lower, i % 16u), i >= 16u);
        }
        store_four(row + i, column, value);
    }
}

// Computes and stores the tile of a workgroup.
fn multiply(group: vec3<u32>, groups: vec3<u32>, lane: u32) {
    let tiles_n = (params.n + 31u) / 32u;
    let tile = group.y * groups.x + group.x;
    let row = tile / tiles_n * 16u * BLOCKS;
    let column = tile % tiles_n * 32u + 4u * lane;
    // Surplus workgroups of a spilled grid take no steps. Parameters alone do not say how many a workgroup takes, see
    // biases.wgsl.
    let steps = select(params.k, 0u, row >= params.m);
    var upper: Block;
    var lower: Block;
    for (var k = 0u; k < steps; k += 4u) {
        let factors = load_b(k, column);
        multiply_add(&upper, load_a(row, k, lane), factors);
        if BLOCKS == 2u {
            multiply_add(&lower, load_a(row + 16u, k, lane), factors);
        }
    }
    store_blocks(row, column, upper, lower);
}
