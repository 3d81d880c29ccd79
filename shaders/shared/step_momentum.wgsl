// The step of a layer's weights and biases by SGD with momentum, for products in tiles.
// A kernel that uses it declares `params`, `clock`, `weight` and `bias` and their velocities.

// How far a weight moves against its direction, given gradient with decay and new velocity.
fn stride(g: f32, v: f32) -> f32 {
    return clock.learning_rate * select(v, g + params.momentum * v, params.nesterov == 1u);
}

fn store(row: u32, column: u32, gradient: f32) {
    let at = row * params.n + column;
    let w = weight[at];
    let g = gradient + params.weight_decay * w;
    let v = params.momentum * weight_velocity[at] + g;
    weight_velocity[at] = v;
    weight[at] = w - stride(g, v);
}

fn step_bias(row: u32, gradient: f32) {
    let w = bias[row];
    let g = gradient + params.weight_decay * w;
    let v = params.momentum * bias_velocity[row] + g;
    bias_velocity[row] = v;
    bias[row] = w - stride(g, v);
}
