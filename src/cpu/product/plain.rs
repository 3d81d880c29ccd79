//! The innermost part of the matrix product in plain Rust, for processors without the vector instructions of
//! [`super::tile`]: the same chains of multiply-adds, each rounded once, and so the same bits; or, where no instruction
//! does that and speed counts more, rounded twice.

use super::tile::{Extents, LINES, Panel, Rows, choose};
use crate::cpu::parts::Block;

/// Rows of a full tile.
pub(super) const MR: usize = 4;
/// Columns of a full tile: what fits 16 registers, of which those of WebAssembly have 4 numbers.
pub(super) const NR: usize = if cfg!(target_arch = "wasm32") { 8 } else { 16 };

/// How `x · y + z` is rounded.
pub(super) trait MultiplyAdd {
    fn of(x: f32, y: f32, z: f32) -> f32;
}

/// Once: [`multiply_add`].
pub(super) struct RoundedOnce;

impl MultiplyAdd for RoundedOnce {
    #[inline(always)]
    fn of(x: f32, y: f32, z: f32) -> f32 {
        multiply_add(x, y, z)
    }
}

/// The product, then the sum.
#[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
pub(super) struct RoundedTwice;

#[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
impl MultiplyAdd for RoundedTwice {
    #[inline(always)]
    fn of(x: f32, y: f32, z: f32) -> f32 {
        x * y + z
    }
}

/// `x · y + z`, rounded once: by an instruction where every processor of the kind has it, else in f64.
#[inline(always)]
pub(super) fn multiply_add(x: f32, y: f32, z: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { x.mul_add(y, z) } else { in_f64(x, y, z) }
}

/// [`multiply_add`] in f64, where the product is exact. The sum is rounded to odd, which a second rounding, to f32, does
/// not notice (Boldo, Melquiond: *Emulation of a FMA and correctly rounded sums*, 2008).
#[inline(always)]
fn in_f64(x: f32, y: f32, z: f32) -> f32 {
    let (product, z) = (f64::from(x) * f64::from(y), f64::from(z));
    let sum = product + z;
    // What the sum lacks, exactly (Knuth's TwoSum).
    let of_z = sum - product;
    let error = (product - (sum - of_z)) + (z - of_z);
    // Towards zero, and odd if anything is lacking; NaN lacks nothing.
    let is_inexact = u64::from(error.abs() > 0.0);
    let is_too_large = is_inexact & (error.to_bits() ^ sum.to_bits()) >> 63;
    f64::from_bits((sum.to_bits() - is_too_large) | is_inexact) as f32
}

/// The sums of a tile, where `factor(k, row)` is an element of A.
#[inline(always)]
fn sums<F: MultiplyAdd, const ROWS: usize, const COLUMNS: usize>(
    depth: usize,
    factor: impl Fn(usize, usize) -> f32,
    b: Panel<'_>,
) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for (k, b) in b.data.chunks(b.step).take(depth).enumerate() {
        let b = &b[..COLUMNS];
        for (r, sums) in sums.iter_mut().enumerate() {
            let x = factor(k, r);
            for (sum, &y) in sums.iter_mut().zip(b) {
                *sum = F::of(x, y, *sum);
            }
        }
    }
    sums
}

fn of<F: MultiplyAdd, const ROWS: usize, const HALVES: usize>(
    extents: Extents,
    a: Panel<'_>,
    b: Panel<'_>,
    c: &mut Block<'_, f32>,
) {
    let factor = |k: usize, r: usize| a.data[k * a.step + r];
    let mut write = |sums: &[&[f32]]| {
        for (r, sums) in sums.iter().enumerate() {
            extents.scaling.apply(c.row(extents.row + r, extents.column, sums.len()), sums, F::of);
        }
    };
    match HALVES {
        1 => write(&sums::<F, ROWS, { NR / 2 }>(extents.depth, factor, b).each_ref().map(|sums| &sums[..])),
        _ => write(&sums::<F, ROWS, NR>(extents.depth, factor, b).each_ref().map(|sums| &sums[..])),
    }
}

fn across<F: MultiplyAdd, const ROWS: usize, const HALVES: usize>(
    extents: Extents,
    a: Rows<'_>,
    b: Panel<'_>,
    c: &mut Block<'_, f32>,
) {
    let rows: [&[f32]; ROWS] = std::array::from_fn(|r| &a.data[r * a.stride..][..extents.depth]);
    let factor = |k: usize, r: usize| rows[r][k];
    let mut write = |sums: &[&[f32]; ROWS]| {
        for i in 0..(c.size().0 - extents.row).min(sums[0].len()) {
            let of_line = sums.map(|sums| sums[i]);
            extents.scaling.apply(c.row(extents.row + i, extents.column, ROWS), &of_line, F::of);
        }
    };
    match HALVES {
        1 => write(&sums::<F, ROWS, { NR / 2 }>(extents.depth, factor, b).each_ref().map(|sums| &sums[..])),
        _ => write(&sums::<F, ROWS, NR>(extents.depth, factor, b).each_ref().map(|sums| &sums[..])),
    }
}

/// See [`super::tile::Kernel::tile`].
pub(super) fn tile<F: MultiplyAdd>(
    rows: usize,
    whole: bool,
    extents: Extents,
    a: Panel<'_>,
    b: Panel<'_>,
    c: &mut Block<'_, f32>,
) {
    choose!(of, [F], rows, whole, (extents, a, b, c), 1 2 3 4)
}

/// See [`super::tile::Kernel::tile_across`].
pub(super) fn tile_across<F: MultiplyAdd>(
    rows: usize,
    whole: bool,
    extents: Extents,
    a: Rows<'_>,
    b: Panel<'_>,
    c: &mut Block<'_, f32>,
) {
    choose!(across, [F], rows, whole, (extents, a, b, c), 1 2 3 4)
}

/// See [`super::tile::Kernel::transpose`].
pub(super) fn transpose(lines: [&[f32]; LINES], depth: usize, to: &mut [f32], width: usize) {
    for l in 0..depth {
        for (i, line) in lines.iter().enumerate() {
            to[l * width + i] = line[l];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream_key, word};

    #[test]
    fn a_multiply_add_in_f64_is_rounded_once() {
        let key = stream_key(3, Purpose::Synthetic, 0);
        let special = [0.0, -0.0, 1.0, f32::MIN_POSITIVE, f32::from_bits(1), f32::MAX, f32::INFINITY, f32::NAN];
        let number = |index: u32, kind: u32| {
            let bits = word(key, index, kind);
            match (index + kind) % 4 {
                // Any float; one of few bits, of which sums are halfway between two floats; one near 1; a special one.
                0 => f32::from_bits(bits),
                1 => f32::from_bits(0x3f80_0000 | bits & 0x007f_f000) * 2f32.powi((bits % 40) as i32 - 30),
                2 => f32::from_bits(0x3f00_0000 | bits >> 8),
                _ => special[bits as usize % special.len()],
            }
        };
        for i in 0..400_000 {
            let (x, y) = (number(i, 0), number(i, 1));
            // Also what cancels the product, or all but.
            for z in [number(i, 2), -(x * y), -(x * y) * 3.0, x * y * 2f32.powi(-24)] {
                let (own, exact) = (in_f64(x, y, z), x.mul_add(y, z));
                let same = own.to_bits() == exact.to_bits() || own.is_nan() && exact.is_nan();
                assert!(same, "{x:e} · {y:e} + {z:e}: {own:e}, not {exact:e}");
            }
        }
    }
}
