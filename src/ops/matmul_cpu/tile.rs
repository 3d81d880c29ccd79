//! The innermost part of the matrix product: a tile of C in registers, and the transposed copies that feed it, for
//! AVX-512 and for AVX2 with FMA.
//!
//! Every element of C is one chain of multiply-adds in the order of k, whatever the tile, so that the partition of C
//! does not change the bits.

// On other processors there is no kernel, and nothing that is here is called.
#![cfg_attr(not(target_arch = "x86_64"), allow(unused))]

/// Lengths of a tile, and the instructions it is computed with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel {
    level: Level,
    /// Rows of a full tile.
    pub mr: usize,
    /// Columns of a full tile, two vectors.
    pub nr: usize,
}

/// Private, so that a value exists only where [`Kernel::available`] has detected it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

/// Numbers along k of neighbouring lines of an operand: those for the next k come `step` later.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub data: &'a [f32],
    pub step: usize,
}

/// The extents of a tile, and how it goes into C.
#[derive(Clone, Copy)]
pub(super) struct Extents {
    /// At most [`Kernel::mr`].
    pub rows: usize,
    /// [`Kernel::nr`], or half of it.
    pub columns: usize,
    /// Terms of each sum.
    pub depth: usize,
    /// Columns of C.
    pub stride: usize,
    /// Whether the sums are added to C, or replace what is there.
    pub add: bool,
}

/// Columns of the widest tile and rows of the highest: the size of a buffer that any tile fits into.
pub(super) const MAX_NR: usize = 32;
pub(super) const MAX_MR: usize = 8;

impl Kernel {
    /// Every kernel this processor can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Kernel> {
        #[cfg(target_arch = "x86_64")]
        let (avx512, avx2) = (
            is_x86_feature_detected!("avx512f").then_some(Kernel { level: Level::Avx512, mr: 8, nr: 32 }),
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Kernel {
                level: Level::Avx2,
                mr: 6,
                nr: 16,
            }),
        );
        #[cfg(not(target_arch = "x86_64"))]
        let (avx512, avx2) = (None, None);
        [avx512, avx2].into_iter().flatten()
    }

    /// The fastest kernel this processor can run, if there is one for it.
    pub fn best() -> Option<Kernel> {
        Kernel::available().next()
    }

    /// A tile of C, which begins at `c`: the product of a panel of A and a panel of B.
    #[allow(unsafe_code)]
    pub fn tile(self, extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut [f32]) {
        let (rows, whole) = (extents.rows, extents.columns == self.nr);
        debug_assert!(whole || 2 * extents.columns == self.nr);
        match self.level {
            // SAFETY: this level exists only where the processor's AVX-512 was detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { x86::tile_avx512(rows, whole, extents, a, b, c) },
            // SAFETY: this level exists only where the processor's AVX2 and FMA were detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { x86::tile_avx2(rows, whole, extents, a, b, c) },
        }
    }

    /// Transposes 8 lines of `depth` numbers, a multiple of 8: `to[l · width + i] = from[i · stride + l]`.
    #[allow(unsafe_code)]
    pub fn transpose(self, from: &[f32], stride: usize, depth: usize, to: &mut [f32], width: usize) {
        let lines: [&[f32]; 8] = std::array::from_fn(|i| &from[i * stride..][..depth]);
        match self.level {
            // SAFETY: AVX is part of both levels, which exist only where they were detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx2 => unsafe { x86::transpose(lines, depth, to, width) },
        }
    }
}

/// Runs `f` compiled for the widest vectors of this processor: for loops that the compiler vectorizes.
#[allow(unsafe_code)]
pub(crate) fn widest<R>(f: impl FnOnce() -> R) -> R {
    match Kernel::best().map(|kernel| kernel.level) {
        // SAFETY: this level exists only where the processor's AVX-512 was detected.
        #[cfg(target_arch = "x86_64")]
        Some(Level::Avx512) => unsafe { x86::with_avx512(f) },
        // SAFETY: this level exists only where the processor's AVX2 and FMA were detected.
        #[cfg(target_arch = "x86_64")]
        Some(Level::Avx2) => unsafe { x86::with_avx2(f) },
        _ => f(),
    }
}

/// Calls the tile of as many rows and vectors as asked for, all of them known to the compiler.
#[cfg(target_arch = "x86_64")]
macro_rules! choose {
    ($tile:ident, $rows:ident, $whole:ident, $arguments:tt, $($r:literal)*) => {
        match ($rows, $whole) {
            $(($r, true) => $tile::<$r, 2> $arguments, ($r, false) => $tile::<$r, 1> $arguments,)*
            _ => unreachable!("a tile of {} rows", $rows),
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Extents, Panel};
    use std::arch::x86_64::*;

    /// A tile of `ROWS` rows and `VECTORS` vectors: intrinsics, because the compiler does not reliably keep arrays
    /// of sums in registers.
    macro_rules! vector_tile {
        ($name:ident, $entry:ident, $features:literal, $vector:ty, $lanes:literal, $zero:path, $splat:path, $fma:path,
         $add:path, $($rows:literal)*) => {
            #[target_feature(enable = $features)]
            fn $name<const ROWS: usize, const VECTORS: usize>(
                extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut [f32],
            ) {
                let mut sums = [[$zero(); VECTORS]; ROWS];
                for (a, b) in a.data.chunks(a.step).zip(b.data.chunks(b.step)).take(extents.depth) {
                    let (a, b) = (&a[..ROWS], &b[..VECTORS * $lanes]);
                    let mut vectors = [$zero(); VECTORS];
                    for v in 0..VECTORS {
                        vectors[v] = bytemuck::pod_read_unaligned(bytemuck::cast_slice(&b[v * $lanes..][..$lanes]));
                    }
                    for r in 0..ROWS {
                        let x = $splat(a[r]);
                        for v in 0..VECTORS {
                            sums[r][v] = $fma(x, vectors[v], sums[r][v]);
                        }
                    }
                }
                for r in 0..ROWS {
                    let row = &mut c[r * extents.stride..][..VECTORS * $lanes];
                    for v in 0..VECTORS {
                        let c = &mut row[v * $lanes..][..$lanes];
                        let old = || bytemuck::pod_read_unaligned::<$vector>(bytemuck::cast_slice(c));
                        let sum = if extents.add { $add(old(), sums[r][v]) } else { sums[r][v] };
                        c.copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&sum)));
                    }
                }
            }

            #[target_feature(enable = $features)]
            pub fn $entry(
                rows: usize, whole: bool, extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut [f32],
            ) {
                choose!($name, rows, whole, (extents, a, b, c), $($rows)*)
            }
        };
    }
    vector_tile!(vectors_512, tile_avx512, "avx512f", __m512, 16, _mm512_setzero_ps, _mm512_set1_ps, _mm512_fmadd_ps,
        _mm512_add_ps, 1 2 3 4 5 6 7 8);
    vector_tile!(vectors_256, tile_avx2, "avx2,fma", __m256, 8, _mm256_setzero_ps, _mm256_set1_ps, _mm256_fmadd_ps,
        _mm256_add_ps, 1 2 3 4 5 6);

    #[target_feature(enable = "avx512f")]
    pub fn with_avx512<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn with_avx2<R>(f: impl FnOnce() -> R) -> R {
        f()
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
