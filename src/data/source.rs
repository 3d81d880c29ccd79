//! Where data comes from, as flags and config files name it: `digits`, `mnist:DIR`, `cifar10:DIR`, `spiral`,
//! `iris.csv`.

use super::{GENERATED, Split, Table, TargetKind, cifar10, digits, generated, mnist};
use crate::error::{Error, Result};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A parsed data source.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// The embedded digits.
    Digits,
    /// MNIST's files in a folder.
    Mnist(PathBuf),
    /// CIFAR-10's files in a folder.
    Cifar10(PathBuf),
    /// Generated from the seed, by name.
    Generated(String),
    /// A CSV file.
    Csv(PathBuf),
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Source> {
        if text == "digits" {
            return Ok(Source::Digits);
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
        let known = ["digits", "mnist:DIR", "cifar10:DIR", "FILE.csv"].into_iter().chain(GENERATED);
        Err(Error::unknown("data source", text, known))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Digits => f.write_str("digits"),
            Source::Mnist(folder) => write!(f, "mnist:{}", folder.display()),
            Source::Cifar10(folder) => write!(f, "cifar10:{}", folder.display()),
            Source::Generated(name) => f.write_str(name),
            Source::Csv(path) => write!(f, "{}", path.display()),
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

/// Which shares of the rows are held back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fractions {
    /// Of all rows, for testing; MNIST and CIFAR-10 have their own test rows.
    pub test: f32,
    /// Of the other rows, to watch while training; 0 for none.
    pub validation: f32,
}

/// Loads a source and splits it: MNIST and CIFAR-10 into their own sets, everything else at random by `fractions` and
/// `seed`. CSV features are standardized by the training rows.
///
/// # Errors
/// Whatever the source's reader finds wrong.
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
    };
    let split = if fractions.validation == 0.0 { split } else { split.with_validation(fractions.validation, seed)? };
    Ok(if let Source::Csv(_) = source { split.standardized() } else { split })
}
