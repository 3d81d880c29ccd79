//! What is computed: values with shapes, and the ops between them. Pure data, no buffers, no device.
//!
//! A graph holds several *phases* (begin an epoch, one training step, one evaluation batch, …) over one set of
//! values, so that they share parameters. [`Graph::gradients`] appends the backward part of a phase.

mod autodiff;
pub mod case;
mod operation;
mod portable;
mod rounding;
mod stage;
mod value;

pub use crate::cpu::product::Form;
pub use case::{Case, Extents, Values};
pub use operation::{DynEq, Equivalent, Kinks, Op, Operation, Vjp};
pub use portable::{Arithmetic, Expression, Function, Portable};
pub use rounding::{Element, Factors, Inputs, Sum};
pub use stage::{BlockCall, OnBlock, Stage};
pub use value::{DType, Data, Role, Shape, Value, ValueId};

use crate::error::{Error, Result};
use crate::kernel;
use std::ops::Range;

/// One application of an op.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From which values. Inputs whose binding is writable are changed in place.
    pub inputs: Vec<ValueId>,
    /// Into which values.
    pub outputs: Vec<ValueId>,
    /// Where it comes from, such as `0.linear`; labels dispatches.
    pub label: String,
}

/// Number of a phase in its graph, and in the plan of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PhaseId(pub(crate) usize);

impl PhaseId {
    /// The first phase.
    pub const FIRST: PhaseId = PhaseId(0);

    /// Position in [`Graph::phases`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A named sequence of nodes that runs as a whole.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Name, such as `train`.
    pub name: String,
    /// Its nodes.
    pub nodes: Range<usize>,
}

