//! The matrix product of the CPU backend: packed, in vector registers, on all processors.
//!
//! B is copied once into panels as wide as a tile, every k of a panel side by side (Goto, van de Geijn: *Anatomy of
//! high-performance matrix multiplication*, 2008); the rows of C are dealt out in blocks, and whoever has a block
//! copies its rows of A likewise. A transposed operand costs no more than a plain one, and the sum for an element of
//! C is the same chain of operations on any number of threads: the same bits.

mod portable;
#[cfg(test)]
mod tests;
mod threads;
mod tile;

use super::matmul::{Matmul, Params};
use crate::kernel::{Bound, TwinCall, twin::MISMATCH};
use std::cell::RefCell;
use tile::{Extents, Kernel, MAX_MR, MAX_NR, Panel};

pub(crate) use tile::widest;

/// Most k that a tile adds up before it goes back to C: a panel of B then stays in the nearest cache.
const DEPTH: usize = 256;
/// Most numbers of B that are packed at a time.
const PACKED: usize = 1 << 20;
/// Tiles side by side for which an operand that stands ready for them is not copied.
const FEW: usize = 4;
/// Multiply-adds below which sharing a product costs more than it gains: about 10 µs of one thread.
const WORTH_SHARING: usize = 1 << 19;

/// Fast form of [`reference`](super::matmul::reference) in f32.
pub fn call(call: &mut TwinCall<'_, '_, f32>) {
    let form = Matmul::from_constants(call.constant("TRANSPOSE_A"), call.constant("TRANSPOSE_B"));
    let params = call.params::<Params>();
    let [Bound::Float(a), Bound::Float(b), Bound::FloatMut(c)] = call.buffers else { panic!("{MISMATCH}") };
    multiply(form, &params, a, b, c, |_, _, _| ());
}

/// `C = op(A) · op(B)`, then `finish(part of a row, its row, its first column)` on every part of C, once, while it is
/// in the cache: a bias, an activation, an update.
///
/// # Panics
/// If a slice is shorter than its matrix.
pub fn multiply(
    form: Matmul,
    params: &Params,
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
    finish: impl Fn(&mut [f32], usize, usize) + Sync,
) {
    let work = params.m as usize * params.n as usize * params.k as usize;
    let threads = if work < WORTH_SHARING { 1 } else { threads::available() };
    match Kernel::best() {
        Some(kernel) => multiply_on(kernel, threads, form, params, a, b, c, finish),
        None => portable::multiply(form, params, a, b, c, finish),
    }
}

#[allow(clippy::too_many_arguments)]
fn multiply_on(
    kernel: Kernel,
    threads: usize,
    form: Matmul,
    params: &Params,
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
    finish: impl Fn(&mut [f32], usize, usize) + Sync,
) {
    let (m, n, k) = (params.m as usize, params.n as usize, params.k as usize);
    assert!(a.len() >= m * k && b.len() >= k * n && c.len() >= m * n, "matrix product on short slices");
    let c = &mut c[..m * n];
    if c.is_empty() {
        return;
    }
    let a = Operand { data: a, by_k: form == Matmul::TN, stride: if form == Matmul::TN { m } else { k } };
    let b = Operand { data: b, by_k: form != Matmul::NT, stride: if form == Matmul::NT { k } else { n } };
    if k == 0 {
        c.fill(0.0);
        c.chunks_mut(n).enumerate().for_each(|(row, c)| finish(c, row, 0));
        return;
    }
    // Blocks of rows small enough that all threads end at about the same time.
    let rows = m.div_ceil(4 * threads).clamp(2 * kernel.mr, 16 * kernel.mr).next_multiple_of(kernel.mr);
    let depth = k.min(PACKED / kernel.nr);
    let columns = (PACKED / depth / kernel.nr * kernel.nr).min(n.next_multiple_of(kernel.nr));
    for column in (0..n).step_by(columns) {
        let columns = columns.min(n - column);
        for first in (0..k).step_by(depth) {
            let part = Part { kernel, first, depth: depth.min(k - first), column, columns };
            B_PANELS.with_borrow_mut(|packed| {
                // For a few rows of C a copy costs more than it saves. A tile must not reach beyond a row of B then.
                let b_as_it_is = b.by_k && m <= FEW * kernel.mr && n.is_multiple_of(kernel.nr / 2);
                let packed = if b_as_it_is { None } else { Some(part.pack_b(threads, &b, packed)) };
                threads::for_each_chunk(threads, c, rows * n, |block, c| {
                    A_PANELS.with_borrow_mut(|panels| {
                        let row = block * rows;
                        part.multiply_rows([&a, &b], packed, row, n, c, panels);
                        if part.first + part.depth == k {
                            for (i, c) in c.chunks_mut(n).enumerate() {
                                finish(&mut c[column..][..columns], row + i, column);
                            }
                        }
                    });
                });
            });
        }
    }
}

