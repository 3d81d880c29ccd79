// A chain of stages on each element of a tensor, one invocation per four neighbours: for chains that draw random numbers,
// of which neighbours share a call of the generator.

@group(0) @binding(0) var<storage, read> source: array<Elem>;

fn map(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let number = linear_index(group, groups, local);
    // So that 4 * number does not wrap.
    if number >= (params.count + 3u) / 4u {
        return;
    }
    let first = 4u * number;
    let kept = draw_four(first);
    map_one(first, kept.x);
    map_one(first + 1u, kept.y);
    map_one(first + 2u, kept.z);
    map_one(first + 3u, kept.w);
}

fn map_one(i: u32, kept: bool) {
    if i < params.count {
        finish_drawn(Place(i / params.columns, i % params.columns, i), source[i], kept);
    }
}
