//! The innermost part of the matrix product: a tile of C in registers, and the transposed copies that feed it, for
//! AVX-512 and for AVX2 with FMA; for other processors in [`super::plain`].
//!
//! Every element of C is one chain of multiply-adds in the order of k, each rounded once, whatever the tile and the
//! instructions, so that neither the partition of C nor the processor changes the bits.

use super::plain::{self, RoundedOnce};
use crate::cpu::parts::Block;
use crate::cpu::vectors::Level;

/// Lengths of a tile, and the instructions it is computed with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel {
    level: Level,
    /// Rows of a full tile.
    pub mr: usize,
    /// Columns of a full tile, two vectors.
    pub nr: usize,
}

/// Numbers along k of neighbouring lines of an operand: those for the next k come `step` later.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub data: &'a [f32],
    pub step: usize,
}

/// Aligned of an operand one below the other, k along them.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

/// The extents of a tile, and how it goes into a block of C.
#[derive(Clone, Copy)]
pub(super) struct Extents {
    /// At most [`Kernel::mr`].
    pub rows: usize,
    /// [`Kernel::nr`], or half of it.
    pub columns: usize,
    /// Terms of each sum.
    pub depth: usize,
    /// Where the tile begins in the block.
    pub row: usize,
    pub column: usize,
    pub scaling: Scaling,
}

/// What becomes of C, by the factors of BLAS: `alpha · op(A) · op(B) + beta · C`. With `beta` = 0, what C holds does
/// not count, even NaN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaling {
    pub alpha: f32,
    pub beta: f32,
}

impl Scaling {
    /// The product alone.
    pub const PRODUCT: Scaling = Scaling { alpha: 1.0, beta: 0.0 };

    /// For the terms of a sum after the first ones, which are added to what C holds.
    pub fn accumulating(self) -> Scaling {
        Scaling { beta: 1.0, ..self }
    }

    /// Elements of C, given the sums for them, and `x · y + z` rounded once.
    #[inline(always)]
    pub fn apply(self, c: &mut [f32], sums: &[f32], multiply_add: impl Fn(f32, f32, f32) -> f32) {
        for (c, &sum) in c.iter_mut().zip(sums) {
            *c = if self.beta == 0.0 { self.alpha * sum } else { multiply_add(self.alpha, sum, self.beta * *c) };
        }
    }
}

/// Columns of the widest tile and rows of the highest: the size of a buffer that any tile fits into.
pub(super) const MAX_NR: usize = 32;
pub(super) const MAX_MR: usize = 8;
/// Lines that are transposed together: those of a vector of AVX, or of WebAssembly.
pub(super) const LINES: usize = if cfg!(target_arch = "wasm32") { 4 } else { 8 };

impl Kernel {
    /// Every kernel this processor can run, the fastest first.
    #[cfg(test)]
    pub fn available() -> impl Iterator<Item = Kernel> {
        Level::all().map(Kernel::of)
    }

    /// The fastest kernel this processor can run.
    pub fn best() -> Kernel {
        Kernel::of(Level::best())
    }

    /// This kernel, or where it rounds a multiply-add twice, one that rounds it once.
    pub fn rounding_once(self) -> Kernel {
        match self.level {
            #[cfg(target_arch = "wasm32")]
            Level::Wasm => Kernel::of(Level::Plain),
            _ => self,
        }
    }

