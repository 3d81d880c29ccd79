//! The IDX format of the MNIST files: a magic number, big-endian extents, bytes. Gzipped or not.
//!
//! The header of a tiny file can promise terabytes, and a small gzip file can become one large: memory is taken for what
//! the header promises, if the file can hold it at all, and nothing behind that is decompressed.

use super::gzip::Content;
use crate::error::{Error, Result};
use crate::files::{in_words, limit};
use std::path::Path;

/// Most bytes that a file may promise: 1 GiB, twice the largest part of E-MNIST.
const MOST_BYTES: u64 = 1 << 30;
/// Most elements of one image, or of whatever the first extent counts.
const MOST_WIDTH: u64 = 1 << 20;

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
    let wrong = |place: &str, reason: String| {
        Error::data(path, place, reason, "fetch the file again, it should be an official MNIST file")
    };
    let mut content = Content::open(path)?;
    let length = 4 + 4 * rank;
    let header = content.take(length as u64)?;
    if header.starts_with(b"<") {
        return Err(wrong("", "a web page, not an IDX file".into()));
    }
    if header.len() < length {
        return Err(wrong("", format!("{} bytes are too short for an IDX header of {length}", header.len())));
    }
    if header[..4] != [0, 0, 8, rank as u8] {
        let reason = format!("the magic number is {:02x?}, not [00, 00, 08, {rank:02x}]", &header[..4]);
        return Err(wrong(", byte 0", reason));
    }
    let dims: Vec<usize> =
        header[4..].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let product = |dims: &[usize]| dims.iter().try_fold(1u64, |product, &d| product.checked_mul(d as u64));
    let Some(promised) = product(&dims).filter(|&bytes| bytes <= content.most_left()) else {
        let promise = product(&dims).map_or("more than 2⁶⁴".into(), |p| p.to_string());
        let most = content.most_left();
        let reason = format!("truncated: the header {dims:?} promises {promise} bytes, the file holds at most {most}");
        return Err(wrong("", reason));
    };
    let (most, widest) = (limit(MOST_BYTES), limit(MOST_WIDTH));
    if promised > most || product(&dims[1..]).is_none_or(|width| width > widest) {
        let most = in_words(most);
        let reason = format!("{dims:?} bytes are more than {most} or an image of more than {widest} pixels");
        return Err(Error::data(path, "", reason, "use fewer or smaller images, or raise the limit (--max-bytes)"));
    }
    // One more, to see that nothing follows.
    let data = content.take(promised + 1)?;
    let held = data.len() as u64;
    if held != promised {
        let held = if held > promised { "more".into() } else { held.to_string() };
        let reason =
            format!("truncated or overlong: the header {dims:?} promises {promised} bytes, the file holds {held}");
        return Err(wrong("", reason));
    }
    Ok(Idx { dims, data })
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
        // Three images of zeros, which a kilobyte of gzip holds: too wide, too many for the file, more than promised.
        let zipped = |header: Vec<u8>, zeros: usize| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&[header, vec![0; zeros]].concat()).unwrap();
            encoder.finish().unwrap()
        };
        let wide = zipped(image_header(1, 2048, 1024), 1 << 21);
        let many = zipped(image_header(1 << 16, 1 << 8, 1 << 8), 1 << 20);
        let more = zipped(image_header(1, 1, 1), 1 << 22);
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
            ("wide", wide, "an image of more than 1048576 pixels"),
            ("many", many, "the file holds at most"),
            ("more", more, "the file holds more"),
            ("page", b"<!DOCTYPE html><html><body>404</body>".to_vec(), "a web page"),
        ] {
            let path = file(name, &bytes);
            let error = read(&path, 3).expect_err(name).to_string();
            assert!(error.contains(part), "{name}: {error}");
            std::fs::remove_file(path).unwrap();
        }
    }
}
