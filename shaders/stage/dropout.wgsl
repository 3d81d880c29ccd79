// Zeroes the elements that the mask drops and scales the others; twin of src/ops/dropout.rs. Two neighbours share one call of
// the generator, so that the mask is drawn for four elements at once where four are at hand.

struct Rule {
    // An element is kept if the upper 24 bits of its word are at least this.
    threshold: u32,
    // The layer's key.
    key_low: u32,
    key_high: u32,
    // Factor on the kept elements.
    scale: f32,
}

@group(0) @binding(0) var<uniform> rule: Rule;

// Whether the elements 2 * pair and 2 * pair + 1 are kept.
fn keeps_pair(pair: u32) -> vec2<bool> {
    let words = threefry(vec2<u32>(rule.key_low, rule.key_high), vec2<u32>(pair, clock.step));
    return words >> vec2<u32>(8u) >= vec2<u32>(rule.threshold);
}

// Whether one element is kept.
fn keeps_one(index: u32) -> bool {
    let pair = keeps_pair(index / 2u);
    return select(pair.x, pair.y, index % 2u == 1u);
}

// Whether the elements from `index` on are kept: of an odd row length they may begin and end within a pair.
fn keeps_four(index: u32) -> vec4<bool> {
    let first = keeps_pair(index / 2u);
    let second = keeps_pair(index / 2u + 1u);
    if index % 2u == 0u {
        return vec4<bool>(first, second);
    }
    return vec4<bool>(first.y, second, keeps_pair(index / 2u + 2u).x);
}

fn dropout(at: Place, x: f32, kept: bool) -> f32 {
    return select(0.0, x * rule.scale, kept);
}
