//! What a layer is: parameters, an output width, and the ops it appends.

use super::{DropoutMode, Init};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::ops::{Op, activation::Activation};
use std::fmt::Debug;

/// One layer of a [`Sequential`](super::Sequential).
///
/// A layer states how to compute its output from ops; its backward pass follows from theirs. To write your own,
/// implement this trait and add it by [`Sequential::layer`](super::Sequential::layer).
pub trait Layer: Debug + Send + Sync {
    /// What is written to model files and shown in summaries.
    fn describe(&self) -> LayerDescription;

    /// Width of the output rows for input rows of width `input`.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] or [`Error::Shape`] if the layer cannot take such rows.
    fn output_width(&self, input: usize) -> Result<usize>;

    /// The trained tensors for input rows of width `input`.
    fn parameters(&self, _input: usize) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// Appends the layer's ops to the graph: from rows `x` of shape `[B, input]` to rows `[B, output_width]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if an op does not take its inputs.
    fn forward(&self, pass: &mut Forward<'_>, x: ValueId) -> Result<ValueId>;
}

/// A trained tensor of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Name within the layer: `weight`, `bias`.
    pub name: &'static str,
    /// Extents, row-major; PyTorch's layout, so a weight is `[out, in]`.
    pub shape: Vec<usize>,
    /// Initial values.
    pub init: Init,
    /// Number of inputs of one output: scales the initial values.
    pub fan_in: usize,
    /// Number of outputs of one input: scales the initial values.
    pub fan_out: usize,
}

/// What a layer appends its ops to.
#[derive(Debug)]
pub struct Forward<'a> {
    /// The graph.
    pub graph: &'a mut Graph,
    /// The layer's parameters, in the order of [`Layer::parameters`].
    pub parameters: &'a [ValueId],
    /// Whether the pass is for training (dropout drops) or for use.
    pub training: bool,
    /// Seed of the run.
    pub seed: u64,
    /// Position of the layer in the model.
    pub layer: usize,
}

impl Forward<'_> {
    /// Appends an op.
    ///
    /// # Errors
    /// [`Error::Shape`] if the op does not take these inputs.
    pub fn apply(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<ValueId> {
        self.graph.apply(op, inputs)
    }
}

/// A layer as model files and config files state it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "LayerTable", into = "LayerTable")]
pub enum LayerDescription {
    /// `linear = 128`, optionally `init = "he_uniform"`, `bias = false`.
    Linear {
        /// Width of the output.
        outputs: usize,
        /// Whether a bias is added.
        bias: bool,
        /// Initial values of the weight.
        init: Init,
    },
    /// `activation = "relu"`
    Activation(Activation),
    /// `dropout = 0.2`, optionally `mode = "vanilla"`.
    Dropout {
        /// Probability of dropping.
        rate: f32,
        /// Where the loss of signal is made up for.
        mode: DropoutMode,
    },
    /// `custom = "name"`: a layer that only code can build.
    Custom(String),
}

/// The flat form in files: exactly one of the first four keys is set.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerTable {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    linear: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activation: Option<Activation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dropout: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bias: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<DropoutMode>,
}

impl TryFrom<LayerTable> for LayerDescription {
    type Error = Error;

    fn try_from(table: LayerTable) -> Result<Self> {
        let LayerTable { linear, activation, dropout, custom, init, bias, mode } = table;
        if dropout.is_none() && mode.is_some() {
            return Err(Error::option("layers", "mode without dropout", "only a dropout layer has it"));
        }
        if linear.is_none() && (init.is_some() || bias.is_some()) {
            return Err(Error::option("layers", "init or bias without linear", "only a linear layer has them"));
        }
        match (linear, activation, dropout, custom) {
            (Some(outputs), None, None, None) => {
                Ok(LayerDescription::Linear { outputs, bias: bias.unwrap_or(true), init: init.unwrap_or_default() })
            }
            (None, Some(activation), None, None) => Ok(LayerDescription::Activation(activation)),
            (None, None, Some(rate), None) => Ok(LayerDescription::Dropout { rate, mode: mode.unwrap_or_default() }),
            (None, None, None, Some(name)) => Ok(LayerDescription::Custom(name)),
            _ => Err(Error::option("layers", "an entry", "each needs exactly one of linear, activation, dropout")),
        }
    }
}

impl From<LayerDescription> for LayerTable {
    fn from(layer: LayerDescription) -> LayerTable {
        let empty = LayerTable::default();
        match layer {
            LayerDescription::Linear { outputs, bias, init } => LayerTable {
                linear: Some(outputs),
                bias: (!bias).then_some(false),
                init: (init != Init::default()).then_some(init),
                ..empty
            },
            LayerDescription::Activation(activation) => LayerTable { activation: Some(activation), ..empty },
            LayerDescription::Dropout { rate, mode } => {
                LayerTable { dropout: Some(rate), mode: (mode != DropoutMode::Inverted).then_some(mode), ..empty }
            }
            LayerDescription::Custom(name) => LayerTable { custom: Some(name), ..empty },
        }
    }
}
