//! Models: layers in sequence, initial values, losses; the trained model, its file, its metrics. Layers only append ops
//! to a graph; none writes a backward pass.

mod activation;
mod class_weights;
mod dropout;
mod file;
mod init;
mod layer;
mod linear;
mod loss;
mod loss_table;
mod metrics;
#[allow(clippy::module_inception)]
mod model;
mod sequential;
mod tensor;

pub use activation::ActivationLayer;
pub use class_weights::ClassWeights;
pub use dropout::{DropoutLayer, DropoutMode};
pub use init::Init;
pub use layer::{Forward, Layer, LayerDescription, ParameterSpec};
pub use linear::Linear;
pub use loss::{BatchLoss, Form, Loss, Reduction};
pub use metrics::{ClassMetrics, Evaluation, TOP_K, TopK};
pub use model::{Model, Target, probabilities};
pub use sequential::Sequential;
pub use tensor::{Tensor, weights_hash};
