// Neighbouring elements of a matrix read as words of 64 bits, two in each, for drivers that run on a CPU: there a read
// costs by the number, whatever its size.

fn two(word: u64) -> vec2<f32> {
    return vec2<f32>(bitcast<f32>(u32(word)), bitcast<f32>(u32(word >> 32u)));
}

fn four(words: vec2<u64>) -> vec4<f32> {
    return vec4<f32>(two(words.x), two(words.y));
}

// The element at an even place, or the one at the odd place behind it.
fn one(word: u64, at: u32) -> f32 {
    let elements = two(word);
    return select(elements.x, elements.y, at % 2u == 1u);
}