/// Elements that one thread takes at a time in [`for_each_part`].
const SHARE: usize = 1 << 14;

/// `body(first element, part)` on all of `data`, in parts of whole rows of `row` elements, by several threads if that
/// is worth it and with the widest vectors there are. No element's result may depend on the partition.
pub(crate) fn for_each_part<T: Send>(data: &mut [T], row: usize, body: impl Fn(usize, &mut [T]) + Sync) {
    let len = (SHARE / row.max(1)).max(1) * row.max(1);
    let threads = if data.len() < 4 * SHARE { 1 } else { threads::available() };
    if threads == 1 {
        return tile::widest(|| body(0, data));
    }
    threads::for_each_chunk(threads, data, len, |part, data| tile::widest(|| body(part * len, data)));
}

thread_local! {
    // Kept, so that a step allocates nothing.
    static A_PANELS: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
    static B_PANELS: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// A line of the cache: vectors that straddle two of them are slower to read and write.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// The first `len` numbers of a buffer that grows as needed.
fn scratch(buffer: &mut Vec<Line>, len: usize) -> &mut [f32] {
    let lines = len.div_ceil(16);
    if buffer.len() < lines {
        buffer.resize(lines, Line([0.0; 16]));
    }
    &mut bytemuck::cast_slice_mut(buffer)[..len]
}

/// A matrix seen as lines of numbers to be multiplied along k: the rows of op(A), the columns of op(B).
struct Operand<'a> {
    data: &'a [f32],
    /// Whether k counts the rows of `data`, else it counts its columns.
    by_k: bool,
    /// Columns of `data`.
    stride: usize,
}

impl Operand<'_> {
    /// The lines from `line` on, from number `first` on, where they stand. Only for an operand `by_k`.
    fn panel(&self, line: usize, first: usize) -> Panel<'_> {
        Panel { data: &self.data[first * self.stride + line..], step: self.stride }
    }

    /// `to[l · width + i] = ` number `first + l` of line `line + i`, 0 from line `line + lines` on.
    #[inline(always)]
    fn pack(&self, kernel: Kernel, line: usize, lines: usize, first: usize, to: &mut [f32], width: usize) {
        let depth = to.len() / width;
        if self.by_k {
            for (l, to) in to.chunks_exact_mut(width).enumerate() {
                let from = &self.data[(first + l) * self.stride + line..][..lines];
                match lines {
                    // Of known length: a few moves in place of a call.
                    8 => to[..8].copy_from_slice(&from[..8]),
                    32 => to[..32].copy_from_slice(&from[..32]),
                    _ => to[..lines].copy_from_slice(from),
                }
                to[lines..].fill(0.0);
            }
            return;
        }
        for i in (0..lines).step_by(8) {
            let from = &self.data[(line + i) * self.stride + first..];
            let whole = if i + 8 <= lines { depth / 8 * 8 } else { 0 };
            if whole > 0 {
                kernel.transpose(from, self.stride, whole, &mut to[i..], width);
            }
            for i in i..lines.min(i + 8) {
                let from = &self.data[(line + i) * self.stride + first..][..depth];
                for l in whole..depth {
                    to[l * width + i] = from[l];
                }
            }
        }
        if lines < width {
            to.chunks_exact_mut(width).for_each(|to| to[lines..].fill(0.0));
        }
    }
}

