// op(A) * op(B) in tiles in registers, see register_tile.wgsl: four terms of the sums at a time where rows run along K, else
// two or four, all rows being whole vec4. Without workgroup memory and barriers: on drivers that run on a CPU these cost more than
// they save. Rows and columns past the edge are clamped on reading, so that the inner loop has no branch; where rows begin is
// computed before it, because such drivers compute anew what a loop repeats.

// Four rows of op(B): column i of a matrix holds four columns of row i.
struct Factors {
    columns_0: mat4x4<f32>,
    columns_4: mat4x4<f32>,
    columns_8: mat4x4<f32>,
    columns_12: mat4x4<f32>,
}

// sums + rows * factors.
fn plus_product(sums: Fours, rows: Fours, factors: mat4x4<f32>) -> Fours {
    return Fours(
        sums.f0 + factors * rows.f0,
        sums.f1 + factors * rows.f1,
        sums.f2 + factors * rows.f2,
        sums.f3 + factors * rows.f3,
    );
}

fn plus_rows(sums: Sums, rows: Fours, factors: Factors) -> Sums {
    var result = sums;
    result.columns_0 = plus_product(sums.columns_0, rows, factors.columns_0);
    result.columns_4 = plus_product(sums.columns_4, rows, factors.columns_4);
    if TILE_N > 8u {
        result.columns_8 = plus_product(sums.columns_8, rows, factors.columns_8);
        result.columns_12 = plus_product(sums.columns_12, rows, factors.columns_12);
    }
    return result;
}

// Where four rows of A [M, K] from `row` on begin, and four rows of B, [N, K] or [K, N].
fn starts_of_a(row: u32) -> vec4<u32> {
    let at = four_numbers(row, params.m);
    return vec4<u32>(
        a_start(at.x, params.k), a_start(at.y, params.k), a_start(at.z, params.k), a_start(at.w, params.k),
    );
}
fn starts_of_b(row: u32) -> vec4<u32> {
    let length = select(params.n, params.k, TRANSPOSE_B == 1u);
    let at = four_numbers(row, select(params.k, params.n, TRANSPOSE_B == 1u));
    return vec4<u32>(b_start(at.x, length), b_start(at.y, length), b_start(at.z, length), b_start(at.w, length));
}

// Elements 4k to 4k + 3 of four rows of A that begin at `starts`.
fn rows_of_a(starts: vec4<u32>, k: u32) -> Fours {
    return Fours(
        a_four_from(starts.x, k),
        a_four_from(starts.y, k),
        a_four_from(starts.z, k),
        a_four_from(starts.w, k),
    );
}

// Where rows of B begin: if it is [N, K] the rows that are the columns of a tile, else four rows, four times.
struct Starts {
    columns_0: vec4<u32>,
    columns_4: vec4<u32>,
    columns_8: vec4<u32>,
    columns_12: vec4<u32>,
}

fn starts_of_columns(column: u32) -> Starts {
    var starts: Starts;
    starts.columns_0 = starts_of_b(column);
    starts.columns_4 = starts_of_b(column + 4u);
    if TILE_N > 8u {
        starts.columns_8 = starts_of_b(column + 8u);
        starts.columns_12 = starts_of_b(column + 12u);
    }
    return starts;
}

// Rows 4k to 4k + 3 of op(B), four columns, from rows of B that begin at `starts`: if it is [N, K] fours of number k, else of
// number `four`.
fn block_of_b(k: u32, starts: vec4<u32>, four: u32) -> mat4x4<f32> {
    let index = select(four, k, TRANSPOSE_B == 1u);
    let block = mat4x4<f32>(
        b_four_from(starts.x, index),
        b_four_from(starts.y, index),
        b_four_from(starts.z, index),
        b_four_from(starts.w, index),
    );
    if TRANSPOSE_B == 1u {
        return transpose(block);
    }
    return block;
}

