//! The header of a packed file: what it says, and the checks that it and the file pass.

use super::write::{Description, Part, TargetNames};
use crate::data::Targets;
use crate::error::{Error, Result};
use crate::files::{Fnv, json, limit};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// Version of the layout. A reader accepts this one.
pub(super) const VERSION: u32 = 1;
/// Bytes before the rows.
pub(super) const PREAMBLE: usize = 64;
const MAGIC: [u8; 16] = *b"anygrad rows\0\r\n\x1a";
const REMEDY: &str = "pack the source again: anygrad pack";
/// Most bytes that a header may claim: room for millions of names.
const MOST_HEADER: u64 = 1 << 30;

/// What a file says of its rows.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Header {
    pub about: Description,
    /// Features of a row.
    pub width: usize,
    /// Whether features are bytes, else floats.
    pub bytes: bool,
    /// Runs of rows, one after the other.
    pub parts: Vec<PackedPart>,
    /// Hash of all rows, as of a dataset in memory.
    pub hash: String,
    /// Mean of each column over the first part.
    pub means: Vec<f64>,
    /// Standard deviation of each column over the first part.
    pub deviations: Vec<f64>,
    /// Whether a weight of each row follows the targets.
    pub weights: bool,
}

/// A run of rows.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct PackedPart {
    pub part: Part,
    pub rows: usize,
    /// Hash of its rows, as of a dataset in memory.
    pub hash: String,
}

impl Header {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// Bytes of a row's features.
    pub fn row_bytes(&self) -> usize {
        self.width * if self.bytes { 1 } else { size_of::<f32>() }
    }

    /// The rows of a part, if there is one.
    pub fn rows_of(&self, part: Part) -> Option<Range<usize>> {
        self.ranges().find(|(_, own)| own.part == part).map(|(rows, _)| rows)
    }

    /// The hash of a run of rows, if it is known.
    pub fn hash_of(&self, rows: &Range<usize>) -> Option<&str> {
        if *rows == (0..self.rows()) {
            return Some(&self.hash);
        }
        self.ranges().find(|(own, _)| own == rows).map(|(_, part)| &part.hash[..])
    }

    fn ranges(&self) -> impl Iterator<Item = (Range<usize>, &PackedPart)> {
        self.parts.iter().scan(0, |end, part| {
            *end += part.rows;
            Some((*end - part.rows..*end, part))
        })
    }

    fn target_width(&self) -> usize {
        target_width(&self.about)
    }

    /// Where the targets begin.
    pub fn targets_at(&self) -> Option<u64> {
        let features = (self.rows() as u64).checked_mul(self.row_bytes() as u64)?;
        features.checked_add(PREAMBLE as u64)?.checked_next_multiple_of(8)
    }

    /// Where the weights begin, or what follows if there are none.
    fn weights_at(&self) -> Option<u64> {
        self.targets_at()?.checked_add((self.rows() as u64).checked_mul(4 * self.target_width() as u64)?)
    }

    /// What does not fit together, if anything: `at` is where the header was found.
    fn fault(&self, at: u64) -> Option<&'static str> {
        let width = self.width;
        let weights = if self.weights { 4 * self.rows() as u64 } else { 0 };
        let end = self.weights_at().and_then(|at| at.checked_add(weights));
        let prepared = &self.about;
        if end != Some(at) {
            Some("the number of rows and the size of the file do not fit together")
        } else if self.rows() == 0 || u32::try_from(self.rows()).is_err() {
            Some("its number of rows is 0 or exceeds 2³²")
        } else if [prepared.feature_names.len(), self.means.len(), self.deviations.len()] != [width; 3] {
            Some("its names or moments are not as many as its columns")
        } else if !prepared.preprocessing.is_sound(width)
            || !prepared.target_preprocessing.is_sound(self.target_width())
        {
            Some("its preprocessing cannot be used")
        } else {
            None
        }
    }
}

/// Targets of a row in the file.
pub(super) fn target_width(about: &Description) -> usize {
    match &about.target {
        TargetNames::Labels { .. } => 1,
        TargetNames::Values { names } => names.len(),
    }
}

