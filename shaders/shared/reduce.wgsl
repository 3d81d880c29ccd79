// Sum and maximum over a workgroup in a fixed order, so that the same input always gives the same bits.

var<workgroup> reduce_scratch: array<f32, WORKGROUP_SIZE>;

// The sum of `x` over all invocations of the workgroup, returned to each of them.
fn workgroup_sum(x: f32, local: u32) -> f32 {
    reduce_scratch[local] = x;
    workgroupBarrier();
    for (var stride = WORKGROUP_SIZE / 2u; stride > 0u; stride /= 2u) {
        if local < stride {
            reduce_scratch[local] += reduce_scratch[local + stride];
        }
        workgroupBarrier();
    }
    let total = reduce_scratch[0];
    // The next reduction overwrites the scratch: let every invocation read first.
    workgroupBarrier();
    return total;
}

// The largest `x` over all invocations of the workgroup, returned to each of them.
fn workgroup_max(x: f32, local: u32) -> f32 {
    reduce_scratch[local] = x;
    workgroupBarrier();
    for (var stride = WORKGROUP_SIZE / 2u; stride > 0u; stride /= 2u) {
        if local < stride {
            reduce_scratch[local] = max(reduce_scratch[local], reduce_scratch[local + stride]);
        }
        workgroupBarrier();
    }
    let largest = reduce_scratch[0];
    workgroupBarrier();
    return largest;
}
