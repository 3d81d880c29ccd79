//! Datasets: rows of features with a target, where they come from, and how they are prepared for a model.
//!
//! ```
//! use anygrad::data;
//! // Two half moons, a fifth of the points held back for testing, a tenth of the others for watching the training.
//! let split = data::moons(200, 0.1, 0)?.split(0.2, 0)?.with_validation(0.1, 0)?;
//! assert_eq!((split.train.rows(), split.validation.unwrap().rows(), split.test.rows()), (144, 16, 40));
//! # Ok::<(), anygrad::Error>(())
//! ```

mod apply;
mod cifar;
mod collection;
mod columns;
mod digits;
mod fitted;
mod generated;
mod gzip;
mod held_files;
mod hold_back;
mod idx;
mod images;
mod incoming;
mod matrix;
mod memory;
mod mnist;
mod options;
pub mod packed;
mod parts;
mod pickle;
mod preprocessing;
mod rows;
mod source;
mod split;
pub mod table;
mod tables;
mod weights;

pub use apply::{Application, Applied, apply, apply_stream};
pub use cifar::cifar10;
pub use collection::Collection;
pub use columns::{EncodedColumn, Encoder, Encoding, TimePart, Unusual, same_value};
pub use digits::digits;
pub use fitted::{Fitted, load_like};
pub use generated::{GENERATED, and, blobs, circles, generated, moons, sine, spiral, xor};
pub use held_files::HeldFiles;
pub use images::{Color, ImageOptions, Images, image_rows, images};
pub use incoming::{Incoming, IncomingForm, IncomingRows};
pub use matrix::{Matrix, MatrixRows, NamedMatrix};
pub use memory::{MemoryColumns, MemoryRows, target_values};
pub use mnist::mnist;
pub use options::{DataOptions, MOST_CATEGORIES, Missing, Scaling, Task};
pub use packed::PackedRows;
pub use parts::Parts;
pub use preprocessing::Preprocessing;
pub(crate) use source::{Loading, load_with};
pub use source::{ReadProgress, Source, TableFormat, load};
pub use split::Split;
pub use table::Table;

pub use crate::files::{limit, raise_limits};

use crate::error::{Error, Result};

/// Rows of features with their targets: what a model is trained on, or evaluated on.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Where it comes from, for reports: `digits`, `iris.csv`.
    pub name: String,
    /// The features of all rows, before preprocessing.
    pub features: Features,
    /// A name for each feature, in the order of the columns.
    pub feature_names: Vec<String>,
    /// The targets of all rows: what is to be predicted.
    pub targets: Targets,
    /// Weight of each row in the loss and the metrics; all count the same without. See [`Dataset::with_weights`].
    pub weights: Option<Vec<f32>>,
    /// How raw features become the model's inputs; saved with the model.
    pub preprocessing: Preprocessing,
    /// How target values become what the model puts out; saved with the model and undone when it predicts. Classes
    /// have none.
    pub target_preprocessing: Preprocessing,
    /// How the columns of the table that the rows come from became features; saved with the model.
    pub encoder: Option<Encoder>,
}

/// The features of all rows, row-major: `width` numbers for each row.
///
/// ```
/// use anygrad::data::Features;
/// let features = Features::U8 { width: 3, data: vec![0, 127, 255, 1, 2, 3] };
/// assert_eq!((features.rows(), features.width()), (2, 3));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// 32-bit floats.
    F32 {
        /// Features of a row.
        width: usize,
        /// `rows · width` numbers, row after row.
        data: Vec<f32>,
    },
    /// Bytes, such as pixels; they stay bytes in device memory.
    U8 {
        /// Features of a row.
        width: usize,
        /// `rows · width` bytes, row after row.
        data: Vec<u8>,
    },
    /// Rows that stay in a packed file until they are needed.
    Packed(PackedRows),
    /// Rows that stay where a program has them in memory until they are needed.
    Matrix(MatrixRows),
}

