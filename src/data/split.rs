//! Training, validation and test rows.

use super::{Dataset, Features, Preprocessing, Targets};
use crate::error::{Error, Result};
use crate::random::{Permutation, Purpose, stream_key};

/// Rows to train on and rows to test with.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Rows to train on.
    pub train: Dataset,
    /// Rows to watch while training, for early stopping and schedules; the optimizer never sees them.
    pub validation: Option<Dataset>,
    /// Rows to test with at the end; the optimizer never sees them.
    pub test: Dataset,
}

impl Dataset {
    /// Puts a random `test_fraction` of the rows, at least one, into the test set. Each class gives its share of the
    /// rows (a stratified split).
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
        let (test, train) = self.divide("test_fraction", test_fraction, seed, 0)?;
        Ok(Split { train: self.select(&train), validation: None, test: self.select(&test) })
    }

    /// Numbers of the rows held back and of the others, both in random order.
    fn divide(&self, option: &str, fraction: f32, seed: u64, id: u32) -> Result<(Vec<usize>, Vec<usize>)> {
        if !(fraction > 0.0 && fraction < 1.0) {
            let expected = "the share of rows held back must lie between 0 and 1, such as 0.2";
            return Err(Error::option(option, fraction, expected));
        }
        let rows = self.rows();
        if rows < 2 {
            return Err(Error::shape(format!("dataset {}", self.name), "a split needs at least 2 rows"));
        }
        let held_back = ((rows as f64 * f64::from(fraction)) as usize).clamp(1, rows - 1);
        let order = Permutation::new(stream_key(seed, Purpose::Split, id), 0, rows as u32);
        let shuffled = (0..rows as u32).map(|i| order.at(i) as usize);
        let mut quotas = self.quotas(held_back);
        let class = |row: usize| match &self.targets {
            Targets::Labels { data, .. } => data[row] as usize,
            Targets::Values { .. } => 0,
        };
        Ok(shuffled.partition(|&row| {
            let quota = &mut quotas[class(row)];
            let is_held_back = *quota > 0;
            *quota -= usize::from(is_held_back);
            is_held_back
        }))
    }

    /// How many of `held_back` rows each class gives: its share, rounded down, and one more for the largest
    /// remainders. A class keeps at least one row to train on where others can give more.
    fn quotas(&self, held_back: usize) -> Vec<usize> {
        let Targets::Labels { classes, data, .. } = &self.targets else { return vec![held_back] };
        let mut counts = vec![0; classes.len()];
        data.iter().for_each(|&label| counts[label as usize] += 1);
        let mut quotas: Vec<usize> = counts.iter().map(|n| n * held_back / data.len()).collect();
        let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
        by_remainder.sort_by_key(|&class| std::cmp::Reverse(counts[class] * held_back % data.len()));
        let mut left = held_back - quotas.iter().sum::<usize>();
        for keep in [1, 0] {
            let mut before = usize::MAX;
            while left > 0 && left < before {
                before = left;
                for &class in &by_remainder {
                    if left > 0 && quotas[class] + keep < counts[class] {
                        quotas[class] += 1;
                        left -= 1;
                    }
                }
            }
        }
        quotas
    }
}

impl Split {
    /// The rows that training watches: for validation if there are any, else for testing.
    pub fn held_out(&self) -> &Dataset {
        self.validation.as_ref().unwrap_or(&self.test)
    }

    /// Moves a random `fraction` of the training rows, at least one, into a validation set. Each class gives its share
    /// of the rows (a stratified split).
    ///
    /// ```
    /// let split = anygrad::data::digits()?.split(0.2, 0)?.with_validation(0.1, 0)?;
    /// assert_eq!((split.train.rows(), split.validation.unwrap().rows()), (1295, 143));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if the fraction is not strictly between 0 and 1; [`Error::Shape`] if there are fewer
    /// than two training rows.
    pub fn with_validation(mut self, fraction: f32, seed: u64) -> Result<Split> {
        let (validation, train) = self.train.divide("validation_fraction", fraction, seed, 1)?;
        self.validation = Some(self.train.select(&validation));
        self.train = self.train.select(&train);
        Ok(self)
    }

    /// Training, test and validation rows.
    fn parts_mut(&mut self) -> impl Iterator<Item = &mut Dataset> {
        [&mut self.train, &mut self.test].into_iter().chain(self.validation.as_mut())
    }

    /// Sets how features of all parts become inputs.
    pub(super) fn with_preprocessing(mut self, preprocessing: &Preprocessing) -> Split {
        self.parts_mut().for_each(|part| part.preprocessing.clone_from(preprocessing));
        self
    }

    /// Has features and target values of all parts standardized, by means and deviations of the training rows. Features
    /// that are bytes keep their preprocessing, and so do rows in a packed file and target values from 0 to 1, which may be
    /// probabilities.
    ///
    /// ```
    /// use anygrad::data::{Preprocessing, moons};
    /// let split = moons(200, 0.1, 0)?.split(0.2, 0)?.standardized();
    /// assert!(matches!(split.train.preprocessing, Preprocessing::Standardize { .. }));
    /// assert_eq!(split.train.preprocessing, split.test.preprocessing);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn standardized(mut self) -> Split {
        if let Features::F32 { width, data } = &self.train.features {
            let preprocessing = Preprocessing::standardize(data, *width);
            self = self.with_preprocessing(&preprocessing);
        }
        if let Targets::Values { names, data } = &self.train.targets
            && !data.iter().all(|y| (0.0..=1.0).contains(y))
        {
            let preprocessing = Preprocessing::standardize(data, names.len());
            self.parts_mut().for_each(|part| part.target_preprocessing = preprocessing.clone());
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
            _ => unreachable!("digits are bytes in memory"),
        };
        let mut all = [rows(&split.train), rows(&split.test)].concat();
        let mut original = rows(&data);
        all.sort();
        original.sort();
        assert_eq!(all, original);
        assert_ne!(split, data.split(0.3, 8).unwrap());
        assert!(data.split(0.0, 0).is_err() && data.split(f32::NAN, 0).is_err());
    }

    #[test]
    fn each_class_gives_its_share() {
        let count = |data: &super::Dataset, class: u32| match &data.targets {
            super::Targets::Labels { data, .. } => data.iter().filter(|&&label| label == class).count(),
            super::Targets::Values { .. } => unreachable!("classes"),
        };
        // 1 row of class 0, 9 of class 1, 90 of class 2.
        let labels: Vec<u32> = (0..100).map(|i| if i == 0 { 0 } else { 1 + u32::from(i >= 10) }).collect();
        let classes = ["a", "b", "c"].map(String::from).to_vec();
        let targets = super::Targets::Labels { name: "y".into(), classes, data: labels };
        let features = super::Features::F32 { width: 1, data: (0..100).map(|i| i as f32).collect() };
        let data = super::Dataset::new("rare", features, targets).unwrap();
        for seed in 0..20 {
            let split = data.split(0.25, seed).unwrap();
            assert_eq!([0, 1, 2].map(|class| count(&split.test, class)), [0, 2, 23]);
            let split = split.with_validation(0.5, seed).unwrap();
            let validation = split.validation.unwrap();
            assert_eq!([0, 1, 2].map(|class| count(&validation, class)), [0, 4, 33]);
            assert_eq!(count(&split.train, 0), 1);
        }
    }
}
