//! Training and test rows.

use super::{Dataset, Features, Preprocessing, Targets};
use crate::error::{Error, Result};
use crate::random::{Permutation, Purpose, stream_key};

/// Rows to train on and rows to test with.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// To train on.
    pub train: Dataset,
    /// To test with; the optimizer never sees them.
    pub test: Dataset,
}

impl Dataset {
    /// Puts a random `test_fraction` of the rows, at least one, into the test set.
    ///
    /// ```
    /// let split = anygrad::data::digits()?.split(0.2, 0)?;
    /// assert_eq!((split.train.rows(), split.test.rows()), (1438, 359));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if the fraction is not strictly between 0 and 1; [`Error::Shape`] if there are fewer
    /// than two rows.
    pub fn split(&self, test_fraction: f32, seed: u64) -> Result<Split> {
        if !(test_fraction > 0.0 && test_fraction < 1.0) {
            let expected = "the share of rows held back for testing must lie between 0 and 1, such as 0.2";
            return Err(Error::option("test_fraction", test_fraction, expected));
        }
        let rows = self.rows();
        if rows < 2 {
            return Err(Error::shape(format!("dataset {}", self.name), "a split needs at least 2 rows"));
        }
        let test_rows = ((rows as f64 * f64::from(test_fraction)) as usize).clamp(1, rows - 1);
        let order = Permutation::new(stream_key(seed, Purpose::Split, 0), 0, rows as u32);
        let shuffled: Vec<usize> = (0..rows as u32).map(|i| order.at(i) as usize).collect();
        let (test, train) = shuffled.split_at(test_rows);
        Ok(Split { train: self.select(train), test: self.select(test) })
    }
}

impl Split {
    /// Standardizes features and target values by means and deviations of the training rows. Bytes stay as they are
    /// prepared, and so do target values from 0 to 1, which may be probabilities.
    pub fn standardized(mut self) -> Split {
        if let Features::F32 { width, data } = &self.train.features {
            self.train.preprocessing = Preprocessing::standardize(data, *width);
            self.test.preprocessing = self.train.preprocessing.clone();
        }
        if let Targets::Values { names, data } = &self.train.targets
            && !data.iter().all(|y| (0.0..=1.0).contains(y))
        {
            self.train.target_preprocessing = Preprocessing::standardize(data, names.len());
            self.test.target_preprocessing = self.train.target_preprocessing.clone();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::digits;

    #[test]
    fn a_split_keeps_every_row_once() {
        let data = digits().unwrap();
        let split = data.split(0.3, 7).unwrap();
        assert_eq!(split.train.rows() + split.test.rows(), data.rows());
        let rows = |d: &super::Dataset| match &d.features {
            super::Features::U8 { data, .. } => data.chunks(64).map(<[u8]>::to_vec).collect::<Vec<_>>(),
            super::Features::F32 { .. } => unreachable!("digits are bytes"),
        };
        let mut all = [rows(&split.train), rows(&split.test)].concat();
        let mut original = rows(&data);
        all.sort();
        original.sort();
        assert_eq!(all, original);
        assert_ne!(split, data.split(0.3, 8).unwrap());
        assert!(data.split(0.0, 0).is_err() && data.split(f32::NAN, 0).is_err());
    }
}
