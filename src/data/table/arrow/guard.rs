//! What an Arrow file promises, compared with what it holds, before its decoder takes memory for it.

use crate::files::limit;
use arrow_ipc::{root_as_footer, root_as_message};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Most bytes that the buffers of a batch may become, for whatever file, and for each of its bytes.
const MOST_BYTES: u64 = 1 << 30;
const MOST_RATIO: u64 = 256;
/// Before the size of a message, since version 0.15 of the format.
const CONTINUED: [u8; 4] = [0xFF; 4];

/// A file of known length.
struct Source<'a> {
    file: &'a mut File,
    length: u64,
}

type Outcome<T> = Result<T, String>;

/// Checks the blocks that a file's footer lists.
pub(super) fn file(file: &mut File) -> Outcome<()> {
    let mut source = Source::new(file)?;
    let tail = source.take(source.length.saturating_sub(10), 10)?;
    let footer_length = number(&tail[..4])?;
    let footer_at = source.length.checked_sub(10 + footer_length).ok_or(CUT)?;
    let footer = source.take(footer_at, footer_length)?;
    let footer = root_as_footer(&footer).map_err(|e| e.to_string())?;
    for block in footer.dictionaries().iter().flatten().chain(footer.recordBatches().iter().flatten()) {
        let count = |number: i64| u64::try_from(number).map_err(|_| CUT.to_string());
        let (at, size) = (count(block.offset())?, count(block.metaDataLength().into())?);
        let message = source.take(at, size)?;
        let start = if message.starts_with(&CONTINUED) { 8 } else { 4 };
        source.check(message.get(start..).ok_or(CUT)?, at + size, count(block.bodyLength())?)?;
    }
    Ok(())
}

/// Checks the messages of a stream.
pub(super) fn stream(file: &mut File) -> Outcome<()> {
    let mut source = Source::new(file)?;
    let mut at = 0;
    while source.length - at >= 4 {
        let mut start = source.take(at, 4)?;
        at += 4;
        if start == CONTINUED {
            start = source.take(at, 4)?;
            at += 4;
        }
        let size = number(&start)?;
        if size == 0 {
            break;
        }
        let message = source.take(at, size)?;
        at += size;
        at += source.check(&message, at, 0)?;
    }
    Ok(())
}

const CUT: &str = "the file is cut short, or a size in it is wrong";

fn number(bytes: &[u8]) -> Outcome<u64> {
    let bytes = <[u8; 4]>::try_from(bytes).map_err(|_| CUT)?;
    u64::try_from(i32::from_le_bytes(bytes)).map_err(|_| CUT.into())
}

impl Source<'_> {
    fn new(file: &mut File) -> Outcome<Source<'_>> {
        let length = file.metadata().map_err(|e| e.to_string())?.len();
        Ok(Source { file, length })
    }

    fn is_within(&self, at: u64, count: u64) -> bool {
        at.checked_add(count).is_some_and(|end| end <= self.length)
    }

    fn take(&mut self, at: u64, count: u64) -> Outcome<Vec<u8>> {
        if !self.is_within(at, count) {
            return Err(CUT.into());
        }
        let mut bytes = vec![0; count as usize];
        let outcome = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut bytes));
        outcome.map(|()| bytes).map_err(|e| e.to_string())
    }

    /// Checks that the body of a message is in the file, and what its compressed buffers become. Returns its length.
    fn check(&mut self, message: &[u8], body_at: u64, body: u64) -> Outcome<u64> {
        let message = root_as_message(message).map_err(|e| e.to_string())?;
        let own = u64::try_from(message.bodyLength()).map_err(|_| CUT)?;
        if !self.is_within(body_at, own.max(body)) {
            return Err(CUT.into());
        }
        let in_dictionary = || message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
        let Some(batch) = message.header_as_record_batch().or_else(in_dictionary) else { return Ok(own) };
        if batch.compression().is_none() {
            return Ok(own);
        }
        let mut promised = 0u64;
        for buffer in batch.buffers().iter().flatten() {
            if buffer.length() >= 8 {
                let at =
                    u64::try_from(buffer.offset()).ok().and_then(|offset| offset.checked_add(body_at)).ok_or(CUT)?;
                // The length of the content stands before it; −1 says that it is not compressed.
                let length = <[u8; 8]>::try_from(self.take(at, 8)?).map_err(|_| CUT)?;
                promised = promised.saturating_add(u64::try_from(i64::from_le_bytes(length)).unwrap_or(0));
            }
        }
        let most = self.length.saturating_mul(MOST_RATIO).saturating_add(limit(MOST_BYTES));
        if promised > most {
            return Err(format!("a batch of {} bytes promises {promised}; --max-bytes allows more", own.max(body)));
        }
        Ok(own)
    }
}
