// The step of a layer's weights and biases by SGD, for products in tiles.
// A kernel that uses it declares `params`, `clock`, `weight` and `bias`.

fn store(row: u32, column: u32, gradient: f32) {
    let at = row * params.n + column;
    let w = weight[at];
    weight[at] = w - clock.learning_rate * (gradient + params.weight_decay * w);
}

fn step_bias(row: u32, gradient: f32) {
    let w = bias[row];
    bias[row] = w - clock.learning_rate * (gradient + params.weight_decay * w);
}
