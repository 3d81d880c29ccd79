//! JSON that stands in files: read if a text of its length may have so many values.

use super::{in_words, limit};
use serde::de::DeserializeOwned;

/// Bytes that a value takes at most while it is read, beside its text.
const VALUE: u64 = 128;

/// Bytes that the values of any text may take, however short it is.
const MOST: u64 = 16 << 20;

/// What a text says, if its values take at most 8 times its length or 16 MiB, or what the user allows.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    check(text)?;
    serde_json::from_slice(text).map_err(|e| e.to_string())
}

/// Refuses a text that has too many values for its length.
pub(crate) fn check(text: &[u8]) -> Result<(), String> {
    let (values, most) = (values(text), limit(MOST).max(8 * text.len() as u64));
    if values.saturating_mul(VALUE) <= most {
        return Ok(());
    }
    let (length, most) = (text.len(), in_words(most >> 20 << 20));
    Err(format!("it has {values} values in {length} bytes, for which {most} of memory are too little (--max-bytes)"))
}

/// How many values a text has at most: one begins behind each bracket, comma and colon that stands in no string.
fn values(text: &[u8]) -> u64 {
    let (mut count, mut at) = (0, 0);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'[' | b'{' | b',' | b':' => count += 1,
            b'"' => at += string(&text[at..]),
            _ => {}
        }
    }
    count
}

/// The length of a string with its closing quote.
fn string(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at..]) {
        at += found + 1;
        if text[at - 1] == b'"' {
            return at;
        }
        at = (at + 1).min(text.len());
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_strings() {
        assert_eq!(values(br#"{"a,[\"{": [1, 2, {}], "b": "\\"}"#), 8);
        assert_eq!(values(br#"["open, \"#), 1);
        assert_eq!(values(b""), 0);
    }

    #[test]
    fn what_is_all_values_is_refused_and_a_long_list_of_names_is_not() {
        let nothing = format!("[{}0]", "[],".repeat(200_000));
        assert!(parse::<serde_json::Value>(nothing.as_bytes()).unwrap_err().contains("--max-bytes"));
        let names = format!("[{}\"\"]", "\"a name of some length\",".repeat(200_000));
        assert_eq!(parse::<Vec<String>>(names.as_bytes()).unwrap().len(), 200_001);
    }
}
