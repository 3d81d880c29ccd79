//! Damage to the bytes of a file, drawn from the project's own counter generator: a number stands for one damaged file.
#![allow(dead_code)]

use anygrad::random::{Purpose, stream_key, word};

/// Random numbers of one damaged file.
pub struct Chance {
    key: [u32; 2],
    drawn: u32,
}

impl Chance {
    pub fn new(seed: u64, number: u32) -> Chance {
        Chance { key: stream_key(seed, Purpose::Synthetic, number), drawn: 0 }
    }

    /// A number below `most`, which is not 0.
    pub fn below(&mut self, most: usize) -> usize {
        self.drawn += 1;
        word(self.key, self.drawn, 0) as usize % most
    }
}

/// Numbers that a length may be set to, besides those near the length of the file.
const EXTREMES: [u64; 14] = [
    0,
    1,
    2,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    1 << 20,
    1 << 24,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];

/// Texts that formats of text give a meaning to.
const TOKENS: [&[u8]; 20] = [
    b"\"",
    b",",
    b"\n",
    b"\r",
    b";",
    b"\0",
    b"{",
    b"}",
    b"[",
    b"]",
    b"-1",
    b"1e999",
    b"nan",
    b"18446744073709551616",
    b"'",
    b"\xFF\xFE",
    b"null",
    b"=",
    b"\\",
    b"(",
];

/// Damages bytes in one to four ways. `other` is another file of the kind, to take parts from.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    for _ in 0..1 + chance.below(4) {
        if bytes.is_empty() {
            bytes.push(chance.below(256) as u8);
        }
        let length = bytes.len();
        // Half of the places are in the first bytes, where headers stand, or in the last.
        let at = match chance.below(4) {
            0 => chance.below(length.min(128)),
            1 => length - 1 - chance.below(length.min(128)),
            _ => chance.below(length),
        };
        let count = 1 + chance.below((length - at).min(200));
        match chance.below(11) {
            0 | 1 => bytes[at] ^= 1 << chance.below(8),
            2 => bytes[at] = chance.below(256) as u8,
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..at + count)),
            5 | 6 => set_number(bytes, at, chance),
            7 => {
                let part = bytes[at..at + count].to_vec();
                let times = [1, 1, 2, 50][chance.below(4)];
                bytes.splice(at..at, part.repeat(times));
            }
            8 if !other.is_empty() => {
                let from = chance.below(other.len());
                let part = &other[from..(from + count).min(other.len())];
                bytes.splice(at..at + count, part.iter().copied());
            }
            9 => (at..at + count.min(16)).for_each(|i| bytes[i] = chance.below(256) as u8),
            _ => {
                let token = TOKENS[chance.below(TOKENS.len())];
                let end = at + [0, token.len().min(length - at)][chance.below(2)];
                bytes.splice(at..end, token.iter().copied());
            }
        }
    }
}

/// Sets a number of 1, 2, 4 or 8 bytes to an extreme, in either order of bytes.
fn set_number(bytes: &mut [u8], at: usize, chance: &mut Chance) {
    let width = [1, 2, 4, 8][chance.below(4)];
    let number = match chance.below(4) {
        0 => (bytes.len() as u64 + chance.below(5) as u64).wrapping_sub(2),
        _ => EXTREMES[chance.below(EXTREMES.len())],
    };
    let mut digits = number.to_le_bytes()[..width].to_vec();
    if chance.below(2) == 0 {
        digits.reverse();
    }
    let place = bytes[at..].iter_mut();
    place.zip(digits).for_each(|(byte, digit)| *byte = digit);
}

/// FNV-1a of bytes, by which some files are signed.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
}
