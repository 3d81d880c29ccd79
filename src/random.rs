//! Counter-based random numbers: the same on every device, for any order of evaluation.
//!
//! The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: *Parallel random numbers: as easy as
//! 1, 2, 3*, SC 2011). A number is a function of a key and a counter, so that element `i` of the tensor at path `p`
//! gets the same bits at step `s` on the CPU, on every GPU and in the browser. `shaders/shared/random.wgsl` is the twin
//! on the device; a test compares the two bit by bit.

use crate::files::Fnv;
use std::convert::Infallible;

/// Two words that select a stream of random numbers.
pub type Key = [u32; 2];

const ROTATIONS: [u32; 8] = [13, 15, 26, 6, 17, 29, 16, 24];

/// Threefry-2x32-20: maps `counter` to two words of random bits under `key`.
///
/// ```
/// use anygrad::random::threefry;
/// // A published known answer (Random123).
/// assert_eq!(threefry([0, 0], [0, 0]), [0x6b200159, 0x99ba4efe]);
/// ```
#[inline(always)]
pub fn threefry(key: Key, counter: [u32; 2]) -> [u32; 2] {
    let keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1BD1_1BDA];
    let [mut x, mut y] = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for group in 0..5usize {
        for round in 0..4 {
            x = x.wrapping_add(y);
            y = y.rotate_left(ROTATIONS[(group % 2) * 4 + round]) ^ x;
        }
        x = x.wrapping_add(keys[(group + 1) % 3]);
        y = y.wrapping_add(keys[(group + 2) % 3]).wrapping_add(group as u32 + 1);
    }
    [x, y]
}

/// The purpose that random numbers are drawn for. Streams of different purposes never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial values of a tensor, by its path.
    Init = 1,
    /// Row order of an epoch.
    Shuffle = 2,
    /// Dropout mask, by the path of the dropout.
    Dropout = 3,
    /// Generated datasets.
    Synthetic = 4,
    /// Which rows go into the test set.
    Split = 5,
    /// Which elements of a tensor are looked at; `id` is the tensor's number.
    Sample = 6,
    /// Row orders in which features are shuffled to see what they matter; `id` is the group's number.
    Permute = 7,
    /// Values of settings that a search of recipes tries, by their keys.
    Search = 8,
}

/// Key of the stream for `purpose` and `id` under the user's `seed`.
pub fn stream_key(seed: u64, purpose: Purpose, id: u32) -> Key {
    threefry([seed as u32, (seed >> 32) as u32], [purpose as u32, id])
}

/// Key of the stream for `purpose` and a path such as `2.0.weight` under the user's `seed`: Threefry maps the 64-bit
/// FNV-1a hash of the path's UTF-8 under `stream_key(seed, purpose, 0)`. Threefry is a bijection, so under one seed and
/// purpose two paths share a key only if their hashes agree.
///
/// ```
/// use anygrad::random::{Purpose, stream_key_of};
/// assert_ne!(stream_key_of(0, Purpose::Init, "0.weight"), stream_key_of(0, Purpose::Init, "1.weight"));
/// ```
pub fn stream_key_of(seed: u64, purpose: Purpose, path: &str) -> Key {
    let mut hash = Fnv::default();
    hash.feed(path.as_bytes());
    threefry(stream_key(seed, purpose, 0), [hash.value() as u32, (hash.value() >> 32) as u32])
}

/// Word number `index` of step `step` in the stream of `key`.
pub fn word(key: Key, index: u32, step: u32) -> u32 {
    threefry(key, [index >> 1, step])[(index & 1) as usize]
}

/// The words that counters `[first, second]`, `[first + 1, second]` and so on map to, pair by pair: a loop that the
/// compiler makes vectors of.
#[inline(always)]
pub(crate) fn words<const PAIRS: usize>(key: Key, first: u32, second: u32) -> [[u32; 2]; PAIRS] {
    let mut words = [[0; 2]; PAIRS];
    for (i, pair) in words.iter_mut().enumerate() {
        *pair = threefry(key, [first.wrapping_add(i as u32), second]);
    }
    words
}

/// A word as a uniform number in `[0, 1)` with 24 bits, exact in f32.
pub fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// The threshold that [`keeps`] compares with, for a dropout `rate` in `[0, 1)`.
pub fn drop_threshold(rate: f32) -> u32 {
    (f64::from(rate) * 16_777_216.0).ceil() as u32
}

