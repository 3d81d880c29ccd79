//! The tensors that a model keeps: what modules declare, the values of a graph that hold them, and copies on the host.

use super::Init;
use crate::files::Fnv;
use crate::graph::{DType, Graph, Role, Shape, ValueId};
use std::collections::HashMap;

/// A tensor that a module keeps.
///
/// ```
/// use anygrad::nn::{Init, TensorKind, TensorSpec};
/// let spec = TensorSpec::new("weight", [10, 64], TensorKind::Weight).init(Init::Constant(0.5)).within("2");
/// assert_eq!((&spec.path[..], spec.fan_in, spec.fan_out), ("2.weight", 64, 10));
/// assert_eq!(spec.initialize(0)?.data, [0.5; 640]);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Name within the module: `weight`. Modules around it put theirs in front: `2.0.weight`, as in PyTorch.
    pub path: String,
    /// Extents, row-major; PyTorch's layout, so the weight of a linear layer is `[out, in]`.
    pub shape: Shape,
    /// Decides whether it is trained and penalized.
    pub kind: TensorKind,
    /// Initial values.
    pub init: Init,
    /// Number of inputs of one output: scales the initial values.
    pub fan_in: usize,
    /// Number of outputs of one input: scales the initial values.
    pub fan_out: usize,
}

/// The purpose of a tensor, which decides whether it is trained and penalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorKind {
    /// Trained; what l1 and l2 penalties are about.
    Weight,
    /// Trained, added to something.
    Bias,
    /// Trained, a factor on something.
    Scale,
    /// Not trained: kept by the module itself, such as a running mean.
    Running,
}

impl TensorKind {
    /// Whether the optimizer changes the tensor.
    pub fn is_trained(self) -> bool {
        self != TensorKind::Running
    }

    /// Whether penalties on weights are about the tensor.
    pub fn is_penalized(self) -> bool {
        self == TensorKind::Weight
    }
}

impl TensorSpec {
    /// A tensor with PyTorch's initial values for a linear layer. The fans are those of a shape `[out, in, …]`, of
    /// which further extents belong to the inputs.
    pub fn new(name: impl Into<String>, shape: impl Into<Shape>, kind: TensorKind) -> TensorSpec {
        let shape = shape.into();
        let (fan_out, fan_in) = match shape.dims() {
            [] => (1, 1),
            [length] => (*length, *length),
            [outputs, inputs @ ..] => (*outputs, inputs.iter().product()),
        };
        TensorSpec { path: name.into(), shape, kind, init: Init::default(), fan_in, fan_out }
    }

    /// Sets the distribution of the initial values.
    pub fn init(self, init: Init) -> TensorSpec {
        TensorSpec { init, ..self }
    }

    /// Sets the numbers of inputs of an output and of outputs of an input, which scale the initial values.
    pub fn fans(self, fan_in: usize, fan_out: usize) -> TensorSpec {
        TensorSpec { fan_in, fan_out, ..self }
    }

    /// Puts `name` in front of the path, as a module does that holds the declaring module under this name.
    pub fn within(self, name: &str) -> TensorSpec {
        TensorSpec { path: join(name, &self.path), ..self }
    }
}

/// `outer.inner`, or `inner` where there is nothing around it.
pub(super) fn join(outer: &str, inner: &str) -> String {
    if outer.is_empty() { inner.into() } else { format!("{outer}.{inner}") }
}

/// The tensors of a model as values of a graph.
#[derive(Clone, Debug, Default)]
pub struct ModelTensors {
    values: Vec<ValueId>,
    kinds: Vec<TensorKind>,
    by_path: HashMap<String, ValueId>,
}

impl ModelTensors {
    /// Declares tensors of the given kinds in a graph.
    pub(super) fn declare(specs: Vec<TensorSpec>, graph: &mut Graph) -> ModelTensors {
        let mut tensors = ModelTensors::default();
        for TensorSpec { path, shape, kind, .. } in specs {
            let role = if kind.is_trained() { Role::Parameter } else { Role::Running };
            let value = graph.declare(path.clone(), shape, DType::F32, role);
            tensors.values.push(value);
            tensors.kinds.push(kind);
            tensors.by_path.insert(path, value);
        }
        tensors
    }

    /// All tensors, in the order of [`Sequential::initialize`](super::Sequential::initialize).
    pub fn values(&self) -> &[ValueId] {
        &self.values
    }

    /// The trained tensors, in the order of [`ModelTensors::values`].
    pub fn trained(&self) -> Vec<ValueId> {
        self.of(TensorKind::is_trained)
    }

    /// The tensors that L1 and L2 penalties are about, in the order of [`ModelTensors::values`].
    pub fn penalized(&self) -> Vec<ValueId> {
        self.of(TensorKind::is_penalized)
    }

    /// The tensor at a path such as `2.0.weight`.
    pub fn get(&self, path: &str) -> Option<ValueId> {
        self.by_path.get(path).copied()
    }

    fn of(&self, is_wanted: fn(TensorKind) -> bool) -> Vec<ValueId> {
        let both = self.values.iter().zip(&self.kinds);
        both.filter(|(_, kind)| is_wanted(**kind)).map(|(&value, _)| value).collect()
    }
}

/// A named f32 tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name as PyTorch's `Sequential` gives it: `0.weight`.
    pub name: String,
    /// Extents, row-major.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Vec<f32>,
}

/// 64-bit FNV-1a over names, shapes and the bits of all elements, as 16 hexadecimal digits.
pub fn weights_hash(tensors: &[Tensor]) -> String {
    let mut hash = Fnv::default();
    for tensor in tensors {
        hash.feed(tensor.name.as_bytes());
        tensor.shape.iter().for_each(|&d| hash.feed(&(d as u64).to_le_bytes()));
        tensor.data.iter().for_each(|x| hash.feed(&x.to_le_bytes()));
    }
    hash.digits()
}
