//! Where data comes from, as flags and config files name it: `digits`, `mnist:DIR`, `cifar10:DIR`, `spiral`,
//! `iris.csv`.

use super::packed::Packed;
use super::{GENERATED, Split, Table, TargetKind, cifar10, digits, generated, mnist};
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

/// The shares of the rows that are held back from training, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fractions {
    /// Share of all rows for testing; MNIST, CIFAR-10 and what was packed split have test rows of their own, and ignore
    /// it.
    pub test: f32,
    /// Share of the other rows to watch while training; 0 for none.
    pub validation: f32,
}

/// Loads a source and splits it: MNIST, CIFAR-10 and what was packed split into their own sets, everything else at random
/// by `fractions` and `seed`. The features of a packed file stay in it. CSV features are standardized by the training rows. `target` names the CSV columns to predict; without it
/// the last one is taken.
///
/// ```
/// use anygrad::data::{Fractions, Source, TargetKind, load};
/// let fractions = Fractions { test: 0.25, validation: 0.0 };
/// let split = load(&Source::Generated("xor".into()), None, TargetKind::Auto, fractions, 0)?;
/// assert_eq!((split.train.rows(), split.test.rows()), (300, 100));
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] or [`Error::Data`] if a file is missing or damaged; [`Error::InvalidOption`] if a fraction is out of
/// range, or a target is named and the source is no CSV file; [`Error::UnknownName`] if there is no such column.
pub fn load(source: &Source, target: Option<&str>, kind: TargetKind, fractions: Fractions, seed: u64) -> Result<Split> {
    if let (Some(target), false) = (target, matches!(source, Source::Csv(_))) {
        return Err(Error::option("target", target, "only CSV files have named columns"));
    }
    let split = match source {
        Source::Digits => digits()?.split(fractions.test, seed)?,
        Source::Mnist(folder) => mnist(folder)?,
        Source::Cifar10(folder) => cifar10(folder)?,
        Source::Generated(name) => generated(name, seed)?.split(fractions.test, seed)?,
        Source::Csv(path) => Table::read(path)?.dataset(target, kind)?.split(fractions.test, seed)?,
        Source::Packed(path) => return Packed::open(path)?.split(fractions, seed),
        Source::Memory => return Err(Source::unknown_rows()),
    };
    let split = if fractions.validation == 0.0 { split } else { split.with_validation(fractions.validation, seed)? };
    Ok(if let Source::Csv(_) = source { split.standardized() } else { split })
}
