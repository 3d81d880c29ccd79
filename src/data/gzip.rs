//! The content of a file, decompressed if it is gzip, piece by piece and never more than was asked for.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Most bytes that a byte of gzip can stand for: deflate codes 258 bytes in two bits.
const MOST_RATIO: u64 = 1032;

/// A file that is being read.
pub(super) struct Content {
    path: PathBuf,
    reader: Box<dyn Read>,
    is_gzip: bool,
    /// No more bytes than these can still come.
    most_left: u64,
}

impl Content {
    /// Opens a file. Whether it is gzip, its first bytes tell.
    pub(super) fn open(path: &Path) -> Result<Content> {
        let failed = |e| Error::io("read", path, e);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut file = BufReader::new(file);
        let is_gzip = file.fill_buf().map_err(failed)?.starts_with(&[0x1F, 0x8B]);
        let most_left = if is_gzip { length.saturating_mul(MOST_RATIO) } else { length };
        let reader: Box<dyn Read> =
            if is_gzip { Box::new(flate2::bufread::MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Content { path: path.into(), reader, is_gzip, most_left })
    }

    /// No more bytes than these can still come: what is left of the file, or what its gzip can become at most.
    pub(super) fn most_left(&self) -> u64 {
        self.most_left
    }

    /// The next `most` bytes; fewer if the content ends before.
    pub(super) fn take(&mut self, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let expected = most.min(self.most_left);
        let is_room = usize::try_from(expected).is_ok_and(|expected| bytes.try_reserve_exact(expected).is_ok());
        if !is_room {
            return Err(no_memory(&self.path, expected));
        }
        let outcome = self.reader.by_ref().take(most).read_to_end(&mut bytes);
        outcome.map_err(|e| match (self.is_gzip, e.kind()) {
            (_, std::io::ErrorKind::OutOfMemory) => no_memory(&self.path, expected),
            (true, _) => Error::data(&self.path, "", format!("damaged gzip: {e}"), "fetch the file again"),
            (false, _) => Error::io("read", &self.path, e),
        })?;
        self.most_left = self.most_left.saturating_sub(bytes.len() as u64);
        Ok(bytes)
    }
}

/// The error of data that the main memory has no room for.
pub(super) fn no_memory(path: &Path, bytes: u64) -> Error {
    let reason = format!("its {} MB do not fit into the main memory", bytes.div_ceil(1_000_000));
    Error::data(path, "", reason, "use fewer or smaller rows")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn content_comes_in_pieces_and_no_more_than_asked_for() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&[7; 1000]).unwrap();
        let zipped = encoder.finish().unwrap();
        for (name, bytes) in [("plain", vec![7; 1000]), ("gzip", zipped)] {
            let path = std::env::temp_dir().join(format!("anygrad-content-{}-{name}", std::process::id()));
            std::fs::write(&path, bytes).unwrap();
            let mut content = Content::open(&path).unwrap();
            assert!(content.most_left() >= 1000);
            assert_eq!(content.take(10).unwrap(), [7; 10]);
            assert_eq!(content.take(2000).unwrap(), [7; 990]);
            assert!(content.take(1).unwrap().is_empty());
            std::fs::remove_file(path).unwrap();
        }
    }
}
