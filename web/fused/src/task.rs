//! Some rows and columns of C, computed by one thread.

use crate::job::{CHAIN, COLUMNS, Job, Operand, Place, ROWS};
use crate::tile::{Factor, LANES, Lines, Target, any, multiply_add, run};
use core::arch::wasm32::{i32x4_shuffle, v128, v128_load, v128_store};

impl Operand {
    /// Where a row of the matrix begins.
    #[inline(always)]
    unsafe fn row(&self, row: usize) -> *const f32 {
        // SAFETY: the caller asks for a row that there is.
        let place = if self.row_indices.is_null() { row } else { unsafe { *self.row_indices.add(row) as usize } };
        self.data.wrapping_add(place * self.stride)
    }
}

/// Tasks of a job: by columns, so that a thread finds in its cache what it wrote of a weight in the step before.
pub fn tasks(job: &Job) -> usize {
    let ([m, n, _], [down, across]) = (job.size, job.task);
    m.div_ceil(down) * n.div_ceil(across)
}

/// Computes a task in a thread's place, which may have a copy of the columns of B already: `copied` says of which. The sums for an
/// element are the chains that one thread alone would make.
pub unsafe fn compute(job: &Job, task: usize, place: *mut Place, copied: &mut Option<usize>) {
    let ([m, n, k], [down, across]) = (job.size, job.task);
    let below = m.div_ceil(down);
    let (row, column) = (task % below * down, task / below * across);
    let (end_row, end) = (m.min(row + down), n.min(column + across));
    // SAFETY: the place is this thread's, but for its numbers.
    let (panels, lines, edge) = unsafe {
        (
            (&raw mut (*place).stripe).cast::<f32>(),
            (&raw mut (*place).lines).cast::<f32>(),
            (&raw mut (*place).tile).cast::<f32>(),
        )
    };
    let is_copied = *copied == Some(column);
    *copied = if k <= CHAIN { Some(column) } else { None };
    let mut l = 0;
    while l < k {
        let depth = CHAIN.min(k - l);
        let beta = if l == 0 { job.beta } else { 1.0 };
        let mut at = column;
        while at < end && !is_copied {
            // SAFETY: these are lines of B, and the panel lies in the stripe.
            unsafe { copy_panel(&job.b, (at, COLUMNS.min(end - at)), (l, depth), panels.add((at - column) * depth)) };
            at += COLUMNS;
        }
        let mut i = row;
        while i < end_row {
            let rows = ROWS.min(end_row - i);
            // SAFETY: these are lines of A.
            let a = unsafe { lines_of(&job.a, (i, rows), (l, depth), lines) };
            let mut at = column;
            while at < end {
                let (left, b) = (end - at, Factor { at: panels.wrapping_add((at - column) * depth), step: COLUMNS });
                let c = Target { alpha: job.alpha, beta, at: job.c.wrapping_add(i * n + at), step: n };
                // SAFETY: A and B are there, and the tile is a part of C, or in the memory for copies.
                unsafe {
                    match (rows, left) {
                        (ROWS, COLUMNS..) if a.step == ROWS => {
                            run::<ROWS, 2>(depth, Lines { offsets: [1, 2, 3], step: ROWS, ..a }, b, c);
                        }
                        (ROWS, COLUMNS..) => run::<ROWS, 2>(depth, Lines { step: 1, ..a }, b, c),
                        (_, COLUMNS.. | LANES) => any(rows, COLUMNS.min(left), depth, a, b, c),
                        _ => {
                            let alone = Target { alpha: 1.0, beta: 0.0, at: edge, step: COLUMNS };
                            any(rows, if left < LANES { LANES } else { COLUMNS }, depth, a, b, alone);
                            put(edge, (rows, left), c);
                        }
                    }
                }
                at += COLUMNS;
            }
            i += ROWS;
        }
        l += CHAIN;
    }
}

/// Puts a part of a tile into C.
unsafe fn put(sums: *const f32, (rows, columns): (usize, usize), c: Target) {
    for r in 0..rows {
        for j in 0..columns {
            // SAFETY: both have so many rows and columns.
            unsafe {
                let (sum, c_at) = (*sums.add(r * COLUMNS + j), c.at.add(r * c.step + j));
                *c_at = if c.beta == 0.0 { c.alpha * sum } else { multiply_add(c.alpha, sum, c.beta * *c_at) };
            }
        }
    }
}

