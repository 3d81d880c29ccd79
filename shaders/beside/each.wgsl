// Beside a product whose A is stored [K, M]: the sums of its columns, each by one invocation. Without workgroup memory.

// The loop starts at no constant, because old drivers on a CPU may compile a kernel anew at each dispatch where parameters
// alone say how often a loop runs.
fn column_sum(column: u32) -> f32 {
    var sum = 0.0;
    for (var at = column; at < params.m * params.k; at += params.m) {
        sum += a_one_at(at);
    }
    return sum;
}

fn sum_beside(group: vec3<u32>, groups: vec3<u32>, local: u32) {
    let invocation = (group.y * groups.x + group.x) * WORKGROUP_SIZE + local;
    for (var column = invocation; column < params.m; column += groups.x * groups.y * WORKGROUP_SIZE) {
        finish_beside(Place(0u, column, column), column_sum(column));
    }
}