/// The targets of all rows: one of several classes for each, or numbers.
///
/// ```
/// use anygrad::data::Targets;
/// let classes = vec!["no".into(), "yes".into()];
/// let targets = Targets::Labels { name: "answer".into(), classes, data: vec![1, 0, 1] };
/// // A model puts out one number for each class.
/// assert_eq!((targets.rows(), targets.width()), (3, 2));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One class for each row.
    Labels {
        /// Name of the target column.
        name: String,
        /// Names of the classes; a label is a position in this list.
        classes: Vec<String>,
        /// The label of each row, from 0 to the number of classes − 1.
        data: Vec<u32>,
    },
    /// One or several numbers for each row.
    Values {
        /// Names of the target columns, one for each number of a row.
        names: Vec<String>,
        /// `rows · names.len()` numbers, row after row.
        data: Vec<f32>,
    },
}

impl Features {
    /// Number of features of a row.
    pub fn width(&self) -> usize {
        match self {
            Features::F32 { width, .. } | Features::U8 { width, .. } => *width,
            Features::Packed(rows) => rows.width(),
            Features::Matrix(rows) => rows.width(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Features::F32 { width, data } => data.len() / width.max(&1),
            Features::U8 { width, data } => data.len() / width.max(&1),
            Features::Packed(rows) => rows.rows(),
            Features::Matrix(rows) => rows.rows(),
        }
    }

    /// The rows with these numbers, in this order: copies, of rows in a file only their numbers.
    fn select(&self, rows: &[usize]) -> Features {
        match self {
            Features::F32 { width, data } => Features::F32 { width: *width, data: select(data, *width, rows) },
            Features::U8 { width, data } => Features::U8 { width: *width, data: select(data, *width, rows) },
            Features::Packed(own) => Features::Packed(own.select(rows)),
            Features::Matrix(own) => Features::Matrix(own.select(rows)),
        }
    }
}

impl Targets {
    /// Number of outputs that a model needs for each row: one for each class, or one for each target column.
    pub fn width(&self) -> usize {
        match self {
            Targets::Labels { classes, .. } => classes.len(),
            Targets::Values { names, .. } => names.len(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Targets::Labels { data, .. } => data.len(),
            Targets::Values { names, data } => data.len() / names.len().max(1),
        }
    }

    fn select(&self, rows: &[usize]) -> Targets {
        match self {
            Targets::Labels { name, classes, data } => {
                Targets::Labels { name: name.clone(), classes: classes.clone(), data: select(data, 1, rows) }
            }
            Targets::Values { names, data } => {
                Targets::Values { names: names.clone(), data: select(data, names.len(), rows) }
            }
        }
    }
}

fn select<T: Copy>(data: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    rows.iter().flat_map(|&row| &data[row * width..][..width]).copied().collect()
}

impl Dataset {
    /// A dataset from memory, with features called `x0`, `x1`, … and no preprocessing.
    ///
    /// ```
    /// use anygrad::data::{Dataset, Features, Targets};
    /// let features = Features::F32 { width: 2, data: vec![0.0, 0.0, 1.0, 1.0] };
    /// let targets = Targets::Values { names: vec!["sum".into()], data: vec![0.0, 2.0] };
    /// let data = Dataset::new("sums", features, targets)?;
    /// assert_eq!(data.rows(), 2);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if features and targets differ in their number of rows, a row is incomplete, or a label has no
    /// class.
    pub fn new(name: &str, features: Features, targets: Targets) -> Result<Dataset> {
        let feature_names = (0..features.width()).map(|i| format!("x{i}")).collect();
        let data = Dataset {
            name: name.into(),
            features,
            feature_names,
            targets,
            weights: None,
            preprocessing: Preprocessing::None,
            target_preprocessing: Preprocessing::None,
            encoder: None,
        };
        data.check()?;
        Ok(data)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.features.rows()
    }

