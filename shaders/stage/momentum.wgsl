// A step of stochastic gradient descent with momentum, dampening, Nesterov's form and weight decay.

struct Rule {
    // Share of the velocity kept.
    momentum: f32,
    // Share of the gradient withheld from the velocity.
    dampening: f32,
    // 1 for Nesterov's form, else 0.
    nesterov: u32,
    // Factor of w in the gradient.
    weight_decay: f32,
}

@group(0) @binding(0) var<uniform> rule: Rule;
@group(0) @binding(1) var<storage, read_write> weight: array<Cell>;
@group(0) @binding(2) var<storage, read_write> velocity: array<Cell>;

fn momentum(at: Place, gradient: Cell) -> Cell {
    let w = weight[at.index];
    let g = gradient + rule.weight_decay * w;
    // The first step starts the velocity at the whole gradient, whatever the dampening: PyTorch's rule.
    let v = select(rule.momentum * velocity[at.index] + (1.0 - rule.dampening) * g, g, clock.step == 0u);
    velocity[at.index] = v;
    weight[at.index] = w - clock.learning_rate * select(v, g + rule.momentum * v, rule.nesterov == 1u);
    return gradient;
}
