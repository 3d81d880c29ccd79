//! The matrix product of the CPU backend: packed, in vector registers, on all processors.
//!
//! A and B are copied into panels as wide as a tile, every k of a panel side by side (Goto, van de Geijn: *Anatomy of
//! high-performance matrix multiplication*, 2008); C is dealt out in blocks. A transposed operand costs no more than a
//! plain one, and the sum for an element of C is the same chain of operations on any number of threads and on every
//! processor with FMA: the same bits. That chain: for each [`DEPTH`] of k a sum of its own, from 0 in the order of k by
//! multiply-adds that are rounded once, which goes onto C by one more.

mod few_rows;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) mod fused;
#[cfg(not(target_arch = "wasm32"))]
mod gemm;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod job;
mod pack;
mod plain;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(test)]
mod tests;
mod tile;

use super::aligned::Aligned;
use super::parts::{Grid, share_blocks};
use super::threads;
use pack::{Cut, Operand, Side};
use tile::{Extents, Kernel, MAX_MR, MAX_NR, Panel};

pub use super::parts::Block;
pub(crate) use pack::Matrix;
pub(crate) use tile::Scaling;

/// The k that a tile adds up before it goes back to C: many, because C travels for each, but so few that a panel of B
/// stays in the second cache, from where it comes fast enough. K is cut at its multiples, whatever the form and the
/// processor: this decides bits.
const DEPTH: usize = 1024;
/// Most numbers of A, and of B, that are packed at a time.
const PACKED: usize = 1 << 20;
/// Most k that are packed at a time.
const PACKED_DEPTH: usize = PACKED / MAX_NR / DEPTH * DEPTH;
/// Tiles side by side for which an operand that stands ready for them is not copied: it is read too seldom.
const FEW: usize = 4;
/// Most k for which a tile's columns of B stay in the first cache: B is not copied if it stands ready and a tile is as wide
/// as a line of the cache, and otherwise high blocks copy it for themselves.
const SHALLOW: usize = 256;
/// Bytes of a line of the cache.
const LINE: usize = 64;
/// Least height of a block of C, in tiles, that packs B for itself, each panel when it comes to it. What others have packed
/// would have to be fetched from their caches, which may be far away.
const HIGH: usize = 8;
/// Multiply-adds below which sharing a product costs more than it gains: about 10 µs of one thread.
const WORTH_SHARING: usize = 1 << 19;

/// Which factor is stored transposed: N as it stands, T transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `A: [M, K]`, `B: [K, N]`
    NN,
    /// `A: [M, K]`, `B: [N, K]`
    NT,
    /// `A: [K, M]`, `B: [K, N]`
    TN,
}

/// The extents of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Rows of C.
    pub m: usize,
    /// Columns of C.
    pub n: usize,
    /// Terms of each sum.
    pub k: usize,
}