    /// Checks that features, targets, weights, names and preprocessing fit together.
    ///
    /// ```
    /// use anygrad::data::digits;
    /// let mut data = digits()?;
    /// data.feature_names.pop();
    /// assert_eq!(data.check().unwrap_err().to_string(), "dataset digits: 63 names for 64 features");
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if features and targets differ in their number of rows, a row is incomplete, a label has no
    /// class, or there are more or fewer names, means or deviations than columns; if there is not one weight for each
    /// row, one is neither 0 nor a number from 1e-30 to 1e30, or all are 0.
    pub fn check(&self) -> Result<()> {
        let wrong = |detail: String| Err(Error::shape(format!("dataset {}", self.name), detail));
        let (width, numbers) = match &self.features {
            Features::F32 { width, data } => (*width, data.len()),
            Features::U8 { width, data } => (*width, data.len()),
            Features::Packed(_) | Features::Matrix(_) => (self.features.width(), self.rows() * self.features.width()),
        };
        if width == 0 || numbers == 0 || numbers % width != 0 {
            return wrong(format!("{numbers} numbers do not make rows of {width} features"));
        }
        if self.targets.rows() != self.rows() {
            return wrong(format!("{} rows of features, {} of targets", self.rows(), self.targets.rows()));
        }
        self.check_weights()?;
        let target_width = if let Targets::Values { names, .. } = &self.targets { names.len() } else { 0 };
        for (preprocessing, width, what) in
            [(&self.preprocessing, width, "features"), (&self.target_preprocessing, target_width, "target values")]
        {
            if let Preprocessing::Affine { centers, scales } = preprocessing
                && (centers.len() != width || scales.len() != width)
            {
                let (centers, scales) = (centers.len(), scales.len());
                return wrong(format!("{centers} centers and {scales} scales for {width} {what}"));
            }
        }
        if self.feature_names.len() != width {
            return wrong(format!("{} names for {width} features", self.feature_names.len()));
        }
        match &self.targets {
            Targets::Labels { classes, data, .. } => {
                match data.iter().position(|&label| label as usize >= classes.len()) {
                    Some(row) => wrong(format!(
                        "row {row} has label {}, there are {} classes (labels count from 0)",
                        data[row],
                        classes.len()
                    )),
                    None => Ok(()),
                }
            }
            Targets::Values { names, data } if names.is_empty() || data.len() % names.len() != 0 => {
                wrong(format!("{} target values for {} columns", data.len(), names.len()))
            }
            Targets::Values { .. } => Ok(()),
        }
    }

    /// A dataset of the rows with these numbers, in this order; a row may be taken several times.
    ///
    /// ```
    /// let data = anygrad::data::xor(8, 0)?;
    /// assert_eq!(data.select(&[7, 0, 0]).rows(), 3);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is no row with one of the numbers.
    pub fn select(&self, rows: &[usize]) -> Dataset {
        Dataset {
            name: self.name.clone(),
            features: self.features.select(rows),
            feature_names: self.feature_names.clone(),
            targets: self.targets.select(rows),
            weights: self.weights.as_ref().map(|weights| select(weights, 1, rows)),
            preprocessing: self.preprocessing.clone(),
            target_preprocessing: self.target_preprocessing.clone(),
            encoder: self.encoder.clone(),
        }
    }

    /// Hash of features, targets and weights as 16 hexadecimal digits, to tell in a model file what it was trained on.
    /// Names and preprocessing do not count. Rows in a packed file are not read for it: what the whole file and each of its
    /// parts hash to stands in its header, and a selection hashes to that and the numbers of its rows.
    ///
    /// ```
    /// use anygrad::data::xor;
    /// assert_eq!(xor(8, 0)?.hash(), xor(8, 0)?.hash());
    /// assert_ne!(xor(8, 0)?.hash(), xor(8, 1)?.hash());
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn hash(&self) -> String {
        let mut hash = crate::files::Fnv::default();
        match &self.features {
            Features::F32 { data, .. } => hash.feed(bytemuck::cast_slice(data)),
            Features::U8 { data, .. } => hash.feed(data),
            Features::Packed(rows) => return rows.hash(),
            Features::Matrix(_) => {
                // Reading from memory never fails.
                let _ = self.features.for_each_block(|block| hash.feed(bytemuck::cast_slice(block)));
            }
        }
        match &self.targets {
            Targets::Labels { data, .. } => hash.feed(bytemuck::cast_slice(data)),
            Targets::Values { data, .. } => hash.feed(bytemuck::cast_slice(data)),
        }
        if let Some(weights) = &self.weights {
            hash.feed(bytemuck::cast_slice(weights));
        }
        hash.digits()
    }
}