    /// Whether it is made for this processor's instructions.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn is_fast(self) -> bool {
        self.level != Level::Plain
    }

    /// Whether its tiles are those of [`super::fused`].
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    pub fn is_fused(self) -> bool {
        self.level == Level::WasmFused
    }

    fn of(level: Level) -> Kernel {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Kernel { level, mr: 8, nr: 32 },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Kernel { level, mr: 6, nr: 16 },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::WasmFused | Level::Wasm => Kernel { level, mr: super::simd128::MR, nr: plain::NR },
            #[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
            Level::Wasm => Kernel { level, mr: plain::MR, nr: plain::NR },
            Level::Plain => Kernel { level, mr: plain::MR, nr: plain::NR },
        }
    }

    /// Elements of C as [`Scaling`] says, given the sums for them.
    #[allow(unsafe_code)]
    pub fn apply(self, scaling: Scaling, c: &mut [f32], sums: &[f32]) {
        match self.level {
            // SAFETY: FMA is part of both levels, which exist only where they were detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx2 => unsafe { x86::apply(scaling, c, sums) },
            #[cfg(target_arch = "wasm32")]
            Level::Wasm => scaling.apply(c, sums, |x, y, z| x * y + z),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::WasmFused => scaling.apply(c, sums, plain::multiply_add),
            Level::Plain => scaling.apply(c, sums, plain::multiply_add),
        }
    }

    /// A tile of a block of C: the product of a panel of A and a panel of B.
    #[allow(unsafe_code)]
    pub fn tile(self, extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut Block<'_, f32>) {
        let (rows, whole) = (extents.rows, extents.columns == self.nr);
        debug_assert!(whole || 2 * extents.columns == self.nr);
        match self.level {
            // SAFETY: this level exists only where the processor's AVX-512 was detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { x86::tile_avx512(rows, whole, extents, a, b, c) },
            // SAFETY: this level exists only where the processor's AVX2 and FMA were detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { x86::tile_avx2(rows, whole, extents, a, b, c) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::WasmFused => super::fused::tile(extents, a, b, c),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Wasm => super::simd128::tile(rows, whole, extents, a, b, c),
            #[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
            Level::Wasm => plain::tile::<plain::RoundedTwice>(rows, whole, extents, a, b, c),
            Level::Plain => plain::tile::<RoundedOnce>(rows, whole, extents, a, b, c),
        }
    }

    /// Multiplies a tile and writes it transposed: the elements of a line of A stand below each other in C. Where the
    /// block has fewer rows than the tile columns, the rest is dropped.
    #[allow(unsafe_code)]
    pub fn tile_across(self, extents: Extents, a: Rows<'_>, b: Panel<'_>, c: &mut Block<'_, f32>) {
        let (rows, whole) = (extents.rows, extents.columns == self.nr);
        debug_assert!(whole || 2 * extents.columns == self.nr);
        match self.level {
            // SAFETY: this level exists only where the processor's AVX-512 was detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { x86::tile_across_avx512(rows, whole, extents, a, b, c) },
            // SAFETY: this level exists only where the processor's AVX2 and FMA were detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { x86::tile_across_avx2(rows, whole, extents, a, b, c) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::WasmFused => super::fused::tile_across(extents, a, b, c),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Wasm => super::simd128::tile_across(rows, whole, extents, a, b, c),
            #[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
            Level::Wasm => plain::tile_across::<plain::RoundedTwice>(rows, whole, extents, a, b, c),
            Level::Plain => plain::tile_across::<RoundedOnce>(rows, whole, extents, a, b, c),
        }
    }

    /// Transposes lines of `depth` numbers, a multiple of [`LINES`]: `to[l · width + i] = lines[i][l]`.
    #[allow(unsafe_code)]
    pub fn transpose(self, lines: [&[f32]; LINES], depth: usize, to: &mut [f32], width: usize) {
        match self.level {
            // SAFETY: AVX is part of both levels, which exist only where they were detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx2 => unsafe { x86::transpose(lines, depth, to, width) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::WasmFused | Level::Wasm => super::simd128::transpose(lines, depth, to, width),
            #[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
            Level::Wasm => plain::transpose(lines, depth, to, width),
            Level::Plain => plain::transpose(lines, depth, to, width),
        }
    }
}

/// Calls the tile of as many rows and vectors as asked for, all of them known to the compiler.
macro_rules! choose {
    ($tile:ident, [$($type:ident)?], $rows:ident, $whole:ident, $arguments:tt, $($r:literal)*) => {
        choose!(@ $tile, [$($type,)?], $rows, $whole, $arguments, $($r)*)
    };
    (@ $tile:ident, $types:tt, $rows:ident, $whole:ident, $arguments:tt, $($r:literal)*) => {
        match ($rows, $whole) {
            $(($r, true) => choose!(@@ $tile, $types, $r, 2, $arguments),
            ($r, false) => choose!(@@ $tile, $types, $r, 1, $arguments),)*
            _ => unreachable!("a tile of {} rows", $rows),
        }
    };
    (@@ $tile:ident, [$($types:tt)*], $r:literal, $vectors:literal, $arguments:tt) => {
        $tile::<$($types)* $r, $vectors> $arguments
    };
}

