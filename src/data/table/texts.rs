//! Different texts, each kept once and known by its number.

use std::collections::TryReserveError;

/// Different texts in the order in which they first come: one string with all of them, and a hash table of their
/// numbers. What grows with them is reserved, so that too little memory is an error.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    ends: Vec<usize>,
    /// Numbers of texts at the places of their hashes, [`FREE`] elsewhere; a power of two, at most half full.
    slots: Vec<u32>,
}

const FREE: u32 = u32::MAX;

impl Texts {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, number: usize) -> &str {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.all[start..self.ends[number]]
    }

    /// The number of a text, a new one if it is new.
    pub fn number(&mut self, text: &str) -> Result<u32, TryReserveError> {
        if 2 * self.ends.len() >= self.slots.len() {
            self.grow()?;
        }
        let mut slot = self.first_slot(text);
        loop {
            match self.slots[slot] {
                FREE => break,
                number if self.get(number as usize) == text => return Ok(number),
                _ => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
        self.all.try_reserve(text.len())?;
        self.ends.try_reserve(1)?;
        let number = self.ends.len() as u32;
        self.all.push_str(text);
        self.ends.push(self.all.len());
        self.slots[slot] = number;
        Ok(number)
    }

    fn first_slot(&self, text: &str) -> usize {
        hash(text.as_bytes()) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) -> Result<(), TryReserveError> {
        let size = (2 * self.slots.len()).max(4);
        let mut slots = Vec::new();
        slots.try_reserve_exact(size)?;
        slots.resize(size, FREE);
        self.slots = slots;
        for number in 0..self.ends.len() {
            let mut slot = self.first_slot(self.get(number));
            while self.slots[slot] != FREE {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = number as u32;
        }
        Ok(())
    }

    /// The texts as strings of their own.
    pub fn into_levels(self) -> Result<Vec<String>, TryReserveError> {
        let mut levels = Vec::new();
        levels.try_reserve_exact(self.len())?;
        for number in 0..self.len() {
            let text = self.get(number);
            let mut level = String::new();
            level.try_reserve_exact(text.len())?;
            level.push_str(text);
            levels.push(level);
        }
        Ok(levels)
    }
}

/// Eight bytes at a time: multiply, rotate, and mix at the end.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = bytes.len() as u64;
    let mut feed = |word: u64| hash = (hash ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let (words, rest) = bytes.as_chunks();
    words.iter().for_each(|&word| feed(u64::from_le_bytes(word)));
    feed(rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    hash ^= hash >> 32;
    hash.wrapping_mul(FACTOR) >> 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_numbers_in_the_order_in_which_they_come() {
        let mut texts = Texts::default();
        let all: Vec<String> = (0..5000).map(|i| format!("text {}", i * 7919 % 5000)).chain(["".into()]).collect();
        for round in 0..2 {
            for (i, text) in all.iter().enumerate() {
                assert_eq!(texts.number(text), Ok(i as u32), "round {round}");
            }
        }
        assert_eq!(texts.into_levels(), Ok(all));
    }
}
