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
        Decoder { encoding: self, high: None }
    }

    /// The text of bytes, whether they were of another encoding than this, and whether some were replaced.
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
    /// The first half of a pair of UTF-16 that stood at the end of a part.
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
        // Half a character at the end of a part waits for the next part.
        let is_done = read == bytes.len() || (!is_last && self.encoding != WINDOWS_1252 && read + 1 == bytes.len());
        let result = if is_done { CoderResult::InputEmpty } else { CoderResult::OutputFull };
        (result, read, text.len(), has_errors)
    }

    /// Decodes as many bytes as give at most `most` of text.
    fn decode(&mut self, bytes: &[u8], is_last: bool, most: usize, text: &mut String) -> (usize, bool) {
        let (mut read, mut has_errors) = (0, false);
        let unit = if self.encoding == WINDOWS_1252 { 1 } else { 2 };
        for bytes in bytes.chunks(unit) {
            if text.len() + 6 > most {
                return (read, has_errors);
            }
            let character = match bytes {
                [byte @ 0x80..=0x9F] if OF_WINDOWS[usize::from(byte - 0x80)] != 0 => {
                    OF_WINDOWS[usize::from(byte - 0x80)]
                }
                [byte] if unit == 1 => u16::from(*byte),
                [a, b] if self.encoding == UTF_16BE => u16::from_be_bytes([*a, *b]),
                [a, b] => u16::from_le_bytes([*a, *b]),
                _ if is_last => {
                    text.push(char::REPLACEMENT_CHARACTER);
                    return (read + 1, true);
                }
                _ => return (read, has_errors),
            };
            read += bytes.len();
            let pair = self.high.take().into_iter().chain([character]);
            for decoded in char::decode_utf16(pair) {
                match decoded {
                    Ok(character) => text.push(character),
                    Err(half)
                        if (0xD800..0xDC00).contains(&half.unpaired_surrogate())
                            && half.unpaired_surrogate() == character =>
                    {
                        self.high = Some(character);
                    }
                    Err(_) => {
                        has_errors = true;
                        text.push(char::REPLACEMENT_CHARACTER);
                    }
                }
            }
        }
        if is_last && self.high.take().is_some() {
            has_errors = true;
            text.push(char::REPLACEMENT_CHARACTER);
        }
        (read, has_errors)
    }
}
