//! A trained model: weights and everything that is needed to use them.

use super::{Loss, Sequential, Tensor, weights_hash};
use crate::data::{Encoder, Fitted, Preprocessing};
use crate::train::Recipe;

/// A trained model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The layers.
    pub architecture: Sequential,
    /// Its tensors, trained and running, named as PyTorch's `Sequential` names them.
    pub tensors: Vec<Tensor>,
    /// What it was trained for.
    pub loss: Loss,
    /// How raw features become inputs.
    pub preprocessing: Preprocessing,
    /// How target values became outputs; [`Model::outputs`] undoes it.
    pub target_preprocessing: Preprocessing,
    /// Names of the raw features, in order.
    pub feature_names: Vec<String>,
    /// How the columns of a table become these features, if they come from a table.
    pub encoder: Option<Encoder>,
    /// What the outputs mean.
    pub target: Target,
    /// From which probability on a row is of the second of two classes, above 0 and below 1; without it the class with
    /// the larger output is taken. See [`Model::with_threshold`].
    pub threshold: Option<f64>,
    /// How it was trained.
    pub recipe: Recipe,
    /// Hash of the training rows ([`Dataset::hash`](crate::data::Dataset::hash)), if the file says it.
    pub data_hash: Option<String>,
    /// The results of the epoch whose weights it has.
    pub metrics: serde_json::Value,
}

/// The meaning of a model's outputs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Logits of classes.
    Classes {
        /// Name of the target.
        name: String,
        /// Names of the classes in the order of the outputs.
        classes: Vec<String>,
    },
    /// Numbers.
    Values {
        /// Their names.
        names: Vec<String>,
    },
}

impl Model {
    /// Tells two sets of weights apart; the same seed on the same device gives the same hash.
    pub fn weights_hash(&self) -> String {
        weights_hash(&self.tensors)
    }

    /// How its rows were prepared and what it predicts: what rows to go on with must share.
    pub fn fitted(&self) -> Fitted {
        let (target, classes) = match &self.target {
            Target::Classes { name, classes } => (vec![name.clone()], Some(classes.clone())),
            Target::Values { names } => (names.clone(), None),
        };
        Fitted {
            encoder: self.encoder.clone(),
            feature_names: self.feature_names.clone(),
            preprocessing: self.preprocessing.clone(),
            target_preprocessing: self.target_preprocessing.clone(),
            target,
            classes,
        }
    }
}

/// Probabilities of the classes from a row of logits: their softmax; of a single logit, those of the classes 0 and 1.
///
/// ```
/// use anygrad::nn::probabilities;
/// assert_eq!(probabilities(&[1.0, 1.0]), [0.5, 0.5]);
/// // A single logit.
/// assert_eq!(probabilities(&[0.0]), [0.5, 0.5]);
/// ```
pub fn probabilities(logits: &[f32]) -> Vec<f64> {
    if let [logit] = logits {
        let one = 1.0 / (1.0 + libm::exp(f64::from(-logit)));
        return vec![1.0 - one, one];
    }
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let powers: Vec<f64> = logits.iter().map(|&z| libm::exp(f64::from(z) - largest)).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}
