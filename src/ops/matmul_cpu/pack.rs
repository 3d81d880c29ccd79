//! Operands of a product, and their copies in the order in which the tiles read them.

use super::parts::for_each_chunk;
use super::tile::{Kernel, Panel, widest};
use std::cell::RefCell;
use std::ops::Range;

thread_local! {
    // Kept, so that a step allocates nothing.
    static PACKED: [RefCell<Vec<Line>>; 2] = const { [RefCell::new(Vec::new()), RefCell::new(Vec::new())] };
}

/// Lends the memory for packed operands, which is kept from product to product.
pub(super) fn with_memory<R>(f: impl FnOnce(&mut Vec<Line>, &mut Vec<Line>) -> R) -> R {
    PACKED.with(|[a, b]| f(&mut a.borrow_mut(), &mut b.borrow_mut()))
}

/// A line of the cache: vectors that straddle two of them are slower to read and write.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub(super) struct Line([f32; 16]);

/// The first `len` numbers of a buffer that grows as needed.
fn scratch(buffer: &mut Vec<Line>, len: usize) -> &mut [f32] {
    let lines = len.div_ceil(16);
    if buffer.len() < lines {
        buffer.resize(lines, Line([0.0; 16]));
    }
    &mut bytemuck::cast_slice_mut(buffer)[..len]
}

/// A matrix seen as lines of numbers to be multiplied along k: the rows of op(A), the columns of op(B).
pub(super) struct Operand<'a> {
    pub data: &'a [f32],
    /// Whether k counts the rows of `data`, else it counts its columns.
    pub by_k: bool,
    /// Columns of `data`.
    pub stride: usize,
}

impl Operand<'_> {
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

/// Some lines of an operand and some k of them, as the tiles read them.
#[derive(Clone, Copy)]
pub(super) enum Side<'a> {
    /// Where they stand, in an operand `by_k`: from this line and this k on.
    AsItIs(&'a Operand<'a>, usize, usize),
    /// In panels of `unit` lines, each with `depth` numbers of every line.
    Packed { panels: &'a [f32], unit: usize, lines: usize, depth: usize },
}

impl<'a> Side<'a> {
    /// Copies the numbers `ks` of the lines `lines`, each panel on the thread whose range it is in.
    pub fn pack(
        (kernel, threads): (Kernel, usize),
        operand: &Operand<'_>,
        (lines, ks): (Range<usize>, Range<usize>),
        unit: usize,
        memory: &'a mut Vec<Line>,
    ) -> Side<'a> {
        let depth = ks.len();
        let panels = scratch(memory, lines.len().div_ceil(unit) * unit * depth);
        for_each_chunk(threads, panels, unit * depth, |panel, to| {
            let at = panel * unit;
            let width = width(unit, lines.len() - at);
            let to = &mut to[..width * depth];
            let present = width.min(lines.len() - at);
            widest(|| operand.pack(kernel, lines.start + at, present, ks.start, to, width));
        });
        Side::Packed { panels, unit, lines: lines.len(), depth }
    }

    /// `depth` numbers from number `l` on, of the panel that begins at `line`.
    pub fn panel(&self, line: usize, l: usize, depth: usize) -> Panel<'a> {
        match *self {
            Side::AsItIs(operand, first_line, first) => {
                let start = (first + l) * operand.stride + first_line + line;
                Panel { data: &operand.data[start..], step: operand.stride }
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
