// Rows of a batch where they lie in a dataset of bytes, packed four to a word with the first in the lowest bits, as
// scaled floats: the rows that stand at batch_start in the epoch's order. A kernel that uses it declares `params` with
// byte_scale, and `clock`.

@group(0) @binding(2) var<storage, read> data: array<u32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;

// The dataset's row for a row of the batch.
fn row_of_data(row: u32) -> u32 {
    return order[clock.batch_start + row];
}

fn scaled(word: u32) -> vec4<f32> {
    let bytes = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xFFu);
    return vec4<f32>(bytes) * params.byte_scale;
}

// An element of a row of the dataset, in rows of `length`.
fn element_of_data(row: u32, column: u32, length: u32) -> f32 {
    let at = row * length + column;
    return scaled(data[at / 4u] >> (8u * (at % 4u))).x;
}

// Four elements from 4 * four on; past the end of the row what follows in the dataset.
fn four_of_data(row: u32, four: u32, length: u32) -> vec4<f32> {
    let at = row * length + min(4u * four, length - 1u);
    let low = data[at / 4u];
    if DATA_CELL == 4u {
        return scaled(low);
    }
    // The bytes may straddle two words. A shift by 32 is none in WGSL, hence in two.
    let high = data[min(at / 4u + 1u, arrayLength(&data) - 1u)];
    let bits = 8u * (at % 4u);
    return scaled((low >> bits) | ((high << 1u) << (31u - bits)));
}
