// Counts the NaN and infinite elements of each block of BLOCK elements; a block per workgroup. By their bits: what a
// driver makes of comparisons with NaN is its own.

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

@compute @workgroup_size(WORKGROUP_SIZE)
fn non_finite_workgroup(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = linear_group(group, groups);
    let start = block * BLOCK;
    var found = 0.0;
    if start < params.count {
        let end = start + min(BLOCK, params.count - start);
        for (var i = start + local; i < end; i += WORKGROUP_SIZE) {
            found += select(0.0, 1.0, (bitcast<u32>(x[i]) & EXPONENT) == EXPONENT);
        }
    }
    let total = workgroup_sum(found, local);
    if local == 0u && start < params.count {
        let at = params.first + block;
        let columns = params.width - params.column;
        ring[at / columns * params.width + params.column + at % columns] = total;
    }
}
