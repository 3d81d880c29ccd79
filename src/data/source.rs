//! Where data comes from, as flags and config files name it: `digits`, `mnist:DIR`, `cifar10:DIR`, `spiral`,
//! `iris.csv`.

use super::{Dataset, GENERATED, Split, Table, TargetKind, cifar10, digits, generated, mnist};
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

/// Loads a source and splits it: MNIST and CIFAR-10 into their own sets, everything else at random by `test_fraction`
/// and `seed`. CSV features are standardized by the training rows.
///
/// # Errors
/// Whatever the source's reader finds wrong.
pub fn load(source: &Source, target: Option<&str>, kind: TargetKind, test_fraction: f32, seed: u64) -> Result<Split> {
    if let (Some(target), false) = (target, matches!(source, Source::Csv(_))) {
        return Err(Error::option("target", target, "only CSV files have named columns"));
    }
    match source {
        Source::Digits => digits()?.split(test_fraction, seed),
        Source::Mnist(folder) => mnist(folder),
        Source::Cifar10(folder) => cifar10(folder),
        Source::Generated(name) => generated(name, seed)?.split(test_fraction, seed),
        Source::Csv(path) => {
            let data: Dataset = Table::read(path)?.dataset(target, kind)?;
            Ok(data.split(test_fraction, seed)?.standardized())
        }
    }
}