fn factors_of_b(k: u32, of_columns: Starts, fours: vec4<u32>) -> Factors {
    var starts = of_columns;
    if TRANSPOSE_B == 0u {
        let of_rows = starts_of_b(4u * k);
        starts = Starts(of_rows, of_rows, of_rows, of_rows);
    }
    var factors: Factors;
    factors.columns_0 = block_of_b(k, starts.columns_0, fours.x);
    factors.columns_4 = block_of_b(k, starts.columns_4, fours.y);
    if TILE_N > 8u {
        factors.columns_8 = block_of_b(k, starts.columns_8, fours.z);
        factors.columns_12 = block_of_b(k, starts.columns_12, fours.w);
    }
    return factors;
}

// Neighbours in row k of A [K, M], or of B [K, N]: those of these numbers among fours.
fn line_of_a(k: u32, fours: vec4<u32>) -> Fours {
    let start = a_start(k, params.m);
    var line: Fours;
    line.f0 = a_four_from(start, fours.x);
    if TILE_M > 4u {
        line.f1 = a_four_from(start, fours.y);
    }
    if TILE_M > 8u {
        line.f2 = a_four_from(start, fours.z);
        line.f3 = a_four_from(start, fours.w);
    }
    return line;
}
fn line_of_b(k: u32, fours: vec4<u32>) -> Fours {
    let start = b_start(k, params.n);
    var line = Fours(b_four_from(start, fours.x), b_four_from(start, fours.y), vec4<f32>(), vec4<f32>());
    if TILE_N > 8u {
        line.f2 = b_four_from(start, fours.z);
        line.f3 = b_four_from(start, fours.w);
    }
    return line;
}

// A factor of the second of two terms: 0 where there is none.
fn second(elements: vec4<f32>, is_there: bool) -> vec4<f32> {
    return select(vec4<f32>(0.0), elements, is_there);
}

fn plus_outer_products(sums: Sums, a_0: vec4<f32>, a_1: vec4<f32>, b_0: Fours, b_1: Fours) -> Sums {
    return plus_outer_product(plus_outer_product(sums, a_0, b_0), a_1, b_1);
}

// Four rows of op(A), of which column i of each vector is that of a line of A; those of lines past the end are 0.
fn columns_of(a_0: vec4<f32>, a_1: vec4<f32>, a_2: vec4<f32>, a_3: vec4<f32>, are_there: vec4<bool>) -> Fours {
    let none = vec4<f32>(0.0);
    return Fours(
        select(none, vec4<f32>(a_0.x, a_1.x, a_2.x, a_3.x), are_there),
        select(none, vec4<f32>(a_0.y, a_1.y, a_2.y, a_3.y), are_there),
        select(none, vec4<f32>(a_0.z, a_1.z, a_2.z, a_3.z), are_there),
        select(none, vec4<f32>(a_0.w, a_1.w, a_2.w, a_3.w), are_there),
    );
}

// The tile and four terms more, of the lines `ks`, which repeat the last one past the end.
fn plus_four_terms(tile: Tile, ks: vec4<u32>, k: u32, fours_a: vec4<u32>, fours_b: vec4<u32>) -> Tile {
    let are_there = ks == vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u);
    let b_0 = line_of_b(ks.x, fours_b);
    let b_1 = line_of_b(ks.y, fours_b);
    let b_2 = line_of_b(ks.z, fours_b);
    let b_3 = line_of_b(ks.w, fours_b);
    let factors = Factors(
        mat4x4<f32>(b_0.f0, b_1.f0, b_2.f0, b_3.f0),
        mat4x4<f32>(b_0.f1, b_1.f1, b_2.f1, b_3.f1),
        mat4x4<f32>(b_0.f2, b_1.f2, b_2.f2, b_3.f2),
        mat4x4<f32>(b_0.f3, b_1.f3, b_2.f3, b_3.f3),
    );
    let a_0 = line_of_a(ks.x, fours_a);
    let a_1 = line_of_a(ks.y, fours_a);
    let a_2 = line_of_a(ks.z, fours_a);
    let a_3 = line_of_a(ks.w, fours_a);
    return Tile(
        plus_rows(tile.rows_0, columns_of(a_0.f0, a_1.f0, a_2.f0, a_3.f0, are_there), factors),
        plus_rows(tile.rows_4, columns_of(a_0.f1, a_1.f1, a_2.f1, a_3.f1, are_there), factors),
        plus_rows(tile.rows_8, columns_of(a_0.f2, a_1.f2, a_2.f2, a_3.f2, are_there), factors),
        plus_rows(tile.rows_12, columns_of(a_0.f3, a_1.f3, a_2.f3, a_3.f3, are_there), factors),
    );
}