/// Some columns of B and some k of them.
#[derive(Clone, Copy)]
struct Part {
    kernel: Kernel,
    first: usize,
    depth: usize,
    column: usize,
    columns: usize,
}

impl Part {
    /// Width of the panel that begins `at` columns into the part: half a tile where the rest fits into it.
    fn width(&self, at: usize) -> usize {
        if self.columns - at <= self.kernel.nr / 2 { self.kernel.nr / 2 } else { self.kernel.nr }
    }

    fn pack_b<'a>(&self, threads: usize, b: &Operand<'_>, packed: &'a mut Vec<Line>) -> &'a [f32] {
        let nr = self.kernel.nr;
        let packed = scratch(packed, self.columns.div_ceil(nr) * nr * self.depth);
        threads::for_each_chunk(threads, packed, nr * self.depth, |panel, to| {
            let (at, width) = (panel * nr, self.width(panel * nr));
            let lines = width.min(self.columns - at);
            let to = &mut to[..width * self.depth];
            tile::widest(|| b.pack(self.kernel, self.column + at, lines, self.first, to, width));
        });
        packed
    }

    /// The block of C that begins at `row`; `b` as it stands where it was not worth packing.
    #[allow(clippy::too_many_arguments)]
    fn multiply_rows(
        &self,
        [a, b]: [&Operand<'_>; 2],
        packed: Option<&[f32]>,
        row: usize,
        n: usize,
        c: &mut [f32],
        panels: &mut Vec<Line>,
    ) {
        let Kernel { mr, nr, .. } = self.kernel;
        let rows = c.len() / n;
        let a_as_it_is = a.by_k && n <= FEW * nr;
        let step = self.depth.div_ceil(self.depth.div_ceil(DEPTH));
        for l in (0..self.depth).step_by(step) {
            let (first, depth) = (self.first + l, step.min(self.depth - l));
            let panels = scratch(panels, if a_as_it_is { 0 } else { rows * depth });
            for (i, panel) in panels.chunks_mut(mr * depth).enumerate() {
                let lines = panel.len() / depth;
                tile::widest(|| a.pack(self.kernel, row + i * mr, lines, first, panel, lines));
            }
            for at in (0..self.columns).step_by(nr) {
                let width = self.width(at);
                let b = match packed {
                    Some(packed) => {
                        Panel { data: &packed[at * self.depth..][l * width..][..depth * width], step: width }
                    }
                    None => b.panel(self.column + at, first),
                };
                for i in (0..rows).step_by(mr) {
                    let lines = mr.min(rows - i);
                    let a = if a_as_it_is {
                        a.panel(row + i, first)
                    } else {
                        Panel { data: &panels[i * depth..][..lines * depth], step: lines }
                    };
                    let extents = Extents { rows: lines, columns: width, depth, stride: n, add: first > 0 };
                    self.tile(extents, a, b, &mut c[i * n + self.column + at..], self.columns - at);
                }
            }
        }
    }

    /// A tile, of which C may have only the first `columns`.
    fn tile(&self, extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut [f32], columns: usize) {
        if extents.columns <= columns {
            self.kernel.tile(extents, a, b, c);
            return;
        }
        let mut whole = [0.0; MAX_MR * MAX_NR];
        self.kernel.tile(Extents { stride: extents.columns, add: false, ..extents }, a, b, &mut whole);
        for (c, whole) in c.chunks_mut(extents.stride).zip(whole.chunks(extents.columns)).take(extents.rows) {
            for (c, &sum) in c[..columns].iter_mut().zip(whole) {
                *c = if extents.add { *c + sum } else { sum };
            }
        }
    }
}
