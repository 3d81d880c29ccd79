//! `C = A · Bᵀ` for few rows of A, such as a batch that goes through a layer: only these are packed, as the lanes of
//! vectors, by each thread for itself, and B is read where it stands. Of a layer's weight a copy would cost as much as
//! some rows of the batch.

use super::pack::{self, Cut, Matrix, Operand};
use super::tile::{Extents, Kernel, Rows, Scaling};
use super::{DEPTH, Size};
use crate::cpu::parts::{Block, Grid, share_blocks};
use std::iter;

/// Most vectors side by side for which reading B as often is cheaper than packing it.
const FEW: usize = 4;

/// Whether A has few rows.
pub(super) fn suits(kernel: Kernel, size: Size) -> bool {
    size.m <= FEW * kernel.nr
}

/// Computes what [`super::multiply_on`] does in the form NT, for operands that are not empty.
pub(super) fn multiply(
    (kernel, threads): (Kernel, usize),
    size: Size,
    (a, b): (Matrix<'_>, &[f32]),
    c: &mut [f32],
    scaling: Scaling,
    finish: impl Fn(&mut Block<'_, f32>) + Sync,
) {
    let Size { m, n, k } = size;
    let Kernel { mr, nr, .. } = kernel;
    let a = Operand { matrix: a, by_k: false, stride: k };
    // Each thread has its own rows of B, here and in the update of a layer's weight.
    let across = if threads == 1 { n } else { n.div_ceil(4 * threads).next_multiple_of(mr) };
    let grid = Grid { stride: n, above: 0, columns: 0..n, block: (m, across), by_columns: true };
    for first in (0..k).step_by(DEPTH) {
        let depth = DEPTH.min(k - first);
        let scaling = if first == 0 { scaling } else { scaling.accumulating() };
        let batch = Cut { operand: &a, lines: 0..m, ks: first..first + depth, unit: nr };
        pack::with_own_memory(threads, m.next_multiple_of(nr) * depth, |memory| {
            share_blocks(threads, c, &grid, |member, blocks| {
                let Some(first_block) = blocks.next() else { return };
                let memory = &mut pack::lock(&memory[member]);
                let batch = batch.pack((kernel, 1), memory);
                for mut c in iter::once(first_block).chain(blocks) {
                    let ((_, start), (_, columns)) = (c.place(), c.size());
                    for column in (0..columns).step_by(mr) {
                        let rows = Rows { data: &b[(start + column) * k + first..], stride: k };
                        for row in (0..m).step_by(nr) {
                            let (lines, width) = (mr.min(columns - column), pack::width(nr, m - row));
                            let extents = Extents { rows: lines, columns: width, depth, row, column, scaling };
                            kernel.tile_across(extents, rows, batch.panel(row, 0, depth), &mut c);
                        }
                    }
                    if first + depth == k {
                        finish(&mut c);
                    }
                }
            });
        });
    }
}
