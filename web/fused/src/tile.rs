//! A tile of C in registers.

use core::arch::wasm32::{
    f32x4_extract_lane, f32x4_mul, f32x4_relaxed_madd, f32x4_splat, v128, v128_load, v128_load32_splat, v128_store,
};

/// Numbers of a vector.
pub const LANES: usize = 4;

/// `x · y + z`, also for a look at whether it is rounded once.
#[unsafe(no_mangle)]
pub extern "C" fn multiply_add(x: f32, y: f32, z: f32) -> f32 {
    f32x4_extract_lane::<0>(f32x4_relaxed_madd(f32x4_splat(x), f32x4_splat(y), f32x4_splat(z)))
}

/// A tile of C of `rows` rows, 1 to 4, and 4 or 8 columns: `c = alpha · sums + beta · c`, where c is not read if beta is 0.
/// Element k of row r of A stands at `a[r · row + k · step]`, the columns of row k of B at `b[k · b_step..]`, those of row r of C
/// at `c[r · c_step..]`.
///
/// # Safety
/// `a`, `b` and `c` are valid for that.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn tile(
    rows: usize,
    columns: usize,
    depth: usize,
    a: *const f32,
    row: usize,
    step: usize,
    b: *const f32,
    b_step: usize,
    alpha: f32,
    beta: f32,
    c: *mut f32,
    c_step: usize,
) {
    let (line, c) = (row.cast_signed(), Target { alpha, beta, at: c, step: c_step });
    let (a, b) = (Lines { at: a, offsets: [line, 2 * line, 3 * line], step }, Factor { at: b, step: b_step });
    // SAFETY: the caller's.
    unsafe {
        if (rows, columns, row, step, b_step) == (4, 8, 1, 4, 8) {
            // Of packed panels the compiler knows the steps.
            return run::<4, 2>(depth, Lines { offsets: [1, 2, 3], step: 4, ..a }, Factor { step: 8, ..b }, c);
        }
        any(rows, columns, depth, a, b, c);
    }
}

/// As [`tile`], of lines of A that need not be equally far from each other. What it takes are numbers, because a structure would
/// have to lie in memory.
#[inline(never)]
#[allow(clippy::too_many_arguments)]
unsafe fn any_of(
    rows: usize,
    columns: usize,
    depth: usize,
    a: *const f32,
    second: isize,
    third: isize,
    fourth: isize,
    step: usize,
    b: *const f32,
    b_step: usize,
    alpha: f32,
    beta: f32,
    c: *mut f32,
    c_step: usize,
) {
    let (a, b) = (Lines { at: a, offsets: [second, third, fourth], step }, Factor { at: b, step: b_step });
    let c = Target { alpha, beta, at: c, step: c_step };
    // SAFETY: the caller's.
    unsafe {
        match (rows, columns) {
            (4, 4) => run::<4, 1>(depth, a, b, c),
            (4, _) => run::<4, 2>(depth, a, b, c),
            _ => {
                for r in 0..rows {
                    let offset = match r {
                        0 => 0,
                        1 => second,
                        _ => third,
                    };
                    let (a, c) = (Lines { at: a.at.offset(offset), ..a }, Target { at: c.at.add(r * c.step), ..c });
                    match columns {
                        4 => run::<1, 1>(depth, a, b, c),
                        _ => run::<1, 2>(depth, a, b, c),
                    }
                }
            }
        }
    }
}

/// A tile of any number of rows, and 4 or 8 columns.
#[inline(always)]
pub unsafe fn any(rows: usize, columns: usize, depth: usize, a: Lines, b: Factor, c: Target) {
    let ([second, third, fourth], Target { alpha, beta, at, step }) = (a.offsets, c);
    // SAFETY: the caller's.
    unsafe { any_of(rows, columns, depth, a.at, second, third, fourth, a.step, b.at, b.step, alpha, beta, at, step) }
}

/// Where up to four lines of A stand: the first, how far the others are from it, and from one k to the next.
#[derive(Clone, Copy)]
pub struct Lines {
    pub at: *const f32,
    pub offsets: [isize; 3],
    pub step: usize,
}

/// Where rows of B stand, from one k to the next.
#[derive(Clone, Copy)]
pub struct Factor {
    pub at: *const f32,
    pub step: usize,
}

/// Where a tile of C stands, from one row to the next, and what becomes of it.
#[derive(Clone, Copy)]
pub struct Target {
    pub alpha: f32,
    pub beta: f32,
    pub at: *mut f32,
    pub step: usize,
}

/// As [`tile`], of a number of rows and vectors that the compiler knows.
#[inline(always)]
pub unsafe fn run<const ROWS: usize, const VECTORS: usize>(depth: usize, a: Lines, b: Factor, c: Target) {
    let mut sums = [[f32x4_splat(0.0); VECTORS]; ROWS];
    let (mut a_at, mut b_at) = (a.at, b.at);
    // SAFETY: all that is read and written here lies where the caller says that it is valid.
    unsafe {
        for _ in 0..depth {
            let vectors: [v128; VECTORS] = core::array::from_fn(|v| v128_load(b_at.add(LANES * v).cast()));
            for r in 0..ROWS {
                let offset = if r == 0 { 0 } else { a.offsets[r - 1] };
                let x = v128_load32_splat(a_at.offset(offset).cast());
                for v in 0..VECTORS {
                    sums[r][v] = f32x4_relaxed_madd(x, vectors[v], sums[r][v]);
                }
            }
            (a_at, b_at) = (a_at.add(a.step), b_at.add(b.step));
        }
        let (alpha, beta) = (f32x4_splat(c.alpha), f32x4_splat(c.beta));
        for r in 0..ROWS {
            for v in 0..VECTORS {
                let c_at = c.at.add(r * c.step + LANES * v).cast::<v128>();
                v128_store(
                    c_at,
                    match c.beta {
                        0.0 => f32x4_mul(alpha, sums[r][v]),
                        _ => f32x4_relaxed_madd(alpha, sums[r][v], f32x4_mul(beta, v128_load(c_at))),
                    },
                );
            }
        }
    }
}
