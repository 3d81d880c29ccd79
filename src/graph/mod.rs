//! What is computed: values with shapes, and the ops between them. Pure data, no buffers, no device.
//!
//! A graph holds several *phases* (begin an epoch, one training step, one evaluation batch, …) over one set of
//! values, so that they share parameters. [`Graph::gradients`] appends the backward part of a phase.

mod autodiff;
mod shape;

pub use autodiff::Vjp;
pub use shape::{DType, Shape};

use crate::error::{Error, Result};
use crate::kernel::Element;
use crate::ops::{Op, Operation};
use std::ops::Range;

/// Number of a value in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// Position in [`Graph::values`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a value is to a run: how long it lives, who writes it, and whether it outlives the run's end.
///
/// | role | written by | memory | survives |
/// |---|---|---|---|
/// | `Parameter` | the host at the start, then the optimizer | own | yes |
/// | `Optimizer` | the optimizer, from 0 on | own | yes |
/// | `Running` | the host at the start, then training steps | own | yes |
/// | `Dataset`, `Input` | the host | own | no |
/// | `Order` | the phase that begins a pass | own | no |
/// | `Results` | each batch | own | no |
/// | `Constant` | nobody | own | no |
/// | `Output` | its phase | own | no |
/// | `Intermediate` | its phase | shared | no |
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Trained by the optimizer.
    Parameter,
    /// What the optimizer keeps for a parameter, such as its velocity.
    Optimizer,
    /// What training keeps up without gradients, such as a running mean.
    Running,
    /// Rows that stay for a whole run, and what is computed from them before it.
    Dataset,
    /// Row order of a pass over the dataset: a function of the clock.
    Order,
    /// The ring in which batches file their results, for the host to read.
    Results,
    /// What the host writes before a phase runs, such as a batch of its own.
    Input,
    /// Every element has this value, always.
    Constant(f32),
    /// Lives within one phase, between its producer and its last reader; its memory is shared.
    Intermediate,
    /// Produced within a phase and kept after it, to be read back.
    Output,
}

impl Role {
    /// Whether the rest of a run depends on the value, and nothing else gives it again: what a snapshot must hold.
    pub fn survives(&self) -> bool {
        matches!(self, Role::Parameter | Role::Optimizer | Role::Running)
    }

    /// Whether a phase produces the value anew, whole.
    pub fn is_produced(&self) -> bool {
        matches!(self, Role::Intermediate | Role::Output)
    }

    /// Whether the value keeps its memory for the whole life of a plan.
    pub fn is_persistent(self) -> bool {
        !matches!(self, Role::Intermediate)
    }
}

/// One tensor.
#[derive(Clone, Debug)]
pub struct Value {
    /// Label, such as `0.weight`.
    pub name: String,
    /// Extents, row-major.
    pub shape: Shape,
    /// Element type.
    pub dtype: DType,
    /// Lifetime.
    pub role: Role,
}

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

/// A named sequence of nodes that runs as a whole.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Name, such as `train`.
    pub name: String,
    /// Its nodes.
    pub nodes: Range<usize>,
}

/// Values and the nodes that compute them, in phases.
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
    pub fn begin_phase(&mut self, name: &str) {
        let at = self.nodes.len();
        self.phases.push(Phase { name: name.into(), nodes: at..at });
    }

    /// Prefix for the labels of the nodes and values added from here on, such as the layer's number.
    pub fn set_scope(&mut self, scope: impl Into<String>) {
        self.scope = scope.into();
    }

    /// Adds a value that no node computes.
    pub fn declare(&mut self, name: impl Into<String>, shape: impl Into<Shape>, dtype: DType, role: Role) -> ValueId {
        self.values.push(Value { name: name.into(), shape: shape.into(), dtype, role });
        ValueId(self.values.len() as u32 - 1)
    }

    /// The same values and phases with other nodes in each phase.
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

    /// Like [`Graph::apply_all`], for an op with one output.
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
                Element::Float => input.dtype == DType::F32,
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
