// C = op(A) * op(B). Each invocation computes a THREAD_M x THREAD_N tile of C in registers and reads A and B as vec4,
// without workgroup memory and barriers: on drivers that run on a CPU these cost more than they save.
// The rows of A and B as stored must be whole vec4. Rows and columns past the edge are clamped on reading (the
// sums are then not stored), so that the inner loop has no branch.
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

const VECS_M: u32 = THREAD_M / 4u;
const VECS_N: u32 = THREAD_N / 4u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn matmul_registers(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_n = (params.n + THREAD_N - 1u) / THREAD_N;
    let tile = (group.y * groups.x + group.x) * WORKGROUP_SIZE + local;
    let first_row = (tile / tiles_n) * THREAD_M;
    let first_column = (tile % tiles_n) * THREAD_N;
    if first_row >= params.m {
        return;
    }

    // sums[i][j] holds row i, columns 4j to 4j + 3 of the tile.
    var sums: array<array<vec4<f32>, VECS_N>, THREAD_M>;
    if TRANSPOSE_A == 1u {
        let row_a = params.m / 4u;
        let row_b = params.n / 4u;
        for (var k = 0u; k < params.k; k++) {
            var factors: array<vec4<f32>, VECS_N>;
            for (var j = 0u; j < VECS_N; j++) {
                factors[j] = b[k * row_b + min(first_column / 4u + j, row_b - 1u)];
            }
            for (var i = 0u; i < VECS_M; i++) {
                let column = a[k * row_a + min(first_row / 4u + i, row_a - 1u)];
                for (var j = 0u; j < VECS_N; j++) {
                    sums[i * 4u][j] += column.x * factors[j];
                    sums[i * 4u + 1u][j] += column.y * factors[j];
                    sums[i * 4u + 2u][j] += column.z * factors[j];
                    sums[i * 4u + 3u][j] += column.w * factors[j];
                }
            }
        }
    } else if TRANSPOSE_B == 1u {
        let vecs_k = params.k / 4u;
        for (var k = 0u; k < vecs_k; k++) {
            var rows: array<vec4<f32>, THREAD_M>;
            for (var i = 0u; i < THREAD_M; i++) {
                rows[i] = a[min(first_row + i, params.m - 1u) * vecs_k + k];
            }
            for (var j = 0u; j < VECS_N; j++) {
                let n = first_column + j * 4u;
                let last = params.n - 1u;
                let column_0 = b[min(n, last) * vecs_k + k];
                let column_1 = b[min(n + 1u, last) * vecs_k + k];
                let column_2 = b[min(n + 2u, last) * vecs_k + k];
                let column_3 = b[min(n + 3u, last) * vecs_k + k];
                for (var i = 0u; i < THREAD_M; i++) {
                    sums[i][j] += vec4<f32>(
                        dot(rows[i], column_0),
                        dot(rows[i], column_1),
                        dot(rows[i], column_2),
                        dot(rows[i], column_3),
                    );
                }
            }
        }
    } else {
        let vecs_k = params.k / 4u;
        let row_b = params.n / 4u;
        for (var k = 0u; k < vecs_k; k++) {
            var rows: array<vec4<f32>, THREAD_M>;
            for (var i = 0u; i < THREAD_M; i++) {
                rows[i] = a[min(first_row + i, params.m - 1u) * vecs_k + k];
            }
            for (var j = 0u; j < VECS_N; j++) {
                let column = min(first_column / 4u + j, row_b - 1u);
                let factors_0 = b[(k * 4u) * row_b + column];
                let factors_1 = b[(k * 4u + 1u) * row_b + column];
                let factors_2 = b[(k * 4u + 2u) * row_b + column];
                let factors_3 = b[(k * 4u + 3u) * row_b + column];
                for (var i = 0u; i < THREAD_M; i++) {
                    var sum = sums[i][j];
                    sum += rows[i].x * factors_0;
                    sum += rows[i].y * factors_1;
                    sum += rows[i].z * factors_2;
                    sum += rows[i].w * factors_3;
                    sums[i][j] = sum;
                }
            }
        }
    }

    for (var i = 0u; i < THREAD_M; i++) {
        let row = first_row + i;
        for (var j = 0u; j < THREAD_N; j++) {
            let column = first_column + j;
            if row < params.m && column < params.n {
                c[row * params.n + column] = sums[i][j / 4u][j % 4u];
            }
        }
    }
}
