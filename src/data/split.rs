//! Training, validation and test rows.

use super::hold_back::{By, hold_back, shuffled};
use super::{Dataset, Encoder, Features, Fitted, Preprocessing, Scaling, Targets};
use crate::error::{Error, Result};
use crate::random::{Purpose, stream_key};

/// Rows to train on and rows to test with.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Rows to train on.
    pub train: Dataset,
    /// Rows to watch while training, for early stopping and schedules; the optimizer never sees them.
    pub validation: Option<Dataset>,
    /// Rows to test with at the end; the optimizer never sees them. There may be none.
    pub test: Dataset,
    /// What was taken for what while the rows were read, a sentence each.
    pub decisions: Vec<String>,
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
        Ok(Split::new(self.select(&train), self.select(&test)))
    }

    /// [`Dataset::split`], or with a share of 0 all rows to train on and none to test with.
    pub(super) fn split_or_keep(self, test_fraction: f32, seed: u64) -> Result<Split> {
        if test_fraction == 0.0 {
            let none = self.select(&[]);
            return Ok(Split::new(self, none));
        }
        self.split(test_fraction, seed)
    }

    /// Numbers of the rows held back and of the others, both in random order.
    fn divide(&self, option: &str, fraction: f32, seed: u64, id: u32) -> Result<(Vec<usize>, Vec<usize>)> {
        if !(fraction > 0.0 && fraction < 1.0) {
            let expected = "the share of rows held back must lie between 0 and 1, such as 0.2";
            return Err(Error::option(option, fraction, expected));
        }
        let by = match &self.targets {
            Targets::Labels { data, .. } => By::Class(data),
            Targets::Values { .. } => By::Chance,
        };
        let (rows, key) = ((0..self.rows()).collect::<Vec<_>>(), stream_key(seed, Purpose::Split, id));
        let held_back = hold_back(&rows, by, fraction, key)?;
        let mut is_held_back = vec![false; rows.len()];
        held_back.iter().for_each(|&row| is_held_back[row] = true);
        let others = shuffled(&rows, key).filter(|&row| !is_held_back[row]).collect();
        Ok((held_back, others))
    }
}

impl From<Dataset> for Split {
    /// All rows to train on, none to test with.
    fn from(rows: Dataset) -> Split {
        let none = rows.select(&[]);
        Split::new(rows, none)
    }
}

impl Split {
    /// Rows to train on and to test with, none to watch.
    pub fn new(train: Dataset, test: Dataset) -> Split {
        Split { train, validation: None, test, decisions: Vec::new() }
    }

    /// The rows that are evaluated while training: for validation if there are any, else for testing, if there are any.
    pub fn held_out(&self) -> Option<&Dataset> {
        self.validation.as_ref().or((self.test.rows() > 0).then_some(&self.test))
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
    /// that are bytes keep their preprocessing, and so do rows in a packed file and target values that are 0 and 1 only.
    ///
    /// ```
    /// use anygrad::data::{Preprocessing, moons};
    /// let split = moons(200, 0.1, 0)?.split(0.2, 0)?.standardized();
    /// assert!(matches!(split.train.preprocessing, Preprocessing::Affine { .. }));
    /// assert_eq!(split.train.preprocessing, split.test.preprocessing);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn standardized(mut self) -> Split {
        let scaled = vec![true; self.train.features.width()];
        // Reading rows in memory never fails, and no others are read.
        let _ = self.scale_features(Scaling::Standard, &scaled);
        self.standardize_targets();
        self
    }

    /// The rows of a table prepared as a model's, or else by its training rows.
    pub(super) fn prepared(mut self, fitted: Option<&Fitted>, scaling: Scaling, encoder: &Encoder) -> Result<Split> {
        if let Some(fitted) = fitted {
            return self.like(fitted);
        }
        if scaling != Scaling::None {
            let scaled: Vec<bool> = encoder.columns.iter().flat_map(|column| column.is_scaled()).collect();
            self.scale_features(scaling, &scaled)?;
        }
        self.standardize_targets();
        Ok(self)
    }

    /// Scales features by the training rows, but for those that are not to be. Bytes, and rows of a packed file, stay.
    pub(super) fn scale_features(&mut self, scaling: Scaling, scaled: &[bool]) -> Result<()> {
        if let Features::F32 { .. } | Features::Matrix(_) = &self.train.features {
            let preprocessing = Preprocessing::fit_features(scaling, &self.train.features, scaled)?;
            self.parts_mut().for_each(|part| part.preprocessing = preprocessing.clone());
        }
        Ok(())
    }

    /// Leaves target values as they are.
    pub(crate) fn leave_targets(&mut self) {
        self.parts_mut().for_each(|part| part.target_preprocessing = Preprocessing::None);
    }

    /// Standardizes target values, unless they are 0 and 1 only.
    pub(super) fn standardize_targets(&mut self) {
        if let Targets::Values { names, data } = &self.train.targets
            && !data.iter().all(|y| [0.0, 1.0].contains(y))
        {
            let preprocessing = Preprocessing::standardize(data, names.len());
            self.parts_mut().for_each(|part| part.target_preprocessing = preprocessing.clone());
        }
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