/// The first bytes of a file whose header, `text`, begins at `at`.
pub(super) fn preamble(text: &[u8], at: u64) -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..16].copy_from_slice(&MAGIC);
    bytes[16..20].copy_from_slice(&VERSION.to_le_bytes());
    for (number, place) in [at, text.len() as u64, checksum(text)].into_iter().zip(bytes[24..48].chunks_exact_mut(8)) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

fn checksum(text: &[u8]) -> u64 {
    let mut hash = Fnv::default();
    hash.feed(text);
    hash.value()
}

/// Opens a file and reads its header.
pub(super) fn read(path: &Path) -> Result<(Header, File)> {
    let damaged = |reason: &str| Error::data(path, "", reason, REMEDY);
    let io = |error| Error::io("read", path, error);
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if length < PREAMBLE as u64 {
        return Err(damaged("it is no packed file, or cut short"));
    }
    let mut first = [0; PREAMBLE];
    read_at(&file, &mut first, 0).map_err(io)?;
    if first[..16] != MAGIC {
        return Err(damaged("it is no packed file"));
    }
    let version = u32::from_le_bytes([first[16], first[17], first[18], first[19]]);
    if version != VERSION {
        return Err(damaged(&format!("its version is {version}, this program reads {VERSION}")));
    }
    let mut numbers = first[24..48].chunks_exact(8).map(|bytes| u64::from_le_bytes(std::array::from_fn(|i| bytes[i])));
    let mut number = || numbers.next().unwrap_or_default();
    let (at, bytes, stated) = (number(), number(), number());
    let end = at.checked_add(bytes).filter(|_| bytes <= limit(MOST_HEADER));
    let end = end.ok_or_else(|| damaged("its first bytes are damaged"))?;
    if end != length {
        let what = if length < end { "it is cut short" } else { "there is more in it than there should be" };
        return Err(damaged(&format!("{what}: it has {length} bytes, {end} are stated")));
    }
    let mut text = vec![0; bytes as usize];
    read_at(&file, &mut text, at).map_err(io)?;
    if checksum(&text) != stated {
        return Err(damaged("its header differs from its checksum: it is damaged"));
    }
    let header: Header = json::parse(&text).map_err(|error| damaged(&format!("its header cannot be read: {error}")))?;
    match header.fault(at) {
        Some(fault) => Err(damaged(fault)),
        None => Ok((header, file)),
    }
}

/// The targets of all rows.
pub(super) fn read_targets(path: &Path, file: &File, header: &Header) -> Result<Targets> {
    let words = words(path, file, header.rows() * header.target_width(), header.targets_at())?;
    Ok(match &header.about.target {
        TargetNames::Labels { name, classes } => {
            Targets::Labels { name: name.clone(), classes: classes.clone(), data: words }
        }
        TargetNames::Values { names } => Targets::Values { names: names.clone(), data: bytemuck::cast_vec(words) },
    })
}

/// The weights of all rows, if they have any.
pub(super) fn read_weights(path: &Path, file: &File, header: &Header) -> Result<Option<Vec<f32>>> {
    if !header.weights {
        return Ok(None);
    }
    Ok(Some(bytemuck::cast_vec(words(path, file, header.rows(), header.weights_at())?)))
}

/// Words of the file, from a place that has been checked.
fn words(path: &Path, file: &File, count: usize, at: Option<u64>) -> Result<Vec<u32>> {
    let mut words = Vec::new();
    words.try_reserve_exact(count).map_err(|_| Error::memory("reading targets"))?;
    words.resize(count, 0u32);
    read_at(file, bytemuck::cast_slice_mut(&mut words), at.unwrap_or_default())
        .map_err(|error| Error::io("read", path, error))?;
    words.iter_mut().for_each(|word| *word = u32::from_le(*word));
    Ok(words)
}

/// Reads `bytes` whole from a place of a file, without a position that readers share.
#[cfg(unix)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

/// Reads `bytes` whole from a place of a file.
#[cfg(windows)]
pub(super) fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, at)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        at += read as u64;
    }
    Ok(())
}

/// There are no files here.
#[cfg(not(any(unix, windows)))]
pub(super) fn read_at(_: &File, _: &mut [u8], _: u64) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
