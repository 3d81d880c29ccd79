// A gradient through an activation function: times the derivative, from what the forward pass saved.

struct Rule {
    // The slope or α of an activation that has one.
    parameter: f32,
}

@group(0) @binding(0) var<uniform> rule: Rule;
@group(0) @binding(1) var<storage, read> saved: array<f32>;

fn activation_grad(at: Place, grad_output: f32) -> f32 {
    return grad_output * activate_derivative(saved[at.index], rule.parameter);
}
