//! What a module is: an output shape, named tensors, and the ops it appends. Modules can hold modules.

use super::tensor::join;
use super::{LayerDescription, ModelTensors, TensorSpec};
use crate::error::{Error, Result};
use crate::graph::{Graph, Shape, ValueId};
use crate::ops::Op;
use crate::random::{Key, Purpose, stream_key_of};
use std::collections::HashMap;
use std::fmt::Debug;

/// A part of a model: a layer, or several in some arrangement.
///
/// A module states how to compute its output from ops; its backward pass follows from theirs. To write your own,
/// implement this trait and add it by [`Sequential::layer`](super::Sequential::layer). A module that holds others puts
/// a name in front of what they declare ([`TensorSpec::within`]) and runs them under this name ([`Pass::child`]).
///
/// ```
/// use anygrad::graph::{Shape, ValueId};
/// use anygrad::nn::{LayerDescription, Module, Pass, Sequential, TensorKind, TensorSpec};
/// use anygrad::ops::add_bias::AddBias;
///
/// /// Adds a trained number to each feature.
/// #[derive(Debug)]
/// struct Offset;
///
/// impl Module for Offset {
///     fn describe(&self) -> LayerDescription {
///         LayerDescription::Custom("offset".into())
///     }
///     fn output(&self, input: &Shape) -> anygrad::Result<Shape> {
///         Ok(input.clone())
///     }
///     fn tensors(&self, input: &Shape) -> anygrad::Result<Vec<TensorSpec>> {
///         Ok(vec![TensorSpec::new("offset", input, TensorKind::Bias)])
///     }
///     fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> anygrad::Result<ValueId> {
///         let offset = pass.tensor("offset")?;
///         pass.apply(AddBias, &[x, offset])
///     }
/// }
/// let model = Sequential::new(64).layer(Offset).linear(10);
/// assert_eq!(model.initialize(0)?[0].name, "0.offset");
/// # Ok::<(), anygrad::Error>(())
/// ```
pub trait Module: Debug + Send + Sync {
    /// What is written to model files and shown in summaries.
    fn describe(&self) -> LayerDescription;

    /// Shape of an output row for input rows of shape `input`, both without the extent that counts rows.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] or [`Error::Shape`] if the module cannot take such rows.
    fn output(&self, input: &Shape) -> Result<Shape>;

    /// The tensors that it keeps, for input rows of shape `input`, by names within the module.
    ///
    /// # Errors
    /// Fails as [`Module::output`] does.
    fn tensors(&self, _input: &Shape) -> Result<Vec<TensorSpec>> {
        Ok(Vec::new())
    }

    /// Appends the module's ops to the graph: from `x` of shape `[B, input…]` to `[B, output…]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if an op does not take its inputs.
    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> Result<ValueId>;
}

/// A pass through a model: what its modules append their ops to.
#[derive(Debug)]
pub struct Pass<'a> {
    /// The graph.
    pub graph: &'a mut Graph,
    /// Whether the pass is for training (dropout drops) or for use.
    pub training: bool,
    tensors: &'a ModelTensors,
    seed: u64,
    /// Path of the module that runs, empty for the model itself.
    path: String,
    /// How often each path has asked for a stream.
    streams: HashMap<String, u32>,
}

impl<'a> Pass<'a> {
    /// A pass over a model whose tensors are declared in `graph`. The seed decides dropout masks.
    pub fn new(graph: &'a mut Graph, tensors: &'a ModelTensors, training: bool, seed: u64) -> Pass<'a> {
        Pass { graph, training, tensors, seed, path: String::new(), streams: HashMap::new() }
    }

    /// Appends an op.
    ///
    /// # Errors
    /// [`Error::Shape`] if the op does not take these inputs.
    pub fn apply(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<ValueId> {
        self.graph.apply(op, inputs)
    }

    /// A tensor of the module that runs, by the name that it declared.
    ///
    /// # Errors
    /// [`Error::Shape`] if it declared none of this name.
    pub fn tensor(&self, name: &str) -> Result<ValueId> {
        let path = join(&self.path, name);
        self.tensors.get(&path).ok_or_else(|| Error::shape(path, "the module declares no such tensor"))
    }

    /// Runs a module that the running one holds under `name`.
    ///
    /// # Errors
    /// Those of the held module.
    pub fn child(&mut self, name: &str, module: &dyn Module, x: ValueId) -> Result<ValueId> {
        let inner = join(&self.path, name);
        let outer = std::mem::replace(&mut self.path, inner);
        self.graph.set_scope(self.path.as_str());
        let y = module.forward(self, x);
        self.path = outer;
        self.graph.set_scope(self.path.as_str());
        y
    }

    /// The stream of a dropout mask of the module that runs. Every call gives another one, so that no two masks of a
    /// pass agree; the first of a module depends on its path alone.
    pub fn dropout_key(&mut self) -> Key {
        let path = join(&self.path, "dropout");
        let count = self.streams.entry(path.clone()).or_insert(0);
        *count += 1;
        let path = if *count == 1 { path } else { format!("{path}.{count}") };
        stream_key_of(self.seed, Purpose::Dropout, &path)
    }
}