/// Whether dropout keeps the element that drew `word`: true with probability `1 − rate`, decided on integers.
///
/// ```
/// use anygrad::random::{Purpose, drop_threshold, keeps, stream_key, word};
/// let (key, threshold) = (stream_key(0, Purpose::Dropout, 0), drop_threshold(0.25));
/// let kept = (0..10_000).filter(|&element| keeps(word(key, element, 0), threshold)).count();
/// assert!((7_300..7_700).contains(&kept));
/// ```
pub fn keeps(word: u32, threshold: u32) -> bool {
    (word >> 8) >= threshold
}

/// A sequential reader of one stream that implements rand's generator traits, so that rand's distributions can draw
/// from it: `Stream::new(stream_key(seed, Purpose::Synthetic, 0))`.
///
/// ```
/// use anygrad::random::{Purpose, Stream, stream_key};
/// let mut stream = Stream::new(stream_key(0, Purpose::Synthetic, 0));
/// let mean = (0..1000).map(|_| stream.next_unit()).sum::<f32>() / 1000.0;
/// assert!((mean - 0.5).abs() < 0.05);
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    key: Key,
    position: u64,
}

impl Stream {
    /// Starts at the first word of the stream of `key`.
    pub fn new(key: Key) -> Self {
        Stream { key, position: 0 }
    }

    /// The next uniform number in `[0, 1)`.
    pub fn next_unit(&mut self) -> f32 {
        unit(self.next_word())
    }

    /// The next number of the standard normal distribution (Box–Muller, computed in f64).
    pub fn next_normal(&mut self) -> f32 {
        let u = 1.0 - f64::from(self.next_unit());
        let v = f64::from(self.next_unit());
        ((-2.0 * libm::log(u)).sqrt() * libm::cos(std::f64::consts::TAU * v)) as f32
    }

    fn next_word(&mut self) -> u32 {
        let at = self.position;
        self.position += 1;
        threefry(self.key, [(at >> 1) as u32, (at >> 33) as u32])[(at & 1) as usize]
    }
}

impl rand::TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next_word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.next_word());
        Ok(low | u64::from(self.next_word()) << 32)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.next_word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A random order of `0..count` in which each position is computed on its own: an alternating Feistel network over
/// the next power of two, walked until it lands below `count`.
///
/// ```
/// use anygrad::random::{Permutation, Purpose, stream_key};
/// let order = Permutation::new(stream_key(0, Purpose::Shuffle, 0), 1, 100);
/// let mut rows: Vec<u32> = (0..100).map(|position| order.at(position)).collect();
/// assert_ne!(rows, (0..100).collect::<Vec<_>>());
/// rows.sort_unstable();
/// assert_eq!(rows, (0..100).collect::<Vec<_>>());
/// ```
#[derive(Clone, Debug)]
pub struct Permutation {
    count: u32,
    low_bits: u32,
    high_bits: u32,
    round_keys: [u32; ROUNDS],
}

/// Rounds of the Feistel network.
const ROUNDS: usize = 8;
/// Below 64 positions the network runs over 64, because it cannot reach every order of a tiny set.
const MIN_BITS: u32 = 6;

impl Permutation {
    /// The order of epoch `epoch` over `count` rows under `key`.
    pub fn new(key: Key, epoch: u32, count: u32) -> Self {
        let bits = (32 - count.saturating_sub(1).leading_zeros()).max(MIN_BITS);
        let mut round_keys = [0; ROUNDS];
        for (pair, keys) in round_keys.chunks_mut(2).enumerate() {
            keys.copy_from_slice(&threefry(key, [epoch, pair as u32]));
        }
        Permutation { count, low_bits: bits - bits / 2, high_bits: bits / 2, round_keys }
    }

    /// The row that stands at `position` (`position < count`).
    pub fn at(&self, position: u32) -> u32 {
        let mut x = position;
        loop {
            x = self.network(x);
            if x < self.count {
                return x;
            }
        }
    }

    fn network(&self, x: u32) -> u32 {
        let (low_mask, high_mask) = ((1u32 << self.low_bits) - 1, (1u32 << self.high_bits) - 1);
        let (mut low, mut high) = (x & low_mask, x >> self.low_bits);
        for pair in self.round_keys.chunks(2) {
            low ^= mix(high ^ pair[0]) & low_mask;
            high ^= mix(low ^ pair[1]) & high_mask;
        }
        high << self.low_bits | low
    }
}