// The tile of a product whose sums run along the columns of A [K, M] and B [K, N]. Several terms at a time, so that the sums go
// to memory and back less often: two, and four of a large tile, which has few registers left for what it multiplies.
fn product_of_columns(row: u32, column: u32) -> Tile {
    let fours_a = four_numbers(row / 4u, params.m / 4u);
    let fours_b = four_numbers(column / 4u, params.n / 4u);
    var tile: Tile;
    if TILE_M > 8u {
        for (var k = 0u; k < params.k; k += 4u) {
            tile = plus_four_terms(tile, four_numbers(k, params.k), k, fours_a, fours_b);
        }
        return tile;
    }
    for (var k = 0u; k < params.k; k += 2u) {
        let next = min(k + 1u, params.k - 1u);
        let b_0 = line_of_b(k, fours_b);
        let b_1 = line_of_b(next, fours_b);
        let a_0 = line_of_a(k, fours_a);
        let a_1 = line_of_a(next, fours_a);
        let is_there = next > k;
        tile.rows_0 = plus_outer_products(tile.rows_0, a_0.f0, second(a_1.f0, is_there), b_0, b_1);
        if TILE_M > 4u {
            tile.rows_4 = plus_outer_products(tile.rows_4, a_0.f1, second(a_1.f1, is_there), b_0, b_1);
        }
    }
    return tile;
}

// The tile of a product whose sums run along the rows of A [M, K].
fn product_of_rows(row: u32, column: u32) -> Tile {
    let fours_b = four_numbers(column / 4u, params.n / 4u);
    let starts_0 = starts_of_a(row);
    var starts_4: vec4<u32>;
    var starts_8: vec4<u32>;
    var starts_12: vec4<u32>;
    if TILE_M > 4u {
        starts_4 = starts_of_a(row + 4u);
    }
    if TILE_M > 8u {
        starts_8 = starts_of_a(row + 8u);
        starts_12 = starts_of_a(row + 12u);
    }
    var of_columns: Starts;
    if TRANSPOSE_B == 1u {
        of_columns = starts_of_columns(column);
    }
    var tile: Tile;
    for (var k = 0u; k < params.k / 4u; k++) {
        let factors = factors_of_b(k, of_columns, fours_b);
        tile.rows_0 = plus_rows(tile.rows_0, rows_of_a(starts_0, k), factors);
        if TILE_M > 4u {
            tile.rows_4 = plus_rows(tile.rows_4, rows_of_a(starts_4, k), factors);
        }
        if TILE_M > 8u {
            tile.rows_8 = plus_rows(tile.rows_8, rows_of_a(starts_8, k), factors);
            tile.rows_12 = plus_rows(tile.rows_12, rows_of_a(starts_12, k), factors);
        }
    }
    return tile;
}

// Computes and stores the tile of an invocation.
fn multiply(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let begin = begin_of_tile(group, groups, local);
    if begin.x >= params.m {
        return;
    }
    if TRANSPOSE_A == 1u {
        finish_tile(begin.x, begin.y, product_of_columns(begin.x, begin.y));
    } else {
        finish_tile(begin.x, begin.y, product_of_rows(begin.x, begin.y));
    }
}
