//! The text of a file or a stream, decompressed and decoded, from its beginning as often as asked for.

use super::decode::Decoded;
use super::encoding::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use super::zstd::Zstd;
use crate::error::{Error, Result};
use crate::files::ON_DISK;
use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A file that is read by parts, or a stream of which everything is kept that was read: a table may be read twice, and
/// neither is opened twice.
enum Raw {
    File(File),
    Stream { stream: Box<dyn Read>, kept: Vec<u8> },
}

/// How a file is compressed, as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstandard,
}

impl Compression {
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstandard => "Zstandard",
        }
    }
}

/// A file or a stream with text.
pub(super) struct Input {
    /// As errors name it.
    pub path: PathBuf,
    pub compression: Compression,
    raw: Raw,
    /// Its bytes, if it is a file.
    pub total: Option<u64>,
    /// How many of them were read.
    pub done: Rc<Cell<u64>>,
}

/// Bytes that are read at once.
const PART: usize = 1 << 17;

impl Input {
    /// Opens a file, a pipe, or for `-` the standard input.
    pub fn open(path: &Path) -> Result<Input> {
        let (raw, total, path) = if path == Path::new("-") {
            (Raw::Stream { stream: Box::new(io::stdin().lock()), kept: Vec::new() }, None, "standard input".into())
        } else {
            let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
            let about = file.metadata().map_err(|e| Error::io("read", path, e))?;
            if about.is_file() {
                (Raw::File(file), Some(about.len()), path.to_path_buf())
            } else {
                (Raw::Stream { stream: Box::new(file), kept: Vec::new() }, None, path.to_path_buf())
            }
        };
        Input::of(raw, total, path)
    }

    /// What comes from a reader, called `path` in errors.
    pub fn of_stream(stream: Box<dyn Read>, path: &Path) -> Result<Input> {
        Input::of(Raw::Stream { stream, kept: Vec::new() }, None, path.to_path_buf())
    }

    fn of(raw: Raw, total: Option<u64>, path: PathBuf) -> Result<Input> {
        let mut input = Input { path, compression: Compression::None, raw, total, done: Rc::default() };
        let first = input.raw_bytes().and_then(|mut reader| first(&mut reader, 4)).map_err(|e| input.error(e))?;
        input.compression = match first[..] {
            [0x1F, 0x8B, ..] => Compression::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD] | [0x50..=0x5F, 0x2A, 0x4D, 0x18] => Compression::Zstandard,
            _ => Compression::None,
        };
        Ok(input)
    }

    /// The text from the beginning, in UTF-8 unless its bytes are not, and the encoding it was decoded from. A byte order
    /// mark counts more than the encoding that is named.
    pub fn text(&mut self, named: Option<&'static Encoding>) -> io::Result<(Box<dyn Read + '_>, &'static Encoding)> {
        let compression = self.compression;
        let raw = BufReader::with_capacity(PART, self.raw_bytes()?);
        let mut bytes: Box<dyn Read + '_> = match compression {
            Compression::None => Box::new(raw),
            // A page has the browser decompress what it can, before it hands it over.
            Compression::Gzip | Compression::Zstandard if !ON_DISK => {
                let reason = "it is compressed in a way that a browser does not read: decompress it";
                return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
            }
            Compression::Gzip => Box::new(MultiGzDecoder::new(raw)),
            Compression::Zstandard => Box::new(Zstd::new(raw)),
        };
        let start = first(&mut bytes, 3)?;
        let (mark, marked) = match start[..] {
            [0xEF, 0xBB, 0xBF] => (3, Some(UTF_8)),
            [0xFF, 0xFE, ..] => (2, Some(UTF_16LE)),
            [0xFE, 0xFF, ..] => (2, Some(UTF_16BE)),
            _ => (0, None),
        };
        let encoding = marked.or(named).unwrap_or(UTF_8);
        let text = io::Cursor::new(start[mark..].to_vec()).chain(bytes);
        if encoding == UTF_8 {
            return Ok((Box::new(text), encoding));
        }
        Ok((Box::new(Decoded::new(text, encoding)), encoding))
    }

    fn raw_bytes(&mut self) -> io::Result<RawBytes<'_>> {
        if let Raw::File(file) = &mut self.raw {
            file.seek(SeekFrom::Start(0))?;
        }
        self.done.set(0);
        Ok(RawBytes { raw: &mut self.raw, at: 0, done: self.done.clone() })
    }

    /// A failed read as the error that a user sees.
    pub fn error(&self, error: io::Error) -> Error {
        error_of(&self.path, self.compression, error)
    }
}

