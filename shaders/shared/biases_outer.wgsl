// The step of a layer's biases where K counts the rows of both matrices, see product_outer.wgsl: by the tiles of the first
// column, whose invocations add up the elements of A that they read anyway.
// A kernel that uses it declares `params` with m biases, and `step_bias`.

fn step_biases(group: vec3<u32>, groups: vec3<u32>, lane: u32) {
    let at = place(group, groups, lane);
    let first = at.x + 2u * lane;
    let count = select(0u, 2u, at.y < 32u);
    // From no constant on, so that the loop stays one: a driver on a CPU takes long to compile each store.
    for (var row = first; row < min(first + count, params.m); row++) {
        step_bias(row, select(sums_of_a.x, sums_of_a.y, row % 2u == 1u));
    }
}
