//! Layers one after the other.

use super::description::in_a_row;
use super::{LayerDescription, ModelTensors, Module, Pass, Tensor, TensorSpec};
use crate::error::{Error, Result};
use crate::graph::{Graph, Shape, ValueId};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// A model: rows of `input` numbers through a sequence of layers. It is a module, too, and can be a layer of another.
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
    layers: Vec<Arc<dyn Module>>,
}

impl Sequential {
    /// A model without layers, for rows of `input` numbers.
    pub fn new(input: usize) -> Sequential {
        Sequential { input, layers: Vec::new() }
    }

    /// Adds any module, also your own.
    pub fn layer(mut self, layer: impl Module + 'static) -> Sequential {
        self.layers.push(Arc::new(layer));
        self
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
    pub fn layers(&self) -> &[Arc<dyn Module>] {
        &self.layers
    }

    /// Shape of the input of each layer, and last that of the output, all of one row.
    fn shapes(&self) -> Result<Vec<Shape>> {
        let mut shapes = vec![Shape::from([self.input])];
        for (i, layer) in self.layers.iter().enumerate() {
            let output = layer.output(&shapes[i]).map_err(|e| e.in_layer(i))?;
            shapes.push(output);
        }
        Ok(shapes)
    }

    /// Width of the input of each layer, and last that of the output.
    ///
    /// # Errors
    /// The first layer's that cannot take its input.
    pub fn widths(&self) -> Result<Vec<usize>> {
        self.shapes()?.iter().map(|shape| shape.vector("model")).collect()
    }

    /// Width of the output rows.
    ///
    /// # Errors
    /// Fails as [`Sequential::widths`] does.
    pub fn output_width(&self) -> Result<usize> {
        Ok(self.widths()?[self.layers.len()])
    }

    /// The tensors that the model keeps, named as PyTorch's `Sequential` names them.
    ///
    /// # Errors
    /// Fails as [`Sequential::widths`] does; [`Error::Shape`] if two tensors have one name.
    pub fn tensor_specs(&self) -> Result<Vec<TensorSpec>> {
        let specs = self.tensors(&[self.input].into())?;
        let mut seen = HashSet::new();
        match specs.iter().find(|spec| !seen.insert(&spec.path)) {
            Some(twice) => Err(Error::shape(&twice.path, "the model has two tensors of this name")),
            None => Ok(specs),
        }
    }

    /// Number of trained numbers.
    ///
    /// # Errors
    /// Fails as [`Sequential::tensor_specs`] does.
    pub fn parameter_count(&self) -> Result<usize> {
        let specs = self.tensor_specs()?;
        Ok(specs.iter().filter(|spec| spec.kind.is_trained()).map(|spec| spec.shape.elements()).sum())
    }

    /// The initial values of all tensors for `seed`, in the order of [`Sequential::tensor_specs`].
    ///
    /// # Errors
    /// Fails as [`Sequential::tensor_specs`] and [`Init::draw`](super::Init::draw) do.
    pub fn initialize(&self, seed: u64) -> Result<Vec<Tensor>> {
        self.tensor_specs()?.iter().map(|spec| spec.initialize(seed)).collect()
    }

    /// Declares all tensors in a graph. A [`Pass`] with them takes rows through the model:
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::nn::{Module, Pass, Sequential};
    /// let model = Sequential::new(64).linear(64).relu().dropout(0.2).linear(10);
    /// let mut graph = Graph::new();
    /// let tensors = model.declare(&mut graph)?;
    /// let x = graph.declare("x", [32, 64], DType::F32, Role::Input);
    /// let y = model.forward(&mut Pass::new(&mut graph, &tensors, true, 0), x)?;
    /// assert_eq!(graph.shape(y).dims(), [32, 10]);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails as [`Sequential::tensor_specs`] does.
    pub fn declare(&self, graph: &mut Graph) -> Result<ModelTensors> {
        Ok(ModelTensors::declare(self.tensor_specs()?, graph))
    }
}

impl Module for Sequential {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Sequential(self.description())
    }

    fn output(&self, input: &Shape) -> Result<Shape> {
        if input.dims() != [self.input] {
            let detail = format!("takes rows of {} numbers, and is given rows of shape {input}", self.input);
            return Err(Error::shape("sequential", detail));
        }
        let mut shapes = self.shapes()?;
        Ok(shapes.swap_remove(self.layers.len()))
    }

    fn tensors(&self, _input: &Shape) -> Result<Vec<TensorSpec>> {
        let shapes = self.shapes()?;
        let mut specs = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let own = layer.tensors(&shapes[i]).map_err(|e| e.in_layer(i))?;
            specs.extend(own.into_iter().map(|spec| spec.within(&i.to_string())));
        }
        Ok(specs)
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> Result<ValueId> {
        let mut layers = self.layers.iter().enumerate();
        layers.try_fold(x, |x, (i, layer)| pass.child(&i.to_string(), layer.as_ref(), x))
    }
}

impl fmt::Display for Sequential {
    /// `64 → linear 64 → relu → linear 10`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.input)?;
        if self.layers.is_empty() {
            return Ok(());
        }
        write!(f, " → {}", in_a_row(&self.description()))
    }
}
