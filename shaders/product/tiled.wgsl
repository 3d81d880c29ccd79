// op(A) * op(B) on real GPUs. A workgroup computes a tile of TILE_M x TILE_N elements of C and takes TILE_K steps of K
// at a time: it copies a tile of A and one of B to workgroup memory, from where each invocation multiplies blocks of
// 4 x 4 into THREAD_M x THREAD_N sums in registers, both 4 or both 8. The memory holds two pairs of tiles: the next one
// travels while the other is multiplied, at the price of one barrier.
// See blocks.wgsl. Reading is clamped to the matrices, and what came from behind the end of K is masked on its way into
// workgroup memory, so that multiplying has no branch and does not wait for what is being read.

const ALONG_K_A: bool = TRANSPOSE_A == 0u;
const ALONG_K_B: bool = TRANSPOSE_B == 1u;
// Invocations side by side.
const THREADS_M: u32 = TILE_M / THREAD_M;
const THREADS_N: u32 = TILE_N / THREAD_N;
const FOURS_K: u32 = TILE_K / 4u;
// vec4 of a tile of A, and of both.
const FOURS_A: u32 = TILE_M * FOURS_K;
const PAIR: u32 = FOURS_A + TILE_N * FOURS_K;

const_assert THREADS_M * THREADS_N == WORKGROUP_SIZE;
const_assert THREAD_M == THREAD_N && (THREAD_M == 4u || THREAD_M == 8u);
// Of each tile an invocation copies one or two vec4.
const_assert TILE_M == TILE_N && (FOURS_A == WORKGROUP_SIZE || FOURS_A == 2u * WORKGROUP_SIZE);

// Workgroup memory holds twice a tile of A and one of B, in vec4 that lie along K or along a side of C as they do in the
// matrix. Where a vec4 lies in a tile that is `width` wide: its first row of op(A) or column of op(B), and its first step of K.
struct Spot {
    side: u32,
    k: u32,
}

// Neighbouring invocations read neighbouring vec4, whichever way the matrix is stored.
fn spot_of(number: u32, width: u32, along_k: bool) -> Spot {
    if along_k {
        return Spot(number / FOURS_K, 4u * (number % FOURS_K));
    }
    return Spot(4u * (number % (width / 4u)), number / (width / 4u));
}

// Its place in the tile. Along K, eight vec4 change places among themselves, so that neither the invocations that copy
// (neighbours in K) nor those that multiply (every fourth row) meet in one memory bank.
fn place(spot: Spot, width: u32, along_k: bool) -> u32 {
    if along_k {
        let four = spot.k / 4u;
        return four * width + (spot.side ^ (spot.side / 8u % 4u) ^ (four * 8u / FOURS_K));
    }
    return (spot.k * width + spot.side) / 4u;
}

// Four steps of K of four neighbours on a side of C, number `four`, from the tile that begins at `start`: the columns of
// the matrix are vec4 as stored.
fn block(start: u32, step: u32, four: u32, width: u32, along_k: bool) -> mat4x4<f32> {
    let k = 4u * step;
    let side = 4u * four;
    if along_k {
        return mat4x4<f32>(
            scratch[start + place(Spot(side, k), width, true)],
            scratch[start + place(Spot(side + 1u, k), width, true)],
            scratch[start + place(Spot(side + 2u, k), width, true)],
            scratch[start + place(Spot(side + 3u, k), width, true)],
        );
    }
    return mat4x4<f32>(
        scratch[start + place(Spot(side, k), width, false)],
        scratch[start + place(Spot(side, k + 1u), width, false)],
        scratch[start + place(Spot(side, k + 2u), width, false)],
        scratch[start + place(Spot(side, k + 3u), width, false)],
    );
}

// Four rows of op(A): column i of the matrix is row i. Transposing only renames registers.
fn rows_of_a(pair: u32, step: u32, four: u32) -> mat4x4<f32> {
    let stored = block(pair, step, four, TILE_M, ALONG_K_A);
    if ALONG_K_A {
        return stored;
    }
    return transpose(stored);
}

// Four columns of op(B): column i of the matrix holds step i.
fn factors_of_b(pair: u32, step: u32, four: u32) -> mat4x4<f32> {
    let stored = block(pair + FOURS_A, step, four, TILE_N, ALONG_K_B);
    if ALONG_K_B {
        return transpose(stored);
    }
    return stored;
}

// The vec4 of that number of the tile of A that begins at `row` and `k`. Behind the end of K the last elements come again.
fn read_a(number: u32, row: u32, k: u32) -> vec4<f32> {
    let spot = spot_of(number, TILE_M, ALONG_K_A);
    let step = k + spot.k;
    if ALONG_K_A {
        return a_four(min(row + spot.side, params.m - 1u), step / 4u, params.k);
    }
    return a_four(min(step, params.k - 1u), (row + spot.side) / 4u, params.m);
}

