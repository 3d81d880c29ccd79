//! Activation functions `y = f(x)`, their derivatives, and how far a device may be from them.

use crate::graph::{Expression, Function};
use crate::kernel::{Float, Specialization};

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Activation {
    /// x
    Identity,
    /// max(0, x); the derivative at 0 is 0.
    Relu,
    /// x if x > 0, else slope·x; the lectures use slopes of 0.1 and 0.2, the default is 0.01.
    LeakyRelu {
        /// Derivative for x ≤ 0, at least 0.
        slope: f32,
    },
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// tanh x
    Tanh,
    /// log(1 + eˣ), a smooth ReLU.
    Softplus,
    /// 1 if x ≥ 0, else 0; its derivative is 0 everywhere. For the perceptron, and for teaching.
    Step,
    /// x if x > 0, else α·(eˣ − 1) (Clevert et al., 2016).
    Elu {
        /// Limit for x → −∞ is −α; above 0.
        alpha: f32,
    },
    /// x·Φ(x) with the normal distribution Φ: x·½(1 + erf(x/√2)) (Hendrycks and Gimpel, 2016).
    Gelu,
    /// PyTorch's `approximate="tanh"`: x·½(1 + tanh(√(2/π)(x + 0.044715·x³))).
    GeluTanh,
    /// The lectures' approximation: x·σ(1.702·x).
    GeluSigmoid,
    /// x·σ(x), also called swish.
    Silu,
}

/// √(2/π)
const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;
/// Coefficient of x³ in [`Activation::GeluTanh`].
const GELU_CUBIC: f64 = 0.044_715;
/// Coefficient of x in [`Activation::GeluSigmoid`].
const GELU_LOGISTIC: f64 = 1.702;

