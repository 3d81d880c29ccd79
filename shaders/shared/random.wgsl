// Counter-based random numbers, Threefry-2x32 with 20 rounds; twin of src/random.rs.

fn rotate_left(x: u32, bits: u32) -> u32 {
    return (x << bits) | (x >> (32u - bits));
}

// Four rounds of mixing.
fn threefry_rounds(x: vec2<u32>, rotations: vec4<u32>) -> vec2<u32> {
    var r = x;
    for (var i = 0u; i < 4u; i++) {
        r.x += r.y;
        r.y = rotate_left(r.y, rotations[i]) ^ r.x;
    }
    return r;
}

// Two words of random bits for a key and a counter.
fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    let third = key.x ^ key.y ^ 0x1BD11BDAu;
    let even = vec4<u32>(13u, 15u, 26u, 6u);
    let odd = vec4<u32>(17u, 29u, 16u, 24u);
    var x = counter + key;
    x = threefry_rounds(x, even) + vec2<u32>(key.y, third + 1u);
    x = threefry_rounds(x, odd) + vec2<u32>(third, key.x + 2u);
    x = threefry_rounds(x, even) + vec2<u32>(key.x, key.y + 3u);
    x = threefry_rounds(x, odd) + vec2<u32>(key.y, third + 4u);
    x = threefry_rounds(x, even) + vec2<u32>(third, key.x + 5u);
    return x;
}

// Word number `index` of step `step` in the stream of `key`.
fn random_word(key: vec2<u32>, index: u32, step: u32) -> u32 {
    let pair = threefry(key, vec2<u32>(index >> 1u, step));
    return select(pair.x, pair.y, (index & 1u) == 1u);
}

// MurmurHash3's 32-bit finalizer.
fn mix_bits(x: u32) -> u32 {
    var h = x;
    h = (h ^ (h >> 16u)) * 0x85EBCA6Bu;
    h = (h ^ (h >> 13u)) * 0xC2B2AE35u;
    return h ^ (h >> 16u);
}
