//! Models: modules in sequence, initial values, losses; the trained model, its file, its metrics. Modules only append ops
//! to a graph; none writes a backward pass.

mod activation;
pub mod baseline;
mod batch_loss;
mod class_metrics;
mod class_weights;
mod description;
mod draw;
mod dropout;
mod file;
mod init;
mod layers;
mod linear;
mod loss;
mod loss_table;
mod loss_targets;
mod metrics;
#[allow(clippy::module_inception)]
mod model;
mod module;
mod predictor;
pub mod quality;
mod residual;
mod sequential;
mod tensor;
mod weights_file;

pub use activation::ActivationLayer;
pub use batch_loss::{BatchLoss, BatchWeights};
pub use class_metrics::ClassMetrics;
pub use class_weights::ClassWeights;
pub use description::{DropoutMode, LayerDescription};
pub use dropout::DropoutLayer;
pub use init::Init;
pub use linear::Linear;
pub use loss::{Form, Loss, Reduction};
pub use metrics::{Evaluation, TOP_K, TopK};
pub use model::{Model, Target, probabilities};
pub use module::{Module, Pass};
pub use predictor::Predictor;
pub use residual::Residual;
pub use sequential::Sequential;
pub use tensor::{ModelTensors, Tensor, TensorKind, TensorSpec, weights_hash};
pub(crate) use weights_file::is_model;
pub use weights_file::{Stored, StoredTensor, read_tensors, stored};
