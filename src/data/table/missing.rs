//! Which cells count as missing.

/// The words for a missing value, compared without regard to case.
pub(super) struct Missing {
    /// In small letters.
    words: Vec<String>,
    longest: usize,
    /// Whether one of them is a number, such as -999.
    pub has_numbers: bool,
}

impl Missing {
    pub fn new(words: &[String]) -> Missing {
        let words: Vec<String> = words.iter().map(|word| word.trim().to_lowercase()).collect();
        // A letter may have a longer form in the other case.
        let longest = words.iter().map(|word| 3 * word.len()).max().unwrap_or(0);
        let has_numbers = words.iter().any(|word| word.starts_with(|c: char| c.is_ascii_digit() || "+-.,".contains(c)));
        Missing { words, longest, has_numbers }
    }

    pub fn has(&self, text: &str) -> bool {
        if text.len() > self.longest {
            false
        } else if text.is_ascii() {
            self.words.iter().any(|word| word.eq_ignore_ascii_case(text))
        } else {
            self.words.contains(&text.to_lowercase())
        }
    }
}
