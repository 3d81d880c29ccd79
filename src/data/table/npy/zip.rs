//! The members of a ZIP archive, stored or deflated: what NumPy's `savez` and `savez_compressed` write.

use crate::files::limit;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Most bytes of the directory.
const MOST_DIRECTORY: u64 = 16 << 20;
/// Most bytes that a byte of deflate can stand for.
const MOST_RATIO: u64 = 1032;

/// A member of an archive.
pub(super) struct Member {
    pub name: String,
    /// Bytes of its content.
    pub size: u64,
    archive: PathBuf,
    packed: u64,
    header_at: u64,
    is_deflated: bool,
    checksum: u32,
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The members of an archive, in the order of its directory.
pub(super) fn members(path: &Path) -> Result<Vec<Member>, String> {
    let failed = |e: std::io::Error| format!("no ZIP archive of NumPy (NPZ): {e}");
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut take = |at: u64, bytes: u64| -> Result<Vec<u8>, String> {
        if at.checked_add(bytes).is_none_or(|end| end > length) {
            return Err("no whole ZIP archive (NPZ)".into());
        }
        let mut content = vec![0; bytes as usize];
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut content)).map_err(failed)?;
        Ok(content)
    };
    // The directory's end stands at the end, before a comment of at most 65,535 bytes.
    let tail_at = length.saturating_sub(65_557);
    let tail = take(tail_at, length - tail_at)?;
    let end = tail.windows(22).rposition(|window| window.starts_with(b"PK\x05\x06"));
    let end = end.ok_or("no whole ZIP archive (NPZ)")?;
    let (mut size, mut at) = (number(&tail[end + 12..end + 16]), number(&tail[end + 16..end + 20]));
    if let Some(locator) = end.checked_sub(20).map(|start| &tail[start..end])
        && locator.starts_with(b"PK\x06\x07")
    {
        let large = take(number(&locator[8..16]), 56)?;
        (size, at) = (number(&large[40..48]), number(&large[48..56]));
    }
    if size > limit(MOST_DIRECTORY) {
        return Err(format!("a directory of {size} bytes"));
    }
    let directory = take(at, size)?;
    let mut rest = &directory[..];
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (member, next) = member(path, rest, length)?;
        members.push(member);
        rest = next;
    }
    Ok(members)
}

/// The first member of a directory, and the rest of it.
fn member<'a>(archive: &Path, directory: &'a [u8], length: u64) -> Result<(Member, &'a [u8]), String> {
    let cut = || "a damaged directory of the archive".to_string();
    let (fixed, rest) = directory.split_at_checked(46).filter(|(f, _)| f.starts_with(b"PK\x01\x02")).ok_or_else(cut)?;
    let field = |at: usize, bytes: usize| number(&fixed[at..at + bytes]);
    let (name, rest) = rest.split_at_checked(field(28, 2) as usize).ok_or_else(cut)?;
    let (mut extra, rest) = rest.split_at_checked(field(30, 2) as usize).ok_or_else(cut)?;
    let (_, rest) = rest.split_at_checked(field(32, 2) as usize).ok_or_else(cut)?;
    let name = String::from_utf8_lossy(name).into_owned();
    let mut sizes = [field(24, 4), field(20, 4), field(42, 4)];
    // Those that four bytes do not hold stand in a field of their own, in this order.
    while let Some((head, next)) = extra.split_at_checked(4) {
        let (mut value, next) = next.split_at_checked(number(&head[2..4]) as usize).ok_or_else(cut)?;
        extra = next;
        if head[..2] == [1, 0] {
            for size in sizes.iter_mut().filter(|size| **size == u64::from(u32::MAX)) {
                let (own, next) = value.split_at_checked(8).ok_or_else(cut)?;
                (*size, value) = (number(own), next);
            }
        }
    }
    let [size, packed, header_at] = sizes;
    let is_deflated = match field(10, 2) {
        0 => false,
        8 => true,
        method => return Err(format!("`{name}` is compressed by method {method}, only deflate is read")),
    };
    if field(8, 2) & 1 == 1 {
        return Err(format!("`{name}` is encrypted"));
    }
    let most = if is_deflated { packed.saturating_mul(MOST_RATIO) } else { packed };
    if packed > length || size > most {
        return Err(format!("`{name}` promises {size} bytes, the file holds at most {}", most.min(length)));
    }
    let archive = archive.into();
    Ok((Member { name, size, archive, packed, header_at, is_deflated, checksum: field(16, 4) as u32 }, rest))
}

impl Member {
    /// Its content, whose checksum is compared at the end.
    pub(super) fn open(&self) -> std::io::Result<impl Read + use<>> {
        let mut file = File::open(&self.archive)?;
        file.seek(SeekFrom::Start(self.header_at))?;
        let mut header = [0; 30];
        file.read_exact(&mut header)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "no member where the directory says"));
        }
        file.seek(SeekFrom::Current((number(&header[26..28]) + number(&header[28..30])) as i64))?;
        let packed = BufReader::new(file.take(self.packed));
        let reader: Box<dyn Read> =
            if self.is_deflated { Box::new(flate2::bufread::DeflateDecoder::new(packed)) } else { Box::new(packed) };
        Ok(Checked { reader: reader.take(self.size), sum: flate2::Crc::new(), checksum: self.checksum })
    }
}

/// A content that is an error at its end if its checksum is another than promised.
struct Checked {
    reader: std::io::Take<Box<dyn Read>>,
    sum: flate2::Crc,
    checksum: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let before = self.reader.limit();
        let count = self.reader.read(buffer)?;
        self.sum.update(&buffer[..count]);
        if before > 0 && self.reader.limit() == 0 && self.sum.sum() != self.checksum {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the checksum differs"));
        }
        Ok(count)
    }
}
