// l(p, y), how a prediction is compared with its target, and dl/dp; twin of `Pointwise` in src/ops/pointwise_loss.rs, whose
// table gives each its number. Uses activation.wgsl.

fn pointwise(p: f32, y: f32, delta: f32) -> f32 {
    let e = p - y;
    switch POINTWISE {
        case HALF_SQUARED_ERROR: { return 0.5 * e * e; }
        case ABSOLUTE_ERROR: { return abs(e); }
        case HUBER: { return select(delta * (abs(e) - 0.5 * delta), 0.5 * e * e, abs(e) <= delta); }
        case BINARY_CROSS_ENTROPY: { return softplus(p) - p * y; }
        default: { return e * e; }
    }
}

fn pointwise_derivative(p: f32, y: f32, delta: f32) -> f32 {
    let e = p - y;
    switch POINTWISE {
        case HALF_SQUARED_ERROR: { return e; }
        case ABSOLUTE_ERROR: { return sign(e); }
        case HUBER: { return select(delta * sign(e), e, abs(e) <= delta); }
        case BINARY_CROSS_ENTROPY: { return sigmoid(p) - y; }
        default: { return 2.0 * e; }
    }
}
