// The step of a layer's biases, four of them by each invocation: for products without workgroup memory.
// A kernel that uses it declares `params` with m biases and k rows of the gradient, and `step_bias`; fours_a.wgsl reads the
// gradient.

// Gradients of four biases: the sums of four columns of A. The loop starts at no constant, because old drivers on a CPU may
// compile a kernel anew at each dispatch where parameters alone say how often a loop runs.
fn column_sums(four: u32) -> vec4<f32> {
    var sums = vec4<f32>();
    for (var i = four; i < four + params.k; i++) {
        sums += four_of_a(i - four, four, params.m);
    }
    return sums;
}

fn step_biases(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let invocation = (group.y * groups.x + group.x) * WORKGROUP_SIZE + local;
    for (var four = invocation; 4u * four < params.m; four += groups.x * groups.y * WORKGROUP_SIZE) {
        let sums = column_sums(four);
        let rows = min(params.m - 4u * four, 4u);
        for (var i = 0u; i < rows; i++) {
            let odd = (i & 1u) != 0u;
            step_bias(4u * four + i, select(select(sums.x, sums.y, odd), select(sums.z, sums.w, odd), i >= 2u));
        }
    }
}
