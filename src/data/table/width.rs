//! How many columns a table may have: as many as its length pays for.

use super::cells::{self, Shape};
use crate::error::{Error, Result};
use crate::files::{in_words, limit};
use std::path::Path;

/// Bytes that a column takes at most while its table is read, beside its cells.
const COLUMN: u64 = 720;

/// Bytes that the columns of any table may take, however short it is.
const MOST: u64 = 16 << 20;

/// Refuses a table with so many columns that they take more than 8 times the length of its text or 16 MiB, or what the user
/// allows, by the rows at its beginning. `length`: bytes of its text, as far as they are known.
pub(super) fn check(path: &Path, beginning: &str, length: u64) -> Result<()> {
    let room = limit(MOST).max(8 * length.max(beginning.len() as u64));
    let most = (room / COLUMN) as usize;
    let Some(columns) = b",;\t|".iter().find_map(|&separator| too_wide(beginning, separator, most)) else {
        return Ok(());
    };
    let reason = format!("{columns} columns, for which {} of memory are too little", in_words(room >> 20 << 20));
    Err(Error::data(path, "", reason, "keep the columns that are needed, or raise the limit (--max-bytes)"))
}

/// The cells of the first row that has more than `most`.
fn too_wide(text: &str, separator: u8, most: usize) -> Option<usize> {
    // A line has no more cells than bytes. Where it seems to have too many, some may stand in quotes.
    let seems = |line: &[u8]| line.len() >= most && memchr::memchr_iter(separator, line).count() >= most;
    if !text.as_bytes().split(|byte| b"\r\n".contains(byte)).any(seems) {
        return None;
    }
    let line_end = if text.contains('\n') { b'\n' } else { b'\r' };
    let (shape, mut at) = (Shape { separator, line_end }, 0);
    while at < text.len() {
        let mut cells = 0;
        for cell in cells::each(text, at, shape) {
            (cells, at) = (cells + 1, cell.end + 1);
        }
        if cells > most {
            return Some(cells);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quotes_are_no_columns() {
        let text = format!("a,b\n1,\"{}\n\"\n", ",".repeat(100));
        assert_eq!(too_wide(&text, b',', 50), None);
        assert_eq!(too_wide(&text.replace('"', ""), b',', 50), Some(102));
        assert_eq!(too_wide(&format!("a;b\r{}\r", ";".repeat(99)), b';', 50), Some(100));
    }
}
