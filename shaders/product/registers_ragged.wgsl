// op(A) * op(B) in tiles in registers, see register_tile.wgsl: one term of the sums at a time, element by element, whatever
// the lengths of rows. Quick to compile. Rows and columns past the edge are clamped on reading, so that the inner loop has no
// branch.

// Four elements of term k, of op(A) and op(B): where their rows begin if these run along K, else their columns.
fn column_of_a(starts: vec4<u32>, k: u32) -> vec4<f32> {
    var at = starts + vec4<u32>(k);
    if TRANSPOSE_A == 1u {
        at = starts + vec4<u32>(a_start(k, params.m));
    }
    return vec4<f32>(a_one_at(at.x), a_one_at(at.y), a_one_at(at.z), a_one_at(at.w));
}
fn row_of_b(starts: vec4<u32>, k: u32) -> vec4<f32> {
    var at = starts + vec4<u32>(k);
    if TRANSPOSE_B == 0u {
        at = starts + vec4<u32>(b_start(k, params.n));
    }
    return vec4<f32>(b_one_at(at.x), b_one_at(at.y), b_one_at(at.z), b_one_at(at.w));
}

// What these are given, from a row or column of the tile on.
fn starts_of_a(row: u32) -> vec4<u32> {
    let at = four_numbers(row, params.m);
    if TRANSPOSE_A == 1u {
        return at;
    }
    return vec4<u32>(
        a_start(at.x, params.k), a_start(at.y, params.k), a_start(at.z, params.k), a_start(at.w, params.k),
    );
}
fn starts_of_b(column: u32) -> vec4<u32> {
    let at = four_numbers(column, params.n);
    if TRANSPOSE_B == 0u {
        return at;
    }
    return vec4<u32>(
        b_start(at.x, params.k), b_start(at.y, params.k), b_start(at.z, params.k), b_start(at.w, params.k),
    );
}

// Computes and stores the tile of an invocation.
fn multiply(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let begin = begin_of_tile(group, groups, local);
    let row = begin.x;
    let column = begin.y;
    if row >= params.m {
        return;
    }
    let a_0 = starts_of_a(row);
    var a_4: vec4<u32>;
    var a_8: vec4<u32>;
    var a_12: vec4<u32>;
    if TILE_M > 4u {
        a_4 = starts_of_a(row + 4u);
    }
    if TILE_M > 8u {
        a_8 = starts_of_a(row + 8u);
        a_12 = starts_of_a(row + 12u);
    }
    let b_0 = starts_of_b(column);
    let b_4 = starts_of_b(column + 4u);
    var b_8: vec4<u32>;
    var b_12: vec4<u32>;
    if TILE_N > 8u {
        b_8 = starts_of_b(column + 8u);
        b_12 = starts_of_b(column + 12u);
    }
    var tile: Tile;
    for (var k = 0u; k < params.k; k++) {
        var line = Fours(row_of_b(b_0, k), row_of_b(b_4, k), vec4<f32>(), vec4<f32>());
        if TILE_N > 8u {
            line.f2 = row_of_b(b_8, k);
            line.f3 = row_of_b(b_12, k);
        }
        tile.rows_0 = plus_outer_product(tile.rows_0, column_of_a(a_0, k), line);
        if TILE_M > 4u {
            tile.rows_4 = plus_outer_product(tile.rows_4, column_of_a(a_4, k), line);
        }
        if TILE_M > 8u {
            tile.rows_8 = plus_outer_product(tile.rows_8, column_of_a(a_8, k), line);
            tile.rows_12 = plus_outer_product(tile.rows_12, column_of_a(a_12, k), line);
        }
    }
    finish_tile(row, column, tile);
}
