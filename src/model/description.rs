//! A layer as model files and config files state it.

use super::Init;
use crate::error::{Error, Result};
use crate::ops::activation::Activation;
use std::fmt;

/// A layer as model files and config files state it.
///
/// ```
/// use anygrad::nn::{LayerDescription, Sequential};
/// let layers: Vec<LayerDescription> =
///     serde_json::from_str(r#"[{ "linear": 32 }, { "activation": "relu" }, { "linear": 10 }]"#).unwrap();
/// let model = Sequential::from_description(64, &layers)?;
/// assert_eq!(model.to_string(), "64 → linear 32 → relu → linear 10");
/// # Ok::<(), anygrad::Error>(())
/// ```
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
    /// `residual = [{ linear = 64 }, { activation = "relu" }]`: the input plus what these layers make of it.
    Residual(Vec<LayerDescription>),
    /// `sequential = [{ linear = 64 }, { activation = "relu" }]`: layers that are counted by themselves.
    Sequential(Vec<LayerDescription>),
    /// `custom = "name"`: a layer that only code can build.
    Custom(String),
}

/// Where the loss of signal is made up for. In expectation both agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropoutMode {
    /// In training: kept elements times `1/(1 − rate)`.
    #[default]
    Inverted,
    /// In use: all elements times `1 − rate`.
    Vanilla,
}

impl fmt::Display for LayerDescription {
    /// `linear 64`, `residual (linear 64 → relu)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayerDescription::Linear { outputs, .. } => write!(f, "linear {outputs}"),
            LayerDescription::Activation(activation) => write!(f, "{activation}"),
            LayerDescription::Dropout { rate, .. } => write!(f, "dropout {rate}"),
            LayerDescription::Residual(layers) => write!(f, "residual ({})", in_a_row(layers)),
            LayerDescription::Sequential(layers) => write!(f, "({})", in_a_row(layers)),
            LayerDescription::Custom(name) => f.write_str(name),
        }
    }
}

/// `linear 64 → relu`
pub(super) fn in_a_row(layers: &[LayerDescription]) -> String {
    layers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ")
}

/// The flat form in files: exactly one of the first six keys is set.
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
    residual: Option<Vec<LayerDescription>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequential: Option<Vec<LayerDescription>>,
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
        let LayerTable { linear, activation, dropout, residual, sequential, custom, init, bias, mode } = table;
        if dropout.is_none() && mode.is_some() {
            return Err(Error::option("layers", "mode without dropout", "only a dropout layer has it"));
        }
        if linear.is_none() && (init.is_some() || bias.is_some()) {
            return Err(Error::option("layers", "init or bias without linear", "only a linear layer has them"));
        }
        let linear = linear.map(|outputs| LayerDescription::Linear {
            outputs,
            bias: bias.unwrap_or(true),
            init: init.unwrap_or_default(),
        });
        let dropout = dropout.map(|rate| LayerDescription::Dropout { rate, mode: mode.unwrap_or_default() });
        let all = [
            linear,
            activation.map(LayerDescription::Activation),
            dropout,
            residual.map(LayerDescription::Residual),
            sequential.map(LayerDescription::Sequential),
            custom.map(LayerDescription::Custom),
        ];
        let mut given = all.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(layer), None) => Ok(layer),
            _ => {
                let expected = "each needs exactly one of linear, activation, dropout, residual, sequential";
                Err(Error::option("layers", "an entry", expected))
            }
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
            LayerDescription::Residual(layers) => LayerTable { residual: Some(layers), ..empty },
            LayerDescription::Sequential(layers) => LayerTable { sequential: Some(layers), ..empty },
            LayerDescription::Custom(name) => LayerTable { custom: Some(name), ..empty },
        }
    }
}
