//! Disjoint parts of slices and matrices, each lent to one thread.

use super::threads::share;
use std::marker::PhantomData;
use std::ops::Range;

/// Runs `body` on each chunk of `len` elements, the last perhaps shorter, of slices of one length, with the chunk's
/// number, on up to `threads` threads.
///
/// # Panics
/// If the lengths differ.
#[allow(unsafe_code)]
pub(super) fn for_each_chunk<T: Send, const SLICES: usize>(
    threads: usize,
    data: [&mut [T]; SLICES],
    len: usize,
    body: impl Fn(usize, [&mut [T]; SLICES]) + Sync,
) {
    let total = data.first().map_or(0, |slice| slice.len());
    assert!(data.iter().all(|slice| slice.len() == total), "chunks of slices of one length");
    let starts = data.map(|slice| Start(slice.as_mut_ptr()));
    share(threads, total.div_ceil(len), |chunks| {
        for chunk in chunks {
            let first = chunk * len;
            // SAFETY: `chunk` is below the number of chunks, so this one lies within each slice, all of which are borrowed
            // mutably until `share` returns. That gives each number to one thread only, so that no two of these parts
            // overlap. `T: Send` may go there.
            let part =
                |start: &Start<T>| unsafe { std::slice::from_raw_parts_mut(start.at(first), len.min(total - first)) };
            body(chunk, starts.each_ref().map(part));
        }
    });
}

/// How some columns of a matrix are cut into blocks.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// Columns of the matrix.
    pub stride: usize,
    /// Rows of the matrix above the data.
    pub above: usize,
    /// Those to be cut.
    pub columns: Range<usize>,
    /// Rows and columns of a block, fewer at the edges.
    pub block: (usize, usize),
    /// Whether the blocks are numbered column by column, else row by row: see [`share`].
    pub by_columns: bool,
}

/// Deals out the blocks of `data`, whole rows of a matrix: calls `body` on up to `threads` threads with its number
/// among them and the blocks that it is to do.
///
/// # Panics
/// If the grid does not fit the data, or a length is 0.
pub(super) fn share_blocks<T: Send>(
    threads: usize,
    data: &mut [T],
    grid: &Grid,
    body: impl Fn(usize, &mut dyn Iterator<Item = Block<'_, T>>) + Sync,
) {
    let Grid { stride, above, block: (rows, columns), .. } = *grid;
    assert!(data.len().is_multiple_of(stride) && grid.columns.end <= stride, "a matrix of whole rows");
    let (height, width) = (data.len() / stride, grid.columns.len());
    let (down, across) = (height.div_ceil(rows), width.div_ceil(columns));
    let start = Start(data.as_mut_ptr());
    share(threads, down * across, |tasks| {
        let member = tasks.member;
        let mut blocks = tasks.map(|task| {
            let (i, j) = if grid.by_columns { (task % down, task / down) } else { (task / across, task % across) };
            let (row, column) = (i * rows, j * columns);
            Block {
                start: start.at(row * stride + grid.columns.start + column),
                stride,
                row: above + row,
                column: grid.columns.start + column,
                rows: rows.min(height - row),
                columns: columns.min(width - column),
                matrix: PhantomData,
            }
        });
        body(member, &mut blocks);
    });
}

/// A block of a matrix that nobody else holds.
pub struct Block<'a, T> {
    start: *mut T,
    stride: usize,
    row: usize,
    column: usize,
    rows: usize,
    columns: usize,
    matrix: PhantomData<&'a mut [T]>,
}

