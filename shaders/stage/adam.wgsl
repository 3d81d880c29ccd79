// A step of Adam or AdamW. The moments are one tensor: the first ones of all elements, then the second ones.

struct Rule {
    beta1: f32,
    // 1 - beta1, rounded once.
    share1: f32,
    log_beta1: f32,
    beta2: f32,
    share2: f32,
    log_beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    // Whether the decay acts on the weight itself (AdamW): 1, else 0.
    decoupled: u32,
    // Elements of the weight.
    size: u32,
}

@group(0) @binding(0) var<uniform> rule: Rule;
@group(0) @binding(1) var<storage, read_write> weight: array<Cell>;
@group(0) @binding(2) var<storage, read_write> moments: array<Cell>;

// 1 - e^x for x <= 0, by its series where the difference would cancel.
fn one_minus_exp(x: f32) -> f32 {
    let series = 1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0)))));
    return select(1.0 - exp(x), -x * series, x > -0.3);
}

fn adam(at: Place, gradient: Cell) -> Cell {
    let t = f32(clock.step) + 1.0;
    let correction1 = one_minus_exp(t * rule.log_beta1);
    let correction2 = one_minus_exp(t * rule.log_beta2);
    let second = rule.size / CELL + at.index;
    var w = weight[at.index];
    var g = gradient;
    if rule.decoupled == 1u {
        w -= clock.learning_rate * rule.weight_decay * w;
    } else {
        g += rule.weight_decay * w;
    }
    let m = rule.beta1 * moments[at.index] + rule.share1 * g;
    let v = rule.beta2 * moments[second] + rule.share2 * g * g;
    moments[at.index] = m;
    moments[second] = v;
    weight[at.index] = w - clock.learning_rate * (m / correction1) / (sqrt(v / correction2) + rule.epsilon);
    return gradient;
}