/// Up to four lines of A: where they stand if k goes along them, else a copy.
#[inline(always)]
unsafe fn lines_of(a: &Operand, (line, count): (usize, usize), (first, depth): (usize, usize), to: *mut f32) -> Lines {
    // SAFETY: the lines and their numbers are there, and so is room for the copy.
    unsafe {
        if !a.by_k {
            let at = a.row(line);
            let offset = |i: usize| if i < count { a.row(line + i).offset_from(at) } else { 0 };
            return Lines { at: at.add(first), offsets: [offset(1), offset(2), offset(3)], step: 1 };
        }
        for l in 0..depth {
            let (from, to) = (a.row(first + l).add(line), to.add(l * ROWS));
            if count == ROWS {
                v128_store(to.cast(), v128_load(from.cast()));
            } else {
                for i in 0..count {
                    *to.add(i) = *from.add(i);
                }
            }
        }
        Lines { at: to, offsets: [1, 2, 3], step: ROWS }
    }
}

/// Copies up to eight lines of B, those for one k side by side; where there are fewer, the rest is something that is there.
#[inline(always)]
unsafe fn copy_panel(b: &Operand, (line, count): (usize, usize), (first, depth): (usize, usize), to: *mut f32) {
    // SAFETY: the lines and their numbers are there, and so is room for the copy.
    unsafe {
        if b.by_k {
            for l in 0..depth {
                let (from, to) = (b.row(first + l).add(line), to.add(l * COLUMNS));
                if count == COLUMNS {
                    let (low, high) = (v128_load(from.cast()), v128_load(from.add(LANES).cast()));
                    v128_store(to.cast(), low);
                    v128_store(to.add(LANES).cast(), high);
                } else {
                    for j in 0..COLUMNS {
                        *to.add(j) = *from.add(j.min(count - 1));
                    }
                }
            }
            return;
        }
        let at = |j: usize| b.row(line + j.min(count - 1)).add(first);
        transpose([at(0), at(1), at(2), at(3)], depth, to);
        transpose([at(4), at(5), at(6), at(7)], depth, to.add(LANES));
    }
}

/// `to[l · 8 + j] = lines[j][l]`
unsafe fn transpose(lines: [*const f32; LANES], depth: usize, to: *mut f32) {
    let [a, b, c, d] = lines;
    let mut l = 0;
    // SAFETY: each line has `depth` numbers, and `to` has room for them.
    unsafe {
        while l + LANES <= depth {
            let load = |line: *const f32| v128_load(line.add(l).cast());
            let (ab, cd) = (low(load(a), load(b)), low(load(c), load(d)));
            let (ab_high, cd_high) = (high(load(a), load(b)), high(load(c), load(d)));
            let to = to.add(l * COLUMNS);
            v128_store(to.cast(), i32x4_shuffle::<0, 1, 4, 5>(ab, cd));
            v128_store(to.add(COLUMNS).cast(), i32x4_shuffle::<2, 3, 6, 7>(ab, cd));
            v128_store(to.add(2 * COLUMNS).cast(), i32x4_shuffle::<0, 1, 4, 5>(ab_high, cd_high));
            v128_store(to.add(3 * COLUMNS).cast(), i32x4_shuffle::<2, 3, 6, 7>(ab_high, cd_high));
            l += LANES;
        }
        while l < depth {
            let to = to.add(l * COLUMNS);
            *to = *a.add(l);
            *to.add(1) = *b.add(l);
            *to.add(2) = *c.add(l);
            *to.add(3) = *d.add(l);
            l += 1;
        }
    }
}

/// The first halves of two vectors, number by number.
fn low(x: v128, y: v128) -> v128 {
    i32x4_shuffle::<0, 4, 1, 5>(x, y)
}

/// Their second halves.
fn high(x: v128, y: v128) -> v128 {
    i32x4_shuffle::<2, 6, 3, 7>(x, y)
}
