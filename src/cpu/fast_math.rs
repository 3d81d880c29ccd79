//! An f32 whose exponential functions are polynomials without branches, so that the compiler computes many at a time:
//! a kernel's definition in this type is its fast form.

use crate::kernel::Float;
use bytemuck::{Pod, Zeroable};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// See the file's comment.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct FastF32(pub f32);

impl FastF32 {
    /// Reinterprets a slice of f32 as this type.
    pub fn of(x: &[f32]) -> &[FastF32] {
        bytemuck::cast_slice(x)
    }

    /// Reinterprets a mutable slice of f32 as this type.
    pub fn of_mut(x: &mut [f32]) -> &mut [FastF32] {
        bytemuck::cast_slice_mut(x)
    }
}

/// eˣ = 2ⁿ·eʳ with |r| ≤ ½ ln 2, to 2 ULP; subnormal results are as good as they can be.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Beyond these the result is 0 or ∞. The comparisons let NaN through.
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    // Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits.
    let shifted = x * std::f32::consts::LOG2_E + 12_582_912.0;
    let n = shifted - 12_582_912.0;
    // ln 2 in two parts, the first of few bits, so that n · ln 2 is subtracted exactly.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    // 2ⁿ in two factors, each of which is a normal number.
    let n = shifted.to_bits() as i32 - 12_582_912f32.to_bits() as i32;
    let half = n >> 1;
    let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
    p * power(half) * power(n - half)
}

/// 1 − erf(x), with a fractional error below 1.2·10⁻⁷ beside rounding: Press et al., *Numerical Recipes*, second
/// edition, section 6.2 (erfcc). The exponent is rounded to a multiple of its last place, so that the error grows with
/// x².
#[inline(always)]
fn erfc(x: f32) -> f32 {
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.5 * z);
    let p = 0.170_872_77;
    let p = p * t - 0.822_152_23;
    let p = p * t + 1.488_515_9;
    let p = p * t - 1.135_204;
    let p = p * t + 0.278_868_07;
    let p = p * t - 0.186_288_06;
    let p = p * t + 0.096_784_18;
    let p = p * t + 0.374_091_96;
    let p = p * t + 1.000_023_7;
    let p = p * t - 1.265_512_2;
    let half = t * exp(p - z * z);
    if x < 0.0 { 2.0 - half } else { half }
}

/// eˣ − 1
#[inline(always)]
fn exp_m1(x: f32) -> f32 {
    let p = 1.0 / 5040.0;
    let p = p * x + 1.0 / 720.0;
    let p = p * x + 1.0 / 120.0;
    let p = p * x + 1.0 / 24.0;
    let p = p * x + 1.0 / 6.0;
    let p = p * x + 0.5;
    let near = p * (x * x) + x;
    let far = exp(x) - 1.0;
    if x.abs() < 0.4 { near } else { far }
}

/// tanh x = 1 − 2/(e²ˣ + 1), and a polynomial near 0.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let far = (1.0 - 2.0 / (exp(2.0 * size) + 1.0)).copysign(x);
    let s = x * x;
    let p = 62.0 / 2835.0;
    let p = p * s - 17.0 / 315.0;
    let p = p * s + 2.0 / 15.0;
    let p = p * s - 1.0 / 3.0;
    let near = x * (1.0 + s * p);
    // NaN takes the second.
    if size < 0.25 { near } else { far }
}

macro_rules! operator {
    ($($trait:ident $method:ident $op:tt, $assign:ident $assign_method:ident;)*) => {$(
        impl $trait for FastF32 {
            type Output = FastF32;
            #[inline(always)]
            fn $method(self, other: FastF32) -> FastF32 {
                FastF32(self.0 $op other.0)
            }
        }
        operator!(@assign $op, $assign $assign_method);
    )*};
    (@assign /, $assign:ident $method:ident) => {};
    (@assign $op:tt, $assign:ident $method:ident) => {
        impl $assign for FastF32 {
            #[inline(always)]
            fn $method(&mut self, other: FastF32) {
                self.0 = self.0 $op other.0;
            }
        }
    };
}
operator! {
    Add add +, AddAssign add_assign;
    Sub sub -, SubAssign sub_assign;
    Mul mul *, MulAssign mul_assign;
    Div div /, DivAssign div_assign;
}

