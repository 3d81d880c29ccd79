//! The IDX format of the MNIST files: a magic number, big-endian extents, bytes. Gzipped or not.
//!
//! The header of a tiny file can promise terabytes: memory is taken by what the file holds, never by what it says.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes that a file may hold after decompression: 1 GiB, twenty times MNIST.
const MOST_BYTES: u64 = 1 << 30;

/// Content of an IDX file of unsigned bytes.
#[derive(Debug)]
pub(super) struct Idx {
    /// The extents that the header states: of MNIST's images their number, height and width.
    pub dims: Vec<usize>,
    /// The elements, row-major.
    pub data: Vec<u8>,
}

/// Reads a file of unsigned bytes with `rank` extents.
pub(super) fn read(path: &Path, rank: usize) -> Result<Idx> {
    let bytes = read_bytes(path)?;
    let wrong = |place: &str, reason: String| {
        Error::data(path, place, reason, "fetch the file again, it should be an official MNIST file")
    };
    let header = 4 + 4 * rank;
    if bytes.len() < header {
        return Err(wrong("", format!("{} bytes are too short for an IDX header of {header}", bytes.len())));
    }
    if bytes[..4] != [0, 0, 8, rank as u8] {
        let reason = format!("the magic number is {:02x?}, not [00, 00, 08, {rank:02x}]", &bytes[..4]);
        return Err(wrong(", byte 0", reason));
    }
    let dims: Vec<usize> =
        bytes[4..header].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let promised = dims.iter().try_fold(1u64, |product, &d| product.checked_mul(d as u64));
    let held = (bytes.len() - header) as u64;
    if promised != Some(held) {
        let promise = promised.map_or("more than 2⁶⁴".into(), |p| p.to_string());
        let reason =
            format!("truncated or overlong: the header {dims:?} promises {promise} bytes, the file holds {held}");
        return Err(wrong("", reason));
    }
    Ok(Idx { dims, data: bytes[header..].to_vec() })
}

/// The content of a file, decompressed if it is gzip.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let failed = |e| Error::io("read", path, e);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.starts_with(&[0x1F, 0x8B]) {
        let mut plain = Vec::new();
        let outcome = flate2::read::MultiGzDecoder::new(&bytes[..]).take(MOST_BYTES + 1).read_to_end(&mut plain);
        outcome.map_err(|e| Error::data(path, "", format!("damaged gzip: {e}"), "fetch the file again"))?;
        bytes = plain;
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::data(path, "", "more than 1 GiB", "use a smaller file"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("anygrad-idx-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn image_header(n: u32, h: u32, w: u32) -> Vec<u8> {
        [&[0, 0, 8, 3][..], &n.to_be_bytes(), &h.to_be_bytes(), &w.to_be_bytes()].concat()
    }

    #[test]
    fn plain_and_gzipped_files_are_read() {
        let bytes = [image_header(2, 1, 3), vec![1, 2, 3, 4, 5, 6]].concat();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&bytes).unwrap();
        for (name, content) in [("plain", bytes.clone()), ("gz", encoder.finish().unwrap())] {
            let path = file(name, &content);
            let idx = read(&path, 3).unwrap();
            assert_eq!((idx.dims, idx.data), (vec![2, 1, 3], vec![1, 2, 3, 4, 5, 6]));
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn damaged_files_are_refused_without_taking_memory() {
        let huge = [image_header(u32::MAX, u32::MAX, u32::MAX), vec![0; 16]].concat();
        let terabytes = [image_header(65_536, 65_536, 784), vec![0; 4096]].concat();
        let short = [image_header(2, 1, 3), vec![1, 2, 3]].concat();
        let long = [image_header(1, 1, 1), vec![1, 2]].concat();
        let cut_gzip = vec![0x1F, 0x8B, 8, 0, 0, 0];
        for (name, bytes, part) in [
            ("huge", huge, "promises"),
            ("terabytes", terabytes, "promises"),
            ("short", short, "truncated"),
            ("long", long, "overlong"),
            ("magic", vec![0, 0, 9, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "magic"),
            ("stub", vec![0, 0], "too short"),
            ("gzip", cut_gzip, "gzip"),
        ] {
            let path = file(name, &bytes);
            let error = read(&path, 3).expect_err(name).to_string();
            assert!(error.contains(part), "{name}: {error}");
            std::fs::remove_file(path).unwrap();
        }
    }
}
