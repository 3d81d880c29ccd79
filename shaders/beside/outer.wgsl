// Beside a product by outer products (product/outer.wgsl): the sums of the columns of A, by the tiles of the first column,
// whose invocations add up the elements of A that they read anyway.

fn sum_beside(group: vec3<u32>, groups: vec3<u32>, lane: u32) {
    let at = place(group, groups, lane);
    let first = at.x + 2u * lane;
    let count = select(0u, 2u, at.y < 32u);
    // From no constant on, so that the loop stays one: a driver on a CPU takes long to compile each store.
    for (var column = first; column < min(first + count, params.m); column++) {
        finish_beside(Place(0u, column, column), select(sums_of_a.x, sums_of_a.y, column % 2u == 1u));
    }
}
