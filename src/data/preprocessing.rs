//! How raw features become a model's inputs. It is saved with the model, so that `predict` needs nothing else.

use super::Features;
use crate::error::Result;

/// Rows of a file that are read at a time.
const BLOCK_ROWS: usize = 4096;

/// A map from raw features to a model's inputs, feature by feature.
///
/// ```
/// use anygrad::data::Preprocessing;
/// let pixels = Preprocessing::Scale { factor: 1.0 / 16.0 };
/// let mut row = [0.0, 16.0];
/// pixels.apply(&mut row);
/// assert_eq!(row, [0.0, 1.0]);
/// pixels.undo(&mut row);
/// assert_eq!(row, [0.0, 16.0]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Preprocessing {
    /// Inputs are the raw features.
    #[default]
    None,
    /// Inputs are the features times a factor: 1/255 for pixels.
    Scale {
        /// The factor.
        factor: f32,
    },
    /// Inputs are (x − mean) / deviation, with a mean and a deviation for each feature.
    Standardize {
        /// Means of the training rows.
        means: Vec<f32>,
        /// Standard deviations of the training rows (divisor N); 1 where a feature is constant.
        deviations: Vec<f32>,
    },
}

impl Preprocessing {
    /// Standardization by means and standard deviations (divisor N) of these rows of `width` numbers.
    ///
    /// ```
    /// use anygrad::data::Preprocessing;
    /// // Two rows of two features; the second is constant, so its deviation counts as 1.
    /// let preprocessing = Preprocessing::standardize(&[1.0, 5.0, 3.0, 5.0], 2);
    /// let expected = Preprocessing::Standardize { means: vec![2.0, 5.0], deviations: vec![1.0, 1.0] };
    /// assert_eq!(preprocessing, expected);
    /// ```
    pub fn standardize(rows: &[f32], width: usize) -> Preprocessing {
        let read = |take: &mut dyn FnMut(&[f32])| {
            take(rows);
            Ok(())
        };
        // Reading from memory never fails.
        Self::of_blocks(rows.len() / width.max(1), width, read).unwrap_or_default()
    }

    /// [`Preprocessing::standardize`] of all rows of features, to the same bits. Rows in a file are read twice, block by
    /// block.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if they cannot be read.
    pub fn standardize_features(features: &Features) -> Result<Preprocessing> {
        Self::of_blocks(features.rows(), features.width(), |take| features.for_each_block(BLOCK_ROWS, take))
    }

    /// Standardization by rows that `read` hands out block by block, in their order and as often as it is called.
    fn of_blocks(
        rows: usize,
        width: usize,
        read: impl Fn(&mut dyn FnMut(&[f32])) -> Result<()>,
    ) -> Result<Preprocessing> {
        let count = rows.max(1) as f64;
        let (mut means, mut deviations) = (vec![0.0f64; width], vec![0.0f64; width]);
        // The first row; NaN, which nothing equals, where a column is not constant.
        let mut constant: Vec<f32> = Vec::new();
        read(&mut |block| {
            for row in block.chunks_exact(width) {
                if constant.is_empty() {
                    constant = row.to_vec();
                }
                for (i, &x) in row.iter().enumerate() {
                    means[i] += f64::from(x) / count;
                    if x != constant[i] {
                        constant[i] = f32::NAN;
                    }
                }
            }
        })?;
        read(&mut |block| {
            for row in block.chunks_exact(width) {
                for (i, &x) in row.iter().enumerate() {
                    deviations[i] += (f64::from(x) - means[i]).powi(2) / count;
                }
            }
        })?;
        constant.resize(width, 0.0);
        for (i, &x) in constant.iter().enumerate() {
            // Rounding gives a constant feature a tiny variance, which would blow up any other value it meets later.
            if !x.is_nan() {
                (means[i], deviations[i]) = (f64::from(x), 1.0);
            }
        }
        Ok(Preprocessing::Standardize {
            means: means.iter().map(|&m| m as f32).collect(),
            deviations: deviations.iter().map(|&variance| variance.sqrt() as f32).collect(),
        })
    }

