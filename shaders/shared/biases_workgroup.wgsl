// The step of a layer's biases, four by one workgroup: its invocations split the rows of the gradient, and their sums
// are added in a fixed order in the workgroup memory `scratch` of the product before, at least a vec4 per invocation.
// A kernel that uses it declares `params` with m biases and k rows of the gradient `a`, and `step_bias`.

fn step_biases(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let fours = (params.m + 3u) / 4u;
    for (var four = group.y * groups.x + group.x; four < fours; four += groups.x * groups.y) {
        var sums = vec4<f32>();
        for (var k = local; k < params.k; k += WORKGROUP_SIZE) {
            sums += four_of_a(k, four, params.m);
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
        let row = 4u * four + local;
        if local < 4u && row < params.m {
            step_bias(row, scratch[0][local]);
        }
    }
}
