//! Where data comes from, as flags and config files name it: `digits`, `mnist:DIR`, `cifar10:DIR`, `spiral`,
//! `iris.csv`.

use super::packed::Packed;
use super::{DataOptions, Dataset, GENERATED, Split, cifar10, digits, generated, mnist, tables};
use crate::error::{Error, Result};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A source of data, parsed from the text that a flag or a config file gives.
///
/// ```
/// use anygrad::data::Source;
/// assert_eq!("mnist:downloads".parse::<Source>()?, Source::Mnist("downloads".into()));
/// assert_eq!("iris.csv".parse::<Source>()?.to_string(), "iris.csv");
/// let error = "spirall".parse::<Source>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown data source `spirall`; did you mean `spiral`?");
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// The embedded handwritten digits: `digits`.
    Digits,
    /// MNIST's four official files in a folder: `mnist:DIR`.
    Mnist(PathBuf),
    /// CIFAR-10's six official binary files in a folder: `cifar10:DIR`.
    Cifar10(PathBuf),
    /// A dataset generated from the seed, by one of the names in [`GENERATED`].
    Generated(String),
    /// A CSV file with a header line.
    Csv(PathBuf),
    /// A packed file, by its ending `.anygrad`.
    Packed(PathBuf),
    /// Rows that a program made, and no file tells where from.
    Memory,
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Source> {
        if text == "digits" {
            return Ok(Source::Digits);
        }
        if text == "memory" {
            return Ok(Source::Memory);
        }
        if text == "mnist" {
            return Ok(Source::Mnist("mnist".into()));
        }
        if let Some(folder) = text.strip_prefix("mnist:") {
            return Ok(Source::Mnist(folder.into()));
        }
        if text == "cifar10" {
            return Ok(Source::Cifar10("cifar10".into()));
        }
        if let Some(folder) = text.strip_prefix("cifar10:") {
            return Ok(Source::Cifar10(folder.into()));
        }
        if GENERATED.contains(&text) {
            return Ok(Source::Generated(text.into()));
        }
        if Path::new(text).extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) {
            return Ok(Source::Csv(text.into()));
        }
        if Path::new(text).extension().is_some_and(|e| e.eq_ignore_ascii_case("anygrad")) {
            return Ok(Source::Packed(text.into()));
        }
        let known = ["digits", "mnist:DIR", "cifar10:DIR", "FILE.csv", "FILE.anygrad"].into_iter().chain(GENERATED);
        Err(Error::unknown("data source", text, known))
    }
}

impl Source {
    /// Changes the path, if it has one.
    pub fn relocate(&mut self, change: impl Fn(&Path) -> PathBuf) {
        match self {
            Source::Mnist(path) | Source::Cifar10(path) | Source::Csv(path) | Source::Packed(path) => {
                *path = change(path);
            }
            Source::Digits | Source::Generated(_) | Source::Memory => {}
        }
    }

    /// The path of a table; `option` is what names it.
    fn table(&self, option: &str) -> Result<&Path> {
        match self {
            Source::Csv(path) => Ok(path),
            other => Err(Error::option(option, other, "must be a file with a table, as the training rows are")),
        }
    }

    /// The error of asking for the rows of [`Source::Memory`].
    pub fn unknown_rows() -> Error {
        let expected =
            "the rows were made by a program, and only that has them: name a source such as digits or FILE.csv";
        Error::option("source", Source::Memory, expected)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Digits => f.write_str("digits"),
            Source::Mnist(folder) => write!(f, "mnist:{}", folder.display()),
            Source::Cifar10(folder) => write!(f, "cifar10:{}", folder.display()),
            Source::Generated(name) => f.write_str(name),
            Source::Csv(path) | Source::Packed(path) => write!(f, "{}", path.display()),
            Source::Memory => f.write_str("memory"),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = Error;
    fn try_from(text: String) -> Result<Source> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        source.to_string()
    }
}

/// Loads rows and splits them: MNIST, CIFAR-10 and what was packed split into their own sets, everything else by what the
/// options say and `seed`. Tables are understood and encoded by the training rows, and their target values are
/// standardized. The features of a packed file stay in it.
///
/// ```
/// use anygrad::data::{DataOptions, load};
/// let options = DataOptions { source: "xor".parse()?, test_fraction: 0.25, ..DataOptions::default() };
/// let split = load(&options, 0)?;
/// assert_eq!((split.train.rows(), split.test.rows()), (300, 100));
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] or [`Error::Data`] if a file is missing or damaged; [`Error::InvalidOption`] if an option is out of
/// range, or names columns of a source without; [`Error::UnknownName`] if there is no such column.
pub fn load(options: &DataOptions, seed: u64) -> Result<Split> {
    options.validate()?;
    if let (Some(folds), None) = (options.folds, options.fold) {
        return Err(Error::option("folds", folds, "makes a run of each part: name one by fold"));
    }
    let DataOptions { source, test_fraction, validation_fraction, .. } = options;
    if let Source::Csv(path) = source {
        let train = path;
        let paths = tables::Paths {
            train,
            validation: options.validation_data.as_ref().map(|own| own.table("validation_data")).transpose()?,
            test: options.test_data.as_ref().map(|own| own.table("test_data")).transpose()?,
        };
        return tables::split(&paths, options, seed);
    }
    options.refuse_columns()?;
    let divided = |data: Dataset| data.split_or_keep(*test_fraction, seed);
    let split = match source {
        Source::Digits => divided(digits()?)?,
        Source::Mnist(folder) => mnist(folder)?,
        Source::Cifar10(folder) => cifar10(folder)?,
        Source::Generated(name) => divided(generated(name, seed)?)?,
        Source::Packed(path) => return Packed::open(path)?.split(options, seed),
        Source::Csv(_) | Source::Memory => return Err(Source::unknown_rows()),
    };
    if *validation_fraction == 0.0 { Ok(split) } else { split.with_validation(*validation_fraction, seed) }
}
