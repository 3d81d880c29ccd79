// C = op(A) * op(B). A workgroup computes a TILE_M x TILE_N tile of C: along K it copies tiles of A and B to workgroup
// memory, and each invocation accumulates THREAD_M x THREAD_N elements in registers.
// TRANSPOSE_A: A is stored [K, M]; TRANSPOSE_B: B is stored [N, K].

struct Params {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Elem>;
@group(0) @binding(2) var<storage, read> b: array<Elem>;
@group(0) @binding(3) var<storage, read_write> c: array<Elem>;

const THREADS_N: u32 = TILE_N / THREAD_N;
const THREADS_M: u32 = TILE_M / THREAD_M;

// Both with K outermost: the inner loop then reads neighbouring elements.
var<workgroup> tile_a: array<f32, TILE_K * TILE_M>;
var<workgroup> tile_b: array<f32, TILE_K * TILE_N>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn matmul_tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_n = (params.n + TILE_N - 1u) / TILE_N;
    let tile = group.y * groups.x + group.x;
    // Surplus workgroups of a spilled grid start below the last row: they load zeros and store nothing.
    let first_row = (tile / tiles_n) * TILE_M;
    let first_column = (tile % tiles_n) * TILE_N;
    let thread_row = local / THREADS_N;
    let thread_column = local % THREADS_N;

    var sums: array<array<f32, THREAD_N>, THREAD_M>;
    for (var k_start = 0u; k_start < params.k; k_start += TILE_K) {
        // Neighbouring invocations read neighbouring elements, whichever way the matrix is stored.
        for (var e = local; e < TILE_M * TILE_K; e += WORKGROUP_SIZE) {
            let m = select(e / TILE_K, e % TILE_M, TRANSPOSE_A == 1u);
            let k = select(e % TILE_K, e / TILE_M, TRANSPOSE_A == 1u);
            let row = first_row + m;
            let column = k_start + k;
            var value = 0.0;
            if row < params.m && column < params.k {
                value = a[select(row * params.k + column, column * params.m + row, TRANSPOSE_A == 1u)];
            }
            tile_a[k * TILE_M + m] = value;
        }
        for (var e = local; e < TILE_N * TILE_K; e += WORKGROUP_SIZE) {
            let n = select(e % TILE_N, e / TILE_K, TRANSPOSE_B == 1u);
            let k = select(e / TILE_N, e % TILE_K, TRANSPOSE_B == 1u);
            let row = k_start + k;
            let column = first_column + n;
            var value = 0.0;
            if row < params.k && column < params.n {
                value = b[select(row * params.n + column, column * params.k + row, TRANSPOSE_B == 1u)];
            }
            tile_b[k * TILE_N + n] = value;
        }
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            var factors_b: array<f32, THREAD_N>;
            for (var j = 0u; j < THREAD_N; j++) {
                factors_b[j] = tile_b[k * TILE_N + thread_column + j * THREADS_N];
            }
            for (var i = 0u; i < THREAD_M; i++) {
                let factor_a = tile_a[k * TILE_M + thread_row + i * THREADS_M];
                for (var j = 0u; j < THREAD_N; j++) {
                    sums[i][j] += factor_a * factors_b[j];
                }
            }
        }
        // The tiles are overwritten in the next round.
        workgroupBarrier();
    }

    for (var i = 0u; i < THREAD_M; i++) {
        let row = first_row + thread_row + i * THREADS_M;
        for (var j = 0u; j < THREAD_N; j++) {
            let column = first_column + thread_column + j * THREADS_N;
            if row < params.m && column < params.n {
                c[row * params.n + column] = sums[i][j];
            }
        }
    }
}
