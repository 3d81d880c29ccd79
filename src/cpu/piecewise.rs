//! Functions that are linear on both sides of 0, in WebAssembly's vectors: of a choice between two numbers engines make a
//! jump, which a processor foresees every other time.

use std::arch::wasm32::{f32x4_gt, f32x4_le, f32x4_mul, f32x4_splat, v128, v128_andnot, v128_bitselect};

/// Numbers of a vector.
const LANES: usize = 4;

fn load(numbers: &[f32; LANES]) -> v128 {
    bytemuck::cast(*numbers)
}

/// `slope · y` for y ≤ 0, and 0 for a slope of 0.
pub(crate) fn function(slope: f32, y: &mut [f32]) {
    let (vectors, rest) = y.as_chunks_mut::<LANES>();
    for y in vectors {
        let x = load(y);
        let is_low = f32x4_le(x, f32x4_splat(0.0));
        let low = f32x4_mul(f32x4_splat(slope), x);
        *y = bytemuck::cast(if slope == 0.0 { v128_andnot(x, is_low) } else { v128_bitselect(low, x, is_low) });
    }
    for y in rest.iter_mut().filter(|y| **y <= 0.0) {
        *y = if slope == 0.0 { 0.0 } else { slope * *y };
    }
}

/// `g` times the derivative, which is 1 where `y` > 0, else the slope.
pub(crate) fn derivative(slope: f32, y: &[f32], g: &mut [f32]) {
    let ((vectors, rest), (of_g, rest_of_g)) = (y.as_chunks::<LANES>(), g.as_chunks_mut::<LANES>());
    for (y, g) in vectors.iter().zip(of_g) {
        let is_high = f32x4_gt(load(y), f32x4_splat(0.0));
        let factor = v128_bitselect(f32x4_splat(1.0), f32x4_splat(slope), is_high);
        *g = bytemuck::cast(f32x4_mul(load(g), factor));
    }
    for (&y, g) in rest.iter().zip(rest_of_g) {
        *g *= if y > 0.0 { 1.0 } else { slope };
    }
}
