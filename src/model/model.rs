//! A trained model: weights and everything that is needed to use them.

use crate::backend::{Device, Executor};
use crate::data::{Features, Preprocessing};
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Role, ValueId};
use crate::kernel::Clock;
use crate::model::{Loss, Sequential, Tensor, weights_hash};
use crate::ops::correct_rows::predicted_class;
use crate::plan::{PhaseId, Plan};

/// Rows that are predicted at once.
const ROWS: usize = 512;

/// A trained model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The layers.
    pub architecture: Sequential,
    /// The parameters, named as PyTorch's `Sequential` names them.
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
    pub recipe: serde_json::Value,
    /// The last epoch's results.
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

    /// Outputs for each row: logits of classes, or values. Row-major, `output_width` numbers for each row.
    ///
    /// # Errors
    /// [`Error::Shape`] if the rows have another width than the model's input; what the device reports.
    pub async fn outputs(&self, features: &Features, device: &Device) -> Result<Vec<f32>> {
        let width = self.architecture.input_width();
        if features.width() != width {
            let detail = format!("rows have {} features, the model takes {width}", features.width());
            return Err(Error::shape("data", detail));
        }
        let inputs = self.preprocessing.inputs(features);
        let rows = ROWS.min(features.rows().max(1));
        let (mut executor, x, y) = self.prepare(rows, device).await?;
        let output_width = self.architecture.output_width()?;
        let mut outputs = Vec::with_capacity(features.rows() * output_width);
        let mut batch = vec![0.0; rows * width];
        for chunk in inputs.chunks(rows * width) {
            // The last chunk is filled up with zero rows, whose outputs are dropped.
            batch[..chunk.len()].copy_from_slice(chunk);
            batch[chunk.len()..].fill(0.0);
            executor.write(x, &batch)?;
            executor.run(&[(PhaseId::FIRST, Clock::default())])?;
            let result = executor.read(y).await?;
            outputs.extend_from_slice(&result[..chunk.len() / width * output_width]);
        }
        self.target_preprocessing.undo(&mut outputs);
        Ok(outputs)
    }

    /// The forward pass over `rows` rows, with this model's weights: its executor, input and output.
    async fn prepare(&self, rows: usize, device: &Device) -> Result<(Executor, ValueId, ValueId)> {
        let mut graph = Graph::new();
        let parameters = self.architecture.declare(&mut graph)?;
        let x = graph.declare("input", [rows, self.architecture.input_width()], DType::F32, Role::State);
        graph.begin_phase("predict");
        let y = self.architecture.forward(&mut graph, &parameters, x, false, 0)?;
        if y != x {
            graph.set_role(y, Role::Output);
        }
        let mut executor = device.load(Plan::new(graph, &device.target())?).await?;
        for (&value, tensor) in parameters.iter().zip(&self.tensors) {
            executor.write(value, &tensor.data)?;
        }
        Ok((executor, x, y))
    }

    /// Class of each row, for a model of classes.
    ///
    /// # Errors
    /// As [`Model::outputs`]; [`Error::Shape`] if the model puts out values.
    pub async fn classes(&self, features: &Features, device: &Device) -> Result<Vec<usize>> {
        if let Target::Values { .. } = self.target {
            return Err(Error::shape("model", "puts out values, not classes"));
        }
        let outputs = self.outputs(features, device).await?;
        Ok(outputs.chunks_exact(self.architecture.output_width()?).map(predicted_class).collect())
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
