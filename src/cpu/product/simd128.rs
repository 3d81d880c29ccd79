//! The innermost part of the matrix product in WebAssembly's vectors of four numbers. It has no multiply-add that is rounded
//! once, so that these are the bits of [`super::plain`] with two roundings.

use super::plain::NR;
use super::tile::{Extents, Panel, Rows};
use crate::cpu::parts::Block;
use std::arch::wasm32::{f32x4_add, f32x4_mul, f32x4_splat, v128};

/// Rows of a full tile: with two vectors of B and a factor of A, what fits 16 registers.
pub(super) const MR: usize = 6;

/// Numbers of a vector.
const LANES: usize = NR / 2;

fn load(numbers: &[f32]) -> v128 {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&numbers[..LANES]))
}

fn store(vector: v128, to: &mut [f32]) {
    to[..LANES].copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&vector)));
}

/// The sums of a tile, where `factor(k, row)` is an element of A: every row's vectors are variables of their own, and the
/// loop is a plain one, because the compiler is asked for small code: it leaves arrays in memory and iterators as calls.
macro_rules! sums {
    ($name:ident, $rows:literal, $($row:literal $low:ident $high:ident),*) => {
        #[inline(always)]
        fn $name<const VECTORS: usize>(
            depth: usize,
            factors: impl Fn(usize) -> [f32; $rows],
            b: Panel<'_>,
        ) -> [[v128; 2]; $rows] {
            $(let (mut $low, mut $high) = (f32x4_splat(0.0), f32x4_splat(0.0));)*
            let (step, mut k, mut at) = (b.step, 0, 0);
            while k < depth {
                let (a, b) = (factors(k), &b.data[at..at + VECTORS * LANES]);
                let first = load(b);
                let second = if VECTORS == 2 { load(&b[LANES..]) } else { first };
                $(
                    let x = f32x4_splat(a[$row]);
                    $low = f32x4_add(f32x4_mul(x, first), $low);
                    if VECTORS == 2 {
                        $high = f32x4_add(f32x4_mul(x, second), $high);
                    }
                )*
                (k, at) = (k + 1, at + step);
            }
            [$([$low, $high]),*]
        }
    };
}
sums!(sums_1, 1, 0 a0 b0);
sums!(sums_2, 2, 0 a0 b0, 1 a1 b1);
sums!(sums_3, 3, 0 a0 b0, 1 a1 b1, 2 a2 b2);
sums!(sums_4, 4, 0 a0 b0, 1 a1 b1, 2 a2 b2, 3 a3 b3);
sums!(sums_5, 5, 0 a0 b0, 1 a1 b1, 2 a2 b2, 3 a3 b3, 4 a4 b4);
sums!(sums_6, 6, 0 a0 b0, 1 a1 b1, 2 a2 b2, 3 a3 b3, 4 a4 b4, 5 a5 b5);

/// Puts the sums of a tile into C as [`Scaling`](super::tile::Scaling) says.
fn put<const VECTORS: usize>(sums: &[[v128; 2]], extents: Extents, c: &mut Block<'_, f32>) {
    let (beta, alpha) = (f32x4_splat(extents.scaling.beta), f32x4_splat(extents.scaling.alpha));
    for (r, sums) in sums.iter().enumerate() {
        let row = c.row(extents.row + r, extents.column, VECTORS * LANES);
        for (c, &sum) in row.chunks_exact_mut(LANES).zip(sums) {
            let product = f32x4_mul(alpha, sum);
            let is_plain = extents.scaling.beta == 0.0;
            store(if is_plain { product } else { f32x4_add(product, f32x4_mul(beta, load(c))) }, c);
        }
    }
}

/// Puts the sums of a tile transposed into C.
fn put_across(sums: &[[v128; 2]], vectors: usize, extents: Extents, c: &mut Block<'_, f32>) {
    for i in 0..(c.size().0 - extents.row).min(vectors * LANES) {
        let row = c.row(extents.row + i, extents.column, sums.len());
        for (c, sums) in row.iter_mut().zip(sums) {
            let sum = bytemuck::cast_slice::<_, f32>(sums)[i];
            extents.scaling.apply(std::slice::from_mut(c), &[sum], |x, y, z| x * y + z);
        }
    }
}

/// The numbers of a panel of A for one k, of as many rows.
#[inline(always)]
fn column<const ROWS: usize>(a: Panel<'_>, k: usize) -> [f32; ROWS] {
    let mut numbers = [0.0; ROWS];
    numbers.copy_from_slice(&a.data[k * a.step..][..ROWS]);
    numbers
}

/// A tile and its transposed form, for each number of rows.
macro_rules! tiles {
    ($($rows:literal $sums:ident,)*) => {
        /// See [`super::tile::Kernel::tile`].
        pub(super) fn tile(rows: usize, whole: bool, extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut Block<'_, f32>) {
            let depth = extents.depth;
            match (rows, whole) {
                $(($rows, true) => put::<2>(&$sums::<2>(depth, |k| column(a, k), b), extents, c),
                ($rows, false) => put::<1>(&$sums::<1>(depth, |k| column(a, k), b), extents, c),)*
                _ => unreachable!("a tile of {rows} rows"),
            }
        }

        /// See [`super::tile::Kernel::tile_across`].
        pub(super) fn tile_across(
            rows: usize, whole: bool, extents: Extents, a: Rows<'_>, b: Panel<'_>, c: &mut Block<'_, f32>,
        ) {
            let depth = extents.depth;
            match (rows, whole) {
                $(($rows, _) => {
                    let lines: [&[f32]; $rows] = std::array::from_fn(|r| &a.data[r * a.stride..][..depth]);
                    let factors = |k: usize| lines.map(|line| line[k]);
                    // The second vector of half a tile is not looked at.
                    let (sums, vectors) = match whole {
                        true => ($sums::<2>(depth, factors, b), 2),
                        false => ($sums::<1>(depth, factors, b), 1),
                    };
                    put_across(&sums, vectors, extents, c);
                })*
                _ => unreachable!("a tile of {rows} rows"),
            }
        }
    };
}
tiles!(1 sums_1, 2 sums_2, 3 sums_3, 4 sums_4, 5 sums_5, 6 sums_6,);
