//! The innermost part of the matrix product in WebAssembly where the engine's vectors have a multiply-add that is rounded once
//! (relaxed SIMD, on a processor with FMA): the bits are those of native processors. The loop is a function of a module of its
//! own (`web/fused`), because an engine without the instruction refuses a whole module that names it.

use super::job::{self, CHAIN, COLUMNS, Job, Place, ROWS, STRIPE};
use super::pack::Operand;
use super::plain::{self, NR, RoundedOnce};
use super::simd128::{LANES, MR, put_across};
use super::tile::{Extents, Panel, Rows, Scaling};
use super::{DEPTH, Size};
use crate::cpu::parts::Block;
use std::arch::wasm32::f32x4_splat;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use super::job::Team;

/// `tile(rows, columns, depth, a, row, step, b, b_step, alpha, beta, c, c_step)` sets a tile of C of 1 to 4 rows and 4 or 8
/// columns to `alpha · sums + beta · c`, where element k of row r of A stands at `a[r · row + k · step]`, the columns of row k of
/// B at `b[k · b_step..]`, and those of row r of C at `c[r · c_step..]`.
pub type FusedTile =
    unsafe extern "C" fn(usize, usize, usize, *const f32, usize, usize, *const f32, usize, f32, f32, *mut f32, usize);

static TILE: OnceLock<FusedTile> = OnceLock::new();

/// Multiplies by this function from now on.
///
/// # Safety
/// It reads and writes what [`FusedTile`] says and nothing else, and rounds a multiply-add once.
#[allow(unsafe_code)]
pub unsafe fn use_fused_tile(tile: FusedTile) {
    let _ = TILE.set(tile);
}

/// `product(team, job)` sets C, its tasks shared with those that wait for the team's jobs, and returns when all are done.
pub type FusedProduct = unsafe extern "C" fn(*const Team, *const Job);

struct Help {
    product: FusedProduct,
    team: Team,
    threads: usize,
}

static HELP: OnceLock<Help> = OnceLock::new();

/// Multiplies by this function from now on, with up to so many threads that share this program's memory and wait for the jobs of
/// the team that it returns.
///
/// # Safety
/// The function and the threads read what the job says, write its C and the team's memory, and nothing else, until the function
/// returns.
#[allow(unsafe_code)]
pub unsafe fn use_help(product: FusedProduct, threads: usize) -> &'static Team {
    let help = HELP.get_or_init(|| {
        let place = || Place {
            next: AtomicU32::new(0),
            end: AtomicU32::new(0),
            stripe: [0.0; STRIPE * CHAIN],
            lines: [0.0; ROWS * CHAIN],
            tile: [0.0; ROWS * COLUMNS],
        };
        let places: Box<[Place]> = std::iter::repeat_with(place).take(threads + 1).collect();
        let team = Team::default();
        team.places.store(Box::leak(places).as_mut_ptr(), Ordering::Relaxed);
        Help { product, team, threads }
    });
    &help.team
}

/// Whether others help.
pub(super) fn has_help() -> bool {
    HELP.get().is_some()
}

/// Sets C, of whole rows, together with others.
///
/// # Panics
/// If a matrix is too short for the size, or nobody helps.
#[allow(unsafe_code)]
pub(super) fn multiply(size: Size, (a, b): (&Operand<'_>, &Operand<'_>), c: &mut [f32], scaling: Scaling) {
    /// Tasks for each thread: so many that all end at about the same time.
    const TASKS: usize = 8;
    const { assert!(CHAIN == DEPTH && ROWS == MR && COLUMNS == NR) };
    let help = HELP.get().expect("somebody who helps");
    let Size { m, n, k } = size;
    assert!(c.len() >= m * n && a.has(m, k) && b.has(n, k), "matrix product on short slices");
    let tasks = TASKS * (help.threads + 1);
    let across = STRIPE.min(n.next_multiple_of(NR));
    let down = m.div_ceil(tasks.div_ceil(n.div_ceil(across))).next_multiple_of(MR);
    let operand = |operand: &Operand<'_>| job::Operand {
        data: operand.matrix.data.as_ptr(),
        stride: operand.stride,
        row_indices: operand.matrix.row_indices.map_or(std::ptr::null(), <[u32]>::as_ptr),
        by_k: operand.by_k,
    };
    let Scaling { alpha, beta } = scaling;
    let (a, b) = (operand(a), operand(b));
    let job =
        Job { a, b, c: c.as_mut_ptr(), size: [m, n, k], task: [down, across], ranges: help.threads + 1, alpha, beta };
    // SAFETY: A and B have the lines and numbers of the size, and C has its rows and columns, as just asserted. Nothing here
    // touches them until the function returns.
    unsafe { (help.product)(&raw const help.team, &raw const job) }
}

/// Whether there is such a function.
pub(in crate::cpu) fn is_there() -> bool {
    TILE.get().is_some()
}

/// The function with its slices: `a` with the steps from row to row and from k to k, C from its start with its step.
///
/// # Panics
/// If a slice is too short, or there is no such function.
#[allow(unsafe_code)]
fn call(
    (rows, columns, depth): (usize, usize, usize),
    (a, row, step): (&[f32], usize, usize),
    b: Panel<'_>,
    scaling: Scaling,
    (c, c_step): (*mut f32, usize),
) {
    let tile = TILE.get().expect("the level of a function that is there");
    assert!((1..=MR).contains(&rows) && (columns == LANES || columns == NR) && depth > 0);
    assert!(a.len() > (rows - 1) * row + (depth - 1) * step && b.data.len() >= (depth - 1) * b.step + columns);
    let Scaling { alpha, beta } = scaling;
    // SAFETY: rows, columns and depth are such as it takes, and A and B so long, as just asserted; the two callers give a C of
    // so many rows and columns.
    unsafe { tile(rows, columns, depth, a.as_ptr(), row, step, b.data.as_ptr(), b.step, alpha, beta, c, c_step) }
}

/// See [`super::tile::Kernel::tile`].
pub(super) fn tile(extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut Block<'_, f32>) {
    let Extents { rows, columns, depth, row, column, scaling } = extents;
    call((rows, columns, depth), (a.data, 1, a.step), b, scaling, c.tile((row, rows), (column, columns)));
}

/// See [`super::tile::Kernel::tile_across`].
pub(super) fn tile_across(extents: Extents, a: Rows<'_>, b: Panel<'_>, c: &mut Block<'_, f32>) {
    let Extents { rows, columns, depth, scaling, .. } = extents;
    if scaling.alpha != 1.0 && scaling.beta != 0.0 {
        return plain::tile_across::<RoundedOnce>(rows, columns == NR, extents, a, b, c);
    }
    let mut sums = [[f32x4_splat(0.0); NR / LANES]; MR];
    let to = (sums.as_mut_ptr().cast(), NR);
    call((rows, columns, depth), (a.data, a.stride, 1), b, Scaling::PRODUCT, to);
    put_across(&sums[..rows], columns / LANES, extents, c);
}
