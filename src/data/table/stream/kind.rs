//! What comes through a stream, as its beginning tells: cells in lines, JSON objects, or what must be read as a whole.

use super::super::blocks::longest_row;
use super::super::encoding::{Encoding, UTF_8};
use super::super::input;
use super::csv::{Beginning, Csv};
use super::objects::Objects;
use super::{Form, Stream};
use crate::error::Result;

/// Bytes without an end of a line that may be the first line of a table of text.
const FIRST_LINE: usize = 1 << 20;

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) enum Kind {
    /// Cells in lines.
    Table,
    /// A JSON object in each line.
    Objects,
    /// Something that must be read as a whole, if it can be.
    Other,
}

impl Stream {
    /// What comes, as soon as that is known.
    pub fn kind(&mut self) -> Result<Option<Kind>> {
        match &self.form {
            Some(Form::Csv(_)) => return Ok(Some(Kind::Table)),
            Some(Form::Objects(_)) => return Ok(Some(Kind::Objects)),
            None => {}
        }
        let bytes = &self.bytes[..];
        let line = memchr::memchr(b'\n', bytes);
        let is_long = bytes.len() >= FIRST_LINE;
        if line.is_none() && !self.is_at_end && !is_long {
            return Ok(None);
        }
        let first = &bytes[..line.unwrap_or(bytes.len())];
        if line.is_none() && !first.trim_ascii_start().starts_with(b"{")
            || is_other(first)
            || !self.is_named_utf8()
            || input::looks_like(bytes).is_some()
        {
            return Ok(Some(Kind::Other));
        }
        let mark = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let Some(content) = bytes[mark..].iter().position(|byte| !byte.is_ascii_whitespace()) else {
            return Ok(self.is_at_end.then_some(Kind::Other));
        };
        if bytes[mark + content] == b'{' {
            self.start = mark;
            self.form = Some(Form::Objects(Objects::default()));
            return Ok(Some(Kind::Objects));
        }
        // What is no UTF-8 below the names does not matter yet.
        let valid = std::str::from_utf8(&bytes[mark..]).map_or_else(|error| error.valid_up_to(), str::len);
        let end = memchr::memrchr(b'\n', &bytes[mark..][..valid]).map_or(0, |at| at + 1);
        let Ok(text) = std::str::from_utf8(&bytes[mark..][..end]) else { return Ok(Some(Kind::Other)) };
        if text.is_empty() {
            return Ok(Some(Kind::Other));
        }
        let Some(Beginning { csv, used, lines, said }) = Csv::open(&self.common, text)? else {
            let is_over = self.is_at_end || bytes.len() >= longest_row();
            return Ok(is_over.then_some(Kind::Other));
        };
        if csv.shape.line_end != b'\n' {
            return Ok(Some(Kind::Other));
        }
        (self.start, self.lines, self.form) = (mark + used, lines, Some(Form::Csv(csv)));
        self.said.extend(said);
        Ok(Some(Kind::Table))
    }

    /// Whether no encoding is named, or UTF-8.
    fn is_named_utf8(&self) -> bool {
        let named = self.common.settings.encoding.as_ref();
        named.is_none_or(|name| Encoding::for_label(name.as_bytes()) == Some(UTF_8))
    }
}

/// Whether a first line is none of text in UTF-8.
fn is_other(first: &[u8]) -> bool {
    let magic = [&b"\x1F\x8B"[..], b"\x28\xB5\x2F\xFD", b"\xFF\xFE", b"\xFE\xFF"];
    magic.iter().any(|magic| first.starts_with(magic))
        || matches!(first, [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..])
        || first.contains(&0)
}
