//! How raw features become a model's inputs. It is saved with the model, so that `predict` needs nothing else.

use super::rows::zeros;
use super::{Features, Scaling};
use crate::error::Result;

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
    /// Inputs are (x − center) / scale, with a center and a scale for each feature, computed in 64 bits: for
    /// standardization mean and standard deviation of the training rows.
    #[serde(alias = "standardize")]
    Affine {
        /// What is subtracted.
        #[serde(alias = "means")]
        centers: Vec<f64>,
        /// What is divided by; 1 where a feature is constant.
        #[serde(alias = "deviations")]
        scales: Vec<f64>,
    },
}

impl Preprocessing {
    /// Standardization by means and standard deviations (divisor N) of these rows of `width` numbers.
    ///
    /// ```
    /// use anygrad::data::Preprocessing;
    /// // Two rows of two features; the second is constant, so its deviation counts as 1.
    /// let preprocessing = Preprocessing::standardize(&[1.0, 5.0, 3.0, 5.0], 2);
    /// let expected = Preprocessing::Affine { centers: vec![2.0, 5.0], scales: vec![1.0, 1.0] };
    /// assert_eq!(preprocessing, expected);
    /// ```
    pub fn standardize(rows: &[f32], width: usize) -> Preprocessing {
        Preprocessing::fit(Scaling::Standard, rows, &vec![true; width])
    }

    /// A scaling by these rows; features that are not `scaled` stay as they are.
    ///
    /// ```
    /// use anygrad::data::{Preprocessing, Scaling};
    /// // Two rows of two features, of which the second is not scaled.
    /// let preprocessing = Preprocessing::fit(Scaling::MinMax, &[1.0, 0.0, 3.0, 1.0], &[true, false]);
    /// assert_eq!(preprocessing, Preprocessing::Affine { centers: vec![1.0, 0.0], scales: vec![2.0, 1.0] });
    /// ```
    pub fn fit(scaling: Scaling, rows: &[f32], scaled: &[bool]) -> Preprocessing {
        let read = |take: &mut dyn FnMut(&[f32])| {
            take(rows);
            Ok(())
        };
        // Reading from memory never fails.
        Self::of_blocks(scaling, rows.len() / scaled.len().max(1), scaled, read).unwrap_or_default()
    }

    /// [`Preprocessing::standardize`] of all rows of features, to the same bits. Rows in a file are read twice, block by
    /// block.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if they cannot be read.
    pub fn standardize_features(features: &Features) -> Result<Preprocessing> {
        Self::fit_features(Scaling::Standard, features, &vec![true; features.width()])
    }

    /// [`Preprocessing::fit`] of all rows of features, to the same bits.
    pub(super) fn fit_features(scaling: Scaling, features: &Features, scaled: &[bool]) -> Result<Preprocessing> {
        let read = |take: &mut dyn FnMut(&[f32])| features.for_each_block(take);
        Self::of_blocks(scaling, features.rows(), scaled, read)
    }

    /// A scaling by rows that `read` hands out block by block, in their order and as often as it is called.
    fn of_blocks(
        scaling: Scaling,
        rows: usize,
        scaled: &[bool],
        read: impl Fn(&mut dyn FnMut(&[f32])) -> Result<()>,
    ) -> Result<Preprocessing> {
        if scaling == Scaling::None {
            return Ok(Preprocessing::None);
        }
        let width = scaled.len();
        let bounds = bounds(width, &read)?;
        let (mut centers, mut scales): (Vec<f64>, Vec<f64>) = match scaling {
            Scaling::Standard => moments(rows, width, &read)?,
            Scaling::MinMax => bounds.iter().map(|(low, high)| (*low, high - low)).unzip(),
            Scaling::Robust | Scaling::None => {
                let of_column = |i| quartiles(rows, width, i, &read);
                (0..width).map(of_column).collect::<Result<Vec<_>>>()?.into_iter().unzip()
            }
        };
        for i in 0..width {
            let (low, high) = bounds[i];
            if !scaled[i] {
                (centers[i], scales[i]) = (0.0, 1.0);
            } else if low >= high {
                // Rounding gives a constant feature a tiny variance, which would blow up any other value it meets later.
                (centers[i], scales[i]) = (if low == high { low } else { 0.0 }, 1.0);
            } else if scales[i] <= 0.0 {
                // Most values are the same: quartiles that coincide tell no scale.
                scales[i] = high - low;
            }
        }
        Ok(Preprocessing::Affine { centers, scales })
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
    /// [`Error::Io`](crate::Error::Io) if rows of a file cannot be read;
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) if there is no room for them.
    pub fn inputs(&self, features: &Features) -> Result<Vec<f32>> {
        let mut inputs = zeros(features.rows() * features.width())?;
        features.copy_floats(|i| i, &mut inputs)?;
        self.apply(&mut inputs);
        Ok(inputs)
    }

    /// Turns rows of raw features into inputs, in place.
    pub fn apply(&self, rows: &mut [f32]) {
        match self {
            Preprocessing::None => {}
            Preprocessing::Scale { factor } => rows.iter_mut().for_each(|x| *x *= factor),
            Preprocessing::Affine { centers, scales } => {
                for row in rows.chunks_exact_mut(centers.len()) {
                    for ((x, center), scale) in row.iter_mut().zip(centers).zip(scales) {
                        *x = ((f64::from(*x) - center) / scale) as f32;
                    }
                }
            }
        }
    }

