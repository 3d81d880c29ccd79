// The step of a layer's biases, each by one invocation: for products without workgroup memory.
// A kernel that uses it declares `params` with m biases and k rows of the gradient `a`, and `step_bias`; `one_of_a` is
// in fours_a.wgsl and subgroup_*.wgsl.

// Gradient of a bias: the sum of a column of A. The loop starts at no constant, because old drivers on a CPU may compile
// a kernel anew at each dispatch where parameters alone say how often a loop runs.
fn column_sum(column: u32) -> f32 {
    var sum = 0.0;
    for (var at = column; at < params.m * params.k; at += params.m) {
        sum += one_of_a(at);
    }
    return sum;
}

fn step_biases(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let invocation = (group.y * groups.x + group.x) * WORKGROUP_SIZE + local;
    for (var row = invocation; row < params.m; row += groups.x * groups.y * WORKGROUP_SIZE) {
        step_bias(row, column_sum(row));
    }
}