    /// The model's inputs for all rows, as floats, row-major.
    ///
    /// ```
    /// use anygrad::data::{Features, Preprocessing};
    /// let pixels = Features::U8 { width: 2, data: vec![0, 16] };
    /// assert_eq!(Preprocessing::Scale { factor: 1.0 / 16.0 }.inputs(&pixels)?, [0.0, 1.0]);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if rows of a file cannot be read.
    pub fn inputs(&self, features: &Features) -> Result<Vec<f32>> {
        let mut inputs = vec![0.0; features.rows() * features.width()];
        features.copy_floats(|i| i, &mut inputs)?;
        self.apply(&mut inputs);
        Ok(inputs)
    }

    /// Turns rows of raw features into inputs, in place.
    pub fn apply(&self, rows: &mut [f32]) {
        match self {
            Preprocessing::None => {}
            Preprocessing::Scale { factor } => rows.iter_mut().for_each(|x| *x *= factor),
            Preprocessing::Standardize { means, deviations } => {
                for row in rows.chunks_exact_mut(means.len()) {
                    for i in 0..row.len() {
                        row[i] = (row[i] - means[i]) / deviations[i];
                    }
                }
            }
        }
    }

    /// Turns rows of inputs back into raw features, in place: the inverse of [`Preprocessing::apply`].
    pub fn undo(&self, rows: &mut [f32]) {
        match self {
            Preprocessing::None => {}
            Preprocessing::Scale { factor } => rows.iter_mut().for_each(|x| *x /= factor),
            Preprocessing::Standardize { means, deviations } => {
                for row in rows.chunks_exact_mut(means.len()) {
                    for i in 0..row.len() {
                        row[i] = row[i] * deviations[i] + means[i];
                    }
                }
            }
        }
    }

    /// Whether it fits rows of `width` numbers and can be undone: no deviation or factor is 0 or not finite.
    pub fn is_sound(&self, width: usize) -> bool {
        let usable = |x: &f32| x.is_finite() && *x > 0.0;
        match self {
            Preprocessing::None => true,
            Preprocessing::Scale { factor } => usable(factor),
            Preprocessing::Standardize { means, deviations } => {
                let lengths = means.len() == width && deviations.len() == width;
                lengths && means.iter().all(|m| m.is_finite()) && deviations.iter().all(usable)
            }
        }
    }

    /// The factor, if bytes times it are all there is to do: then they can stay bytes on the device.
    pub fn byte_scale(&self) -> Option<f32> {
        match self {
            Preprocessing::None => Some(1.0),
            Preprocessing::Scale { factor } => Some(*factor),
            Preprocessing::Standardize { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardized_features_have_mean_0_and_deviation_1_and_come_back() {
        let rows = [1.0, 5.0, 2.0, 5.0, 6.0, 5.0];
        let preprocessing = Preprocessing::standardize(&rows, 2);
        let mut inputs = rows;
        preprocessing.apply(&mut inputs);
        let column: Vec<f32> = inputs.iter().step_by(2).copied().collect();
        assert!(column.iter().sum::<f32>().abs() < 1e-6);
        assert!((column.iter().map(|x| x * x).sum::<f32>() / 3.0 - 1.0).abs() < 1e-6);
        // A constant feature becomes 0, not NaN.
        assert!(inputs.iter().skip(1).step_by(2).all(|&x| x == 0.0));
        preprocessing.undo(&mut inputs);
        assert!(inputs.iter().zip(rows).all(|(a, b)| (a - b).abs() < 1e-5), "{inputs:?}");
    }

    #[test]
    fn a_constant_feature_keeps_deviation_1_whatever_the_rounding() {
        for rows in 1..300 {
            let expected = Preprocessing::Standardize { means: vec![0.1], deviations: vec![1.0] };
            assert_eq!(Preprocessing::standardize(&vec![0.1; rows], 1), expected, "{rows} rows");
        }
    }
}