impl Activation {
    /// Every activation, with its default parameter.
    pub const ALL: &[Activation] = &[
        Activation::Identity,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.01 },
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Softplus,
        Activation::Step,
        Activation::Elu { alpha: 1.0 },
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::GeluSigmoid,
        Activation::Silu,
    ];

    /// Names of all, in this order.
    const NAMES: &[&str] = &[
        "identity",
        "relu",
        "leaky_relu",
        "sigmoid",
        "tanh",
        "softplus",
        "step",
        "elu",
        "gelu",
        "gelu_tanh",
        "gelu_sigmoid",
        "silu",
    ];

    /// The constant in WGSL that chooses one.
    pub(crate) const CONSTANT: Specialization = Specialization::choice("ACTIVATION", Self::NAMES);

    /// Position among [`Activation::ALL`].
    fn position(self) -> usize {
        let same = |other: &Activation| std::mem::discriminant(other) == std::mem::discriminant(&self);
        Self::ALL.iter().position(same).unwrap_or(0)
    }

    /// Name in flags, config files and model files.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.position()]
    }

    /// The function's parameter: the slope for x ≤ 0 where the function is linear on both sides, α; 0 if it has none.
    pub fn parameter(self) -> f32 {
        match self {
            Activation::Identity => 1.0,
            Activation::Relu => 0.0,
            Activation::LeakyRelu { slope } => slope,
            Activation::Elu { alpha } => alpha,
            _ => 0.0,
        }
    }

    /// The derivative for x ≤ 0 of a function that is linear on both sides of 0 and bends there.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    pub(super) fn slope(self) -> Option<f32> {
        match self {
            Activation::Relu => Some(0.0),
            Activation::LeakyRelu { slope } => Some(slope),
            _ => None,
        }
    }

    /// This function with another parameter, `None` if it takes none or not this one.
    pub(super) fn with_parameter(self, p: f32) -> Option<Activation> {
        match self {
            Activation::LeakyRelu { .. } if p >= 0.0 && p.is_finite() => Some(Activation::LeakyRelu { slope: p }),
            Activation::Elu { .. } if p > 0.0 && p.is_finite() => Some(Activation::Elu { alpha: p }),
            _ => None,
        }
    }

    /// Whether [`Activation::derivative`] takes the output rather than the input.
    pub fn derivative_uses_output(self) -> bool {
        match self {
            Activation::Identity | Activation::Relu | Activation::LeakyRelu { .. } => true,
            Activation::Sigmoid | Activation::Tanh => true,
            Activation::Elu { .. } => true,
            Activation::Softplus | Activation::Step => false,
            Activation::Gelu | Activation::GeluTanh | Activation::GeluSigmoid | Activation::Silu => false,
        }
    }

    /// f(x)
    #[inline(always)]
    pub fn function<F: Float>(self, x: F) -> F {
        match self {
            Activation::Identity => x,
            // Not max(0, x): that would turn NaN into 0 and hide it.
            Activation::Relu => if_else(x <= F::ZERO, F::ZERO, x),
            Activation::LeakyRelu { slope } => if_else(x <= F::ZERO, F::from_f32(slope) * x, x),
            Activation::Sigmoid => logistic(x),
            Activation::Tanh => x.tanh(),
            Activation::Softplus => softplus(x),
            Activation::Step => if_else(x >= F::ZERO, F::ONE, F::ZERO),
            Activation::Elu { alpha } => if_else(x > F::ZERO, x, F::from_f32(alpha) * x.exp_m1()),
            Activation::Gelu => x * normal_cdf(x),
            Activation::GeluTanh => x * logistic(gelu_tanh_argument(x)),
            Activation::GeluSigmoid => x * logistic(F::from_f64(GELU_LOGISTIC) * x),
            Activation::Silu => x * logistic(x),
        }
    }

    /// f′, from the output or the input as [`Activation::derivative_uses_output`] says.
    #[inline(always)]
    pub fn derivative<F: Float>(self, saved: F) -> F {
        match self {
            Activation::Identity => F::ONE,
            Activation::Relu => if_else(saved > F::ZERO, F::ONE, F::ZERO),
            Activation::LeakyRelu { slope } => if_else(saved > F::ZERO, F::ONE, F::from_f32(slope)),
            Activation::Sigmoid => saved * (F::ONE - saved),
            Activation::Tanh => F::ONE - saved * saved,
            Activation::Softplus => logistic(saved),
            Activation::Step => F::ZERO,
            Activation::Elu { alpha } => if_else(saved > F::ZERO, F::ONE, saved + F::from_f32(alpha)),
            // Φ + x·φ with the normal density φ.
            Activation::Gelu => {
                let density = (-saved * saved * F::from_f64(0.5)).exp() * F::from_f64(0.5 * SQRT_2_OVER_PI);
                normal_cdf(saved) + saved * density
            }
            Activation::GeluTanh => {
                let x = where_it_bends(saved);
                let s = logistic(gelu_tanh_argument(x));
                let cubic = F::from_f64(3.0 * GELU_CUBIC) * x * x;
                s + x * s * (F::ONE - s) * F::from_f64(2.0 * SQRT_2_OVER_PI) * (F::ONE + cubic)
            }
            Activation::GeluSigmoid => {
                let factor = F::from_f64(GELU_LOGISTIC);
                let x = where_it_bends(saved);
                let s = logistic(factor * x);
                s + factor * x * s * (F::ONE - s)
            }
            Activation::Silu => {
                let s = logistic(saved);
                s + saved * s * (F::ONE - s)
            }
        }
    }

    /// f(z) and f′ as text, in terms of `z` and, where that is how it is computed, the output `a`.
    pub fn formula(self, z: &str, a: &str) -> (String, String) {
        let logistic = |factor: &str| {
            let s = format!("σ({factor}{z})");
            (format!("{z}·{s}"), format!("s + {factor}{z}·s·(1 − s) with s = {s}"))
        };
        match self {
            Activation::Identity => (z.into(), "1".into()),
            Activation::Relu => (format!("max(0, {z})"), format!("1 where {z} > 0, else 0")),
            Activation::LeakyRelu { slope } => {
                (format!("{z} where {z} > 0, else {slope}·{z}"), format!("1 where {z} > 0, else {slope}"))
            }
            Activation::Sigmoid => (format!("σ({z}) = 1/(1 + exp(−{z}))"), format!("{a}·(1 − {a})")),
            Activation::Tanh => (format!("tanh({z})"), format!("1 − {a}²")),
            Activation::Softplus => (format!("log(1 + exp({z}))"), format!("σ({z})")),
            Activation::Step => (format!("1 where {z} ≥ 0, else 0"), "0, by definition also at the jump".into()),
            Activation::Elu { alpha } => (
                format!("{z} where {z} > 0, else {alpha}·(exp({z}) − 1)"),
                format!("1 where {z} > 0, else {a} + {alpha}"),
            ),
            Activation::Gelu => {
                (format!("{z}·Φ({z}), Φ the normal distribution"), format!("Φ({z}) + {z}·φ({z}), φ the normal density"))
            }
            Activation::GeluTanh => (
                format!("{z}·½(1 + tanh u), u = √(2/π)·({z} + 0.044715·{z}³)"),
                format!("½(1 + tanh u) + ½{z}·(1 − tanh² u)·√(2/π)·(1 + 0.134145·{z}²)"),
            ),
            Activation::GeluSigmoid => logistic("1.702·"),
            Activation::Silu => logistic(""),
        }
    }

    /// f(x) in arithmetic that other programs have.
    pub(super) fn expression(self, x: Expression) -> Expression {
        let number = Expression::Number;
        match self {
            Activation::Identity => x,
            Activation::Relu => x.apply(Function::Relu),
            Activation::LeakyRelu { slope } => x.apply(Function::LeakyRelu(slope)),
            Activation::Sigmoid => x.apply(Function::Sigmoid),
            Activation::Tanh => x.apply(Function::Tanh),
            Activation::Softplus => x.apply(Function::Softplus),
            Activation::Step => x.apply(Function::Step),
            Activation::Elu { alpha } => x.apply(Function::Elu(alpha)),
            Activation::Gelu => x.clone() * x.apply(Function::NormalCdf),
            Activation::GeluTanh => {
                let cubic = number(1.0) + number(GELU_CUBIC) * x.clone() * x.clone();
                x.clone() * (number(2.0 * SQRT_2_OVER_PI) * x * cubic).apply(Function::Sigmoid)
            }
            Activation::GeluSigmoid => x.clone() * (number(GELU_LOGISTIC) * x).apply(Function::Sigmoid),
            Activation::Silu => x.clone() * x.apply(Function::Sigmoid),
        }
    }

    /// Whether the derivative jumps at 0.
    pub fn has_kink(self) -> bool {
        match self {
            Activation::Relu | Activation::Step => true,
            Activation::LeakyRelu { slope } => slope != 1.0,
            Activation::Elu { alpha } => alpha != 1.0,
            _ => false,
        }
    }

    /// How far the WGSL form may be from f(x), in units of 2⁻²³, from WGSL's guarantees: exp is good to 3 + 2|x| ULP,
    /// a division to 2.5. `y` is f(x). Tests hold every device to it.
    pub fn rounding_bound(self, x: f64, y: f64) -> f64 {
        match self {
            Activation::Identity | Activation::Relu | Activation::LeakyRelu { .. } => 2.0 * y.abs(),
            // One exp of −|x|, an addition, a division.
            Activation::Sigmoid => y * (2.0 * x.abs() + 12.0),
            // Near 0 a polynomial; elsewhere the error of t = exp(−2|x|) and of 1 − t.
            Activation::Tanh if x.abs() < 0.15 => 8.0 * y.abs(),
            Activation::Step => 0.0,
            Activation::Elu { alpha } if x <= 0.0 => f64::from(alpha) * ((3.0 + 2.0 * x.abs()) * x.exp() + 4.0),
            Activation::Elu { .. } => 2.0 * y.abs(),
            // erfc by exp of about −x²/2, whose argument is rounded, too.
            Activation::Gelu => y.abs() * (4.0 * x * x + 24.0),
            // A logistic function whose argument is rounded: the error grows with the argument, where the result
            // has not yet vanished.
            Activation::GeluTanh => {
                let argument = gelu_tanh_argument(x).abs().min(90.0);
                y.abs() * (10.0 * argument + 24.0)
            }
            Activation::GeluSigmoid | Activation::Silu => y.abs() * (10.0 * (2.0 * x.abs()).min(90.0) + 24.0),
            // One exp of −|x|, a quotient and a series for log1p, an addition.
            Activation::Softplus => (-x.abs()).exp().ln_1p() * (2.0 * x.abs().min(90.0) + 10.0) + y.abs(),
            Activation::Tanh => 2.0 * (-2.0 * x.abs()).exp() * (3.0 + 4.0 * x.abs()) + 1.0 + 8.0 * y.abs(),
        }
    }

    /// How far the WGSL form may be from f′, in units of 2⁻²³, from what was saved.
    pub fn derivative_rounding_bound(self, saved: f64) -> f64 {
        match self {
            Activation::Gelu | Activation::GeluTanh | Activation::GeluSigmoid | Activation::Silu => 96.0,
            Activation::Softplus => 8.0,
            _ => 4.0 * (1.0 + saved.abs() + saved * saved),
        }
    }

    /// The value of [`Activation::CONSTANT`]. What is linear on both sides of 0 has one between them, so that the layers of
    /// a net, its last too, share a kernel.
    pub(crate) fn index(self) -> u32 {
        let own = match self {
            Activation::Identity | Activation::Relu => Activation::LeakyRelu { slope: 0.0 },
            other => other,
        };
        own.position() as u32
    }

    pub(crate) fn from_index(index: u32, parameter: f32) -> Activation {
        match Self::ALL[index as usize] {
            Activation::LeakyRelu { .. } if parameter == 1.0 => Activation::Identity,
            Activation::LeakyRelu { .. } if parameter == 0.0 => Activation::Relu,
            default => default.with_parameter(parameter).unwrap_or(default),
        }
    }
}