impl Neg for FastF32 {
    type Output = FastF32;
    #[inline(always)]
    fn neg(self) -> FastF32 {
        FastF32(-self.0)
    }
}

impl Sum for FastF32 {
    #[inline(always)]
    fn sum<I: Iterator<Item = FastF32>>(numbers: I) -> FastF32 {
        numbers.fold(FastF32(0.0), |sum, x| sum + x)
    }
}

impl Float for FastF32 {
    const ZERO: Self = FastF32(0.0);
    const ONE: Self = FastF32(1.0);
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        FastF32(x as f32)
    }
    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        FastF32(x)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self.0)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        FastF32(exp(self.0))
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        FastF32(exp_m1(self.0))
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        FastF32(tanh(self.0))
    }
    fn ln(self) -> Self {
        FastF32(libm::logf(self.0))
    }
    fn ln_1p(self) -> Self {
        FastF32(libm::log1pf(self.0))
    }
    #[inline(always)]
    fn erfc(self) -> Self {
        FastF32(erfc(self.0))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        FastF32(self.0.abs())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        FastF32(self.0.sqrt())
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        FastF32(self.0.max(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error in units of the last place of the exact result, over a grid of every 1,000th float.
    fn worst(range: std::ops::Range<f32>, f: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let ulp = |y: f64| f64::from((y.abs() as f32).max(f32::MIN_POSITIVE)) * 2f64.powi(-23);
        (0..u32::MAX / 997)
            .map(|i| f32::from_bits(i * 997))
            .filter(|x| range.contains(x))
            .map(|x| (f64::from(f(x)) - exact(f64::from(x))).abs() / ulp(exact(f64::from(x))))
            .fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_as_exact_as_their_bounds_need() {
        let exp_error = worst(-104.0..88.7, exp, f64::exp);
        let exp_m1_error = worst(-50.0..88.0, exp_m1, f64::exp_m1);
        let tanh_error = worst(-50.0..50.0, tanh, f64::tanh);
        // For larger arguments the rounding of x² counts, 2⁻²⁴ x² of the result.
        let erfc_error = worst(-50.0..1.0, erfc, libm::erfc);
        let far_error = worst(1.0..9.0, erfc, libm::erfc);
        println!("exp {exp_error:.2}, exp_m1 {exp_m1_error:.2}, tanh {tanh_error:.2}, erfc {erfc_error:.2} ULP");
        assert!(exp_error <= 2.0 && exp_m1_error <= 4.0 && tanh_error <= 4.0);
        assert!(erfc_error <= 6.0 && far_error <= 81.0, "{erfc_error}, from 1 to 9 {far_error}");
    }

    #[test]
    fn limits_are_those_of_the_functions() {
        assert_eq!((exp(f32::INFINITY), exp(f32::NEG_INFINITY), exp(0.0)), (f32::INFINITY, 0.0, 1.0));
        assert_eq!((exp(1000.0), exp(-1000.0)), (f32::INFINITY, 0.0));
        assert_eq!(
            (tanh(f32::INFINITY), tanh(f32::NEG_INFINITY), tanh(-0.0).to_bits()),
            (1.0, -1.0, (-0.0f32).to_bits())
        );
        assert_eq!((exp_m1(f32::INFINITY), exp_m1(f32::NEG_INFINITY), exp_m1(0.0)), (f32::INFINITY, -1.0, 0.0));
        assert_eq!((erfc(f32::INFINITY), erfc(f32::NEG_INFINITY)), (0.0, 2.0));
        assert!([exp, exp_m1, tanh, erfc].iter().all(|f| f(f32::NAN).is_nan()));
    }
}
