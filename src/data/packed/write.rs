//! Writing packed files, in chunks of rows.

use super::header::{self, Header, PREAMBLE, PackedPart, preamble};
use crate::data::{Dataset, Encoder, Features, Preprocessing, Split, Targets};
use crate::error::{Error, Result};
use crate::files::{Fnv, refuse_special, temporary};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Rows that are copied at a time.
pub(super) const CHUNK_ROWS: usize = 4096;

/// What a run of rows in a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All rows; how they are split is decided when they are read.
    All,
    /// To train on.
    Train,
    /// To watch while training.
    Validation,
    /// To test with.
    Test,
}

/// What a packed file says of its columns.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Description {
    /// Where the rows come from.
    pub name: String,
    /// A name for each feature.
    pub feature_names: Vec<String>,
    /// The targets.
    pub target: TargetNames,
    /// How features become a model's inputs. The rows in the file are as they were before.
    pub preprocessing: Preprocessing,
    /// How target values become what a model puts out.
    pub target_preprocessing: Preprocessing,
    /// How the columns of a table became these features, if they come from a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<Encoder>,
}

/// Names of targets.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetNames {
    /// A column of classes.
    Labels {
        /// Its name.
        name: String,
        /// Names of the classes, by label.
        classes: Vec<String>,
    },
    /// Columns of numbers.
    Values {
        /// Their names.
        names: Vec<String>,
    },
}

impl From<&Dataset> for Description {
    fn from(data: &Dataset) -> Description {
        Description {
            name: data.name.clone(),
            feature_names: data.feature_names.clone(),
            target: match &data.targets {
                Targets::Labels { name, classes, .. } => {
                    TargetNames::Labels { name: name.clone(), classes: classes.clone() }
                }
                Targets::Values { names, .. } => TargetNames::Values { names: names.clone() },
            },
            preprocessing: data.preprocessing.clone(),
            target_preprocessing: data.target_preprocessing.clone(),
            encoder: data.encoder.clone(),
        }
    }
}

/// Packs a dataset into a file, which leaves open how it is split.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written; [`Error::Shape`] if the dataset is none.
pub fn pack(data: &Dataset, path: &Path) -> Result<()> {
    data.check()?;
    let mut writer = PackWriter::create(path)?;
    append_all(&mut writer, data)?;
    writer.end_part(Part::All);
    writer.finish(data.into())
}

/// Packs training, validation and test rows into a file, which keeps them apart.
///
/// # Errors
/// Fails as [`pack`] does.
pub fn pack_split(split: &Split, path: &Path) -> Result<()> {
    let parts = [(Part::Train, Some(&split.train)), (Part::Validation, split.validation.as_ref())];
    let parts = parts.into_iter().chain([(Part::Test, (split.test.rows() > 0).then_some(&split.test))]);
    let mut writer = PackWriter::create(path)?;
    for (part, data) in parts {
        let Some(data) = data else { continue };
        data.check()?;
        append_all(&mut writer, data)?;
        writer.end_part(part);
    }
    writer.finish((&split.train).into())
}

fn append_all(writer: &mut PackWriter, data: &Dataset) -> Result<()> {
    if !matches!(data.features, Features::Packed(_)) {
        return writer.append(&data.features, &data.targets, data.weights.as_deref());
    }
    for first in (0..data.rows()).step_by(CHUNK_ROWS) {
        let rows: Vec<usize> = (first..data.rows().min(first + CHUNK_ROWS)).collect();
        let chunk = data.select(&rows);
        writer.append(&chunk.features.in_memory()?, &chunk.targets, chunk.weights.as_deref())?;
    }
    Ok(())
}