/// A failed read as the error that a user sees.
pub(super) fn error_of(path: &Path, compression: Compression, error: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, OutOfMemory, UnexpectedEof};
    let format = compression.name();
    match error.kind() {
        OutOfMemory => {
            Error::io("load", path, io::Error::new(OutOfMemory, "not enough memory for the bytes of the stream"))
        }
        UnexpectedEof | InvalidData | InvalidInput | Other if compression != Compression::None => {
            let reason = format!("the {format} data are damaged or end too early");
            Error::data(path, "", reason, "fetch or compress it again")
        }
        InvalidData => Error::data(path, "", error.to_string(), "name its encoding"),
        _ => Error::io("read", path, error),
    }
}

/// The first bytes, at most so many.
fn first(reader: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The bytes of a file or stream from the beginning.
struct RawBytes<'a> {
    raw: &'a mut Raw,
    at: u64,
    done: Rc<Cell<u64>>,
}

impl Read for RawBytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = match self.raw {
            Raw::File(file) => file.read(into)?,
            Raw::Stream { stream, kept } => {
                let at = self.at as usize;
                if at >= kept.len() {
                    let count = stream.read(into)?;
                    kept.try_reserve(count).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
                    kept.extend_from_slice(&into[..count]);
                    count
                } else {
                    (&kept[at..]).read(into)?
                }
            }
        };
        self.at += count as u64;
        self.done.set(self.at);
        Ok(count)
    }
}

/// What a file that is no text looks like, by its first bytes.
pub(super) fn looks_like(start: &[u8]) -> Option<(&'static str, &'static str)> {
    const SHEET: &str = "save the sheet as CSV";
    const TABLE: &str = "write the table as CSV";
    const KNOWN: [(&[u8], &str, &str); 20] = [
        (b"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)", "unpack it, or save the sheet as CSV"),
        (b"\xD0\xCF\x11\xE0", "an Excel workbook (.xls)", SHEET),
        (b"\x89PNG", "a PNG image", "name a table of text"),
        (b"\xFF\xD8\xFF", "a JPEG image", "name a table of text"),
        (b"GIF8", "a GIF image", "name a table of text"),
        (b"%PDF", "a PDF document", "name a table of text"),
        (b"PAR1", "a Parquet file", TABLE),
        (b"ARROW1", "an Arrow file", TABLE),
        (b"\x93NUMPY", "a NumPy array (.npy)", TABLE),
        (b"\x89HDF", "an HDF5 file", TABLE),
        (b"SQLite format 3", "an SQLite database", TABLE),
        (b"Obj\x01", "an Avro file", TABLE),
        (b"ORC", "an ORC file", TABLE),
        (b"BZh", "bzip2 data", "decompress it, or compress it by gzip or zstd"),
        (b"\xFD7zXZ\0", "xz data", "decompress it, or compress it by gzip or zstd"),
        (b"7z\xBC\xAF", "a 7z archive", "unpack it"),
        (b"Rar!", "a RAR archive", "unpack it"),
        (b"\x7FELF", "a program", "name a table of text"),
        (b"<!DOCTYPE html", "a web page", "fetch the table itself"),
        (b"<html", "a web page", "fetch the table itself"),
    ];
    let is_at_start = |magic: &[u8]| start.get(..magic.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(magic));
    if start.get(257..262) == Some(b"ustar") {
        return Some(("a tar archive", "unpack it"));
    }
    let known = KNOWN.iter().find(|(magic, ..)| is_at_start(magic) && (magic.len() > 3 || start.contains(&0)));
    known.map(|&(_, what, remedy)| (what, remedy))
}
