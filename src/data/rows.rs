//! Copies of rows out of features, in any order: from memory, or from a packed file without the rest of it.

use super::Features;
use crate::error::{Error, Result};
use std::sync::{Mutex, PoisonError};

impl Features {
    /// Whether the features are bytes.
    pub fn are_bytes(&self) -> bool {
        match self {
            Features::F32 { .. } | Features::Matrix(_) => false,
            Features::U8 { .. } => true,
            Features::Packed(rows) => rows.are_bytes(),
        }
    }

    /// Copies rows as floats into `out`, one for each `width` of its elements: row number `row(i)` comes as the `i`-th.
    ///
    /// ```
    /// use anygrad::data::Features;
    /// let features = Features::U8 { width: 2, data: vec![0, 1, 2, 3, 4, 5] };
    /// let mut out = [0.0; 4];
    /// features.copy_floats(|i| 2 - i, &mut out)?;
    /// assert_eq!(out, [4.0, 5.0, 2.0, 3.0]);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if rows of a file cannot be read.
    ///
    /// # Panics
    /// If there is no row with one of the numbers.
    pub fn copy_floats(&self, row: impl Fn(usize) -> usize + Sync, out: &mut [f32]) -> Result<()> {
        match self {
            Features::F32 { width, data } => {
                for (i, out) in out.chunks_exact_mut(*width).enumerate() {
                    out.copy_from_slice(&data[row(i) * width..][..*width]);
                }
                Ok(())
            }
            Features::U8 { width, data } => {
                for (i, out) in out.chunks_exact_mut(*width).enumerate() {
                    widen(&data[row(i) * width..][..*width], out);
                }
                Ok(())
            }
            Features::Packed(rows) => rows.copy_floats(row, out),
            Features::Matrix(rows) => rows.copy_floats(row, out),
        }
    }

    /// Copies rows of bytes into `out`, one for each `width` of its elements: row number `row(i)` comes as the `i`-th. Of
    /// floats nothing is copied.
    ///
    /// # Errors
    /// Fails as [`Features::copy_floats`] does.
    ///
    /// # Panics
    /// If there is no row with one of the numbers.
    pub fn copy_bytes(&self, row: impl Fn(usize) -> usize + Sync, out: &mut [u8]) -> Result<()> {
        match self {
            Features::F32 { .. } | Features::Matrix(_) => Ok(()),
            Features::U8 { width, data } => {
                for (i, out) in out.chunks_exact_mut(*width).enumerate() {
                    out.copy_from_slice(&data[row(i) * width..][..*width]);
                }
                Ok(())
            }
            Features::Packed(rows) => rows.copy_bytes(row, out),
        }
    }

    /// The rows in memory: a copy.
    ///
    /// # Errors
    /// Fails as [`Features::copy_floats`] does.
    pub fn in_memory(&self) -> Result<Features> {
        let (width, numbers) = (self.width(), self.rows() * self.width());
        if self.are_bytes() {
            let mut data = zeros(numbers)?;
            self.copy_bytes(|i| i, &mut data)?;
            return Ok(Features::U8 { width, data });
        }
        let mut data = zeros(numbers)?;
        self.copy_floats(|i| i, &mut data)?;
        Ok(Features::F32 { width, data })
    }

    /// Hands all rows as floats to `take`, in their order and some at a time.
    pub(super) fn for_each_block(&self, mut take: impl FnMut(&[f32])) -> Result<()> {
        if let Features::F32 { data, .. } = self {
            take(data);
            return Ok(());
        }
        let most = (BLOCK_NUMBERS / self.width().max(1)).clamp(1, 4096);
        let mut block = vec![0.0; most.min(self.rows()) * self.width()];
        for first in (0..self.rows()).step_by(most) {
            let block = &mut block[..most.min(self.rows() - first) * self.width()];
            self.copy_floats(|i| first + i, block)?;
            take(block);
        }
        Ok(())
    }
}

/// Numbers that are handed out at a time, but for one row at least.
const BLOCK_NUMBERS: usize = 1 << 20;

/// Zeros in main memory, if there is room.
pub(super) fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>> {
    let context = || format!("{} bytes for a copy of the rows", count.saturating_mul(size_of::<T>()));
    let mut data = Vec::new();
    data.try_reserve_exact(count).map_err(|_| Error::memory(context()))?;
    data.resize(count, T::default());
    Ok(data)
}

/// Bytes as floats.
pub(super) fn widen(bytes: &[u8], floats: &mut [f32]) {
    bytes.iter().zip(floats).for_each(|(&byte, float)| *float = f32::from(byte));
}

/// Calls `body` with parts of `out`, each whole rows of `width` elements and with the number of its first, on as many
/// threads as can be had up to `threads`. Returns the first failure that came.
pub(super) fn in_parts<T: Send>(
    out: &mut [T],
    width: usize,
    threads: usize,
    body: impl Fn(usize, &mut [T]) -> Result<()> + Sync,
) -> Result<()> {
    let rows = (out.len() / width).div_ceil(threads.max(1)).max(1);
    if threads <= 1 || cfg!(target_arch = "wasm32") {
        return out.chunks_mut(rows * width).enumerate().try_for_each(|(number, part)| body(number * rows, part));
    }
    let parts = Mutex::new(out.chunks_mut(rows * width).enumerate());
    let work = || -> Result<()> {
        loop {
            let part = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((number, part)) = part else { return Ok(()) };
            body(number * rows, part)?;
        }
    };
    std::thread::scope(|scope| {
        // Where a thread cannot be had, the others do its part.
        let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
        let spawned: Vec<_> = (1..threads).filter_map(spawn).collect();
        let own = work();
        let joined =
            spawned.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        [own].into_iter().chain(joined).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_rows_and_come_once() {
        for (rows, threads) in [(1, 1), (1, 8), (7, 3), (8, 4), (100, 7)] {
            let mut out = vec![0usize; 3 * rows];
            in_parts(&mut out, 3, threads, |first, part| {
                part.iter_mut().enumerate().for_each(|(i, x)| *x += 3 * first + i);
                Ok(())
            })
            .unwrap();
            assert_eq!(out, (0..3 * rows).collect::<Vec<_>>());
        }
        let failed = in_parts(&mut [0u8; 9], 1, 3, |first, _| match first {
            3 => Err(Error::shape("part", "fails")),
            _ => Ok(()),
        });
        assert_eq!(failed.unwrap_err().to_string(), "part: fails");
    }
}
