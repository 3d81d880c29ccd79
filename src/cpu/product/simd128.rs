//! The innermost part of the matrix product in WebAssembly's vectors of four numbers. They have no multiply-add that
//! is rounded once (relaxed ones have: [`super::fused`]), so that these are the bits of [`super::plain`] with two roundings.

use super::plain::{self, NR};
use super::tile::{Extents, LINES, Panel, Rows};
use crate::cpu::inlined;
use crate::cpu::parts::Block;
use std::arch::wasm32::{f32x4_add, f32x4_mul, f32x4_splat, i32x4_shuffle, v128};

/// Rows of a full tile: with two vectors of B, a factor of A and a product, what fits the 15 registers that engines leave of
/// the 16 of x86-64. With 6 rows sums go to memory and back at every step.
pub(super) const MR: usize = 4;

/// Numbers of a vector.
pub(super) const LANES: usize = NR / 2;

/// The first numbers as a vector.
#[inline(always)]
fn load(numbers: &[f32]) -> v128 {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&numbers[..LANES]))
}

/// Puts a vector in the place of the first numbers.
#[inline(always)]
fn store(vector: v128, to: &mut [f32]) {
    to[..LANES].copy_from_slice(&bytemuck::cast::<_, [f32; LANES]>(vector));
}

/// The sums of a tile: every row's vectors are variables of their own, and the loop is a plain one, because the compiler is
/// asked for small code: it leaves arrays in memory and iterators as calls.
macro_rules! sums {
    ($name:ident, $across:ident, $rows:literal, $width:literal, $($row:literal $low:ident $high:ident),*) => {
        #[inline(always)]
        fn $name<const VECTORS: usize>(depth: usize, a: Panel<'_>, b: Panel<'_>) -> [[v128; 2]; $rows] {
            let last = depth - 1;
            let (a_data, b_data) = (&a.data[..last * a.step + $rows], &b.data[..last * b.step + VECTORS * LANES]);
            let of_steps = inlined!(|(mut a, a_step): (&[f32], usize), (mut b, b_step): (&[f32], usize)| {
                $(let (mut $low, mut $high) = (f32x4_splat(0.0), f32x4_splat(0.0));)*
                while let (Some((factors, _)), Some((vectors, _))) =
                    (a.split_at_checked($rows), b.split_at_checked(VECTORS * LANES))
                {
                    let first = load(vectors);
                    let second = if VECTORS == 2 { load(&vectors[LANES..]) } else { first };
                    $(
                        let x = f32x4_splat(factors[$row]);
                        $low = f32x4_add(f32x4_mul(x, first), $low);
                        if VECTORS == 2 {
                            $high = f32x4_add(f32x4_mul(x, second), $high);
                        }
                    )*
                    let (Some(next_a), Some(next_b)) = (a.get(a_step..), b.get(b_step..)) else { break };
                    (a, b) = (next_a, next_b);
                }
                [$([$low, $high]),*]
            });
            // Of packed panels the compiler knows the steps, and has less to count.
            match (a.step, b.step) == ($width, VECTORS * LANES) {
                true => of_steps((a_data, $width), (b_data, VECTORS * LANES)),
                false => of_steps((a_data, a.step), (b_data, b.step)),
            }
        }

        /// The sums of a tile of lines of A that stand below each other and a packed panel of B.
        #[inline(always)]
        fn $across<const VECTORS: usize>(depth: usize, a: Rows<'_>, b: Panel<'_>) -> [[v128; 2]; $rows] {
            let lines: [&[f32]; $rows] = [$(&a.data[$row * a.stride..][..depth]),*];
            let (mut b, mut k) = (&b.data[..depth * VECTORS * LANES], 0);
            $(let (mut $low, mut $high) = (f32x4_splat(0.0), f32x4_splat(0.0));)*
            while k < depth && let Some((vectors, next)) = b.split_at_checked(VECTORS * LANES) {
                let first = load(vectors);
                let second = if VECTORS == 2 { load(&vectors[LANES..]) } else { first };
                $(
                    let x = f32x4_splat(lines[$row][k]);
                    $low = f32x4_add(f32x4_mul(x, first), $low);
                    if VECTORS == 2 {
                        $high = f32x4_add(f32x4_mul(x, second), $high);
                    }
                )*
                (b, k) = (next, k + 1);
            }
            [$([$low, $high]),*]
        }
    };
}
sums!(sums_1, across_1, 1, 2, 0 a0 b0);
sums!(sums_2, across_2, 2, 2, 0 a0 b0, 1 a1 b1);
sums!(sums_3, across_3, 3, 4, 0 a0 b0, 1 a1 b1, 2 a2 b2);
sums!(sums_4, across_4, 4, 4, 0 a0 b0, 1 a1 b1, 2 a2 b2, 3 a3 b3);

/// Puts sums into four elements of C as [`Scaling`](super::tile::Scaling) says.
#[inline(always)]
fn put_vector(sums: v128, extents: &Extents, c: &mut [f32]) {
    let (alpha, beta) = (f32x4_splat(extents.scaling.alpha), extents.scaling.beta);
    let product = f32x4_mul(alpha, sums);
    store(if beta == 0.0 { product } else { f32x4_add(product, f32x4_mul(f32x4_splat(beta), load(c))) }, c);
}

/// Puts the sums of a row of a tile into C.
#[inline(always)]
fn put_row<const VECTORS: usize>(r: usize, [low, high]: [v128; 2], extents: &Extents, c: &mut Block<'_, f32>) {
    let row = c.row(extents.row + r, extents.column, VECTORS * LANES);
    put_vector(low, extents, row);
    if VECTORS == 2 {
        put_vector(high, extents, &mut row[LANES..]);
    }
}

