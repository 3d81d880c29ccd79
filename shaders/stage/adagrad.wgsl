// A step of Adagrad.

struct Rule {
    rate_decay: f32,
    epsilon: f32,
    weight_decay: f32,
}

@group(0) @binding(0) var<uniform> rule: Rule;
@group(0) @binding(1) var<storage, read_write> weight: array<Cell>;
@group(0) @binding(2) var<storage, read_write> squares: array<Cell>;

fn adagrad(at: Place, gradient: Cell) -> Cell {
    let w = weight[at.index];
    let g = gradient + rule.weight_decay * w;
    let s = squares[at.index] + g * g;
    squares[at.index] = s;
    let rate = clock.learning_rate / (1.0 + f32(clock.step) * rule.rate_decay);
    weight[at.index] = w - rate * g / (sqrt(s) + rule.epsilon);
    return gradient;
}
