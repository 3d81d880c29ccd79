//! Memory that begins at a line of the cache: a vector that straddles two lines takes twice as long to read or to write.

use bytemuck::{Pod, Zeroable};
use std::collections::TryReserveError;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A line of the cache.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Numbers one after the other, the first at the beginning of a line.
#[derive(Debug)]
pub struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    numbers: PhantomData<T>,
}

impl<T: Pod> Aligned<T> {
    /// No numbers.
    pub const fn new() -> Self {
        Aligned { lines: Vec::new(), len: 0, numbers: PhantomData }
    }

    /// `len` times a value.
    ///
    /// # Errors
    /// If the system refuses the memory.
    pub fn filled(len: usize, value: T) -> Result<Self, TryReserveError> {
        let mut filled = Aligned::new();
        filled.lines.try_reserve_exact(Self::lines(len))?;
        filled.at_least(len).fill(value);
        Ok(filled)
    }

    /// The first `len` numbers of as many as ever were asked for: they hold anything.
    pub fn at_least(&mut self, len: usize) -> &mut [T] {
        if self.len < len {
            self.lines.resize(Self::lines(len), Line::zeroed());
            self.len = len;
        }
        &mut self[..len]
    }

    fn lines(len: usize) -> usize {
        len.div_ceil(size_of::<Line>() / size_of::<T>())
    }
}

impl<T: Pod> Deref for Aligned<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl<T: Pod> DerefMut for Aligned<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_at_a_line_and_stay_when_there_are_more() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut numbers = Aligned::filled(len, 2.5f32).expect("a few bytes");
            assert_eq!((&numbers[..], numbers.as_ptr() as usize % 64), (&vec![2.5; len][..], 0));
            numbers.at_least(len + 40)[len..].fill(1.0);
            assert_eq!(numbers.at_least(len), &vec![2.5; len][..]);
            assert_eq!((numbers.len(), numbers[len + 39]), (len + 40, 1.0));
        }
        assert!(Aligned::filled(usize::MAX, 0u64).is_err());
    }
}
