// Times a factor.

struct Rule {
    factor: f32,
}

@group(0) @binding(0) var<uniform> rule: Rule;

fn scale(at: Place, x: Cell) -> Cell {
    return rule.factor * x;
}