/// Writes a packed file row by row, in as much memory as its targets and weights take. The file is there once
/// [`finish`](PackWriter::finish) has been called, whole or not at all.
///
/// ```
/// use anygrad::data::packed::{Description, PackWriter, Packed, Part};
/// # let path = std::env::temp_dir().join(format!("writer-{}.anygrad", std::process::id()));
/// let data = anygrad::data::moons(300, 0.1, 0)?;
/// let mut writer = PackWriter::create(&path)?;
/// for first in [0, 100, 200] {
///     let chunk = data.select(&(first..first + 100).collect::<Vec<_>>());
///     writer.append(&chunk.features, &chunk.targets, None)?;
/// }
/// writer.end_part(Part::All);
/// writer.finish(Description::from(&data))?;
/// assert_eq!(Packed::open(&path)?.dataset().hash(), data.hash());
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Debug)]
pub struct PackWriter {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    /// Kind of features: width and whether they are bytes; unknown before the first rows.
    kind: Option<(usize, bool)>,
    rows: usize,
    /// Target words of all rows, and how many of them belong to parts that have ended.
    targets: Vec<u32>,
    targets_ended: usize,
    /// Weights of all rows, if they have any, as words.
    weights: Vec<u32>,
    parts: Vec<PackedPart>,
    rows_ended: usize,
    moments: Moments,
    /// Of the features of all rows, and of those of the part.
    hashes: [Fnv; 2],
    is_whole: bool,
}

impl PackWriter {
    /// Begins a file, under another name until it is whole.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be created.
    pub fn create(path: &Path) -> Result<PackWriter> {
        refuse_special(path)?;
        let temporary = temporary(path, "");
        let io = |error| Error::io("write", path, error);
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&temporary).map_err(io)?);
        file.write_all(&[0; PREAMBLE]).map_err(io)?;
        Ok(PackWriter {
            path: path.into(),
            temporary,
            file,
            kind: None,
            rows: 0,
            targets: Vec::new(),
            targets_ended: 0,
            weights: Vec::new(),
            parts: Vec::new(),
            rows_ended: 0,
            moments: Moments::default(),
            hashes: Default::default(),
            is_whole: false,
        })
    }

    /// Writes rows with their targets and, if all rows have them, their weights. Of the targets names do not count.
    ///
    /// # Errors
    /// [`Error::Shape`] if they are not of the kind of those before, or features, targets and weights differ in number;
    /// [`Error::Io`] if the disk is full.
    pub fn append(&mut self, features: &Features, targets: &Targets, weights: Option<&[f32]>) -> Result<()> {
        let kind = (features.width(), features.are_bytes());
        if *self.kind.get_or_insert(kind) != kind || features.rows() != targets.rows() {
            let detail = format!("{} rows of {} features with {} targets", features.rows(), kind.0, targets.rows());
            return Err(Error::shape("pack", detail + " do not fit what was written before, or each other"));
        }
        let is_as_before = self.rows == 0 || weights.is_some() != self.weights.is_empty();
        if !is_as_before || weights.is_some_and(|weights| weights.len() != features.rows()) {
            let weighs = weights.map_or(0, <[f32]>::len);
            let detail = format!(
                "{} rows with {weighs} weights do not fit each other, or what was written before",
                features.rows()
            );
            return Err(Error::shape("pack", detail));
        }
        let written = match features {
            Features::F32 { width, data } => {
                if self.parts.is_empty() {
                    data.chunks_exact(*width).for_each(|row| self.moments.take(row.iter().map(|&x| f64::from(x))));
                }
                self.write(&little_endian(data))
            }
            Features::U8 { width, data } => {
                if self.parts.is_empty() {
                    data.chunks_exact(*width).for_each(|row| self.moments.take(row.iter().map(|&x| f64::from(x))));
                }
                self.write(data)
            }
            Features::Packed(_) | Features::Matrix(_) => return self.append(&features.in_memory()?, targets, weights),
        };
        written.map_err(|error| Error::io("write", &self.path, error))?;
        self.rows += features.rows();
        match targets {
            Targets::Labels { data, .. } => self.targets.extend(data),
            Targets::Values { data, .. } => self.targets.extend(data.iter().map(|y| y.to_bits())),
        }
        self.weights.extend(weights.into_iter().flatten().map(|weight| weight.to_bits()));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hashes[0].feed(bytes);
        // Of the first part and of the file they are one.
        if !self.parts.is_empty() {
            self.hashes[1].feed(bytes);
        }
        self.file.write_all(bytes)
    }

    /// Ends a part: the rows since the one before, or since the beginning. Without rows there is none.
    pub fn end_part(&mut self, part: Part) {
        let rows = self.rows - self.rows_ended;
        if rows > 0 {
            let mut hash = std::mem::take(&mut self.hashes[1]);
            if self.parts.is_empty() {
                hash = self.hashes[0];
            }
            feed_words(&mut hash, &self.targets[self.targets_ended..]);
            feed_words(&mut hash, self.weights.get(self.rows_ended..).unwrap_or_default());
            self.parts.push(PackedPart { part, rows, hash: hash.digits() });
        }
        (self.rows_ended, self.targets_ended) = (self.rows, self.targets.len());
    }

    /// Writes targets and header, and gives the file its name. Rows behind the last part are one more,
    /// [`Part::All`].
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full; [`Error::Shape`] if there are no rows, or the description does not fit them.
    pub fn finish(mut self, about: Description) -> Result<()> {
        self.end_part(Part::All);
        let Some((width, bytes)) = self.kind.filter(|_| self.rows > 0) else {
            return Err(Error::shape("pack", "there are no rows"));
        };
        let mut hash = self.hashes[0];
        feed_words(&mut hash, &self.targets);
        feed_words(&mut hash, &self.weights);
        let (means, deviations) = std::mem::take(&mut self.moments).finish();
        let parts = std::mem::take(&mut self.parts);
        if header::target_width(&about) * self.rows != self.targets.len() || about.feature_names.len() != width {
            return Err(Error::shape("pack", "there are not as many names as columns"));
        }
        let weights = !self.weights.is_empty();
        let header = Header { about, width, bytes, parts, hash: hash.digits(), means, deviations, weights };
        self.write_end(&header).map_err(|error| Error::io("write", &self.path, error))?;
        self.is_whole = true;
        Ok(())
    }

    fn write_end(&mut self, header: &Header) -> std::io::Result<()> {
        let targets_at = header.targets_at().ok_or(std::io::ErrorKind::FileTooLarge)?;
        let here = self.file.stream_position()?;
        self.file.write_all(&[0; 8][..(targets_at - here) as usize])?;
        for words in self.targets.chunks(CHUNK_ROWS).chain(self.weights.chunks(CHUNK_ROWS)) {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.file.write_all(&bytes)?;
        }
        let at = self.file.stream_position()?;
        let text = serde_json::to_vec(header)?;
        self.file.write_all(&text)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&preamble(&text, at))?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.temporary, &self.path)
    }
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Floats as the file has them.
fn little_endian(data: &[f32]) -> std::borrow::Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        bytemuck::cast_slice(data).into()
    } else {
        data.iter().flat_map(|x| x.to_le_bytes()).collect()
    }
}

