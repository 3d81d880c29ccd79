//! Rows that come parted by their source: to train on, and perhaps to watch while training and to test with.

use super::{DataOptions, Dataset, Split};
use crate::error::Result;

/// What a source holds, in the parts that the source itself names.
///
/// ```
/// use anygrad::data::{Parts, moons};
/// let parts = Parts { train: moons(80, 0.1, 0)?, validation: None, test: Some(moons(20, 0.1, 1)?) };
/// assert_eq!(parts.iter().map(|(name, data)| (name, data.rows())).collect::<Vec<_>>(), [("train", 80), ("test", 20)]);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Parts<T> {
    /// To train on: all there is, if the source names no parts.
    pub train: T,
    /// To watch while training.
    pub validation: Option<T>,
    /// To test with at the end.
    pub test: Option<T>,
}

impl<T> Parts<T> {
    /// All of a source that names no parts.
    pub fn whole(rows: T) -> Parts<T> {
        Parts { train: rows, validation: None, test: None }
    }

    /// The parts that there are, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &T)> {
        let held_back = [("validation", &self.validation), ("test", &self.test)];
        let held_back = held_back.into_iter().filter_map(|(name, part)| Some((name, part.as_ref()?)));
        std::iter::once(("train", &self.train)).chain(held_back)
    }

    /// Turns each part into something else, the training part first.
    ///
    /// # Errors
    /// The first error of `turn`.
    pub fn try_map<U>(self, mut turn: impl FnMut(T) -> Result<U>) -> Result<Parts<U>> {
        let train = turn(self.train)?;
        let validation = self.validation.map(&mut turn).transpose()?;
        Ok(Parts { train, validation, test: self.test.map(&mut turn).transpose()? })
    }
}

impl Parts<Dataset> {
    /// Training, validation and test rows. What the source does not hold back itself is taken from its training rows, at
    /// random by the options' shares and `seed`.
    ///
    /// ```
    /// use anygrad::data::{DataOptions, Parts, moons};
    /// let parts = Parts { train: moons(80, 0.1, 0)?, validation: None, test: Some(moons(20, 0.1, 1)?) };
    /// // The test rows are there already, so only the validation share counts.
    /// let options = DataOptions { test_fraction: 0.5, validation_fraction: 0.1, ..DataOptions::default() };
    /// let split = parts.split(&options, 0)?;
    /// assert_eq!((split.train.rows(), split.test.rows()), (72, 20));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Dataset::split`] and [`Split::with_validation`].
    pub fn split(self, options: &DataOptions, seed: u64) -> Result<Split> {
        let Parts { train, validation, test } = self;
        let split = match test {
            Some(test) => Split::new(train, test),
            None => train.split_or_keep(options.test_fraction, seed)?,
        };
        match validation {
            Some(validation) => Ok(Split { validation: Some(validation), ..split }),
            None if options.validation_fraction == 0.0 => Ok(split),
            None => split.with_validation(options.validation_fraction, seed),
        }
    }
}