pub(super) use choose;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Block, Extents, Panel, Rows, Scaling};
    use std::arch::x86_64::*;

    /// Elements of a cache line.
    const LINE: usize = 16;

    /// A tile of `ROWS` rows and `VECTORS` vectors: intrinsics, because the compiler does not reliably keep arrays
    /// of sums in registers.
    macro_rules! vector_tile {
        ($sums:ident, $name:ident, $entry:ident, $across:ident, $entry_across:ident, $features:literal, $vector:ty, $lanes:literal, $zero:path, $splat:path, $fma:path,
         $multiply:path, $($rows:literal)*) => {
            /// The sums of a tile, where `factor(k, row)` is an element of A.
            #[target_feature(enable = $features)]
            #[inline]
            fn $sums<const ROWS: usize, const VECTORS: usize>(
                depth: usize, factor: impl Fn(usize, usize) -> f32, b: Panel<'_>,
            ) -> [[$vector; VECTORS]; ROWS] {
                let mut sums = [[$zero(); VECTORS]; ROWS];
                for (k, b) in b.data.chunks(b.step).take(depth).enumerate() {
                    let b = &b[..VECTORS * $lanes];
                    let mut vectors = [$zero(); VECTORS];
                    for v in 0..VECTORS {
                        vectors[v] = bytemuck::pod_read_unaligned(bytemuck::cast_slice(&b[v * $lanes..][..$lanes]));
                    }
                    for r in 0..ROWS {
                        let x = $splat(factor(k, r));
                        for v in 0..VECTORS {
                            sums[r][v] = $fma(x, vectors[v], sums[r][v]);
                        }
                    }
                }
                sums
            }

            #[target_feature(enable = $features)]
            fn $name<const ROWS: usize, const VECTORS: usize>(
                extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut Block<'_, f32>,
            ) {
                // The tile's own part of C arrives while the sums are computed, not after.
                for r in 0..ROWS {
                    prefetch(c.row(extents.row + r, extents.column, VECTORS * $lanes));
                }
                let a_data = &a.data[..(extents.depth - 1) * a.step + ROWS];
                let sums = $sums::<ROWS, VECTORS>(extents.depth, |k, r| a_data[k * a.step..][..ROWS][r], b);
                let (beta, alpha) = ($splat(extents.scaling.beta), $splat(extents.scaling.alpha));
                for r in 0..ROWS {
                    let row = c.row(extents.row + r, extents.column, VECTORS * $lanes);
                    for v in 0..VECTORS {
                        let c = &mut row[v * $lanes..][..$lanes];
                        let before = || bytemuck::pod_read_unaligned::<$vector>(bytemuck::cast_slice(c));
                        let sum = match extents.scaling.beta {
                            0.0 => $multiply(alpha, sums[r][v]),
                            _ => $fma(alpha, sums[r][v], $multiply(beta, before())),
                        };
                        c.copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&sum)));
                    }
                }
            }

            #[target_feature(enable = $features)]
            fn $across<const ROWS: usize, const VECTORS: usize>(
                extents: Extents, a: Rows<'_>, b: Panel<'_>, c: &mut Block<'_, f32>,
            ) {
                let rows: [&[f32]; ROWS] = std::array::from_fn(|r| &a.data[r * a.stride..][..extents.depth]);
                let sums = $sums::<ROWS, VECTORS>(extents.depth, |k, r| rows[r][k], b);
                for i in 0..(c.size().0 - extents.row).min(VECTORS * $lanes) {
                    let of_line: [f32; ROWS] = std::array::from_fn(|r| bytemuck::cast_slice::<_, f32>(&sums[r])[i]);
                    let c = c.row(extents.row + i, extents.column, ROWS);
                    extents.scaling.apply(c, &of_line, f32::mul_add);
                }
            }

            #[target_feature(enable = $features)]
            pub fn $entry_across(
                rows: usize, whole: bool, extents: Extents, a: Rows<'_>, b: Panel<'_>, c: &mut Block<'_, f32>,
            ) {
                choose!($across, [], rows, whole, (extents, a, b, c), $($rows)*)
            }

            #[target_feature(enable = $features)]
            pub fn $entry(
                rows: usize, whole: bool, extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut Block<'_, f32>,
            ) {
                choose!($name, [], rows, whole, (extents, a, b, c), $($rows)*)
            }
        };
    }
    vector_tile!(sums_512, vectors_512, tile_avx512, across_512, tile_across_avx512, "avx512f", __m512, 16, _mm512_setzero_ps, _mm512_set1_ps, _mm512_fmadd_ps,
        _mm512_mul_ps, 1 2 3 4 5 6 7 8);
    vector_tile!(sums_256, vectors_256, tile_avx2, across_256, tile_across_avx2, "avx2,fma", __m256, 8, _mm256_setzero_ps, _mm256_set1_ps, _mm256_fmadd_ps,
        _mm256_mul_ps, 1 2 3 4 5 6);

    #[target_feature(enable = "avx2,fma")]
    pub fn apply(scaling: Scaling, c: &mut [f32], sums: &[f32]) {
        scaling.apply(c, sums, f32::mul_add);
    }

    /// Asks for part of a row to be in the nearest cache soon.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn prefetch(part: &[f32]) {
        for line in part.chunks(LINE) {
            // SAFETY: the address is that of an element, and this is a hint, which neither reads nor writes.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }

    #[target_feature(enable = "avx")]
    pub fn transpose(lines: [&[f32]; 8], depth: usize, to: &mut [f32], width: usize) {
        for l in (0..depth).step_by(8) {
            // Pairs, then quads within halves, then halves.
            let mut rows = [_mm256_setzero_ps(); 8];
            for i in 0..8 {
                rows[i] = bytemuck::pod_read_unaligned(bytemuck::cast_slice(&lines[i][l..l + 8]));
            }
            let mut pairs = rows;
            for i in 0..4 {
                pairs[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
                pairs[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
            }
            let mut quads = pairs;
            for h in 0..2 {
                for p in 0..2 {
                    let (x, y) = (pairs[4 * h + p], pairs[4 * h + p + 2]);
                    quads[4 * h + 2 * p] = _mm256_shuffle_ps::<0x44>(x, y);
                    quads[4 * h + 2 * p + 1] = _mm256_shuffle_ps::<0xEE>(x, y);
                }
            }
            let to = &mut to[l * width..][..7 * width + 8];
            for j in 0..4 {
                let low = _mm256_permute2f128_ps::<0x20>(quads[j], quads[4 + j]);
                let high = _mm256_permute2f128_ps::<0x31>(quads[j], quads[4 + j]);
                to[j * width..][..8].copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&low)));
                to[(4 + j) * width..][..8].copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&high)));
            }
        }
    }
}
