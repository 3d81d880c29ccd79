// Which elements of a tensor dropout keeps; twin of src/ops/dropout.rs. A kernel that uses it declares `params` with n
// (the elements of a row), threshold, key_low and key_high, and `clock`. Elements are numbered within the whole batch,
// which begins `clock.first_row` rows before the tensor.

// The number of the tensor's first element.
fn first_element() -> u32 {
    return clock.first_row * params.n;
}

// Whether the numbers 2 * pair and 2 * pair + 1 are kept: they share one call of the generator.
fn keeps_pair(pair: u32) -> vec2<bool> {
    let key = vec2<u32>(params.key_low, params.key_high);
    let words = threefry(key, vec2<u32>(pair, clock.step));
    return words >> vec2<u32>(8u) >= vec2<u32>(params.threshold);
}

// Whether element i of the tensor is kept.
fn keeps_one(i: u32) -> bool {
    let number = first_element() + i;
    let pair = keeps_pair(number / 2u);
    return select(pair.x, pair.y, number % 2u == 1u);
}

// Whether the elements i to i + 3 are kept: of an odd row length they may begin and end within a pair.
fn keeps_four(i: u32) -> vec4<bool> {
    let number = first_element() + i;
    let first = keeps_pair(number / 2u);
    let second = keeps_pair(number / 2u + 1u);
    if number % 2u == 0u {
        return vec4<bool>(first, second);
    }
    return vec4<bool>(first.y, second, keeps_pair(number / 2u + 2u).x);
}
