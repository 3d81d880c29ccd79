//! How many columns a table may have: as many as its length pays for.

use crate::error::{Error, Result};
use crate::files::{in_words, limit};
use std::path::Path;

/// Bytes that a column takes at most while its table is read, beside its cells.
const COLUMN: u64 = 720;

/// Bytes that the columns of any table may take, however short it is.
const MOST: u64 = 16 << 20;

/// Bytes that the columns of a table may take, given the length of its text: 8 times that or 16 MiB, or what the user allows.
pub(super) fn room(length: u64) -> u64 {
    limit(MOST).max(length.saturating_mul(8))
}

/// Refuses a table with so many columns that they take more than `room`, by the longest row at its beginning.
pub(super) fn check(path: &Path, beginning: &str, room: u64) -> Result<()> {
    let most = (room / COLUMN) as usize;
    let columns = |line: &[u8]| {
        let count = |separator| memchr::memchr_iter(separator, line).count() + 1;
        b",;\t|".map(count).into_iter().max().unwrap_or_default()
    };
    let lines = beginning.as_bytes().split(|byte| b"\r\n".contains(byte));
    // A line has no more columns than bytes.
    let Some(columns) = lines.filter(|line| line.len() >= most).map(columns).find(|&columns| columns > most) else {
        return Ok(());
    };
    let reason = format!("{columns} columns, for which {} of memory are too little", in_words(room >> 20 << 20));
    Err(Error::data(path, "", reason, "keep the columns that are needed, or raise the limit (--max-bytes)"))
}
