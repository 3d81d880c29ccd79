//! The innermost loops of the matrix product in WebAssembly's relaxed vectors, whose multiply-add is rounded once where the
//! processor's is. They work in the memory of the engine, which calls them by its table of functions (src/cpu/product/fused.rs
//! there says what it passes).
//!
//! The module has no memory, no data and no stack of its own: what these would overwrite is the engine's. So nothing here has its
//! address taken, and the linker gives it a stack of no bytes, on which the first use is a trap (a test: web/tests/run.mjs).
#![no_std]

use core::arch::wasm32::{
    f32x4_mul, f32x4_relaxed_madd, f32x4_splat, unreachable, v128, v128_load, v128_load32_splat, v128_store,
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unreachable()
}

/// Numbers of a vector.
const LANES: usize = 4;

/// `x · y + z`, for a look at whether it is rounded once.
#[unsafe(no_mangle)]
pub extern "C" fn multiply_add(x: f32, y: f32, z: f32) -> f32 {
    core::arch::wasm32::f32x4_extract_lane::<0>(f32x4_relaxed_madd(f32x4_splat(x), f32x4_splat(y), f32x4_splat(z)))
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
    let (a, b) = (Factor { at: a, line: row, step }, Factor { at: b, line: 1, step: b_step });
    let c = Target { alpha, beta, at: c, step: c_step };
    // SAFETY: the caller's.
    unsafe {
        match (rows, columns) {
            (4, 4) => run::<4, 1>(depth, a, b, c),
            (4, _) if (row, step, b_step) == (1, 4, 8) => {
                // Of packed panels the compiler knows the steps.
                run::<4, 2>(depth, Factor { line: 1, step: 4, ..a }, Factor { step: 8, ..b }, c);
            }
            (4, _) => run::<4, 2>(depth, a, b, c),
            _ => {
                for r in 0..rows {
                    let (a, c) = (Factor { at: a.at.add(r * row), ..a }, Target { at: c.at.add(r * c_step), ..c });
                    match columns {
                        4 => run::<1, 1>(depth, a, b, c),
                        _ => run::<1, 2>(depth, a, b, c),
                    }
                }
            }
        }
    }
}

/// Where a factor's elements stand: from one line to the next, and from one k to the next.
#[derive(Clone, Copy)]
struct Factor {
    at: *const f32,
    line: usize,
    step: usize,
}

/// Where a tile of C stands, from one row to the next, and what becomes of it.
#[derive(Clone, Copy)]
struct Target {
    alpha: f32,
    beta: f32,
    at: *mut f32,
    step: usize,
}

/// As [`tile`], of a number of rows and vectors that the compiler knows.
#[inline(always)]
unsafe fn run<const ROWS: usize, const VECTORS: usize>(depth: usize, a: Factor, b: Factor, c: Target) {
    let mut sums = [[f32x4_splat(0.0); VECTORS]; ROWS];
    let (mut a_at, mut b_at) = (a.at, b.at);
    // SAFETY: all that is read and written here lies where the caller says that it is valid.
    unsafe {
        for _ in 0..depth {
            let vectors: [v128; VECTORS] = core::array::from_fn(|v| v128_load(b_at.add(LANES * v).cast()));
            for r in 0..ROWS {
                let x = v128_load32_splat(a_at.add(r * a.line).cast());
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
