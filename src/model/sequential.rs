//! Layers one after the other.

use super::{ActivationLayer, DropoutLayer, DropoutMode, Forward, Layer, LayerDescription, Linear, Tensor};
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Role, ValueId};
use crate::ops::activation::Activation;
use std::fmt;
use std::sync::Arc;

/// A model: rows of `input` numbers through a sequence of layers.
///
/// ```
/// use anygrad::nn::Sequential;
/// let model = Sequential::new(64).linear(64).relu().dropout(0.2).linear(10);
/// assert_eq!(model.output_width()?, 10);
/// assert_eq!(model.parameter_count()?, 64 * 64 + 64 + 64 * 10 + 10);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sequential {
    input: usize,
    layers: Vec<Arc<dyn Layer>>,
}

impl Sequential {
    /// A model without layers, for rows of `input` numbers.
    pub fn new(input: usize) -> Sequential {
        Sequential { input, layers: Vec::new() }
    }

    /// Adds any layer, also your own.
    pub fn layer(mut self, layer: impl Layer + 'static) -> Sequential {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Adds a fully connected layer with bias and PyTorch's initial values.
    pub fn linear(self, outputs: usize) -> Sequential {
        self.layer(Linear::new(outputs))
    }

    /// Adds an activation function.
    pub fn activation(self, activation: Activation) -> Sequential {
        self.layer(ActivationLayer(activation))
    }

    /// Adds ReLU.
    pub fn relu(self) -> Sequential {
        self.activation(Activation::Relu)
    }

    /// Adds tanh.
    pub fn tanh(self) -> Sequential {
        self.activation(Activation::Tanh)
    }

    /// Adds the logistic function.
    pub fn sigmoid(self) -> Sequential {
        self.activation(Activation::Sigmoid)
    }

    /// Adds inverted dropout; `rate` is the probability of dropping.
    pub fn dropout(self, rate: f32) -> Sequential {
        self.layer(DropoutLayer { rate, mode: DropoutMode::Inverted })
    }

    /// The model that a file describes.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a custom layer, which only code can build.
    pub fn from_description(input: usize, layers: &[LayerDescription]) -> Result<Sequential> {
        let mut model = Sequential::new(input);
        for layer in layers {
            model = match layer.clone() {
                LayerDescription::Linear { outputs, bias, init } => model.layer(Linear { outputs, bias, init }),
                LayerDescription::Activation(activation) => model.activation(activation),
                LayerDescription::Dropout { rate, mode } => model.layer(DropoutLayer { rate, mode }),
                LayerDescription::Custom(name) => {
                    let expected = "a custom layer is known only to the program that defined it: build the model there";
                    return Err(Error::option("layer", name, expected));
                }
            };
        }
        Ok(model)
    }

    /// What files say about the layers.
    pub fn description(&self) -> Vec<LayerDescription> {
        self.layers.iter().map(|layer| layer.describe()).collect()
    }

    /// Width of the input rows.
    pub fn input_width(&self) -> usize {
        self.input
    }

    /// The layers.
    pub fn layers(&self) -> &[Arc<dyn Layer>] {
        &self.layers
    }

    /// Width of the input of each layer, and last that of the output.
    ///
    /// # Errors
    /// The first layer's that cannot take its input.
    pub fn widths(&self) -> Result<Vec<usize>> {
        let mut widths = vec![self.input];
        for (i, layer) in self.layers.iter().enumerate() {
            let width = layer.output_width(widths[i]).map_err(|e| in_layer(e, i))?;
            widths.push(width);
        }
        Ok(widths)
    }

    /// Width of the output rows.
    ///
    /// # Errors
    /// As [`Sequential::widths`].
    pub fn output_width(&self) -> Result<usize> {
        Ok(self.widths()?[self.layers.len()])
    }

    /// Number of trained numbers.
    ///
    /// # Errors
    /// As [`Sequential::widths`].
    pub fn parameter_count(&self) -> Result<usize> {
        let widths = self.widths()?;
        let of_layer = |(layer, &width): (&Arc<dyn Layer>, &usize)| -> usize {
            layer.parameters(width).iter().map(|p| p.shape.iter().product::<usize>()).sum()
        };
        Ok(self.layers.iter().zip(&widths).map(of_layer).sum())
    }

    /// The initial values of all parameters for `seed`, named as PyTorch's `Sequential` names them.
    ///
    /// # Errors
    /// As [`Sequential::widths`].
    pub fn initialize(&self, seed: u64) -> Result<Vec<Tensor>> {
        let widths = self.widths()?;
        let mut tensors = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            for (index, spec) in layer.parameters(widths[i]).iter().enumerate() {
                let data = spec.init.draw(spec, seed, i, index)?;
                tensors.push(Tensor { name: format!("{i}.{}", spec.name), shape: spec.shape.clone(), data });
            }
        }
        Ok(tensors)
    }

    /// Declares all parameters in a graph, in the order of [`Sequential::initialize`].
    ///
    /// # Errors
    /// As [`Sequential::widths`].
    pub fn declare(&self, graph: &mut Graph) -> Result<Vec<ValueId>> {
        let widths = self.widths()?;
        let mut values = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            for spec in layer.parameters(widths[i]) {
                let name = format!("{i}.{}", spec.name);
                values.push(graph.declare(name, spec.shape, DType::F32, Role::Parameter));
            }
        }
        Ok(values)
    }

    /// Appends the model's ops: from rows `x` to its output. `parameters` as [`Sequential::declare`] returned them.
    ///
    /// # Errors
    /// [`Error::Shape`] if a layer does not take its input.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &[ValueId],
        x: ValueId,
        training: bool,
        seed: u64,
    ) -> Result<ValueId> {
        let widths = self.widths()?;
        let (mut value, mut rest) = (x, parameters);
        for (i, layer) in self.layers.iter().enumerate() {
            let (own, others) = rest.split_at(layer.parameters(widths[i]).len());
            rest = others;
            graph.set_scope(i.to_string());
            value = layer.forward(&mut Forward { graph, parameters: own, training, seed, layer: i }, value)?;
        }
        graph.set_scope("");
        Ok(value)
    }
}

fn in_layer(error: Error, layer: usize) -> Error {
    match error {
        Error::InvalidOption { name, value, expected } => {
            Error::InvalidOption { name: format!("layer {layer}: {name}"), value, expected }
        }
        other => other,
    }
}

impl fmt::Display for Sequential {
    /// `64 → linear 64 → relu → linear 10`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.input)?;
        for layer in self.description() {
            match layer {
                LayerDescription::Linear { outputs, .. } => write!(f, " → linear {outputs}")?,
                LayerDescription::Activation(activation) => write!(f, " → {activation}")?,
                LayerDescription::Dropout { rate, .. } => write!(f, " → dropout {rate}")?,
                LayerDescription::Custom(name) => write!(f, " → {name}")?,
            }
        }
        Ok(())
    }
}
