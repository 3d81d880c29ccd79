// Beside a product whose A is stored [K, M]: the sums of its columns, four by one workgroup. Its invocations split the rows,
// and their sums are added in a fixed order in the workgroup memory of the product before, at least a vec4 per invocation.

fn sum_beside(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let fours = (params.m + 3u) / 4u;
    for (var index = group.y * groups.x + group.x; index < fours; index += groups.x * groups.y) {
        var sums = vec4<f32>();
        for (var k = local; k < params.k; k += WORKGROUP_SIZE) {
            sums += a_four(k, index, params.m);
        }
        // What lay there before has been read.
        workgroupBarrier();
        scratch[local] = sums;
        workgroupBarrier();
        for (var stride = WORKGROUP_SIZE / 2u; stride > 0u; stride /= 2u) {
            if local < stride {
                scratch[local] += scratch[local + stride];
            }
            workgroupBarrier();
        }
        let column = 4u * index + local;
        if local < 4u && column < params.m {
            finish_beside(Place(0u, column, column), scratch[0][local]);
        }
    }
}
