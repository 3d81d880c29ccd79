//! What WGSL guarantees about rounding, as terms of the bounds that ops state.
//!
//! WGSL promises no rounding mode, so a conforming unit roundoff is 2⁻²³; exp is good to 3 + 2|x| ULP, log to 2⁻²¹
//! absolute near 1, division to 2.5 ULP. Sums of K terms: |error| ≤ γ_K Σ|terms|, γ_K = K·u/(1 − K·u).

/// Unit roundoff without a promised rounding mode.
pub const U: f64 = 1.0 / (1u32 << 23) as f64;
/// Smallest normal f32: results may be flushed to zero below it.
pub const TINY: f64 = f32::MIN_POSITIVE as f64;

/// γ_K = K·u / (1 − K·u), the bound of the relative rounding error of a sum of K = `terms` terms in any order.
///
/// ```
/// use anygrad::kernel::error_bound::{U, gamma};
/// assert!(gamma(784) > 784.0 * U && gamma(784) < 785.0 * U);
/// ```
pub fn gamma(terms: usize) -> f64 {
    let ku = terms as f64 * U;
    ku / (1.0 - ku)
}

/// Bound of a relative error of `ulps` units in the last place (2⁻²³) of `result`, plus what may be flushed to zero.
pub fn relative(ulps: f64, result: f64) -> f64 {
    ulps * U * result.abs() + TINY
}

/// What is lost if so many numbers below [`TINY`], terms of a sum or the sums before its last, are flushed to zero.
pub fn flushed(numbers: usize) -> f64 {
    numbers as f64 * TINY
}

/// The largest number of a row minus the smallest.
pub fn spread(row: &[f32]) -> f64 {
    let largest = row.iter().fold(f32::MIN, |a, &b| a.max(b));
    let smallest = row.iter().fold(f32::MAX, |a, &b| a.min(b));
    f64::from(largest) - f64::from(smallest)
}
