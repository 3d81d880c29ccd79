// A factor of a product: rows of a batch where they lie in a dataset of floats, those that stand at clock.batch_start in
// the epoch's order. They are whole vec4 (OWN_CELL = 4) or not (1).

@group(0) @binding(0) var<storage, read> data: array<OwnCell>;
@group(0) @binding(1) var<storage, read> order: array<u32>;

// The dataset's row for a row of the batch.
fn row_of_data(row: u32) -> u32 {
    return order[clock.batch_start + row];
}

// Four elements from 4 * index on of row `row` of the batch, in rows of `length`; past the end the last element.
fn four(row: u32, index: u32, length: u32) -> vec4<f32> {
    if OWN_CELL == 4u {
        let fours = length / 4u;
        return vec4<f32>(data[row_of_data(row) * fours + min(index, fours - 1u)]);
    }
    let start = row_of_data(row) * length;
    let at = vec4<u32>(start) + min(vec4<u32>(4u * index) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(length - 1u));
    return vec4<f32>(
        vec4<f32>(data[at.x]).x, vec4<f32>(data[at.y]).x, vec4<f32>(data[at.z]).x, vec4<f32>(data[at.w]).x,
    );
}

// Where a row of the batch begins, and from there the four elements from 4 * index on, where rows are whole vec4.
fn start(row: u32, length: u32) -> u32 {
    return row_of_data(row) * (length / OWN_CELL);
}
fn four_from(start: u32, index: u32) -> vec4<f32> {
    return vec4<f32>(data[start + index]);
}

// The dataset's element of that number.
fn one_at(number: u32) -> f32 {
    let cell = vec4<f32>(data[number / OWN_CELL]);
    return select(cell.x, cell[number % 4u], OWN_CELL == 4u);
}

fn one(row: u32, column: u32, length: u32) -> f32 {
    return one_at(row_of_data(row) * length + column);
}