    /// The first number of these rows whose input is not finite, with its row and feature. Bytes, and rows of a file, which
    /// were looked at when it was written, are not looked at.
    pub(crate) fn first_unfit(&self, features: &Features) -> Result<Option<(usize, usize, f32)>> {
        let (Features::F32 { .. } | Features::Matrix(_)) = features else { return Ok(None) };
        let width = features.width().max(1);
        let (mut inputs, mut first, mut found) = (vec![0.0; width], 0, None);
        features.for_each_block(|block| {
            for row in block.chunks_exact(width) {
                if found.is_some() {
                    return;
                }
                inputs.copy_from_slice(row);
                self.apply(&mut inputs);
                let at = inputs.iter().position(|x| !x.is_finite());
                found = at.map(|at| (first, at, row[at]));
                first += 1;
            }
        })?;
        Ok(found)
    }

    /// Turns rows of inputs back into raw features, in place: the inverse of [`Preprocessing::apply`].
    pub fn undo(&self, rows: &mut [f32]) {
        match self {
            Preprocessing::None => {}
            Preprocessing::Scale { factor } => rows.iter_mut().for_each(|x| *x /= factor),
            Preprocessing::Affine { centers, scales } => {
                for row in rows.chunks_exact_mut(centers.len()) {
                    for ((x, center), scale) in row.iter_mut().zip(centers).zip(scales) {
                        *x = (f64::from(*x) * scale + center) as f32;
                    }
                }
            }
        }
    }

    /// Whether it fits rows of `width` numbers and can be undone: no deviation or factor is 0 or not finite.
    pub fn is_sound(&self, width: usize) -> bool {
        let usable = |x: f64| x.is_finite() && x > 0.0;
        match self {
            Preprocessing::None => true,
            Preprocessing::Scale { factor } => usable((*factor).into()),
            Preprocessing::Affine { centers, scales } => {
                let lengths = centers.len() == width && scales.len() == width;
                lengths && centers.iter().all(|m| m.is_finite()) && scales.iter().all(|&x| usable(x))
            }
        }
    }

    /// The factor, if bytes times it are all there is to do: then they can stay bytes on the device.
    pub fn byte_scale(&self) -> Option<f32> {
        match self {
            Preprocessing::None => Some(1.0),
            Preprocessing::Scale { factor } => Some(*factor),
            Preprocessing::Affine { .. } => None,
        }
    }
}

/// Hands out blocks of rows.
type Read<'a> = &'a dyn Fn(&mut dyn FnMut(&[f32])) -> Result<()>;

/// Lowest and highest number of each feature.
fn bounds(width: usize, read: Read<'_>) -> Result<Vec<(f64, f64)>> {
    let mut bounds = vec![(f32::INFINITY, f32::NEG_INFINITY); width];
    read(&mut |block| {
        for row in block.chunks_exact(width.max(1)) {
            for (&x, (low, high)) in row.iter().zip(&mut bounds) {
                (*low, *high) = (low.min(x), high.max(x));
            }
        }
    })?;
    Ok(bounds.into_iter().map(|(low, high)| (low.into(), high.into())).collect())
}

/// Means and standard deviations (divisor N).
fn moments(rows: usize, width: usize, read: Read<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
    let count = rows.max(1) as f64;
    let (mut means, mut deviations) = (vec![0.0f64; width], vec![0.0f64; width]);
    read(&mut |block| {
        for row in block.chunks_exact(width.max(1)) {
            row.iter().zip(&mut means).for_each(|(&x, mean)| *mean += f64::from(x));
        }
    })?;
    means.iter_mut().for_each(|mean| *mean /= count);
    read(&mut |block| {
        for row in block.chunks_exact(width.max(1)) {
            for ((&x, mean), square) in row.iter().zip(&means).zip(&mut deviations) {
                let distance = f64::from(x) - mean;
                *square += distance * distance;
            }
        }
    })?;
    deviations.iter_mut().for_each(|square| *square = (*square / count).sqrt());
    Ok((means, deviations))
}

/// Median, and the distance of the quartiles, as scikit-learn's `RobustScaler`: percentiles interpolated linearly.
fn quartiles(rows: usize, width: usize, feature: usize, read: Read<'_>) -> Result<(f64, f64)> {
    let mut values = Vec::with_capacity(rows);
    read(&mut |block| values.extend(block.iter().skip(feature).step_by(width)))?;
    values.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| {
        let place = share * (values.len().max(1) - 1) as f64;
        let value = |i: usize| values.get(i).map_or(0.0, |&x| f64::from(x));
        let below = place.floor() as usize;
        value(below) + (place - place.floor()) * (value((below + 1).min(values.len().max(1) - 1)) - value(below))
    };
    Ok((at(0.5), at(0.75) - at(0.25)))
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
            let expected = Preprocessing::Affine { centers: vec![f64::from(0.1f32)], scales: vec![1.0] };
            assert_eq!(Preprocessing::standardize(&vec![0.1; rows], 1), expected, "{rows} rows");
        }
    }
}
