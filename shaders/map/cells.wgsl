// A chain of stages on each element of a tensor, one invocation per cell of one element or of four neighbours.

@group(0) @binding(0) var<storage, read> source: array<Cell>;

fn map(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let i = linear_index(group, groups, local);
    if i < params.count / CELL {
        let columns = max(params.columns / CELL, 1u);
        finish(Place(i / columns, i % columns, i), source[i]);
    }
}
