// A factor of a product, read as words of 64 bits with two elements each, for drivers that run on a CPU: there a read
// costs by the number, whatever its size. Its rows are whole pairs.

@group(0) @binding(0) var<storage, read> matrix: array<u64>;

// The elements 2 * number and 2 * number + 1.
fn pair_at(number: u32) -> vec2<f32> {
    let word = matrix[number];
    return vec2<f32>(bitcast<f32>(u32(word)), bitcast<f32>(u32(word >> 32u)));
}

// The element of that number.
fn one_at(number: u32) -> f32 {
    let pair = pair_at(number / 2u);
    return select(pair.x, pair.y, number % 2u == 1u);
}