impl<'a, T> Block<'a, T> {
    /// A whole matrix.
    ///
    /// # Panics
    /// If `data` is not made of whole rows of `columns` elements.
    pub fn whole(data: &'a mut [T], columns: usize) -> Block<'a, T> {
        assert!(data.len().is_multiple_of(columns), "a matrix of whole rows");
        let (rows, start) = (data.len() / columns, data.as_mut_ptr());
        Block { start, stride: columns, row: 0, column: 0, rows, columns, matrix: PhantomData }
    }

    /// Its first row and first column in the matrix.
    pub fn place(&self) -> (usize, usize) {
        (self.row, self.column)
    }

    /// Its numbers of rows and columns.
    pub fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// `body(row of the matrix, its first column here, the row's part in the block)` on every row of the block.
    #[inline(always)]
    pub fn for_each_row(&mut self, mut body: impl FnMut(usize, usize, &mut [T])) {
        let ((above, column), (rows, columns)) = (self.place(), self.size());
        for i in 0..rows {
            body(above + i, column, self.row(i, 0, columns));
        }
    }

    /// Elements `columns` of a row of the block.
    ///
    /// # Panics
    /// If the block does not have them.
    #[allow(unsafe_code)]
    #[inline(always)]
    pub fn row(&mut self, row: usize, column: usize, columns: usize) -> &mut [T] {
        assert!(row < self.rows && column <= self.columns && columns <= self.columns - column, "outside of the block");
        // SAFETY: just asserted to be within the block. `whole` makes it of a slice that it borrows mutably;
        // `share_blocks` lays the blocks side by side within a matrix that is borrowed mutably until it returns, and
        // gives each to one thread once. So nothing else refers to these elements, and the borrow of `self` keeps other
        // rows of the block from being lent at the same time.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride + column), columns) }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
impl<T> Block<'_, T> {
    /// The first element of some rows and columns of the block, and how far it is from a row to the next.
    ///
    /// # Panics
    /// If the block does not have them.
    pub fn tile(&mut self, (row, rows): (usize, usize), (column, columns): (usize, usize)) -> (*mut T, usize) {
        let (fits_below, fits_beside) = (row <= self.rows && rows <= self.rows - row, column <= self.columns);
        assert!(fits_below && fits_beside && columns <= self.columns - column, "outside of the block");
        (self.start.wrapping_add(row * self.stride + column), self.stride)
    }
}

/// The start of a slice whose parts go to different threads.
struct Start<T>(*mut T);

// SAFETY: the pointer is only used in this file, for disjoint parts of the slice, of elements that are `Send`.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Start<T> {}

impl<T> Start<T> {
    fn at(&self, index: usize) -> *mut T {
        self.0.wrapping_add(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_a_matrix_once() {
        for (height, stride, columns) in [(1, 1, 0..1), (7, 5, 0..5), (8, 6, 2..6), (3, 40, 11..12)] {
            for by_columns in [false, true] {
                let mut data = vec![0; height * stride];
                let grid = Grid { stride, above: 2, columns: columns.clone(), block: (3, 4), by_columns };
                share_blocks(3, &mut data, &grid, |_, blocks| {
                    for mut block in blocks {
                        block.for_each_row(|row, column, part| {
                            part.iter_mut().enumerate().for_each(|(j, x)| *x += 1 + (row - 2) * stride + column + j);
                        });
                    }
                });
                for (i, &x) in data.iter().enumerate() {
                    let expected = if columns.contains(&(i % stride)) { 1 + i } else { 0 };
                    assert_eq!(x, expected, "{grid:?} at {i}");
                }
            }
        }
    }

    #[test]
    fn chunks_of_slices_are_of_one_place() {
        let (mut left, mut right) = (vec![0; 100], vec![1; 100]);
        for_each_chunk(3, [&mut left, &mut right], 7, |chunk, [left, right]| {
            for (j, (l, r)) in left.iter_mut().zip(right).enumerate() {
                (*l, *r) = (chunk * 7 + j, *r + chunk * 7 + j);
            }
        });
        assert!((0..100).all(|i| left[i] == i && right[i] == i + 1));
    }

    #[test]
    #[should_panic(expected = "outside of the block")]
    fn a_block_ends_where_the_next_begins() {
        let mut data = vec![0; 12];
        let grid = Grid { stride: 4, above: 0, columns: 0..4, block: (3, 2), by_columns: false };
        share_blocks(1, &mut data, &grid, |_, blocks| {
            for mut block in blocks {
                block.row(0, 1, 2);
            }
        });
    }
}
