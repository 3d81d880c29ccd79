//! Packed files: rows as training reads them, so that a run takes from the file what it needs and no more.
//!
//! ```text
//! magic · version · where the header is, its length and checksum     64 bytes
//! features      rows · width numbers, f32 or bytes, row after row
//! targets       from the next multiple of 8: rows labels in u32, or rows · outputs values in f32
//! weights       rows numbers in f32, if rows have weights
//! header        JSON: names, classes, preprocessing, the parts with their rows and hashes, moments of the columns
//! ```
//!
//! Numbers are little-endian. Features stay in the file; targets, weights and the numbers of rows are in memory, 4 bytes each.

mod columns;
mod header;
mod rows;
mod write;

pub use columns::pack_source;
pub use rows::PackedRows;
pub use write::{Description, PackWriter, Part, TargetNames, pack, pack_split};

use super::{DataOptions, Dataset, Features, Preprocessing, Split, Targets};
use crate::error::Result;
use header::Header;
use std::path::Path;
use std::sync::Arc;

/// A packed file, opened: its header, targets and weights are read, its features are not.
#[derive(Clone, Debug)]
pub struct Packed {
    header: Arc<Header>,
    rows: PackedRows,
    targets: Targets,
    weights: Option<Vec<f32>>,
}

impl Packed {
    /// Opens a file that [`pack`] or [`PackWriter`] wrote.
    ///
    /// ```
    /// use anygrad::data::{digits, packed::{Packed, pack}};
    /// # let path = std::env::temp_dir().join(format!("doc-{}.anygrad", std::process::id()));
    /// let digits = digits()?;
    /// pack(&digits, &path)?;
    /// let packed = Packed::open(&path)?;
    /// assert_eq!((packed.dataset().rows(), packed.dataset().hash()), (1797, digits.hash()));
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if it cannot be read; [`Error::Data`](crate::Error::Data) if it is no packed
    /// file, of another version, damaged or cut short.
    pub fn open(path: &Path) -> Result<Packed> {
        let (header, file) = header::read(path)?;
        let targets = header::read_targets(path, &file, &header)?;
        let weights = header::read_weights(path, &file, &header)?;
        let header = Arc::new(header);
        let packed = Packed { rows: PackedRows::new(path, file, header.clone()), header, targets, weights };
        packed.dataset().check()?;
        Ok(packed)
    }

    /// All rows of the file.
    pub fn dataset(&self) -> Dataset {
        let Header { about, .. } = &*self.header;
        Dataset {
            name: about.name.clone(),
            features: Features::Packed(self.rows.clone()),
            feature_names: about.feature_names.clone(),
            targets: self.targets.clone(),
            preprocessing: about.preprocessing.clone(),
            target_preprocessing: about.target_preprocessing.clone(),
            weights: self.weights.clone(),
            encoder: about.encoder.clone(),
        }
    }

    /// The training, validation and test rows that the file keeps apart, if it does.
    pub fn own_split(&self) -> Option<Split> {
        let all = self.dataset();
        let part = |part: Part| self.header.rows_of(part).map(|rows| all.select(&rows.collect::<Vec<_>>()));
        let test = part(Part::Test).unwrap_or_else(|| all.select(&[]));
        Some(Split { validation: part(Part::Validation), ..Split::new(part(Part::Train)?, test) })
    }

    /// The file's own split; if it has none, one at random by the options' shares and `seed`, standardized by the training rows as
    /// a table is, for which these are read once.
    ///
    /// # Errors
    /// Fails as [`Dataset::split`] does; [`Error::Io`](crate::Error::Io) if the rows cannot be read.
    pub fn split(&self, options: &DataOptions, seed: u64) -> Result<Split> {
        if let Some(split) = self.own_split() {
            return Ok(split);
        }
        let all = self.dataset();
        let keeps = all.features.are_bytes() || all.preprocessing != Preprocessing::None;
        let split = all.split_or_keep(options.test_fraction, seed)?;
        let split = match options.validation_fraction {
            0.0 => split,
            share => split.with_validation(share, seed)?,
        };
        if keeps {
            return Ok(split);
        }
        let preprocessing = Preprocessing::standardize_features(&split.train.features)?;
        Ok(split.standardized().with_preprocessing(&preprocessing))
    }

    /// The runs of rows that the file keeps, each with its number of rows and their hash.
    pub fn parts(&self) -> Vec<(Part, usize, &str)> {
        self.header.parts.iter().map(|part| (part.part, part.rows, &part.hash[..])).collect()
    }

    /// The hash of all rows that the header states.
    pub fn hash(&self) -> &str {
        &self.header.hash
    }

    /// Mean and standard deviation (divisor N) of each column over the rows of the first part, before preprocessing.
    pub fn moments(&self) -> (&[f64], &[f64]) {
        (&self.header.means, &self.header.deviations)
    }
}
