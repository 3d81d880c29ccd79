// op(A) * op(B) on real GPUs where C is small and K is long. A workgroup computes 8 x 8 elements of C: SLICES
// invocations share a block of 4 x 4, each adds up every SLICES-th part of four steps of K, and then the slices are
// added in workgroup memory in a fixed order.
// See blocks.wgsl.

// Blocks of C that a workgroup computes.
const SHARED_BLOCKS: u32 = 4u;

const_assert SHARED_BLOCKS * SLICES == WORKGROUP_SIZE;
// They are halved down to four.
const_assert SLICES >= 8u && (SLICES & (SLICES - 1u)) == 0u;

// Where row i of a block's slice lies in workgroup memory: neighbouring slices are neighbours. The sums of each slice have a
// place, so that nothing is overwritten that another invocation may still have to read.
fn spot(i: u32, block: u32, slice: u32) -> u32 {
    return (i * SHARED_BLOCKS + block) * SLICES + slice;
}

fn put(block: u32, slice: u32, sums: mat4x4<f32>) {
    scratch[spot(0u, block, slice)] = sums[0];
    scratch[spot(1u, block, slice)] = sums[1];
    scratch[spot(2u, block, slice)] = sums[2];
    scratch[spot(3u, block, slice)] = sums[3];
}

fn taken(block: u32, slice: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        scratch[spot(0u, block, slice)],
        scratch[spot(1u, block, slice)],
        scratch[spot(2u, block, slice)],
        scratch[spot(3u, block, slice)],
    );
}

// Four rows of op(A), steps 4k to 4k + 3: column i of the matrix is row i. Past the edge the last ones again.
fn rows_of_a(row: u32, k: u32) -> mat4x4<f32> {
    if TRANSPOSE_A == 1u {
        let last = params.k - 1u;
        return transpose(mat4x4<f32>(
            a_four(min(4u * k, last), row / 4u, params.m),
            a_four(min(4u * k + 1u, last), row / 4u, params.m),
            a_four(min(4u * k + 2u, last), row / 4u, params.m),
            a_four(min(4u * k + 3u, last), row / 4u, params.m),
        ));
    }
    let last = params.m - 1u;
    return mat4x4<f32>(
        a_four(min(row, last), k, params.k),
        a_four(min(row + 1u, last), k, params.k),
        a_four(min(row + 2u, last), k, params.k),
        a_four(min(row + 3u, last), k, params.k),
    );
}

// Four columns of op(B), steps 4k to 4k + 3: column i of the matrix holds step i.
fn factors_of_b(k: u32, column: u32) -> mat4x4<f32> {
    if TRANSPOSE_B == 1u {
        let last = params.n - 1u;
        return transpose(mat4x4<f32>(
            b_four(min(column, last), k, params.k),
            b_four(min(column + 1u, last), k, params.k),
            b_four(min(column + 2u, last), k, params.k),
            b_four(min(column + 3u, last), k, params.k),
        ));
    }
    let last = params.k - 1u;
    return mat4x4<f32>(
        b_four(min(4u * k, last), column / 4u, params.n),
        b_four(min(4u * k + 1u, last), column / 4u, params.n),
        b_four(min(4u * k + 2u, last), column / 4u, params.n),
        b_four(min(4u * k + 3u, last), column / 4u, params.n),
    );
}

// The part of A behind the end of K as zeros. That of B, elements of the same columns once more, then counts for nothing.
fn within_k(rows: mat4x4<f32>, k: u32) -> mat4x4<f32> {
    let within = vec4<u32>(4u * k) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.k);
    let zero = vec4<f32>();
    return mat4x4<f32>(
        select(zero, rows[0], within),
        select(zero, rows[1], within),
        select(zero, rows[2], within),
        select(zero, rows[3], within),
    );
}

// Computes and stores the tile of a workgroup.
fn multiply(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let tiles_n = (params.n + 7u) / 8u;
    let tile = group.y * groups.x + group.x;
    let block = local / SLICES;
    let slice = local % SLICES;
    // Surplus workgroups of a spilled grid start below the last row: they store nothing.
    let first_row = tile / tiles_n * 8u;
    let first_column = tile % tiles_n * 8u;
    let row = first_row + block / 2u * 4u;
    let column = first_column + block % 2u * 4u;

    var sums: mat4x4<f32>;
    let whole = params.k / 4u;
    for (var k = slice; k < whole; k += SLICES) {
        sums = add_product(sums, rows_of_a(row, k), factors_of_b(k, column));
    }
    if params.k % 4u > 0u && slice == whole % SLICES {
        sums = add_product(sums, within_k(rows_of_a(row, whole), whole), factors_of_b(whole, column));
    }

    for (var left = SLICES / 2u; left >= 4u; left /= 2u) {
        if slice >= left && slice < 2u * left {
            put(block, slice, sums);
        }
        workgroupBarrier();
        if slice < left {
            sums += taken(block, slice + left);
        }
    }
    if slice < 4u {
        put(block, slice, sums);
    }
    workgroupBarrier();
    // Eight rows of two vec4: neighbouring invocations store neighbours.
    let i = local / 2u;
    if local < 16u && first_row + i < params.m {
        let at = spot(i % 4u, i / 4u * 2u + local % 2u, 0u);
        let first = scratch[at] + scratch[at + 1u];
        let second = scratch[at + 2u] + scratch[at + 3u];
        finish_four(first_row + i, first_column + local % 2u * 4u, first + second);
    }
}
