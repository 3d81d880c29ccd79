// The tile of C that an invocation keeps in registers, of TILE_M rows, 4, 8 or 16, and TILE_N columns, 8 or 16.

// Four vectors of four: four rows of a tile, or 16 neighbours of one. Members instead of an array, because indexed arrays
// stay in memory where a driver does not unroll the loop.
struct Fours {
    f0: vec4<f32>,
    f1: vec4<f32>,
    f2: vec4<f32>,
    f3: vec4<f32>,
}

// Four rows of a tile, by columns. Those from column 8 on only in a tile that is so wide.
struct Sums {
    columns_0: Fours,
    columns_4: Fours,
    columns_8: Fours,
    columns_12: Fours,
}

// All rows of a tile. Those from row 4 and from row 8 on only in a tile that is so high.
struct Tile {
    rows_0: Sums,
    rows_4: Sums,
    rows_8: Sums,
    rows_12: Sums,
}

// Row and column where the tile of an invocation begins.
fn begin_of_tile(group: vec3<u32>, groups: vec3<u32>, local: u32) -> vec2<u32> {
    let tiles_n = (params.n + TILE_N - 1u) / TILE_N;
    let tile = (group.y * groups.x + group.x) * WORKGROUP_SIZE + local;
    return vec2<u32>((tile / tiles_n) * TILE_M, (tile % tiles_n) * TILE_N);
}

// Four numbers from `first` on, of those below `count`; past the end the last.
fn four_numbers(first: u32, count: u32) -> vec4<u32> {
    return min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(count - 1u));
}

fn plus_outer(sums: Fours, column: vec4<f32>, row: vec4<f32>) -> Fours {
    return Fours(
        sums.f0 + column.x * row,
        sums.f1 + column.y * row,
        sums.f2 + column.z * row,
        sums.f3 + column.w * row,
    );
}

// sums + column * row, with four elements of a column of op(A) and those of a row of op(B) that belong to the tile.
fn plus_outer_product(sums: Sums, column: vec4<f32>, row: Fours) -> Sums {
    var result = sums;
    result.columns_0 = plus_outer(sums.columns_0, column, row.f0);
    result.columns_4 = plus_outer(sums.columns_4, column, row.f1);
    if TILE_N > 8u {
        result.columns_8 = plus_outer(sums.columns_8, column, row.f2);
        result.columns_12 = plus_outer(sums.columns_12, column, row.f3);
    }
    return result;
}

// Row i of four, by halving.
fn pick(rows: Fours, i: u32) -> vec4<f32> {
    let odd = (i & 1u) != 0u;
    return select(select(rows.f0, rows.f1, odd), select(rows.f2, rows.f3, odd), (i & 2u) != 0u);
}

// Row i of a tile, four columns of it.
fn pick_of_tile(rows_0: Fours, rows_4: Fours, rows_8: Fours, rows_12: Fours, i: u32) -> vec4<f32> {
    if TILE_M == 4u {
        return pick(rows_0, i);
    }
    let upper = select(pick(rows_0, i), pick(rows_4, i), (i & 4u) != 0u);
    if TILE_M == 8u {
        return upper;
    }
    return select(upper, select(pick(rows_8, i), pick(rows_12, i), (i & 4u) != 0u), i >= 8u);
}

// Four neighbours of a tile, by row and by number of fours.
fn pick_four(tile: Tile, row: u32, four: u32) -> vec4<f32> {
    let a = tile.rows_0;
    let b = tile.rows_4;
    let c = tile.rows_8;
    let d = tile.rows_12;
    let odd = (four & 1u) != 0u;
    let even_four = pick_of_tile(a.columns_0, b.columns_0, c.columns_0, d.columns_0, row);
    let left = select(even_four, pick_of_tile(a.columns_4, b.columns_4, c.columns_4, d.columns_4, row), odd);
    if TILE_N == 8u {
        return left;
    }
    let even_right = pick_of_tile(a.columns_8, b.columns_8, c.columns_8, d.columns_8, row);
    let right = select(even_right, pick_of_tile(a.columns_12, b.columns_12, c.columns_12, d.columns_12, row), odd);
    return select(left, right, four >= 2u);
}

// Stores a tile. A loop that picks, of a length unknown to the compiler: a driver on a CPU takes long to compile each store.
fn finish_tile(row: u32, column: u32, tile: Tile) {
    let rows = min(max(params.m, row) - row, TILE_M);
    let fours = TILE_N / 4u;
    for (var i = 0u; i < rows * fours; i++) {
        finish_four(row + i / fours, column + 4u * (i % fours), pick_four(tile, i / fours, i % fours));
    }
}