/// `C = op(A) · op(B)`, or what `scaling` makes of it, then `finish` on every block of C, once, while it is in the cache: a
/// bias, an activation. If it is `reproducible`, C has the bits of a processor with FMA also where that takes longer.
///
/// # Panics
/// If a slice is shorter than its matrix.
pub(crate) fn multiply(
    form: Form,
    size: Size,
    (a, b): (Matrix<'_>, Matrix<'_>),
    c: &mut [f32],
    scaling: Scaling,
    reproducible: bool,
    finish: impl Fn(&mut Block<'_, f32>) + Sync,
) {
    let work = size.m * size.n * size.k;
    let threads = if work < WORTH_SHARING { 1 } else { threads::available() };
    let kernel = if reproducible { Kernel::best().rounding_once() } else { Kernel::best() };
    #[cfg(not(target_arch = "wasm32"))]
    if !kernel.is_fast() && !reproducible {
        return gemm::multiply(form, size, (a, b), c, scaling, finish);
    }
    multiply_on((kernel, threads), form, size, (a, b), c, scaling, finish);
}

fn multiply_on(
    (kernel, threads): (Kernel, usize),
    form: Form,
    size: Size,
    (a, b): (Matrix<'_>, Matrix<'_>),
    c: &mut [f32],
    scaling: Scaling,
    finish: impl Fn(&mut Block<'_, f32>) + Sync,
) {
    let Size { m, n, k } = size;
    let [(_, a_stride), (_, b_stride)] = extents(form, size, (a, b), c);
    let c = &mut c[..m * n];
    if c.is_empty() {
        return;
    }
    if k == 0 {
        c.iter_mut().for_each(|c| kernel.apply(scaling, std::slice::from_mut(c), &[0.0]));
        return finish(&mut Block::whole(c, n));
    }
    if form == Form::NT && few_rows::suits(kernel, size) && b.row_indices.is_none() {
        return few_rows::multiply((kernel, threads), size, (a, b.data), c, scaling, finish);
    }
    let Kernel { mr, nr, .. } = kernel;
    let a = Operand { matrix: a, by_k: form == Form::TN, stride: a_stride };
    let b = Operand { matrix: b, by_k: form != Form::NT, stride: b_stride };
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    if kernel.is_fused() && m * n * k >= WORTH_SHARING && fused::has_help() {
        fused::multiply(size, (&a, &b), c, scaling);
        return finish(&mut Block::whole(c, n));
    }
    // A tile must not reach beyond a row of B then.
    let a_as_it_is = a.stands_by_k() && n <= FEW * nr;
    let is_wide = nr * size_of::<f32>() >= LINE;
    let b_as_it_is = b.stands_by_k() && (m <= FEW * mr || k <= SHALLOW && is_wide) && n.is_multiple_of(nr / 2);
    let depth = k.min(PACKED_DEPTH);
    let (height, width) = (PACKED / depth / mr * mr, PACKED / depth / nr * nr);
    pack::with_shared_memory(|memory_a, memory_b| {
        for column in (0..n).step_by(width) {
            let columns = column..n.min(column + width);
            let (block, by_columns) = blocks((kernel, threads), form, (m.min(height), columns.len(), k));
            let b_by_block = k <= SHALLOW && !by_columns && block.0 >= HIGH * mr;
            for first in (0..k).step_by(depth) {
                let depth = depth.min(k - first);
                let ks = first..first + depth;
                let b = Cut { operand: &b, lines: columns.clone(), ks: ks.clone(), unit: nr };
                let shared_b = match (b_as_it_is, b_by_block) {
                    (true, _) => Some(b.as_it_is()),
                    (_, true) => None,
                    _ => Some(b.pack((kernel, threads), memory_b)),
                };
                for (above, c) in c.chunks_mut(height * n).enumerate() {
                    let row = above * height;
                    let rows = row..row + c.len() / n;
                    let a = Cut { operand: &a, lines: rows, ks: ks.clone(), unit: mr };
                    let a = if a_as_it_is { a.as_it_is() } else { a.pack((kernel, threads), memory_a) };
                    let scaling = if first == 0 { scaling } else { scaling.accumulating() };
                    let part = Part { kernel, a, b: &b, shared_b, row, column, depth, scaling };
                    let grid = Grid { stride: n, above: row, columns: columns.clone(), block, by_columns };
                    let panel = if part.shared_b.is_none() { nr * depth } else { 0 };
                    pack::with_own_memory(threads, panel, |memory| {
                        share_blocks(threads, c, &grid, |member, blocks| {
                            let memory = &mut pack::lock(&memory[member]);
                            for mut c in blocks {
                                part.multiply(&mut c, memory);
                                if ks.end == k {
                                    finish(&mut c);
                                }
                            }
                        });
                    });
                }
            }
        }
    });
}

/// Rows and columns of A and of B as they stand in memory.
///
/// # Panics
/// If a matrix has fewer numbers than that.
fn extents(form: Form, size: Size, (a, b): (Matrix<'_>, Matrix<'_>), c: &[f32]) -> [(usize, usize); 2] {
    let Size { m, n, k } = size;
    let of_a = if form == Form::TN { (k, m) } else { (m, k) };
    let of_b = if form == Form::NT { (n, k) } else { (k, n) };
    assert!(a.has(of_a) && b.has(of_b) && c.len() >= m * n, "matrix product on short slices");
    [of_a, of_b]
}

/// Some rows and columns of C, and some k.
struct Part<'a> {
    kernel: Kernel,
    a: Side<'a>,
    b: &'a Cut<'a>,
    /// Unless each block packs the panels of B itself.
    shared_b: Option<Side<'a>>,
    /// Its first row.
    row: usize,
    /// Its first column.
    column: usize,
    depth: usize,
    scaling: Scaling,
}

impl Part<'_> {
    /// A block of C.
    fn multiply(&self, c: &mut Block<'_, f32>, memory: &mut Aligned<f32>) {
        let Kernel { mr, nr, .. } = self.kernel;
        let ((row, column), (rows, columns)) = (c.place(), c.size());
        for l in (0..self.depth).step_by(DEPTH) {
            let depth = DEPTH.min(self.depth - l);
            let scaling = if l == 0 { self.scaling } else { self.scaling.accumulating() };
            for at in (0..columns).step_by(nr) {
                let width = pack::width(nr, columns - at);
                let line = column - self.column + at;
                let b = match &self.shared_b {
                    Some(b) => b.panel(line, l, depth),
                    None => self.b.panel(self.kernel, (line, l, depth), memory),
                };
                for i in (0..rows).step_by(mr) {
                    let lines = mr.min(rows - i);
                    let a = self.a.panel(row - self.row + i, l, depth);
                    let extents = Extents { rows: lines, columns: width, depth, row: i, column: at, scaling };
                    self.tile(extents, a, b, c, columns - at);
                }
            }
        }
    }

    /// A tile, of which C may have only the first `columns`.
    fn tile(&self, extents: Extents, a: Panel<'_>, b: Panel<'_>, c: &mut Block<'_, f32>, columns: usize) {
        if extents.columns <= columns {
            self.kernel.tile(extents, a, b, c);
            return;
        }
        let mut whole = [0.0; MAX_MR * MAX_NR];
        let sums = &mut whole[..extents.rows * extents.columns];
        let alone = Extents { row: 0, column: 0, scaling: Scaling::PRODUCT, ..extents };
        self.kernel.tile(alone, a, b, &mut Block::whole(sums, extents.columns));
        for (i, sums) in sums.chunks(extents.columns).enumerate() {
            let c = c.row(extents.row + i, extents.column, columns);
            self.kernel.apply(extents.scaling, c, sums);
        }
    }
}

