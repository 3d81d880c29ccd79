//! Whether probabilities mean what they say: a reliability table, and the expected calibration error.

use super::BinaryScores;
use crate::error::{Error, Result};

/// How often rows are of the positive class, by the probability that was predicted for it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Calibration {
    /// The bins that have rows, from low to high probabilities.
    pub bins: Vec<CalibrationBin>,
    /// Expected calibration error: the mean over the rows of the distance between the share of positive rows in a row's
    /// bin and the mean probability there, from 0 to 1.
    pub expected_calibration_error: f64,
}

/// The rows whose probability of the positive class is above `from` and at most `to`; the first bin has those of 0 too.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct CalibrationBin {
    /// Lower bound of the probability.
    pub from: f64,
    /// Upper bound of the probability.
    pub to: f64,
    /// Number of rows.
    pub rows: u64,
    /// Mean predicted probability of the rows.
    pub mean_probability: f64,
    /// Share of the rows that are of the positive class.
    pub positive_share: f64,
}

/// Number of bins unless another is asked for.
pub(super) const BINS: usize = 10;

impl BinaryScores<'_> {
    /// The reliability table in `bins` bins of equal width (`calibration_curve` with `strategy="uniform"`). Rows that
    /// weigh nothing count for nothing. Every score must be a probability.
    ///
    /// ```
    /// use anygrad::model::quality::BinaryScores;
    /// let rows = BinaryScores::new(&[0.1, 0.2, 0.9, 0.8], &[false, true, true, true], None)?;
    /// let table = rows.calibration(2)?;
    /// assert_eq!((table.bins[0].rows, table.bins[0].positive_share), (2, 0.5));
    /// assert!((table.expected_calibration_error - 0.25).abs() < 1e-12);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if `bins` is 0; [`Error::Shape`] if a score is not from 0 to 1.
    pub fn calibration(&self, bins: usize) -> Result<Calibration> {
        if bins == 0 {
            return Err(Error::option("bins", bins, "must be at least 1"));
        }
        if let Some(row) = self.scores.iter().position(|p| !(0.0..=1.0).contains(p)) {
            let detail = format!("{} in row {row} is not a probability from 0 to 1", self.scores[row]);
            return Err(Error::shape("calibration", detail));
        }
        // As numpy.linspace computes them, so that a probability on an edge falls into the same bin.
        let edge = |i: usize| if i == bins { 1.0 } else { i as f64 * (1.0 / bins as f64) };
        let inner: Vec<f64> = (1..bins).map(edge).collect();
        let mut sums = vec![(0u64, 0.0, 0.0, 0.0); bins];
        for (row, &p) in self.scores.iter().enumerate() {
            let weight = self.weight(row);
            if weight > 0.0 {
                let (rows, total, probability, positive) = &mut sums[inner.partition_point(|&edge| edge < p)];
                *rows += 1;
                *total += weight;
                *probability += weight * p;
                *positive += weight * f64::from(u8::from(self.positive[row]));
            }
        }
        let all: f64 = sums.iter().map(|sum| sum.1).sum();
        let distance: f64 = sums.iter().map(|(_, _, probability, positive)| (probability - positive).abs()).sum();
        let bin = |(i, &(rows, total, probability, positive)): (usize, &(u64, f64, f64, f64))| CalibrationBin {
            from: edge(i),
            to: edge(i + 1),
            rows,
            mean_probability: probability / total,
            positive_share: positive / total,
        };
        Ok(Calibration {
            bins: sums.iter().enumerate().filter(|(_, sum)| sum.0 > 0).map(bin).collect(),
            expected_calibration_error: distance / all,
        })
    }
}
