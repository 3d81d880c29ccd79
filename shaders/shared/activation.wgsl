// Activation functions and their derivatives; twin of `Activation` in src/ops/activation/function.rs, whose table gives each
// its number and the constant that bears its name. ACTIVATION is a constant, so each pipeline keeps one branch.

// The identity, too, with a slope of 1, and ReLU, with 0, where there must be no slope times infinity.
fn leaky_relu(x: f32, slope: f32) -> f32 {
    return select(x, select(slope * x, 0.0, slope == 0.0), x <= 0.0);
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

fn elu(x: f32, alpha: f32) -> f32 {
    return select(alpha * (exp(min(x, 0.0)) - 1.0), x, x > 0.0);
}

// The normal distribution by erfc, with a fractional error below 1.2e-7 everywhere: Press et al., Numerical Recipes,
// second edition, section 6.2 (erfcc).
fn normal_cdf(x: f32) -> f32 {
    let z = abs(x) * 0.70710678;
    let t = 1.0 / (1.0 + 0.5 * z);
    let polynomial = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
        + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
    let half_erfc = 0.5 * t * exp(-z * z + polynomial);
    return select(1.0 - half_erfc, half_erfc, x < 0.0);
}

fn gelu_derivative(x: f32) -> f32 {
    return normal_cdf(x) + x * 0.39894228 * exp(-0.5 * x * x);
}

// (1 + tanh u) / 2 = sigmoid(2u): the argument 2u of gelu_tanh.
fn gelu_tanh_argument(x: f32) -> f32 {
    return 1.5957691 * (x + 0.044715 * x * x * x);
}

// Beyond 10^4 the derivatives below are 0 or 1, and no factor of theirs may become infinite; NaN stays.
fn where_it_bends(x: f32) -> f32 {
    return select(x, 1e4 * sign(x), abs(x) > 1e4);
}

fn gelu_tanh_derivative(saved: f32) -> f32 {
    let x = where_it_bends(saved);
    let s = sigmoid(gelu_tanh_argument(x));
    return s + x * s * (1.0 - s) * 1.5957691 * (1.0 + 0.134145 * x * x);
}

// Derivative of x * sigmoid(factor * x).
fn scaled_silu_derivative(saved: f32, factor: f32) -> f32 {
    let x = where_it_bends(saved);
    let s = sigmoid(factor * x);
    return s + factor * x * s * (1.0 - s);
}

fn activate(x: f32, parameter: f32) -> f32 {
    switch ACTIVATION {
        case LEAKY_RELU: { return leaky_relu(x, parameter); }
        case SIGMOID: { return sigmoid(x); }
        case TANH: { return hyperbolic_tangent(x); }
        case SOFTPLUS: { return softplus(x); }
        case STEP: { return select(0.0, 1.0, x >= 0.0); }
        case ELU: { return elu(x, parameter); }
        case GELU: { return x * normal_cdf(x); }
        case GELU_TANH: { return x * sigmoid(gelu_tanh_argument(x)); }
        case GELU_SIGMOID: { return x * sigmoid(1.702 * x); }
        case SILU: { return x * sigmoid(x); }
        default: { return x; }
    }
}

// f' from what was saved: the output or the input, as the table says.
fn activate_derivative(saved: f32, parameter: f32) -> f32 {
    switch ACTIVATION {
        case LEAKY_RELU: { return select(parameter, 1.0, saved > 0.0); }
        case SIGMOID: { return saved * (1.0 - saved); }
        case TANH: { return 1.0 - saved * saved; }
        case SOFTPLUS: { return sigmoid(saved); }
        case STEP: { return 0.0; }
        case ELU: { return select(saved + parameter, 1.0, saved > 0.0); }
        case GELU: { return gelu_derivative(saved); }
        case GELU_TANH: { return gelu_tanh_derivative(saved); }
        case GELU_SIGMOID: { return scaled_silu_derivative(saved, 1.702); }
        case SILU: { return scaled_silu_derivative(saved, 1.0); }
        default: { return 1.0; }
    }
}
