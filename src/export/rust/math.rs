//! Functions that Rust has only where there is an operating system, in f64: pieces of exported sources, one function each
//! between two blank lines, in front of those that use them.

fn abs(x: f64) -> f64 {
    if x < 0.0 { -x } else { x }
}

fn max(a: f64, b: f64) -> f64 {
    if a < b { b } else { a }
}

fn min(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

fn exp(x: f64) -> f64 {
    if x > 709.0 {
        return f64::INFINITY;
    }
    if x < -708.0 {
        return 0.0;
    }
    // 2^k times the exponential of what is left, between -0.35 and 0.35.
    let k = (x * core::f64::consts::LOG2_E + if x < 0.0 { -0.5 } else { 0.5 }) as i64;
    let r = x - k as f64 * 0.693_147_180_369_123_8 - k as f64 * 1.908_214_929_270_587_7e-10;
    let mut sum = 1.0;
    let mut n = 14;
    while n > 0 {
        sum = 1.0 + sum * r / n as f64;
        n -= 1;
    }
    sum * f64::from_bits(((1023 + k) as u64) << 52)
}

fn expm1(x: f64) -> f64 {
    if abs(x) > 0.5 {
        return exp(x) - 1.0;
    }
    let mut sum = 1.0;
    let mut n = 18;
    while n > 1 {
        sum = 1.0 + sum * x / n as f64;
        n -= 1;
    }
    x * sum
}

fn log(x: f64) -> f64 {
    if x <= 0.0 {
        return if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    }
    // 2^k times a number between 0.7 and 1.5, whose logarithm is that of (1 + z) / (1 - z).
    let mut k = ((x.to_bits() >> 52) & 2047) as i64 - 1023;
    let mut m = f64::from_bits((x.to_bits() & ((1 << 52) - 1)) | (1023 << 52));
    if m > core::f64::consts::SQRT_2 {
        m /= 2.0;
        k += 1;
    }
    k as f64 * core::f64::consts::LN_2 + log1p(m - 1.0)
}

fn log1p(x: f64) -> f64 {
    let z = x / (2.0 + x);
    let mut sum = 0.0;
    let mut n = 41;
    while n > 0 {
        sum = sum * z * z + 1.0 / n as f64;
        n -= 2;
    }
    2.0 * z * sum
}

fn sqrt(x: f64) -> f64 {
    if !(x > 0.0) {
        return if x == 0.0 { 0.0 } else { f64::NAN };
    }
    let mut y = f64::from_bits((x.to_bits() >> 1) + (511 << 52) + (1 << 51));
    let mut n = 6;
    while n > 0 {
        y = 0.5 * (y + x / y);
        n -= 1;
    }
    y
}

fn tanh(x: f64) -> f64 {
    let t = expm1(-2.0 * abs(x));
    let y = -t / (2.0 + t);
    if x < 0.0 { -y } else { y }
}

fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let root = core::f64::consts::FRAC_2_SQRT_PI;
    if x < 2.0 {
        let (mut term, mut sum, mut n) = (x, x, 1);
        while n < 60 {
            term *= 2.0 * x * x / (2 * n + 1) as f64;
            sum += term;
            n += 1;
        }
        return 1.0 - root * exp(-x * x) * sum;
    }
    let (mut fraction, mut n) = (x, 120);
    while n > 0 {
        fraction = x + n as f64 / 2.0 / fraction;
        n -= 1;
    }
    0.5 * root * exp(-x * x) / fraction
}

fn relu(x: f64) -> f64 {
    if x <= 0.0 { 0.0 } else { x }
}

fn leaky_relu(x: f64, slope: f64) -> f64 {
    if x <= 0.0 { slope * x } else { x }
}

fn elu(x: f64, alpha: f64) -> f64 {
    if x > 0.0 { x } else { alpha * expm1(x) }
}

fn sigmoid(x: f64) -> f64 {
    let t = exp(-abs(x));
    if x >= 0.0 { 1.0 / (1.0 + t) } else { t / (1.0 + t) }
}

fn softplus(x: f64) -> f64 {
    relu(x) + log1p(exp(-abs(x)))
}

fn step(x: f64) -> f64 {
    if x >= 0.0 { 1.0 } else { 0.0 }
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x * core::f64::consts::FRAC_1_SQRT_2)
}

fn dense(x: &[f64], weight: &[f32], bias: Option<&[f32]>, y: &mut [f64]) {
    let mut o = 0;
    for row in weight.chunks_exact(x.len()) {
        let mut sum = 0.0;
        for (w, x) in row.iter().zip(x) {
            sum += *w as f64 * x;
        }
        y[o] = sum + match bias { Some(bias) => bias[o] as f64, None => 0.0 };
        o += 1;
    }
}
