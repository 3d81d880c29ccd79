// Limits to [-limit, limit].

struct Rule {
    limit: f32,
}

@group(0) @binding(0) var<uniform> rule: Rule;

fn clip_value(at: Place, x: Cell) -> Cell {
    return clamp(x, Cell(-rule.limit), Cell(rule.limit));
}
