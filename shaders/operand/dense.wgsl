// A factor of a product as it stands in memory. Its rows are whole vec4 (OWN_CELL = 4) or not (1).

@group(0) @binding(0) var<storage, read> matrix: array<OwnCell>;

// Four elements from 4 * index on of row `row`, in rows of `length`; past the end the last element.
fn four(row: u32, index: u32, length: u32) -> vec4<f32> {
    if OWN_CELL == 4u {
        let fours = length / 4u;
        return vec4<f32>(matrix[row * fours + min(index, fours - 1u)]);
    }
    let start = row * length;
    let at = vec4<u32>(start) + min(vec4<u32>(4u * index) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(length - 1u));
    return vec4<f32>(
        vec4<f32>(matrix[at.x]).x, vec4<f32>(matrix[at.y]).x, vec4<f32>(matrix[at.z]).x, vec4<f32>(matrix[at.w]).x,
    );
}

// Where a row in rows of `length` begins, and from there the four elements from 4 * index on, where rows are whole vec4.
fn start(row: u32, length: u32) -> u32 {
    return row * (length / OWN_CELL);
}
fn four_from(start: u32, index: u32) -> vec4<f32> {
    return vec4<f32>(matrix[start + index]);
}

// The element of that number.
fn one_at(number: u32) -> f32 {
    let cell = vec4<f32>(matrix[number / OWN_CELL]);
    return select(cell.x, cell[number % 4u], OWN_CELL == 4u);
}

fn one(row: u32, column: u32, length: u32) -> f32 {
    return one_at(row * length + column);
}
