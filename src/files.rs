//! Files that are written whole or not at all, the checksum that some hold, and how much of a file is read.

pub(crate) mod json;

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether there are files at all: a browser has none.
pub(crate) const ON_DISK: bool = cfg!(not(target_arch = "wasm32"));

static RAISED: AtomicU64 = AtomicU64::new(0);

/// Raises the most bytes that readers of this process take where a file's length alone does not say how much is sound: what
/// a pipe brings, what a compressed file becomes, a line of a table and its columns, the values of JSON, a config file.
/// Below their own limits it does nothing.
///
/// The readers' own limits are in SECURITY.md. The program's flag is `--max-bytes`.
pub fn raise_limits(bytes: u64) {
    RAISED.fetch_max(bytes, Ordering::Relaxed);
}

/// A limit of a reader, or as much as the user allows, if that is more.
pub fn limit(own: u64) -> u64 {
    own.max(RAISED.load(Ordering::Relaxed))
}

/// A limit in words: `64 MiB`, `1 GiB`.
pub(crate) fn in_words(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB"];
    let unit = (0..units.len()).rev().find(|&i| bytes.is_multiple_of(1 << (10 * i)) && bytes > 0).unwrap_or_default();
    format!("{} {}", bytes >> (10 * unit), units[unit])
}

/// Most bytes of what is no regular file, such as a pipe, of which nobody knows how long it is.
const MOST_OF_STREAM: u64 = 1 << 30;

/// The bytes of a file: as many as it has, in memory that is asked for first.
pub(crate) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    let most = if about.is_file() { about.len() } else { limit(MOST_OF_STREAM) };
    let mut bytes = Vec::new();
    if about.is_file() {
        let length = usize::try_from(most).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
        bytes.try_reserve_exact(length).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    }
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most && !about.is_file() {
        return Err(std::io::Error::other(format!(
            "more than {} came: save it as a file, which may be larger, or raise the limit (--max-bytes)",
            in_words(most)
        )));
    }
    Ok(bytes)
}

/// Writes a file whole or not at all, and waits until it is on the disk: into a temporary file beside it, which is then
/// renamed.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    refuse_special(path)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let temporary = temporary(path, "");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        // The rename itself is safe only once the folder is on the disk; not every system can open a folder.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    };
    write().map_err(|e| {
        let _ = std::fs::remove_file(&temporary);
        Error::io("write", path, e)
    })
}

/// What a file is called until it is whole: hidden, beside it, and of this process. `part` tells several apart.
pub(crate) fn temporary(path: &Path, part: &str) -> PathBuf {
    let name = path.file_name().map_or("file".into(), |name| name.to_string_lossy().into_owned());
    path.with_file_name(format!(".{name}.{}{part}.tmp", std::process::id()))
}

/// Refuses a pipe or a device, in whose place a file would be put.
pub(crate) fn refuse_special(path: &Path) -> Result<()> {
    match path.metadata() {
        Ok(about) if !about.is_file() => {
            let what = if about.is_dir() { "it is a folder" } else { "it is no regular file" };
            Err(Error::io("write", path, std::io::Error::other(what)))
        }
        _ => Ok(()),
    }
}

/// The hash function FNV-1a of 64 bits, fed piece by piece. It shows any accidental change; it is no guard against
/// forgery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xCBF2_9CE4_8422_2325)
    }
}

impl Fnv {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    pub(crate) fn value(&self) -> u64 {
        self.0
    }

    pub(crate) fn digits(self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_never_written_over() {
        let folder = std::env::temp_dir().join(format!("anygrad-whole-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, other) = (folder.join("file"), folder.join("other name of the old file"));
        write_whole(&path, b"old").unwrap();
        std::fs::hard_link(&path, &other).unwrap();
        write_whole(&path, b"new").unwrap();
        // Bytes that go into the old file show under its other name.
        assert_eq!((std::fs::read(&other).unwrap(), std::fs::read(&path).unwrap()), (b"old".to_vec(), b"new".to_vec()));
        assert!(write_whole(&folder.join("none").join("file"), b"x").is_err() && write_whole(&folder, b"x").is_err());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "nothing else is left");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_checksum_knows_the_order_of_bytes() {
        let of = |bytes: &[u8]| {
            let mut hash = Fnv::default();
            hash.feed(bytes);
            hash.digits()
        };
        assert_eq!((of(b"").as_str(), of(b"a").as_str()), ("cbf29ce484222325", "af63dc4c8601ec8c"));
        assert_ne!(of(b"ab"), of(b"ba"));
    }
}
