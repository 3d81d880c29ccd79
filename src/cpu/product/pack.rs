//! Operands of a product, and their copies in the order in which the tiles read them.

use super::tile::{Kernel, LINES, Panel};
use crate::cpu::aligned::Aligned;
use crate::cpu::parts::for_each_chunk;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Aligned of narrow panels of an operand by k that are packed at a time: the width of one alone is a part of a line of
/// the cache, which would be gone when the next panel needs it.
const TOGETHER: usize = 32;

thread_local! {
    // Kept, so that a step allocates nothing.
    static SHARED: [RefCell<Aligned<f32>>; 2] = const { [RefCell::new(Aligned::new()), RefCell::new(Aligned::new())] };
    static OWN: RefCell<Vec<Mutex<Aligned<f32>>>> = const { RefCell::new(Vec::new()) };
}

/// Lends the memory for operands that all threads pack together.
pub(super) fn with_shared_memory<R>(f: impl FnOnce(&mut Aligned<f32>, &mut Aligned<f32>) -> R) -> R {
    SHARED.with(|[a, b]| f(&mut a.borrow_mut(), &mut b.borrow_mut()))
}

/// Lends the memory for what each of so many threads packs for itself, room for so many numbers each. It is got here,
/// not when a thread first packs something, which may be at any step.
pub(super) fn with_own_memory<R>(threads: usize, numbers: usize, f: impl FnOnce(&[Mutex<Aligned<f32>>]) -> R) -> R {
    OWN.with_borrow_mut(|memory| {
        if memory.len() < threads {
            memory.resize_with(threads, || Mutex::new(Aligned::new()));
        }
        for memory in &mut memory[..threads] {
            memory.get_mut().unwrap_or_else(PoisonError::into_inner).at_least(numbers);
        }
        f(&memory[..threads])
    })
}

/// A thread's own memory. What a panic left there is written over.
pub(super) fn lock(memory: &Mutex<Aligned<f32>>) -> MutexGuard<'_, Aligned<f32>> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A matrix seen as lines of numbers to be multiplied along k: the rows of op(A), the columns of op(B).
pub(super) struct Operand<'a> {
    pub matrix: Matrix<'a>,
    /// Whether k counts the rows of the matrix, else it counts its columns.
    pub by_k: bool,
    /// Columns of the matrix.
    pub stride: usize,
}

impl<'a> Operand<'a> {
    /// Whether the numbers for the next k come behind those for one, as in a packed panel.
    pub fn stands_by_k(&self) -> bool {
        self.by_k && self.matrix.row_indices.is_none()
    }

    /// Whether there are so many lines of so many numbers, also in rows that are chosen.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    pub fn has(&self, lines: usize, numbers: usize) -> bool {
        let (rows, columns) = if self.by_k { (numbers, lines) } else { (lines, numbers) };
        let there = self.matrix.data.len() / self.stride;
        let are_there = |chosen: &[u32]| chosen[..rows].iter().all(|&row| (row as usize) < there);
        columns <= self.stride && self.matrix.has((rows, self.stride)) && self.matrix.row_indices.is_none_or(are_there)
    }

    /// A row of the matrix, and what lies behind it.
    #[inline(always)]
    fn row(&self, row: usize) -> &'a [f32] {
        &self.matrix.data[self.matrix.place(row) * self.stride..]
    }

    /// `to[l · width + i] = ` number `first + l` of line `line + i`, 0 from line `line + lines` on.
    #[inline(always)]
    fn pack(&self, kernel: Kernel, line: usize, lines: usize, first: usize, to: &mut [f32], width: usize) {
        let depth = to.len() / width;
        if self.by_k {
            match (lines, width) {
                (32, 32) => self.copy::<32>(line, first, to),
                (16, 16) => self.copy::<16>(line, first, to),
                (8, 8) => self.copy::<8>(line, first, to),
                (4, 4) => self.copy::<4>(line, first, to),
                _ => {
                    for (to, l) in to.chunks_exact_mut(width).zip(first..) {
                        to[..lines].copy_from_slice(&self.row(l)[line..][..lines]);
                        to[lines..].fill(0.0);
                    }
                }
            }
            return;
        }
        for i in (0..lines).step_by(LINES) {
            let whole = if i + LINES <= lines { depth / LINES * LINES } else { 0 };
            if whole > 0 {
                let from = std::array::from_fn(|j| &self.row(line + i + j)[first..][..whole]);
                kernel.transpose(from, whole, &mut to[i..], width);
            }
            for i in i..lines.min(i + LINES) {
                let from = &self.row(line + i)[first..][..depth];
                for l in whole..depth {
                    to[l * width + i] = from[l];
                }
            }
        }
        if lines < width {
            to.chunks_exact_mut(width).for_each(|to| to[lines..].fill(0.0));
        }
    }

    /// Copies parts of rows of known length: by moves, where a call would take as long again.
    #[inline(always)]
    fn copy<const LENGTH: usize>(&self, line: usize, first: usize, to: &mut [f32]) {
        for (l, to) in to.as_chunks_mut::<LENGTH>().0.iter_mut().enumerate() {
            to.copy_from_slice(&self.row(first + l)[line..][..LENGTH]);
        }
    }

    /// Packs as many whole panels as `to` holds, of `WIDTH` lines each, row of the matrix by row.
    fn pack_together<const WIDTH: usize>(&self, (line, first): (usize, usize), to: &mut [f32], depth: usize) {
        let lines = to.len() / depth;
        for l in 0..depth {
            let row = &self.row(first + l)[line..][..lines];
            for (panel, from) in to.chunks_exact_mut(WIDTH * depth).zip(row.as_chunks::<WIDTH>().0) {
                panel[l * WIDTH..][..WIDTH].copy_from_slice(from);
            }
        }
    }
}

