// A step of RMSprop. What it keeps is one tensor: the mean squares of all elements, then, with momentum, their velocities.

struct Rule {
    // Share of the mean square kept, and 1 - alpha, rounded once.
    alpha: f32,
    share: f32,
    epsilon: f32,
    // Share of the velocity kept; 0 for none.
    momentum: f32,
    weight_decay: f32,
    // Elements of the weight.
    size: u32,
}

@group(0) @binding(0) var<uniform> rule: Rule;
@group(0) @binding(1) var<storage, read_write> weight: array<Cell>;
@group(0) @binding(2) var<storage, read_write> kept: array<Cell>;

fn rmsprop(at: Place, gradient: Cell) -> Cell {
    let w = weight[at.index];
    let g = gradient + rule.weight_decay * w;
    let v = rule.alpha * kept[at.index] + rule.share * g * g;
    kept[at.index] = v;
    var direction = g / (sqrt(v) + rule.epsilon);
    if rule.momentum != 0.0 {
        let velocity = rule.size / CELL + at.index;
        direction += rule.momentum * kept[velocity];
        kept[velocity] = direction;
    }
    weight[at.index] = w - clock.learning_rate * direction;
    return gradient;
}
