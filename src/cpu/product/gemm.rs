//! The matrix product on processors that [`super::tile`] has no instructions for, by the crate `gemm`. WebAssembly has a level
//! of its own.

use super::pack::{Matrix, with_shared_memory};
use super::tile::Scaling;
use super::{Form, Size, extents};
use crate::cpu::Aligned;
use crate::cpu::parts::Block;
use std::error::Error;
use std::sync::OnceLock;

/// Whether the threads of `rayon`, which `gemm` uses, can be had: where they cannot, it would panic.
fn has_threads() -> bool {
    static HAS_THREADS: OnceLock<bool> = OnceLock::new();
    *HAS_THREADS.get_or_init(|| {
        let built = || rayon::ThreadPoolBuilder::new().build_global();
        // An error without a source says that the program has built them already.
        built().err().is_none_or(|error| error.source().is_none())
    })
}

impl<'a> Matrix<'a> {
    /// The rows one after the other, as one slice: a copy if they are chosen by `row_indices`.
    fn whole<'b>(&self, (rows, columns): (usize, usize), memory: &'b mut Aligned<f32>) -> &'b [f32]
    where
        'a: 'b,
    {
        let Some(row_indices) = self.row_indices else { return &self.data[..rows * columns] };
        let copy = memory.at_least(rows * columns);
        for (to, &row) in copy.chunks_exact_mut(columns.max(1)).zip(row_indices) {
            to.copy_from_slice(&self.data[row as usize * columns..][..columns]);
        }
        copy
    }
}

/// Computes what [`super::multiply`] does; C is finished once it is complete.
///
/// # Panics
/// If a slice is shorter than its matrix.
#[allow(unsafe_code)]
pub(super) fn multiply(
    form: Form,
    size: Size,
    (a, b): (Matrix<'_>, Matrix<'_>),
    c: &mut [f32],
    scaling: Scaling,
    finish: impl Fn(&mut Block<'_, f32>),
) {
    let Size { m, n, k } = size;
    let [of_a, of_b] = extents(form, size, (a, b), c);
    let strides = |(_, columns): (usize, usize), transposed: bool| {
        if transposed { (1, columns as isize) } else { (columns as isize, 1) }
    };
    let ((a_row, a_column), (b_row, b_column)) = (strides(of_a, form == Form::TN), strides(of_b, form == Form::NT));
    let parallelism = if has_threads() { ::gemm::Parallelism::Rayon(0) } else { ::gemm::Parallelism::None };
    with_shared_memory(|memory_a, memory_b| {
        let (a, b) = (a.whole(of_a, memory_a), b.whole(of_b, memory_b));
        // SAFETY: with these strides every index `row · row_stride + column · column_stride` of A, B and C stays below
        // m·k, k·n and m·n, which the slices hold (`whole` gives that many, `extents` asserts it of C). C is borrowed
        // mutably, so it overlaps neither input. Where `read_dst` is false, C is written without being read.
        unsafe {
            ::gemm::gemm(
                m,
                n,
                k,
                c.as_mut_ptr(),
                1,
                n as isize,
                scaling.beta != 0.0,
                a.as_ptr(),
                a_column,
                a_row,
                b.as_ptr(),
                b_column,
                b_row,
                scaling.beta,
                scaling.alpha,
                false,
                false,
                false,
                parallelism,
            );
        }
    });
    if m * n > 0 {
        finish(&mut Block::whole(&mut c[..m * n], n));
    }
}
