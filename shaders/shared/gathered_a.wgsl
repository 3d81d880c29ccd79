// A of a product as rows of the dataset: see rows_f32.wgsl and rows_u8.wgsl. A_CELL = 4: they are whole vec4.

const DATA_CELL: u32 = A_CELL;
alias DataCell = ACell;

// Four elements from 4 * four on of row `row` of A, in rows of `length`; past the end arbitrary ones of the dataset.
fn four_of_a(row: u32, four: u32, length: u32) -> vec4<f32> {
    return four_of_data(row_of_data(row), four, length);
}
