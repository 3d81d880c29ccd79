//! The encodings of text that tables come in, in WebAssembly: those that are found out. The tables of the others would be
//! half of what travels; they have the same names and types in `encoding_rs`.

use std::borrow::Cow;

/// An encoding of text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Encoding(&'static str);

pub(super) static UTF_8: &Encoding = &Encoding("UTF-8");
pub(super) static UTF_16LE: &Encoding = &Encoding("UTF-16LE");
pub(super) static UTF_16BE: &Encoding = &Encoding("UTF-16BE");
pub(super) static WINDOWS_1252: &Encoding = &Encoding("windows-1252");

/// What windows-1252 has from 0x80 to 0x9F; 0 stands for the control character of the byte's own number.
const OF_WINDOWS: [u16; 32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0, 0,
    0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
];

impl Encoding {
    /// The encoding of a name, as browsers know it.
    pub fn for_label(label: &[u8]) -> Option<&'static Encoding> {
        match &label.trim_ascii().to_ascii_lowercase()[..] {
            b"utf-8" | b"utf8" | b"unicode-1-1-utf-8" => Some(UTF_8),
            b"utf-16le" | b"utf-16" | b"unicode" | b"ucs-2" => Some(UTF_16LE),
            b"utf-16be" => Some(UTF_16BE),
            b"windows-1252" | b"cp1252" | b"latin1" | b"iso-8859-1" | b"ascii" | b"us-ascii" | b"l1" => {
                Some(WINDOWS_1252)
            }
            _ => None,
        }
    }

    pub fn name(&self) -> &'static str {
        self.0
    }

    pub fn new_decoder_without_bom_handling(&'static self) -> Decoder {
        Decoder { encoding: self, first: None, high: None }
    }

    /// The text of bytes, and whether some were no text and are replaced.
    #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "there the tests alone know this file"))]
    pub fn decode_without_bom_handling<'a>(&'static self, bytes: &'a [u8]) -> (Cow<'a, str>, bool) {
        let mut text = String::new();
        let (_, has_errors) = self.new_decoder_without_bom_handling().decode(bytes, true, usize::MAX, &mut text);
        (text.into(), has_errors)
    }
}

/// How far decoding got.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CoderResult {
    InputEmpty,
    OutputFull,
}

/// Text that is decoded part by part.
pub(super) struct Decoder {
    encoding: &'static Encoding,
    /// Of UTF-16, the first byte of two.
    first: Option<u8>,
    /// The first half of a pair of UTF-16.
    high: Option<u16>,
}

impl Decoder {
    /// As `encoding_rs` does: the result, the bytes that are read and written, and whether some were no text.
    pub fn decode_to_utf8(
        &mut self,
        bytes: &[u8],
        into: &mut [u8],
        is_last: bool,
    ) -> (CoderResult, usize, usize, bool) {
        let mut text = String::with_capacity(into.len());
        let (read, has_errors) = self.decode(bytes, is_last, into.len(), &mut text);
        into[..text.len()].copy_from_slice(text.as_bytes());
        let result = if read == bytes.len() { CoderResult::InputEmpty } else { CoderResult::OutputFull };
        (result, read, text.len(), has_errors)
    }

    /// Decodes as many bytes as give at most `most` of text.
    fn decode(&mut self, bytes: &[u8], is_last: bool, most: usize, text: &mut String) -> (usize, bool) {
        let mut has_errors = false;
        for (read, &byte) in bytes.iter().enumerate() {
            // A half without its other and a character.
            if text.len() + 6 > most {
                return (read, has_errors);
            }
            let unit = match (byte, self.first.take()) {
                (0x80..=0x9F, _) if self.encoding == WINDOWS_1252 => match OF_WINDOWS[usize::from(byte - 0x80)] {
                    0 => u16::from(byte),
                    character => character,
                },
                _ if self.encoding == WINDOWS_1252 => u16::from(byte),
                (_, None) => {
                    self.first = Some(byte);
                    continue;
                }
                (_, Some(first)) if self.encoding == UTF_16BE => u16::from_be_bytes([first, byte]),
                (_, Some(first)) => u16::from_le_bytes([first, byte]),
            };
            let is_high = (0xD800..0xDC00).contains(&unit);
            let before = self.high.take();
            self.high = is_high.then_some(unit);
            for decoded in char::decode_utf16(before.into_iter().chain((!is_high).then_some(unit))) {
                has_errors |= decoded.is_err();
                text.push(decoded.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        if is_last && (self.first.take().is_some() | self.high.take().is_some()) {
            has_errors = true;
            text.push(char::REPLACEMENT_CHARACTER);
        }
        (bytes.len(), has_errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream_key, word};

    /// The text of bytes that come in parts, and whether some were no text.
    macro_rules! decoded {
        ($encoding:expr, $bytes:expr, $part:expr) => {{
            let (mut decoder, mut text, mut has_errors) =
                ($encoding.new_decoder_without_bom_handling(), Vec::new(), false);
            let (mut from, mut to) = (0, 0);
            loop {
                to = $bytes.len().min(to + $part);
                let is_last = to == $bytes.len();
                let mut room = [0; 4096];
                let (result, read, written, failed) = decoder.decode_to_utf8(&$bytes[from..to], &mut room, is_last);
                assert_eq!(format!("{result:?}"), "InputEmpty");
                text.extend_from_slice(&room[..written]);
                (from, has_errors) = (from + read, has_errors | failed);
                if is_last {
                    break (String::from_utf8(text).expect("UTF-8"), has_errors);
                }
            }
        }};
    }

    #[test]
    fn what_is_found_out_is_decoded_as_everywhere() {
        let key = stream_key(5, Purpose::Synthetic, 0);
        for round in 0..400 {
            let bytes: Vec<u8> = (0..word(key, round, 0) % 40)
                .map(|i| match word(key, round, i + 9) {
                    // Letters, halves of pairs in either order of bytes, anything.
                    random if random % 4 == 0 => b'a' + (random >> 8) as u8 % 26,
                    random if random % 4 == 1 => 0xD8 + (random >> 8) as u8 % 8,
                    random if random % 4 == 2 => 0,
                    random => (random >> 8) as u8,
                })
                .collect();
            let part = 1 + word(key, round, 1) as usize % 7;
            for (own, theirs) in [
                (WINDOWS_1252, encoding_rs::WINDOWS_1252),
                (UTF_16LE, encoding_rs::UTF_16LE),
                (UTF_16BE, encoding_rs::UTF_16BE),
            ] {
                let (text, has_errors) = theirs.decode_without_bom_handling(&bytes);
                assert_eq!(own.name(), theirs.name());
                assert_eq!(decoded!(own, bytes, part), (text.into_owned(), has_errors), "{bytes:x?} in {}", own.name());
            }
        }
        for label in ["utf8", " UTF-16 ", "latin1", "cp1252"] {
            let named = |own: Option<&Encoding>| own.map(Encoding::name);
            assert_eq!(
                named(Encoding::for_label(label.as_bytes())),
                encoding_rs::Encoding::for_label(label.as_bytes()).map(|theirs| theirs.name())
            );
        }
    }
}
