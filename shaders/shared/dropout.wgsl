// Which elements of a tensor dropout keeps; twin of src/ops/dropout.rs. A kernel that uses it declares `params` with
// threshold, key_low, key_high and steps_back, and `step_state`.

// Whether the elements 2 * pair and 2 * pair + 1 are kept: they share one call of the generator.
fn keeps_pair(pair: u32) -> vec2<bool> {
    let key = vec2<u32>(params.key_low, params.key_high);
    let words = threefry(key, vec2<u32>(pair, step_state.step - params.steps_back));
    return words >> vec2<u32>(8u) >= vec2<u32>(params.threshold);
}

// Whether one element is kept.
fn keeps_one(i: u32) -> bool {
    let pair = keeps_pair(i / 2u);
    return select(pair.x, pair.y, i % 2u == 1u);
}

// Whether the elements i to i + 3 are kept: of an odd row length they may begin and end within a pair.
fn keeps_four(i: u32) -> vec4<bool> {
    let first = keeps_pair(i / 2u);
    let second = keeps_pair(i / 2u + 1u);
    if i % 2u == 0u {
        return vec4<bool>(first, second);
    }
    return vec4<bool>(first.y, second, keeps_pair(i / 2u + 2u).x);
}
