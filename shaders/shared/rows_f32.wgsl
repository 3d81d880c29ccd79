// Rows of a batch where they lie in a dataset of floats: those that stand at batch_start in the epoch's order. A kernel
// that uses it declares `clock`.

@group(0) @binding(2) var<storage, read> data: array<DataCell>;
@group(0) @binding(3) var<storage, read> order: array<u32>;

// The dataset's row for a row of the batch.
fn row_of_data(row: u32) -> u32 {
    return order[clock.batch_start + row];
}

// An element of a row of the dataset, in rows of `length`.
fn element_of_data(row: u32, column: u32, length: u32) -> f32 {
    let at = row * length + column;
    let cell = vec4<f32>(data[at / DATA_CELL]);
    return select(cell.x, cell[at % 4u], DATA_CELL == 4u);
}

// Four elements from 4 * four on; past the end of the row the last one.
fn four_of_data(row: u32, four: u32, length: u32) -> vec4<f32> {
    if DATA_CELL == 4u {
        let fours = length / 4u;
        return vec4<f32>(data[row * fours + min(four, fours - 1u)]);
    }
    let start = row * length;
    let at = vec4<u32>(start) + min(vec4<u32>(4u * four) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(length - 1u));
    return vec4<f32>(
        vec4<f32>(data[at.x]).x, vec4<f32>(data[at.y]).x, vec4<f32>(data[at.z]).x, vec4<f32>(data[at.w]).x,
    );
}