/// Runs `$body` with the function known to the compiler, which can then vectorize a loop over it.
macro_rules! known {
    ($activation:expr, $name:ident => $body:expr) => {
        known!(@ $activation, $name => $body, Identity Relu Sigmoid Tanh Step Gelu GeluTanh GeluSigmoid Silu)
    };
    (@ $activation:expr, $name:ident => $body:expr, $($unit:ident)*) => {
        match $activation {
            $(Activation::$unit => { let $name = Activation::$unit; $body })*
            Activation::LeakyRelu { slope } => { let $name = Activation::LeakyRelu { slope }; $body }
            Activation::Elu { alpha } => { let $name = Activation::Elu { alpha }; $body }
            // It calls a function of the library for each number.
            $name @ Activation::Softplus => $body
        }
    };
}

pub(crate) use known;

/// log(1 + eˣ) as max(x, 0) + log1p(e^−|x|): neither overflows nor loses small values.
#[inline(always)]
pub(in crate::ops) fn softplus<F: Float>(x: F) -> F {
    if_else(x < F::ZERO, F::ZERO, x) + (-x.abs()).exp().ln_1p()
}

/// σ(x) = 1/(1 + e⁻ˣ), by exp of −|x|, so that it cannot overflow.
#[inline(always)]
pub(in crate::ops) fn logistic<F: Float>(x: F) -> F {
    let e = (-x.abs()).exp();
    if_else(x < F::ZERO, e, F::ONE) / (F::ONE + e)
}

/// x, or ±10⁴ beyond: there the derivatives of smooth rectifiers are 0 or 1, and no factor of theirs may become infinite. NaN
/// stays.
#[inline(always)]
fn where_it_bends<F: Float>(x: F) -> F {
    let most = F::from_f64(1e4);
    if_else(x > most, most, if_else(x < -most, -most, x))
}

/// Φ(x) = ½(1 + erf(x/√2)) = ½ erfc(−x/√2), which does not cancel for negative x.
#[inline(always)]
fn normal_cdf<F: Float>(x: F) -> F {
    F::from_f64(0.5) * (-x * F::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erfc()
}

/// ½(1 + tanh u) = σ(2u): the argument 2u of [`Activation::GeluTanh`].
#[inline(always)]
fn gelu_tanh_argument<F: Float>(x: F) -> F {
    F::from_f64(2.0 * SQRT_2_OVER_PI) * (x + F::from_f64(GELU_CUBIC) * x * x * x)
}

#[inline(always)]
fn if_else<F>(condition: bool, yes: F, no: F) -> F {
    if condition { yes } else { no }
}
