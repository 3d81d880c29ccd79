// An activation function: see shared/activation.wgsl.

struct Rule {
    // The slope or α of an activation that has one.
    parameter: f32,
}

@group(0) @binding(0) var<uniform> rule: Rule;

fn activation(at: Place, x: f32) -> f32 {
    return activate(x, rule.parameter);
}