/// Puts the sums of a tile into C.
fn put<const VECTORS: usize>(sums: &[[v128; 2]], extents: Extents, c: &mut Block<'_, f32>) {
    for (r, &sums) in sums.iter().enumerate() {
        put_row::<VECTORS>(r, sums, &extents, c);
    }
}

/// Puts the sums of a tile transposed into C.
pub(super) fn put_across(sums: &[[v128; 2]], vectors: usize, extents: Extents, c: &mut Block<'_, f32>) {
    let rows = (c.size().0 - extents.row).min(vectors * LANES);
    if let &[a, b, c0, d] = sums {
        for v in 0..vectors {
            let columns = transposed([a[v], b[v], c0[v], d[v]]);
            for (i, &column) in columns.iter().enumerate().take(rows.saturating_sub(v * LANES)) {
                put_vector(column, &extents, c.row(extents.row + v * LANES + i, extents.column, MR));
            }
        }
        return;
    }
    for i in 0..rows {
        let row = c.row(extents.row + i, extents.column, sums.len());
        for (c, sums) in row.iter_mut().zip(sums) {
            let sum = bytemuck::cast_slice::<_, f32>(sums)[i];
            extents.scaling.apply(std::slice::from_mut(c), &[sum], |x, y, z| x * y + z);
        }
    }
}

#[inline(always)]
fn transposed([a, b, c, d]: [v128; 4]) -> [v128; 4] {
    let (ab, cd) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<0, 4, 1, 5>(c, d));
    let (ab_high, cd_high) = (i32x4_shuffle::<2, 6, 3, 7>(a, b), i32x4_shuffle::<2, 6, 3, 7>(c, d));
    [
        i32x4_shuffle::<0, 1, 4, 5>(ab, cd),
        i32x4_shuffle::<2, 3, 6, 7>(ab, cd),
        i32x4_shuffle::<0, 1, 4, 5>(ab_high, cd_high),
        i32x4_shuffle::<2, 3, 6, 7>(ab_high, cd_high),
    ]
}

/// See [`super::tile::Kernel::transpose`].
pub(super) fn transpose(lines: [&[f32]; LINES], depth: usize, to: &mut [f32], width: usize) {
    match width {
        MR => transpose_to::<MR>(lines, depth, to),
        NR => transpose_to::<NR>(lines, depth, to),
        _ => plain::transpose(lines, depth, to, width),
    }
}

/// Transposes lines where the compiler knows the width, and so needs one check of bounds for four vectors.
#[inline(always)]
fn transpose_to<const WIDTH: usize>([a, b, c, d]: [&[f32]; LINES], depth: usize, to: &mut [f32]) {
    let [a, b, c, d] = [&a[..depth], &b[..depth], &c[..depth], &d[..depth]];
    let (a, b) = (a.as_chunks::<LANES>().0, b.as_chunks::<LANES>().0);
    let (c, d) = (c.as_chunks::<LANES>().0, d.as_chunks::<LANES>().0);
    let (mut i, mut at) = (0, 0);
    while i < a.len() {
        let [e, f, g, h] = transposed(bytemuck::cast([a[i], b[i], c[i], d[i]]));
        let to = &mut to[at..][..3 * WIDTH + LANES];
        store(e, to);
        store(f, &mut to[WIDTH..]);
        store(g, &mut to[2 * WIDTH..]);
        store(h, &mut to[3 * WIDTH..]);
        (i, at) = (i + 1, at + 4 * WIDTH);
    }
}

/// A tile and its transposed form, for each number of rows.
macro_rules! tiles {
    ($($rows:literal $sums:ident $across:ident,)*) => {
        /// See [`super::tile::Kernel::tile`].
        pub(super) fn tile(rows: usize, whole: bool, extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut Block<'_, f32>) {
            let depth = extents.depth;
            match (rows, whole) {
                // Of most tiles the sums stay in registers.
                (MR, true) => {
                    let [first, second, third, fourth] = sums_4::<2>(depth, a, b);
                    put_row::<2>(0, first, &extents, c);
                    put_row::<2>(1, second, &extents, c);
                    put_row::<2>(2, third, &extents, c);
                    put_row::<2>(3, fourth, &extents, c);
                }
                (MR, false) => put::<1>(&sums_4::<1>(depth, a, b), extents, c),
                $(($rows, true) => put::<2>(&$sums::<2>(depth, a, b), extents, c),
                ($rows, false) => put::<1>(&$sums::<1>(depth, a, b), extents, c),)*
                _ => unreachable!("a tile of {rows} rows"),
            }
        }

        /// See [`super::tile::Kernel::tile_across`].
        pub(super) fn tile_across(
            rows: usize, whole: bool, extents: Extents, a: Rows<'_>, b: Panel<'_>, c: &mut Block<'_, f32>,
        ) {
            let depth = extents.depth;
            match (rows, whole) {
                (MR, true) => put_across(&across_4::<2>(depth, a, b), 2, extents, c),
                (MR, false) => put_across(&across_4::<1>(depth, a, b), 1, extents, c),
                $(($rows, true) => put_across(&$across::<2>(depth, a, b), 2, extents, c),
                // The second vector of half a tile is not looked at.
                ($rows, false) => put_across(&$across::<1>(depth, a, b), 1, extents, c),)*
                _ => unreachable!("a tile of {rows} rows"),
            }
        }
    };
}
tiles!(1 sums_1 across_1, 2 sums_2 across_2, 3 sums_3 across_3,);
