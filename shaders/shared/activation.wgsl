// Activation functions and their derivatives; twin of `Activation` in src/ops/activation.rs, whose table gives each
// its number. ACTIVATION is a constant, so each pipeline keeps one branch.

fn relu(x: f32) -> f32 {
    return select(x, 0.0, x <= 0.0);
}

fn leaky_relu(x: f32, slope: f32) -> f32 {
    return select(x, slope * x, x <= 0.0);
}

// exp of a non-positive number on either side, so it cannot overflow.
fn sigmoid(x: f32) -> f32 {
    let e = exp(-abs(x));
    return select(1.0, e, x < 0.0) / (1.0 + e);
}

// Not the builtin, which overflows to NaN on some drivers. Near 0, 1 - t would cancel: Taylor series there.
fn hyperbolic_tangent(x: f32) -> f32 {
    let t = exp(-2.0 * abs(x));
    let large = sign(x) * (1.0 - t) / (1.0 + t);
    let s = x * x;
    let small = x * (1.0 - s * (1.0 / 3.0 - s * (2.0 / 15.0 - s * (17.0 / 315.0))));
    return select(large, small, abs(x) < 0.15);
}

// log(1 + e^x) as max(x, 0) + log1p(e^-|x|). log1p(e) = 2 atanh(s) with s = e / (2 + e) <= 1/3, by its series, because
// log(1 + e) would lose a small e.
fn softplus(x: f32) -> f32 {
    let e = exp(-abs(x));
    let s = e / (2.0 + e);
    let t = s * s;
    let series = 1.0 + t * (1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t * (1.0 / 9.0
        + t * (1.0 / 11.0 + t * (1.0 / 13.0 + t * (1.0 / 15.0)))))));
    return max(x, 0.0) + 2.0 * s * series;
}

fn activate(x: f32, parameter: f32) -> f32 {
    switch ACTIVATION {
        case 1u: { return relu(x); }
        case 2u: { return leaky_relu(x, parameter); }
        case 3u: { return sigmoid(x); }
        case 4u: { return hyperbolic_tangent(x); }
        case 5u: { return softplus(x); }
        default: { return x; }
    }
}

// f' from what was saved: the output or the input, as the table says.
fn activate_derivative(saved: f32, parameter: f32) -> f32 {
    switch ACTIVATION {
        case 1u: { return select(0.0, 1.0, saved > 0.0); }
        case 2u: { return select(parameter, 1.0, saved > 0.0); }
        case 3u: { return saved * (1.0 - saved); }
        case 4u: { return 1.0 - saved * saved; }
        case 5u: { return sigmoid(saved); }
        default: { return 1.0; }
    }
}
