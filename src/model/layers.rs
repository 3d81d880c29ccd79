//! The layers of this crate in a row: a method that adds each, and a model from what files say about its layers.

use super::{ActivationLayer, DropoutLayer, DropoutMode, LayerDescription, Linear, Residual, Sequential};
use crate::error::{Error, Result};
use crate::ops::activation::Activation;

impl Sequential {
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

    /// Adds the sum of the rows and of what `block` makes of them; it must keep their width.
    pub fn residual(self, block: Sequential) -> Sequential {
        self.layer(Residual(block))
    }

    /// The model that a file describes.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a custom layer, which only code can build; as [`Sequential::widths`] in front of a
    /// layer that contains others.
    pub fn from_description(input: usize, layers: &[LayerDescription]) -> Result<Sequential> {
        let mut model = Sequential::new(input);
        for (i, layer) in layers.iter().enumerate() {
            let inner = |layers| Sequential::from_description(model.output_width()?, layers).map_err(|e| e.in_layer(i));
            model = match layer {
                &LayerDescription::Linear { outputs, bias, init } => model.layer(Linear { outputs, bias, init }),
                &LayerDescription::Activation(activation) => model.activation(activation),
                &LayerDescription::Dropout { rate, mode } => model.layer(DropoutLayer { rate, mode }),
                LayerDescription::Residual(layers) => {
                    let block = inner(layers)?;
                    model.residual(block)
                }
                LayerDescription::Sequential(layers) => {
                    let block = inner(layers)?;
                    model.layer(block)
                }
                LayerDescription::Custom(name) => {
                    let expected =
                        "a custom layer is known only to the program that defined it: use Model::load_into there";
                    return Err(Error::option("layer", name, expected));
                }
            };
        }
        Ok(model)
    }
}
