// A step of stochastic gradient descent: w -= learning_rate * (gradient + weight_decay * w).

struct Rule {
    // Share of the velocity kept, share of the gradient withheld from it, Nesterov's form: see momentum.wgsl.
    momentum: f32,
    dampening: f32,
    nesterov: u32,
    // Factor of w in the gradient.
    weight_decay: f32,
}

@group(0) @binding(0) var<uniform> rule: Rule;
@group(0) @binding(1) var<storage, read_write> weight: array<Cell>;

fn sgd(at: Place, gradient: Cell) -> Cell {
    let w = weight[at.index];
    weight[at.index] = w - clock.learning_rate * (gradient + rule.weight_decay * w);
    return gradient;
}
