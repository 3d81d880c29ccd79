// A factor of a product: rows of a batch where they lie in a dataset of bytes, packed four to a word with the first in the
// lowest bits, as scaled floats: those that stand at clock.batch_start in the epoch's order.

struct Bytes {
    // Factor on each byte, such as 1 / 255.
    scale: f32,
}

@group(0) @binding(0) var<uniform> bytes: Bytes;
@group(0) @binding(1) var<storage, read> data: array<u32>;
@group(0) @binding(2) var<storage, read> order: array<u32>;

// The dataset's row for a row of the batch.
fn row_of_data(row: u32) -> u32 {
    return order[clock.batch_start + row];
}

fn scaled(word: u32) -> vec4<f32> {
    let unpacked = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xFFu);
    return vec4<f32>(unpacked) * bytes.scale;
}

// Four elements from 4 * index on of row `row` of the batch, in rows of `length`; past the end of the row what follows in
// the dataset.
fn four(row: u32, index: u32, length: u32) -> vec4<f32> {
    let at = row_of_data(row) * length + min(4u * index, length - 1u);
    let low = data[at / 4u];
    if OWN_CELL == 4u {
        return scaled(low);
    }
    // The bytes may straddle two words. A shift by 32 is none in WGSL, hence in two.
    let high = data[min(at / 4u + 1u, arrayLength(&data) - 1u)];
    let bits = 8u * (at % 4u);
    return scaled((low >> bits) | ((high << 1u) << (31u - bits)));
}

// Where a row of the batch begins, and from there the four elements from 4 * index on, where rows are whole words.
fn start(row: u32, length: u32) -> u32 {
    return row_of_data(row) * length;
}
fn four_from(start: u32, index: u32) -> vec4<f32> {
    return scaled(data[start / 4u + index]);
}

// The dataset's element of that number.
fn one_at(number: u32) -> f32 {
    return scaled(data[number / 4u] >> (8u * (number % 4u))).x;
}

fn one(row: u32, column: u32, length: u32) -> f32 {
    return one_at(row_of_data(row) * length + column);
}