fn feed_words(hash: &mut Fnv, words: &[u32]) {
    words.iter().for_each(|word| hash.feed(&word.to_le_bytes()));
}

/// Sums over rows, of the difference from the first row: so that nothing large cancels.
#[derive(Debug, Default)]
struct Moments {
    first: Vec<f64>,
    sums: Vec<f64>,
    squares: Vec<f64>,
    rows: f64,
}

impl Moments {
    fn take(&mut self, row: impl ExactSizeIterator<Item = f64>) {
        self.rows += 1.0;
        if self.rows == 1.0 {
            (self.sums, self.squares) = (vec![0.0; row.len()], vec![0.0; row.len()]);
            self.first = row.collect();
            return;
        }
        let columns = self.first.iter().zip(&mut self.sums).zip(&mut self.squares);
        for (x, ((first, sum), square)) in row.zip(columns) {
            let x = x - first;
            *sum += x;
            *square += x * x;
        }
    }

    /// Means and standard deviations (divisor N).
    fn finish(self) -> (Vec<f64>, Vec<f64>) {
        let rows = self.rows.max(1.0);
        let means = self.first.iter().zip(&self.sums).map(|(first, sum)| first + sum / rows).collect();
        let variance = |(sum, square): (&f64, &f64)| (square / rows - (sum / rows) * (sum / rows)).max(0.0);
        (means, self.sums.iter().zip(&self.squares).map(variance).map(f64::sqrt).collect())
    }
}
