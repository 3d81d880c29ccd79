//! How raw features become a model's inputs. It is saved with the model, so that `predict` needs nothing else.

use super::{Dataset, Features};

/// A map from raw features to inputs, feature by feature.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Preprocessing {
    /// As they are.
    #[default]
    None,
    /// Times a factor: 1/255 for pixels.
    Scale {
        /// The factor.
        factor: f32,
    },
    /// (x − mean) / deviation for each feature.
    Standardize {
        /// Means of the training rows.
        means: Vec<f32>,
        /// Standard deviations of the training rows (divisor N); 1 where a feature is constant.
        deviations: Vec<f32>,
    },
}

impl Preprocessing {
    /// Means and deviations of the rows of `data`.
    pub fn standardize(data: &Dataset) -> Preprocessing {
        let rows = data.rows().max(1) as f64;
        let width = data.features.width();
        let floats = Preprocessing::None.inputs(&data.features);
        let (mut means, mut deviations) = (vec![0.0f64; width], vec![0.0f64; width]);
        for row in floats.chunks_exact(width) {
            row.iter().zip(&mut means).for_each(|(&x, mean)| *mean += f64::from(x) / rows);
        }
        for row in floats.chunks_exact(width) {
            for (i, &x) in row.iter().enumerate() {
                deviations[i] += (f64::from(x) - means[i]).powi(2) / rows;
            }
        }
        for i in 0..width {
            let first = floats.get(i).copied().unwrap_or(0.0);
            // Rounding gives a constant feature a tiny variance, which would blow up any other value it meets later.
            if floats.iter().skip(i).step_by(width).all(|&x| x == first) {
                (means[i], deviations[i]) = (f64::from(first), 1.0);
            }
        }
        Preprocessing::Standardize {
            means: means.iter().map(|&m| m as f32).collect(),
            deviations: deviations.iter().map(|&variance| variance.sqrt() as f32).collect(),
        }
    }

    /// The inputs of all rows, as floats.
    pub fn inputs(&self, features: &Features) -> Vec<f32> {
        let width = features.width();
        let mut inputs: Vec<f32> = match features {
            Features::F32 { data, .. } => data.clone(),
            Features::U8 { data, .. } => data.iter().map(|&x| f32::from(x)).collect(),
        };
        match self {
            Preprocessing::None => {}
            Preprocessing::Scale { factor } => inputs.iter_mut().for_each(|x| *x *= factor),
            Preprocessing::Standardize { means, deviations } => {
                for row in inputs.chunks_exact_mut(width) {
                    for i in 0..width {
                        row[i] = (row[i] - means[i]) / deviations[i];
                    }
                }
            }
        }
        inputs
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
    use super::super::Targets;
    use super::*;

    #[test]
    fn standardized_features_have_mean_0_and_deviation_1() {
        let features = Features::F32 { width: 2, data: vec![1.0, 5.0, 2.0, 5.0, 6.0, 5.0] };
        let targets = Targets::Values { names: vec!["y".into()], data: vec![0.0; 3] };
        let data = Dataset::new("t", features, targets).unwrap();
        let preprocessing = Preprocessing::standardize(&data);
        let inputs = preprocessing.inputs(&data.features);
        let column: Vec<f32> = inputs.iter().step_by(2).copied().collect();
        assert!(column.iter().sum::<f32>().abs() < 1e-6);
        assert!((column.iter().map(|x| x * x).sum::<f32>() / 3.0 - 1.0).abs() < 1e-6);
        // A constant feature becomes 0, not NaN.
        assert!(inputs.iter().skip(1).step_by(2).all(|&x| x == 0.0));
    }

    #[test]
    fn a_constant_feature_keeps_deviation_1_whatever_the_rounding() {
        for rows in 1..300 {
            let features = Features::F32 { width: 1, data: vec![0.1; rows] };
            let targets = Targets::Values { names: vec!["y".into()], data: vec![0.0; rows] };
            let data = Dataset::new("t", features, targets).unwrap();
            let expected = Preprocessing::Standardize { means: vec![0.1], deviations: vec![1.0] };
            assert_eq!(Preprocessing::standardize(&data), expected, "{rows} rows");
        }
    }
}
