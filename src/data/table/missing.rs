//! Which cells count as missing.

/// The words for a missing value, compared without regard to case.
pub(super) struct Missing {
    /// In small letters.
    words: Vec<String>,
    /// The lengths of words up to 63 bytes, a bit each; all if one has other letters than ASCII or is longer, since those
    /// may have another length in the other case.
    lengths: u64,
    /// Whether one of them is a number, such as -999.
    pub has_numbers: bool,
}

impl Missing {
    pub fn new(words: &[String]) -> Missing {
        let words: Vec<String> = words.iter().map(|word| word.trim().to_lowercase()).collect();
        let length = |word: &String| if word.is_ascii() && word.len() < 64 { 1 << word.len() } else { u64::MAX };
        let lengths = words.iter().map(length).fold(0, |lengths, length| lengths | length);
        let has_numbers = words.iter().any(|word| word.starts_with(|c: char| c.is_ascii_digit() || "+-.,".contains(c)));
        Missing { words, lengths, has_numbers }
    }

    pub fn has(&self, text: &str) -> bool {
        if self.lengths >> text.len().min(63) & 1 == 0 {
            false
        } else if text.is_ascii() {
            self.words.iter().any(|word| word.eq_ignore_ascii_case(text))
        } else {
            self.words.contains(&text.to_lowercase())
        }
    }
}