// What was read of A behind the end of K as zeros. Here, not right behind the read: an invocation would wait for memory
// before it multiplies.
fn masked(number: u32, k: u32, value: vec4<f32>) -> vec4<f32> {
    let step = k + spot_of(number, TILE_M, ALONG_K_A).k;
    if ALONG_K_A {
        return select(vec4<f32>(), value, vec4<u32>(step) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.k));
    }
    return select(vec4<f32>(), value, step < params.k);
}

// The vec4 of that number of the tile of B. Behind the end of K, for the zeros of A, the last elements come again.
fn read_b(number: u32, column: u32, k: u32) -> vec4<f32> {
    let spot = spot_of(number, TILE_N, ALONG_K_B);
    let step = k + spot.k;
    if ALONG_K_B {
        return b_four(min(column + spot.side, params.n - 1u), step / 4u, params.k);
    }
    return b_four(min(step, params.k - 1u), (column + spot.side) / 4u, params.n);
}

// An invocation's share of a pair of tiles on its way to workgroup memory.
struct Share {
    a_0: vec4<f32>,
    a_1: vec4<f32>,
    b_0: vec4<f32>,
    b_1: vec4<f32>,
}

fn fetch(row: u32, column: u32, k: u32, local: u32) -> Share {
    var share: Share;
    share.a_0 = read_a(local, row, k);
    share.b_0 = read_b(local, column, k);
    if FOURS_A > WORKGROUP_SIZE {
        share.a_1 = read_a(local + WORKGROUP_SIZE, row, k);
        share.b_1 = read_b(local + WORKGROUP_SIZE, column, k);
    }
    return share;
}

fn put_a(pair: u32, number: u32, value: vec4<f32>) {
    scratch[pair + place(spot_of(number, TILE_M, ALONG_K_A), TILE_M, ALONG_K_A)] = value;
}

fn put_b(pair: u32, number: u32, value: vec4<f32>) {
    scratch[pair + FOURS_A + place(spot_of(number, TILE_N, ALONG_K_B), TILE_N, ALONG_K_B)] = value;
}

// Writes a share of the tiles that begin at step k into a pair of tiles.
fn put(pair: u32, k: u32, share: Share, local: u32) {
    put_a(pair, local, masked(local, k, share.a_0));
    put_b(pair, local, share.b_0);
    if FOURS_A > WORKGROUP_SIZE {
        put_a(pair, local + WORKGROUP_SIZE, masked(local + WORKGROUP_SIZE, k, share.a_1));
        put_b(pair, local + WORKGROUP_SIZE, share.b_1);
    }
}

// Computes and stores the tile of a workgroup.
fn multiply(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let tiles_n = (params.n + TILE_N - 1u) / TILE_N;
    let tile = group.y * groups.x + group.x;
    // Surplus workgroups of a spilled grid start below the last row: they store nothing.
    let row = tile / tiles_n * TILE_M;
    let column = tile % tiles_n * TILE_N;
    // Number of the invocation's first four rows and columns in the tile; the second are half a tile on.
    let four_m = local / THREADS_N;
    let four_n = local % THREADS_N;
    var upper_left: mat4x4<f32>;
    var upper_right: mat4x4<f32>;
    var lower_left: mat4x4<f32>;
    var lower_right: mat4x4<f32>;

    var pair = 0u;
    put(pair, 0u, fetch(row, column, 0u, local), local);
    workgroupBarrier();
    for (var k = 0u; k < params.k; k += TILE_K) {
        let more = params.k - k > TILE_K;
        var next: Share;
        if more {
            next = fetch(row, column, k + TILE_K, local);
        }
        for (var step = 0u; step < FOURS_K; step++) {
            let rows = rows_of_a(pair, step, four_m);
            let factors = factors_of_b(pair, step, four_n);
            upper_left = add_product(upper_left, rows, factors);
            if THREAD_M == 8u {
                let lower_rows = rows_of_a(pair, step, four_m + THREADS_M);
                lower_left = add_product(lower_left, lower_rows, factors);
                let right_factors = factors_of_b(pair, step, four_n + THREADS_N);
                upper_right = add_product(upper_right, rows, right_factors);
                lower_right = add_product(lower_right, lower_rows, right_factors);
            }
        }
        pair = PAIR - pair;
        if more {
            put(pair, k + TILE_K, next, local);
        }
        // The pair that was multiplied may be overwritten from here on, and the next one is complete.
        workgroupBarrier();
    }

    let first_row = row + 4u * four_m;
    let first_column = column + 4u * four_n;
    finish_block(first_row, first_column, upper_left);
    if THREAD_M == 8u {
        finish_block(first_row, first_column + TILE_N / 2u, upper_right);
        finish_block(first_row + TILE_M / 2u, first_column, lower_left);
        finish_block(first_row + TILE_M / 2u, first_column + TILE_N / 2u, lower_right);
    }
}
