// Counts the NaN and infinite elements of each block of BLOCK elements; a block per invocation. By their bits: what a driver
// makes of comparisons with NaN is its own.

struct Params {
    count: u32,
    // Numbers before the first of this tensor, along the columns behind the results of batches.
    first: u32,
    // Of a row of the ring: all its numbers, and those for results of batches.
    width: u32,
    column: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> ring: array<Elem>;

const EXPONENT: u32 = 0x7f800000u;

fn is_bad(x: f32) -> f32 {
    return select(0.0, 1.0, (bitcast<u32>(x) & EXPONENT) == EXPONENT);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn non_finite(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = linear_index(group, groups, local);
    let start = block * BLOCK;
    if start >= params.count {
        return;
    }
    let end = start + min(BLOCK, params.count - start);
    var found = 0.0;
    var i = start;
    // Four at a time, because a driver on a CPU pays for each round of a loop.
    for (; i + 3u < end; i += 4u) {
        found += is_bad(x[i]) + is_bad(x[i + 1u]) + is_bad(x[i + 2u]) + is_bad(x[i + 3u]);
    }
    for (; i < end; i++) {
        found += is_bad(x[i]);
    }
    let at = params.first + block;
    let columns = params.width - params.column;
    ring[at / columns * params.width + params.column + at % columns] = found;
}
