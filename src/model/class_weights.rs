//! Weights of classes in a loss, for data in which some classes are rare.
//!
//! The loss of each row is multiplied by the weight of its class, and the mean is PyTorch's weighted mean
//! Σ wᵧ ℓ / Σ wᵧ over the batch (`torch.nn.CrossEntropyLoss(weight=…)`). scikit-learn's `class_weight="balanced"` is
//! `Balanced`; Keras's `class_weight` divides by the number of rows instead of by Σ wᵧ. Where rows have weights of their
//! own, a row has the product of both.

use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use std::str::FromStr;

/// Weights of the classes in a loss.
///
/// ```
/// use anygrad::data::{Dataset, Features, Targets};
/// use anygrad::nn::ClassWeights;
/// let classes = vec!["rare".into(), "common".into()];
/// let targets = Targets::Labels { name: "kind".into(), classes, data: vec![0, 1, 1, 1] };
/// let data = Dataset::new("four rows", Features::F32 { width: 1, data: vec![0.0; 4] }, targets)?;
/// assert_eq!(ClassWeights::Balanced.resolve(&data)?, [2.0, 2.0 / 3.0]);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "ClassWeightsValue", into = "ClassWeightsValue")]
pub enum ClassWeights {
    /// In inverse proportion to the training rows of the class: N / (C · N_c). Rows with weights count by these.
    Balanced,
    /// One weight per class, in the order of the classes.
    Given(Vec<f32>),
}

/// The form in files: `"balanced"` or a list of numbers.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum ClassWeightsValue {
    Word(String),
    Numbers(Vec<f32>),
    /// Something else, to be refused by what it should be.
    #[serde(skip_serializing)]
    Other(serde::de::IgnoredAny),
}

impl ClassWeights {
    /// Checks each weight.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if a weight is not a finite number above 0.
    pub fn validate(&self) -> Result<()> {
        let ClassWeights::Given(weights) = self else { return Ok(()) };
        if weights.is_empty() || weights.iter().any(|w| !(w.is_finite() && *w > 0.0)) {
            return Err(Error::option("class_weights", list(weights), "must be numbers above 0, one for each class"));
        }
        Ok(())
    }

    /// One weight per class of `data`.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if the targets are not classes, or the weights are not one per class.
    pub fn resolve(&self, data: &Dataset) -> Result<Vec<f32>> {
        let Targets::Labels { classes, data: labels, .. } = &data.targets else {
            return Err(Error::option("class_weights", self, "the target is numbers: only classes have weights"));
        };
        match self {
            ClassWeights::Given(weights) if weights.len() != classes.len() => {
                let (given, known) = (weights.len(), classes.len());
                let expected = format!("{given} weights for {known} classes: {}", classes.join(", "));
                Err(Error::option("class_weights", list(weights), &expected))
            }
            ClassWeights::Given(weights) => Ok(weights.clone()),
            ClassWeights::Balanced => {
                let mut counts = vec![0.0; classes.len()];
                for (row, &label) in labels.iter().enumerate() {
                    counts[label as usize] += data.weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]));
                }
                let share = counts.iter().sum::<f64>() / classes.len() as f64;
                Ok(counts.iter().map(|&n| (share / if n > 0.0 { n } else { 1.0 }) as f32).collect())
            }
        }
    }
}

fn list(weights: &[f32]) -> String {
    let numbers: Vec<String> = weights.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

impl std::fmt::Display for ClassWeights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ClassWeights::Balanced => f.write_str("balanced"),
            ClassWeights::Given(weights) => f.write_str(&list(weights)),
        }
    }
}

/// `balanced`, or numbers with commas between.
impl FromStr for ClassWeights {
    type Err = Error;
    fn from_str(text: &str) -> Result<ClassWeights> {
        let numbers: std::result::Result<Vec<f32>, _> = text.split(',').map(|w| w.trim().parse()).collect();
        let value = numbers.map_or_else(|_| ClassWeightsValue::Word(text.into()), ClassWeightsValue::Numbers);
        value.try_into()
    }
}

impl TryFrom<ClassWeightsValue> for ClassWeights {
    type Error = Error;
    fn try_from(value: ClassWeightsValue) -> Result<ClassWeights> {
        let weights = match value {
            ClassWeightsValue::Word(word) if word == "balanced" => ClassWeights::Balanced,
            ClassWeightsValue::Word(word) => {
                return Err(Error::option("class_weights", word, "must be \"balanced\" or a list of numbers"));
            }
            ClassWeightsValue::Numbers(weights) => ClassWeights::Given(weights),
            ClassWeightsValue::Other(_) => {
                let expected = "must be \"balanced\" or a list of numbers, in the order of the classes";
                return Err(Error::option("class_weights", "of another kind", expected));
            }
        };
        weights.validate()?;
        Ok(weights)
    }
}

impl From<ClassWeights> for ClassWeightsValue {
    fn from(weights: ClassWeights) -> ClassWeightsValue {
        match weights {
            ClassWeights::Balanced => ClassWeightsValue::Word("balanced".into()),
            ClassWeights::Given(weights) => ClassWeightsValue::Numbers(weights),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Features;

    fn dataset(targets: Targets) -> Dataset {
        let features = Features::F32 { width: 1, data: vec![0.0; targets.rows()] };
        Dataset::new("made up", features, targets).unwrap()
    }

    fn data() -> Dataset {
        let classes = vec!["rare".into(), "common".into()];
        dataset(Targets::Labels { name: "y".into(), classes, data: vec![1, 1, 0, 1] })
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1], y=[1, 1, 0, 1])
        assert_eq!(ClassWeights::Balanced.resolve(&data()).unwrap(), [2.0, 2.0 / 3.0]);
        // With sample_weight=[0.5, 1, 0.25, 2]: 3.75 / (2 · 0.25), 3.75 / (2 · 3.5).
        let weighted = data().with_weights(vec![0.5, 1.0, 0.25, 2.0]).unwrap();
        assert_eq!(ClassWeights::Balanced.resolve(&weighted).unwrap(), [7.5, 3.75 / 7.0]);
    }

    #[test]
    fn weights_must_fit_the_classes() {
        let error = ClassWeights::Given(vec![1.0]).resolve(&data()).unwrap_err().to_string();
        assert!(error.contains("1 weights for 2 classes: rare, common"), "{error}");
        let values = dataset(Targets::Values { names: vec!["y".into()], data: vec![1.0] });
        assert!(ClassWeights::Balanced.resolve(&values).is_err());
        for wrong in [vec![-1.0, 1.0], vec![f32::NAN, 1.0], vec![0.0, 1.0], vec![]] {
            assert!(ClassWeights::Given(wrong).validate().is_err());
        }
    }
}
