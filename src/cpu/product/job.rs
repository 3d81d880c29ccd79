//! What the engine in WebAssembly tells the threads that multiply with it: part of the library and of `web/fused`, which has the
//! loops. All of it lies in the memory that they share.

use core::sync::atomic::{AtomicPtr, AtomicU32};

/// Rows and columns of a tile.
pub const ROWS: usize = 4;
pub const COLUMNS: usize = 8;
/// Most columns of a task.
pub const STRIPE: usize = 64;
/// Terms that are one chain of multiply-adds.
pub const CHAIN: usize = 1024;

/// An operand: lines of numbers to be multiplied along k.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// The first number of the matrix.
    pub data: *const f32,
    /// From one row of it to the next.
    pub stride: usize,
    /// The rows that count, one after the other; null for all.
    pub row_indices: *const u32,
    /// Whether k counts the rows, else it counts the columns.
    pub by_k: bool,
}

/// C, which is to be `alpha · A · B + beta · C`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub a: Operand,
    pub b: Operand,
    pub c: *mut f32,
    /// Rows and columns of C, and terms of each sum.
    pub size: [usize; 3],
    /// Rows and columns of a task: whole tiles.
    pub task: [usize; 2],
    /// Threads that have a range of the tasks each; who comes later takes of theirs.
    pub ranges: usize,
    pub alpha: f32,
    pub beta: f32,
}

/// What a thread has of its own.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Place {
    /// The next task of its range that nobody has taken, and the range's end.
    pub next: AtomicU32,
    pub end: AtomicU32,
    /// Room for copies: of a stripe of B, of the lines of a tile of A, and of a tile of C.
    pub stripe: [f32; STRIPE * CHAIN],
    pub lines: [f32; ROWS * CHAIN],
    pub tile: [f32; ROWS * COLUMNS],
}

/// The threads that multiply together: the engine's, and those that wait for its jobs.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Team {
    /// Number of jobs so far, by which threads that sleep are woken.
    pub epoch: AtomicU32,
    /// Threads that sleep.
    pub asleep: AtomicU32,
    /// Threads that may read the job.
    pub inside: AtomicU32,
    /// The job that threads may enter, or null.
    pub job: AtomicPtr<Job>,
    /// Threads that have come.
    pub members: AtomicU32,
    /// A workplace for the engine, then one for each of the others.
    pub places: AtomicPtr<Place>,
}
