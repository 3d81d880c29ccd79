//! Weights of rows: how much each row counts in a loss and in metrics.

use super::Dataset;
use crate::error::{Error, Result};

/// The smallest and the largest weight above 0. Between them sums of weights, and weights times losses, stay within the
/// range of f32.
const RANGE: [f32; 2] = [1e-30, 1e30];

impl Dataset {
    /// Gives each row a weight, as scikit-learn's `sample_weight`: in a loss and in metrics a row of weight 2 counts as
    /// the row twice, a row of weight 0 not at all. Preprocessing and splits do not look at weights.
    ///
    /// ```
    /// use anygrad::{data::xor, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let data = xor(80, 0)?.with_weights((0..80).map(|row| 1.0 + row as f32 / 80.0).collect())?;
    /// let split = data.split(0.2, 0)?;
    /// assert_eq!(split.test.weights.as_ref().map(Vec::len), Some(16));
    ///
    /// let model = Sequential::new(2).linear(8).tanh().linear(2);
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.5)).batch_size(16).epochs(40);
    /// let history = trainer.fit_blocking(&split)?;
    /// let evaluation = trainer.evaluate_blocking(&split.test)?;
    /// // Both are means over the test rows by weight.
    /// assert!((evaluation.loss - history.last().unwrap().test_loss.unwrap()).abs() < 1e-6);
    /// assert!(evaluation.weighted_confusion.is_some());
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] as by [`Dataset::check`].
    pub fn with_weights(self, weights: Vec<f32>) -> Result<Dataset> {
        let data = Dataset { weights: Some(weights), ..self };
        data.check()?;
        Ok(data)
    }

    /// Checks that there is one weight for each row, and that they can be summed.
    pub(super) fn check_weights(&self) -> Result<()> {
        let Some(weights) = &self.weights else { return Ok(()) };
        let wrong = |detail: String| Err(Error::shape(format!("dataset {}", self.name), detail));
        if weights.len() != self.rows() {
            return wrong(format!("{} weights for {} rows: give one for each", weights.len(), self.rows()));
        }
        let [least, most] = RANGE;
        if let Some(row) = weights.iter().position(|w| *w != 0.0 && !(least..=most).contains(w)) {
            let weight = weights[row];
            return wrong(format!(
                "row {row} has the weight {weight}: a weight is 0 or a number from {least:e} to {most:e}"
            ));
        }
        if weights.iter().all(|&w| w == 0.0) {
            return wrong(format!("all {} rows have the weight 0: give one of them a weight above 0", weights.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{Dataset, xor};

    fn weighted(weights: &[f32]) -> crate::error::Result<Dataset> {
        xor(4, 0)?.with_weights(weights.to_vec())
    }

    #[test]
    fn weights_that_cannot_be_used_are_refused_by_row() {
        for (weights, part) in [
            (&[1.0; 3][..], "3 weights for 4 rows"),
            (&[1.0, -1.0, 1.0, 1.0], "row 1 has the weight -1: "),
            (&[1.0, 1.0, f32::NAN, 1.0], "row 2 has the weight NaN"),
            (&[1.0, 1.0, 1.0, f32::INFINITY], "row 3 has the weight inf"),
            (&[1e-40, 1.0, 1.0, 1.0], "from 1e-30 to 1e30"),
            (&[0.0; 4], "all 4 rows have the weight 0"),
        ] {
            let error = weighted(weights).expect_err("weights of no use").to_string();
            assert!(error.contains(part), "{weights:?}: {error}");
        }
        assert!(weighted(&[0.0, 0.0, 1e-30, 1e30]).is_ok());
    }

    #[test]
    fn rows_keep_their_weights_and_a_hash_knows_them() {
        let data = weighted(&[0.5, 1.0, 2.0, 4.0]).unwrap();
        assert_eq!(data.select(&[3, 0, 3]).weights.unwrap(), [4.0, 0.5, 4.0]);
        let other = weighted(&[0.5, 1.0, 2.0, 8.0]).unwrap();
        let hashes = [xor(4, 0).unwrap().hash(), data.hash(), other.hash()];
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2], "{hashes:?}");
        assert_eq!(data.hash(), data.select(&[0, 1, 2, 3]).hash());
        // As it was before rows could have weights.
        assert_eq!(hashes[0], "e770cc6556cf1ff7");
    }
}