/// Values and the nodes that compute them, in phases.
///
/// ```
/// use anygrad::graph::{DType, Graph, Role};
/// use anygrad::ops::matmul::Matmul;
/// let mut graph = Graph::new();
/// let x = graph.declare("x", [8, 3], DType::F32, Role::Input);
/// let w = graph.declare("w", [2, 3], DType::F32, Role::Parameter);
/// let y = graph.apply(Matmul::NT, &[x, w])?;
/// assert_eq!(graph.shape(y).dims(), [8, 2]);
/// assert_eq!(graph.nodes()[0].op.name(), "matmul");
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Graph {
    values: Vec<Value>,
    nodes: Vec<Node>,
    phases: Vec<Phase>,
    scope: String,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// All values.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// One value.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// The shape of a value.
    pub fn shape(&self, id: ValueId) -> &Shape {
        &self.value(id).shape
    }

    /// All nodes, phase after phase.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The phases in the order in which they were begun.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// Begins a phase: the nodes added from here on belong to it.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::ops::scale::Scale;
    /// let mut graph = Graph::new();
    /// let x = graph.declare("x", [4, 2], DType::F32, Role::Input);
    /// for name in ["train", "eval"] {
    ///     graph.begin_phase(name);
    ///     graph.apply(Scale { factor: 0.5 }, &[x])?;
    /// }
    /// assert_eq!(graph.phases()[1].nodes, 1..2);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn begin_phase(&mut self, name: &str) -> PhaseId {
        let at = self.nodes.len();
        self.phases.push(Phase { name: name.into(), nodes: at..at });
        PhaseId(self.phases.len() - 1)
    }

    /// Prefix for the labels of the nodes and values added from here on, such as the layer's number.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::ops::scale::Scale;
    /// let mut graph = Graph::new();
    /// let x = graph.declare("x", [4, 2], DType::F32, Role::Input);
    /// graph.set_scope("0.linear");
    /// graph.apply(Scale { factor: 0.5 }, &[x])?;
    /// assert_eq!(graph.nodes()[0].label, "0.linear.scale");
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn set_scope(&mut self, scope: impl Into<String>) {
        self.scope = scope.into();
    }

    /// Adds a value that no node computes.
    pub fn declare(&mut self, name: impl Into<String>, shape: impl Into<Shape>, dtype: DType, role: Role) -> ValueId {
        self.values.push(Value { name: name.into(), shape: shape.into(), dtype, role });
        ValueId(self.values.len() as u32 - 1)
    }

    /// Returns the graph with the nodes of each phase replaced by those in `phases`; values and names stay.
    pub(crate) fn with_nodes(&self, phases: Vec<Vec<Node>>) -> Graph {
        let mut graph = Graph { nodes: Vec::new(), phases: Vec::new(), ..self.clone() };
        for (phase, nodes) in self.phases.iter().zip(phases) {
            let start = graph.nodes.len();
            graph.nodes.extend(nodes);
            graph.phases.push(Phase { name: phase.name.clone(), nodes: start..graph.nodes.len() });
        }
        graph
    }

    /// Changes how long a value lives, for example to [`Role::Output`] so that it can be read back.
    pub fn set_role(&mut self, id: ValueId, role: Role) {
        self.values[id.index()].role = role;
    }

    /// The rows of the batch that a node works on: those of the first of its operands that lives no longer than a
    /// phase.
    pub fn batch_rows(&self, mut operands: impl Iterator<Item = ValueId>) -> Option<usize> {
        let batch = operands.find(|&id| !self.value(id).role.is_persistent())?;
        self.shape(batch).dims().first().copied()
    }

    /// Appends `op` to the current phase and returns its outputs.
    ///
    /// # Errors
    /// [`Error::Shape`] if the inputs do not fit the op.
    pub fn apply_all(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        let op = op.into();
        let label = if self.scope.is_empty() { op.name().into() } else { format!("{}.{}", self.scope, op.name()) };
        let input_values: Vec<&Value> = inputs.iter().map(|&id| self.value(id)).collect();
        let results = op.infer(&input_values).map_err(|e| relocate(e, &label))?;
        check_kinds(&op, &label, &input_values)?;
        let outputs = results
            .into_iter()
            .map(|(shape, dtype)| self.declare(label.clone(), shape, dtype, Role::Intermediate))
            .collect::<Vec<_>>();
        self.nodes.push(Node { op, inputs: inputs.to_vec(), outputs: outputs.clone(), label });
        let end = self.nodes.len();
        match self.phases.last_mut() {
            Some(phase) => phase.nodes.end = end,
            None => self.phases.push(Phase { name: "run".into(), nodes: 0..end }),
        }
        Ok(outputs)
    }

    /// Appends `op`, which has one output, to the current phase and returns that output; see [`Graph::apply_all`].
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::ops::elementwise::Elementwise;
    /// let mut graph = Graph::new();
    /// let a = graph.declare("a", [4, 2], DType::F32, Role::Input);
    /// let b = graph.declare("b", [2, 4], DType::F32, Role::Input);
    /// assert!(graph.apply(Elementwise::Add, &[a, a]).is_ok());
    /// let error = graph.apply(Elementwise::Add, &[a, b]).unwrap_err().to_string();
    /// assert!(error.contains("[4, 2]") && error.contains("[2, 4]"), "{error}");
    /// ```
    pub fn apply(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<ValueId> {
        let outputs = self.apply_all(op, inputs)?;
        debug_assert_eq!(outputs.len(), 1);
        Ok(outputs[0])
    }
}

/// Puts the node's label in front of an op's shape error.
fn relocate(error: Error, label: &str) -> Error {
    match error {
        Error::Shape { place, detail } if place != label => Error::Shape { place: label.into(), detail },
        other => other,
    }
}

/// Checks the number and element kind of the inputs against the kernel's bindings.
fn check_kinds(op: &Op, label: &str, inputs: &[&Value]) -> Result<()> {
    let mut expected = op.spec().buffers();
    for input in inputs {
        let fits = match expected.next() {
            Some(binding) => match binding.element {
                kernel::Element::Float => input.dtype == DType::F32,
                _ => input.dtype != DType::F32,
            },
            None => false,
        };
        if !fits {
            let detail = format!("input `{}` ({:?}) does not fit the kernel's bindings", input.name, input.dtype);
            return Err(Error::shape(label, detail));
        }
    }
    Ok(())
}