/// A matrix in memory: its rows one after the other, or some rows of it by their numbers.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub data: &'a [f32],
    pub row_indices: Option<&'a [u32]>,
}

impl<'a> Matrix<'a> {
    /// Where a row is in the data, in rows.
    #[inline(always)]
    fn place(&self, row: usize) -> usize {
        self.row_indices.map_or(row, |row_indices| row_indices[row] as usize)
    }

    /// Whether there are so many rows and columns. Those row_indices are looked for when they are read.
    pub(super) fn has(&self, (rows, columns): (usize, usize)) -> bool {
        match self.row_indices {
            Some(row_indices) => row_indices.len() >= rows,
            None => self.data.len() >= rows * columns,
        }
    }
}

impl<'a> From<&'a [f32]> for Matrix<'a> {
    fn from(data: &'a [f32]) -> Self {
        Matrix { data, row_indices: None }
    }
}

/// Some lines of an operand and some k of them, for panels of `unit` lines.
pub(super) struct Cut<'a> {
    pub operand: &'a Operand<'a>,
    pub lines: Range<usize>,
    pub ks: Range<usize>,
    pub unit: usize,
}

impl<'a> Cut<'a> {
    /// Where it stands, for an operand that [`Operand::stands_by_k`].
    pub fn as_it_is(&self) -> Side<'a> {
        Side::AsItIs(self.operand, self.lines.start, self.ks.start)
    }

    /// Copies the numbers, each panel on the thread whose range it is in.
    pub fn pack<'b>(&self, (kernel, threads): (Kernel, usize), memory: &'b mut Aligned<f32>) -> Side<'b> {
        let (lines, depth, unit) = (self.lines.len(), self.ks.len(), self.unit);
        let panels = memory.at_least(lines.div_ceil(unit) * unit * depth);
        let together = if self.operand.by_k { (TOGETHER / unit).max(1) } else { 1 };
        for_each_chunk(threads, [panels], together * unit * depth, |chunk, [to]| {
            let line = chunk * together * unit;
            let (place, by_rows) = ((self.lines.start + line, self.ks.start), self.operand.by_k);
            let whole = lines - line >= to.len() / depth;
            match unit {
                4 if by_rows && whole => self.operand.pack_together::<4>(place, to, depth),
                6 if by_rows && whole => self.operand.pack_together::<6>(place, to, depth),
                8 if by_rows && whole => self.operand.pack_together::<8>(place, to, depth),
                _ => {
                    for (i, to) in to.chunks_mut(unit * depth).enumerate() {
                        self.pack_panel(kernel, line + i * unit, 0, depth, to);
                    }
                }
            }
        });
        Side::Packed { panels, unit, lines, depth }
    }

    /// Copies the one panel that [`Side::panel`] would give.
    pub fn panel<'b>(
        &self,
        kernel: Kernel,
        (line, l, depth): (usize, usize, usize),
        memory: &'b mut Aligned<f32>,
    ) -> Panel<'b> {
        self.pack_panel(kernel, line, l, depth, memory.at_least(self.unit * depth))
    }

    /// The panel that begins at `line`, of `depth` numbers from number `l` on, at the beginning of `to`.
    #[inline(always)]
    fn pack_panel<'b>(&self, kernel: Kernel, line: usize, l: usize, depth: usize, to: &'b mut [f32]) -> Panel<'b> {
        let left = self.lines.len() - line;
        let width = width(self.unit, left);
        let to = &mut to[..width * depth];
        self.operand.pack(kernel, self.lines.start + line, width.min(left), self.ks.start + l, to, width);
        Panel { data: to, step: width }
    }
}

/// A [`Cut`] as the tiles read it.
#[derive(Clone, Copy)]
pub(super) enum Side<'a> {
    /// Where it stands: from this line and this k of the operand on.
    AsItIs(&'a Operand<'a>, usize, usize),
    /// In panels of `unit` lines, each with `depth` numbers of every line.
    Packed { panels: &'a [f32], unit: usize, lines: usize, depth: usize },
}

impl<'a> Side<'a> {
    /// `depth` numbers from number `l` on, of the panel that begins at `line`.
    pub fn panel(&self, line: usize, l: usize, depth: usize) -> Panel<'a> {
        match *self {
            Side::AsItIs(operand, first_line, first) => {
                Panel { data: &operand.row(first + l)[first_line + line..], step: operand.stride }
            }
            Side::Packed { panels, unit, lines, depth: whole } => {
                let width = width(unit, lines - line);
                Panel { data: &panels[line * whole + l * width..][..depth * width], step: width }
            }
        }
    }
}

/// Width of a panel of `unit` lines or what is left of them: half of it if that is enough.
pub(super) fn width(unit: usize, left: usize) -> usize {
    if left <= unit / 2 { unit / 2 } else { unit }
}