/// Rows and columns of the blocks that a part of C is cut into, so small that all threads end at about the same time,
/// and whether the blocks are numbered by columns.
///
/// Threads divide the rows of a layer's weight among themselves: in the gradient of the weight these are the rows of C,
/// in the products with it the columns (of the layer's output, or of the gradient that the layer before it goes by). So
/// each finds in its own cache what it wrote in the step before. Where k is small, such blocks are high: they need all of B.
fn blocks(
    (kernel, threads): (Kernel, usize),
    form: Form,
    (rows, columns, k): (usize, usize, usize),
) -> ((usize, usize), bool) {
    let Kernel { mr, nr, .. } = kernel;
    let wanted = if threads == 1 { 1 } else { 8 * threads };
    let share = |whole: usize, parts: usize, unit: usize| whole.div_ceil(parts).next_multiple_of(unit);
    let by_columns = form != Form::TN && columns > nr;
    if by_columns {
        let across = share(columns, wanted, nr);
        let down = share(rows, wanted.div_ceil(columns.div_ceil(across)), mr);
        ((down.clamp(2 * mr, 16 * mr), across), true)
    } else {
        let (parts, most) = if k <= SHALLOW { (threads, 32 * mr) } else { (wanted, 16 * mr) };
        let down = share(rows, parts, mr).clamp(2 * mr, most);
        ((down, share(columns, wanted.div_ceil(rows.div_ceil(down)), nr)), false)
    }
}
