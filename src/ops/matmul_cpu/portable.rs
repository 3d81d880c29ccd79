//! The matrix product on processors that [`super::tile`] has no instructions for, by the crate `gemm`.

use super::tile::Onto;
use crate::ops::matmul::{Matmul, Params};

/// As [`super::multiply`]; every row is finished once C is complete.
///
/// # Panics
/// If a slice is shorter than its matrix.
#[allow(unsafe_code)]
pub(super) fn multiply(
    form: Matmul,
    params: &Params,
    (a, b): (&[f32], &[f32]),
    c: &mut [f32],
    onto: Onto,
    finish: impl Fn(&mut [f32], usize, usize),
) {
    let (m, n, k) = (params.m as usize, params.n as usize, params.k as usize);
    assert!(a.len() >= m * k && b.len() >= k * n && c.len() >= m * n, "matrix product on short slices");
    let (a_row, a_column) = if form == Matmul::TN { (1, m as isize) } else { (k as isize, 1) };
    let (b_row, b_column) = if form == Matmul::NT { (1, k as isize) } else { (n as isize, 1) };
    let parallelism = if cfg!(target_arch = "wasm32") { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(0) };
    // SAFETY: with these strides every index `row · row_stride + column · column_stride` of A, B and C stays below
    // m·k, k·n and m·n, which the slices hold (asserted above). C is borrowed mutably, so it overlaps neither input.
    // Where `read_dst` is false, C is written without being read.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            onto.old != 0.0,
            a.as_ptr(),
            a_column,
            a_row,
            b.as_ptr(),
            b_column,
            b_row,
            onto.old,
            onto.new,
            false,
            false,
            false,
            parallelism,
        );
    }
    c[..m * n].chunks_mut(n.max(1)).enumerate().for_each(|(row, c)| finish(c, row, 0));
}
