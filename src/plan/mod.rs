//! In which order and in which memory: a graph lowered to kernel dispatches over numbered buffers.
//!
//! A plan is complete before the first step runs: every dispatch has its variant, parameters, bindings and number of
//! workgroups, every buffer its size. Backends replay it and create nothing in the loop.

mod builder;
mod choose;
mod cost;
mod display;
mod fuse;
mod launch;
mod memory;
mod schedule;

pub use choose::choose;
pub use cost::{Usage, storage_buffers};
pub use launch::{Launch, Part};
pub use memory::Memory;

pub use crate::graph::PhaseId;

use crate::graph::{DType, Graph, Op, Value, ValueId};
use crate::kernel::{Access, Grid, KernelSpec, Target, Variant, Workgroups};

/// Number of a buffer in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub(crate) u32);

impl BufferId {
    /// Position in [`Plan::buffers`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One piece of memory. Intermediate values whose lives do not overlap share one.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    /// The name of the value for whose sake it exists, such as `0.weight`.
    pub label: String,
    /// Size in 32-bit words.
    pub words: usize,
    /// Whether it holds floats (else words: labels, bytes, row order).
    pub is_float: bool,
    /// Value of every element at the start.
    pub fill: f32,
}

/// The memory of a value, always at the start of its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which buffer.
    pub buffer: BufferId,
    /// How many 32-bit words of it.
    pub words: usize,
}

/// A buffer as a dispatch uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundBuffer {
    /// Which value, for messages and tests.
    pub value: ValueId,
    /// Where it lies.
    pub place: Place,
    /// How it is used.
    pub access: Access,
}

/// One kernel, ready to run.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// Where it comes from, such as `0.linear.matmul`.
    pub label: String,
    /// The op.
    pub op: Op,
    /// Its kernel.
    pub kernel: &'static KernelSpec,
    /// The chosen variant.
    pub variant: &'static Variant,
    /// Constants that specialize the WGSL.
    pub specialization: Vec<(&'static str, u32)>,
    /// The bytes of `Params`.
    pub params: Vec<u8>,
    /// The buffers, in the order of [`KernelSpec::buffers`].
    pub buffers: Vec<BoundBuffer>,
    /// What it computes.
    pub grid: Grid,
    /// Number of workgroups.
    pub workgroups: Workgroups,
    /// Arithmetic operations, roughly.
    pub flops: u64,
}

/// A named sequence of dispatches.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Name, such as `train`.
    pub name: String,
    /// In order.
    pub dispatches: Vec<Dispatch>,
    /// How a device is given the dispatches, in order.
    pub launches: Vec<Launch>,
}

impl Phase {
    /// Arithmetic operations of one run, roughly.
    pub fn flops(&self) -> u64 {
        self.dispatches.iter().map(|d| d.flops).sum()
    }
}

/// Everything that a backend needs.
///
/// ```
/// use anygrad::graph::{DType, Graph, Role};
/// use anygrad::kernel::Target;
/// use anygrad::nn::{Module, Pass, Sequential};
/// use anygrad::plan::Plan;
/// let model = Sequential::new(64).linear(32).relu().linear(10);
/// let mut graph = Graph::new();
/// let tensors = model.declare(&mut graph)?;
/// let x = graph.declare("x", [128, 64], DType::F32, Role::Input);
/// let y = model.forward(&mut Pass::new(&mut graph, &tensors, false, 0), x)?;
/// graph.set_role(y, Role::Output);
/// let (fused, plan) = (Plan::fused(&graph, &Target::DOWNLEVEL)?, Plan::new(graph, &Target::DOWNLEVEL)?);
/// assert_eq!((plan.phases()[0].dispatches.len(), fused.phases()[0].dispatches.len()), (5, 2));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    graph: Graph,
    buffers: Vec<Buffer>,
    phases: Vec<Phase>,
    places: Vec<Option<Place>>,
    /// By phase, the dispatches that may run at the same time.
    stages: Vec<schedule::Stages>,
    target: Target,
}

impl Plan {
    /// The device that it is for: its kind and its limits.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The buffers by number.
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// The phases by number.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// The number of the phase called `name`.
    pub fn phase(&self, name: &str) -> Option<PhaseId> {
        self.phases.iter().position(|p| p.name == name).map(PhaseId)
    }

    /// The graph that the plan was built from.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// A value of the graph.
    pub fn value(&self, id: ValueId) -> &Value {
        self.graph.value(id)
    }

    /// The id of the value at a position of [`Graph::values`].
    ///
    /// # Panics
    /// If there is no such value.
    pub fn value_id(&self, index: usize) -> ValueId {
        assert!(index < self.graph.values().len(), "value {index} of {}", self.graph.values().len());
        ValueId(index as u32)
    }

    /// The memory of a value; `None` if no dispatch uses it.
    pub fn place(&self, id: ValueId) -> Option<Place> {
        self.places[id.index()]
    }
}

/// Size of a value in 32-bit words.
fn words_of(value: &Value) -> usize {
    value.dtype.words(value.shape.elements())
}

/// Whether a value's buffer holds floats.
fn is_float(value: &Value) -> bool {
    value.dtype == DType::F32
}