/// MurmurHash3's 32-bit finalizer: every input bit changes every output bit with probability one half.
fn mix(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x85EB_CA6B);
    x = (x ^ x >> 13).wrapping_mul(0xC2B2_AE35);
    x ^ x >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn threefry_matches_the_published_known_answers() {
        // Random123 1.09, tests/kat_vectors, threefry2x32 with 20 rounds.
        assert_eq!(threefry([0, 0], [0, 0]), [0x6b200159, 0x99ba4efe]);
        assert_eq!(threefry([u32::MAX; 2], [u32::MAX; 2]), [0x1cb996fc, 0xbb002be7]);
        assert_eq!(threefry([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3]), [0xc4923a9c, 0x483df7a0]);
    }

    #[test]
    fn a_path_selects_the_stated_stream() {
        // Published values of FNV-1a, 64 bits, by its authors' test suite.
        for (text, expected) in [("", 0xcbf29ce484222325), ("a", 0xaf63dc4c8601ec8c), ("foobar", 0x85944171f73967e8u64)]
        {
            let mut hash = Fnv::default();
            hash.feed(text.as_bytes());
            assert_eq!(hash.value(), expected, "{text}");
        }
        // By the second implementation of the generator, in tests/golden/numpy_net.py.
        assert_eq!(stream_key_of(0, Purpose::Init, "0.weight"), [0x2f87f262, 0x0c14ab83]);
        assert_eq!(
            stream_key_of(0x1234_5678_9abc_def0, Purpose::Dropout, "2.branch.1.dropout"),
            [0xa646eab1, 0xd3fb750a]
        );
    }

    #[test]
    fn no_two_tensors_of_a_large_model_share_a_stream() {
        let mut seen = std::collections::HashSet::new();
        for layer in 0..1000 {
            for name in (0..200).map(|i| format!("{layer}.{i}")).chain([format!("{layer}.weight")]) {
                assert!(seen.insert(stream_key_of(3, Purpose::Init, &name)), "{name}");
                assert!(seen.insert(stream_key_of(3, Purpose::Dropout, &name)), "{name}");
            }
        }
    }

    #[test]
    fn permutations_visit_every_row_once() {
        for count in [1, 2, 3, 4, 5, 63, 64, 65, 127, 1000, 1024, 60_000] {
            let order = Permutation::new([7, 9], 3, count);
            let mut seen = vec![false; count as usize];
            for i in 0..count {
                let row = order.at(i) as usize;
                assert!(!std::mem::replace(&mut seen[row], true), "{count} rows: {row} twice");
            }
        }
    }

    #[test]
    fn all_orders_of_four_rows_are_equally_likely() {
        let mut counts = std::collections::HashMap::new();
        let epochs = 24_000;
        for epoch in 0..epochs {
            let order = Permutation::new(stream_key(1, Purpose::Shuffle, 0), epoch, 4);
            *counts.entry([0, 1, 2, 3].map(|i| order.at(i))).or_insert(0u32) += 1;
        }
        let expected = f64::from(epochs) / 24.0;
        let chi_square: f64 = counts.values().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum();
        assert_eq!(counts.len(), 24);
        assert!(chi_square < 49.7, "23 degrees of freedom, p = 0.001: {chi_square}");
    }

    #[test]
    fn a_large_order_has_no_trend() {
        // Mean displacement and neighbour distance of a random order of n rows are both n/3.
        let n = 10_000u32;
        for epoch in 0..5 {
            let order = Permutation::new(stream_key(2, Purpose::Shuffle, 0), epoch, n);
            let moved: f64 = (0..n).map(|i| f64::from(order.at(i).abs_diff(i))).sum::<f64>() / f64::from(n);
            let apart: f64 = (1..n).map(|i| f64::from(order.at(i).abs_diff(order.at(i - 1)))).sum::<f64>();
            for mean in [moved, apart / f64::from(n - 1)] {
                assert!((mean / f64::from(n) - 1.0 / 3.0).abs() < 0.012, "epoch {epoch}: {mean}");
            }
        }
    }

    #[test]
    fn dropout_keeps_the_stated_share() {
        let key = stream_key(5, Purpose::Dropout, 2);
        let threshold = drop_threshold(0.2);
        let kept = (0..100_000).filter(|&i| keeps(word(key, i, 17), threshold)).count();
        assert!((kept as f64 / 100_000.0 - 0.8).abs() < 0.005, "{kept}");
        assert!((0..1000).all(|i| keeps(word(key, i, 0), drop_threshold(0.0))));
    }

    #[test]
    fn rand_distributions_draw_from_a_stream() {
        let mut stream = Stream::new(stream_key(0, Purpose::Synthetic, 0));
        let mean: f64 = (0..10_000).map(|_| stream.random_range(0.0..1.0)).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let normal: Vec<f32> = (0..10_000).map(|_| stream.next_normal()).collect();
        let variance = normal.iter().map(|x| x * x).sum::<f32>() / 10_000.0;
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }
}
