//! The well-known sets of small images, each in its official files: which there are, what they are called.

use super::{Images, cifar, mnist};
use crate::error::{Error, Result};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A well-known set of small images.
///
/// ```
/// use anygrad::data::Collection;
/// assert_eq!("fashion-mnist".parse::<Collection>()?, Collection::FashionMnist);
/// assert_eq!(Collection::EmnistLetters.to_string(), "emnist-letters");
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// Handwritten digits, `mnist`. Any other set in files of the same names is read as well.
    Mnist,
    /// Articles of clothing in MNIST's files: `fashion-mnist`.
    FashionMnist,
    /// Ten handwritten Japanese characters in MNIST's files: `kmnist`.
    Kmnist,
    /// Handwritten digits and letters; the one of the following six whose files the folder holds: `emnist`.
    Emnist,
    /// 62 classes, `emnist-byclass`: digits, capital and small letters.
    EmnistByclass,
    /// 47 classes, `emnist-bymerge`: small letters that look like their capitals count as these.
    EmnistBymerge,
    /// The 47 classes of `emnist-bymerge` with equally many images each: `emnist-balanced`.
    EmnistBalanced,
    /// The 26 letters, capital or small: `emnist-letters`.
    EmnistLetters,
    /// The ten digits: `emnist-digits`.
    EmnistDigits,
    /// The ten digits in MNIST's number of images: `emnist-mnist`.
    EmnistMnist,
    /// Photographs of ten kinds of things: `cifar10`.
    Cifar10,
    /// Photographs of a hundred kinds of things: `cifar100`.
    Cifar100,
    /// The images of `cifar100` in twenty classes of five kinds each: `cifar100-coarse`.
    Cifar100Coarse,
}

impl Collection {
    /// All of them, with their names.
    pub const ALL: [(Collection, &str); 13] = [
        (Collection::Mnist, "mnist"),
        (Collection::FashionMnist, "fashion-mnist"),
        (Collection::Kmnist, "kmnist"),
        (Collection::Emnist, "emnist"),
        (Collection::EmnistByclass, "emnist-byclass"),
        (Collection::EmnistBymerge, "emnist-bymerge"),
        (Collection::EmnistBalanced, "emnist-balanced"),
        (Collection::EmnistLetters, "emnist-letters"),
        (Collection::EmnistDigits, "emnist-digits"),
        (Collection::EmnistMnist, "emnist-mnist"),
        (Collection::Cifar10, "cifar10"),
        (Collection::Cifar100, "cifar100"),
        (Collection::Cifar100Coarse, "cifar100-coarse"),
    ];

    /// Its name in sources: `mnist`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(collection, _)| *collection == self).map_or("", |(_, name)| name)
    }

    /// Reads its files in a folder. Pixels are bytes that a model sees scaled to `[0, 1]`; of color images first all
    /// red ones, then green, then blue.
    ///
    /// ```
    /// # use std::path::Path;
    /// use anygrad::data::Collection;
    /// let error = Collection::Kmnist.read(Path::new("no/such/folder")).unwrap_err();
    /// assert!(error.to_string().contains("train-images-idx3-ubyte: not found"));
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] if a file is missing or damaged, images and labels do not match, or test images have another size
    /// than the training images; [`Error::Io`] if one cannot be read.
    pub fn read(self, folder: &Path) -> Result<Images> {
        match self {
            Collection::Cifar10 => cifar::read(&cifar::CIFAR10, folder),
            Collection::Cifar100 => cifar::read(&cifar::FINE, folder),
            Collection::Cifar100Coarse => cifar::read(&cifar::COARSE, folder),
            other => mnist::read(other, folder),
        }
    }
}

impl FromStr for Collection {
    type Err = Error;

    fn from_str(text: &str) -> Result<Collection> {
        let hyphens = text.replace('_', "-");
        let found = Self::ALL.iter().find(|(_, name)| *name == hyphens).map(|(collection, _)| *collection);
        found.ok_or_else(|| Error::unknown("set of images", text, Self::ALL.map(|(_, name)| name)))
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
