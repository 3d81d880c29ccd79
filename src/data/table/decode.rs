//! Text of another encoding as UTF-8.

use super::encoding::{CoderResult, Decoder, Encoding};
use std::io::{self, Read};

/// Bytes that are decoded at once.
const PART: usize = 1 << 16;

/// Text in UTF-8, decoded from the bytes of a reader.
pub(super) struct Decoded<R> {
    reader: R,
    decoder: Decoder,
    name: &'static str,
    bytes: Vec<u8>,
    /// Bytes of these that are decoded.
    used: usize,
    is_at_end: bool,
    is_flushed: bool,
    text: Vec<u8>,
    /// Bytes of the text that are given.
    given: usize,
}

impl<R: Read> Decoded<R> {
    /// Decodes what follows a byte order mark.
    pub fn new(reader: R, encoding: &'static Encoding) -> Decoded<R> {
        Decoded {
            reader,
            decoder: encoding.new_decoder_without_bom_handling(),
            name: encoding.name(),
            bytes: Vec::new(),
            used: 0,
            is_at_end: false,
            is_flushed: false,
            text: Vec::new(),
            given: 0,
        }
    }

    /// Decodes the next bytes.
    fn advance(&mut self) -> io::Result<()> {
        if self.used == self.bytes.len() && !self.is_at_end {
            self.bytes.clear();
            self.used = 0;
            (&mut self.reader).take(PART as u64).read_to_end(&mut self.bytes)?;
            self.is_at_end = self.bytes.len() < PART;
        }
        self.text.resize(3 * PART, 0);
        self.given = 0;
        let rest = &self.bytes[self.used..];
        let (result, read, written, has_errors) = self.decoder.decode_to_utf8(rest, &mut self.text, self.is_at_end);
        self.used += read;
        self.text.truncate(written);
        self.is_flushed = self.is_at_end && result == CoderResult::InputEmpty;
        if has_errors {
            let reason = format!("it is no text in {}", self.name);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.is_flushed {
            self.advance()?;
        }
        let count = (&self.text[self.given..]).read(into)?;
        self.given += count;
        Ok(count)
    }
}
