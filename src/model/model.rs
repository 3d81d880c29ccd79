//! A trained model: weights and everything that is needed to use them.

use super::{Loss, Predictor, Sequential, Tensor, weights_hash};
use crate::backend::Device;
use crate::data::{Features, Preprocessing};
use crate::error::Result;
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
    /// What the outputs mean.
    pub target: Target,
    /// How it was trained.
    pub recipe: Recipe,
    /// Hash of the training rows ([`Dataset::hash`](crate::data::Dataset::hash)), if the file says it.
    pub data_hash: Option<String>,
    /// The results of the epoch whose weights it has.
    pub metrics: serde_json::Value,
}

/// What a model's outputs mean.
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

    /// The model on a device, ready to predict rows as often as they come.
    ///
    /// ```
    /// use anygrad::{backend::Device, data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let data = data::digits()?.split(0.2, 0)?;
    /// let model = Sequential::new(64).linear(32).relu().linear(10);
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).epochs(2);
    /// trainer.fit_blocking(&data)?;
    /// let mut predictor = pollster::block_on(trainer.model()?.predictor(&Device::cpu()))?;
    /// for row in 0..3 {
    ///     let classes = predictor.classes_blocking(&data.test.select(&[row]).features)?;
    ///     assert!(classes[0] < 10);
    /// }
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the device reports.
    pub async fn predictor(&self, device: &Device) -> Result<Predictor> {
        Predictor::load(self, device, &Predictor::BATCHES).await
    }

    /// Outputs for each row: logits of classes, or values. Row-major, `output_width` numbers for each row. Loads the model
    /// on the device for this call alone; see [`Model::predictor`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the rows have another width than the model's input; what the device reports.
    pub async fn outputs(&self, features: &Features, device: &Device) -> Result<Vec<f32>> {
        let most = Predictor::BATCHES[0];
        Predictor::load(self, device, &[features.rows().clamp(1, most)]).await?.outputs(features).await
    }

    /// Class of each row, for a model of classes.
    ///
    /// # Errors
    /// As [`Model::outputs`]; [`Error::Shape`](crate::Error::Shape) if the model puts out values.
    pub async fn classes(&self, features: &Features, device: &Device) -> Result<Vec<usize>> {
        let most = Predictor::BATCHES[0];
        Predictor::load(self, device, &[features.rows().clamp(1, most)]).await?.classes(features).await
    }
}

/// Probabilities of the classes from a row of logits: their softmax; of a single logit, those of the classes 0 and 1.
pub fn probabilities(logits: &[f32]) -> Vec<f64> {
    if let [logit] = logits {
        let one = 1.0 / (1.0 + f64::from(-logit).exp());
        return vec![1.0 - one, one];
    }
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&z| f64::from(z - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}
