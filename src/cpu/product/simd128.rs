//! The innermost part of the matrix product in WebAssembly's vectors of four numbers. It has no multiply-add that is rounded
//! once, so that these are the bits of [`super::plain`] with two roundings.

use super::plain::NR;
use super::tile::{Extents, Panel, Rows, choose};
use crate::cpu::parts::Block;
use std::arch::wasm32::{f32x4_add, f32x4_mul, f32x4_splat, v128};

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
        fn $name<const VECTORS: usize>(depth: usize, factor: impl Fn(usize, usize) -> f32, b: Panel<'_>) -> [[v128; 2]; $rows] {
            $(let (mut $low, mut $high) = (f32x4_splat(0.0), f32x4_splat(0.0));)*
            let (step, mut k, mut at) = (b.step, 0, 0);
            while k < depth {
                let b = &b.data[at..];
                let first = load(b);
                let second = if VECTORS == 2 { load(&b[LANES..]) } else { first };
                $(
                    let x = f32x4_splat(factor(k, $row));
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
fn put_across<const ROWS: usize, const VECTORS: usize>(
    sums: &[[v128; 2]; ROWS],
    extents: Extents,
    c: &mut Block<'_, f32>,
) {
    for i in 0..(c.size().0 - extents.row).min(VECTORS * LANES) {
        let of_line = sums.map(|sums| bytemuck::cast_slice::<_, f32>(&sums)[i]);
        extents.scaling.apply(c.row(extents.row + i, extents.column, ROWS), &of_line, |x, y, z| x * y + z);
    }
}

fn of<const ROWS: usize, const VECTORS: usize>(extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut Block<'_, f32>) {
    let numbers = &a.data[..(extents.depth - 1) * a.step + ROWS];
    let factor = |k: usize, r: usize| numbers[k * a.step + r];
    match ROWS {
        1 => put::<VECTORS>(&sums_1::<VECTORS>(extents.depth, factor, b), extents, c),
        2 => put::<VECTORS>(&sums_2::<VECTORS>(extents.depth, factor, b), extents, c),
        3 => put::<VECTORS>(&sums_3::<VECTORS>(extents.depth, factor, b), extents, c),
        _ => put::<VECTORS>(&sums_4::<VECTORS>(extents.depth, factor, b), extents, c),
    }
}

fn across<const ROWS: usize, const VECTORS: usize>(
    extents: Extents,
    a: Rows<'_>,
    b: Panel<'_>,
    c: &mut Block<'_, f32>,
) {
    let row = |r: usize| &a.data[r.min(ROWS - 1) * a.stride..][..extents.depth];
    let rows = [row(0), row(1), row(2), row(3)];
    let factor = |k: usize, r: usize| rows[r][k];
    match ROWS {
        1 => put_across::<_, VECTORS>(&sums_1::<VECTORS>(extents.depth, factor, b), extents, c),
        2 => put_across::<_, VECTORS>(&sums_2::<VECTORS>(extents.depth, factor, b), extents, c),
        3 => put_across::<_, VECTORS>(&sums_3::<VECTORS>(extents.depth, factor, b), extents, c),
        _ => put_across::<_, VECTORS>(&sums_4::<VECTORS>(extents.depth, factor, b), extents, c),
    }
}

/// See [`super::tile::Kernel::tile`].
pub(super) fn tile(rows: usize, whole: bool, extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut Block<'_, f32>) {
    choose!(of, [], rows, whole, (extents, a, b, c), 1 2 3 4)
}

/// See [`super::tile::Kernel::tile_across`].
pub(super) fn tile_across(
    rows: usize,
    whole: bool,
    extents: Extents,
    a: Rows<'_>,
    b: Panel<'_>,
    c: &mut Block<'_, f32>,
) {
    choose!(across, [], rows, whole, (extents, a, b, c), 1 2 3 4)
}
