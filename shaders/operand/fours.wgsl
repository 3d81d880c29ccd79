// A factor of a product, read as pairs of words of 64 bits with two elements each, for drivers that run on a CPU: there a
// read costs by the number, whatever its size.

@group(0) @binding(0) var<storage, read> matrix: array<vec2<u64>>;

fn unpacked(word: u64) -> vec2<f32> {
    return vec2<f32>(bitcast<f32>(u32(word)), bitcast<f32>(u32(word >> 32u)));
}

// The elements from 4 * number on.
fn four_at(number: u32) -> vec4<f32> {
    let words = matrix[number];
    return vec4<f32>(unpacked(words.x), unpacked(words.y));
}

// The element of that number: a driver on a CPU reads only its word.
fn one_at(number: u32) -> f32 {
    let pair = unpacked(matrix[number / 4u][number / 2u % 2u]);
    return select(pair.x, pair.y, number % 2u == 1u);
}
