//! One training step as a graph of its own, with the contents of its inputs: what gradients are checked on.

use super::program::{ProgramSpec, check, penalty};
use super::trainer::Trainer;
use crate::data::{Dataset, Targets};
use crate::error::Result;
use crate::graph::{DType, Graph, Role, Shape, ValueId};
use crate::kernel::Clock;
use crate::model::{ModelTensors, Module, Pass, Tensor};
use crate::ops::elementwise::Elementwise;

/// A differentiated graph of one phase, with the contents of its inputs.
///
/// [`Trainer::step`] makes one of a model, a loss and a batch. All fields are plain data: a test can put a wrong
/// gradient in and see whether [`Step::check_gradients`] finds it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The graph: forward pass, loss, gradients.
    pub graph: Graph,
    /// The number that is differentiated.
    pub loss: ValueId,
    /// By what: the trained tensors, of role [`Role::Parameter`].
    pub parameters: Vec<ValueId>,
    /// The gradient of each parameter, of its shape.
    pub gradients: Vec<ValueId>,
    /// Contents of the model's tensors, inputs and float targets.
    pub floats: Vec<(ValueId, Vec<f32>)>,
    /// Contents of labels.
    pub words: Vec<(ValueId, Vec<u32>)>,
    /// Where the run stands; it decides what dropout drops.
    pub clock: Clock,
}

impl Trainer {
    /// The first training step, on all rows of `batch`: forward pass with dropout, loss and penalty, gradients.
    ///
    /// # Errors
    /// If model, loss and data do not fit together.
    pub fn step(&self, batch: &Dataset) -> Result<Step> {
        let spec = self.spec(batch, None)?;
        let Inputs { mut graph, x, target, class_weights, tensors, floats, words, clock } =
            Inputs::declare(&spec, batch, self.initial_values()?, self.first_learning_rate())?;
        graph.begin_phase("step");
        let loss = Objective::append(&mut graph, &spec, &tensors, x, (target, class_weights))?.total;
        let parameters = tensors.trained();
        let gradients = graph.gradients(loss, &parameters)?;
        Ok(Step { graph, loss, parameters, gradients, floats, words, clock })
    }
}

/// A graph that holds a model's tensors and one batch, and what to write into it.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub graph: Graph,
    /// `[B, I]`, prepared for the model.
    pub x: ValueId,
    /// `[B]` labels or `[B, O]` values.
    pub target: ValueId,
    /// Weights of the classes, if the loss has any.
    pub class_weights: Option<ValueId>,
    pub tensors: ModelTensors,
    pub floats: Vec<(ValueId, Vec<f32>)>,
    pub words: Vec<(ValueId, Vec<u32>)>,
    /// The first step of a run.
    pub clock: Clock,
}

impl Inputs {
    pub fn declare(
        spec: &ProgramSpec<'_>,
        batch: &Dataset,
        initial: Vec<Tensor>,
        learning_rate: f32,
    ) -> Result<Inputs> {
        check(spec)?;
        let mut graph = Graph::new();
        let mut words = Vec::new();
        let tensors = spec.model.declare(&mut graph)?;
        let mut floats: Vec<(ValueId, Vec<f32>)> =
            tensors.values().iter().copied().zip(initial.into_iter().map(|tensor| tensor.data)).collect();
        let rows = batch.rows();
        let x = graph.declare("x", [rows, batch.features.width()], DType::F32, Role::Input);
        floats.push((x, batch.preprocessing.inputs(&batch.features)));
        let mut declare = |shape: Shape, dtype| graph.declare("y", shape, dtype, Role::Input);
        let target = match &batch.targets {
            Targets::Labels { data: labels, .. } => {
                let target = declare([rows].into(), DType::U32);
                words.push((target, labels.clone()));
                target
            }
            Targets::Values { names, data } => {
                let target = declare([rows, names.len()].into(), DType::F32);
                let mut values = data.clone();
                batch.target_preprocessing.apply(&mut values);
                floats.push((target, values));
                target
            }
        };
        let class_weights = spec.loss.declare_weights(&mut graph, spec.train.classes());
        if let (Some(value), Some(weights)) = (class_weights, &spec.loss.class_weights) {
            floats.push((value, weights.resolve(&batch.targets)?));
        }
        let clock = Clock { learning_rate, ..Clock::default() };
        Ok(Inputs { graph, x, target, class_weights, tensors, floats, words, clock })
    }
}

/// What training minimizes over a batch, and its parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objective {
    /// `[B, O]`, what the model puts out.
    pub output: ValueId,
    /// Number of nodes in the graph after the forward pass.
    pub forward_nodes: usize,
    /// The loss of the batch.
    pub loss: ValueId,
    /// The penalty on weights, if any.
    pub penalty: Option<ValueId>,
    /// Their sum.
    pub total: ValueId,
}

impl Objective {
    pub fn append(
        graph: &mut Graph,
        spec: &ProgramSpec<'_>,
        tensors: &ModelTensors,
        x: ValueId,
        (target, class_weights): (ValueId, Option<ValueId>),
    ) -> Result<Objective> {
        let output = spec.model.forward(&mut Pass::new(graph, tensors, true, spec.seed), x)?;
        let forward_nodes = graph.nodes().len();
        graph.set_scope("loss");
        let loss = spec.loss.batch(graph, output, target, class_weights)?.loss;
        let penalty = penalty(graph, spec.penalty, &tensors.penalized())?;
        let total = match penalty {
            Some(penalty) => graph.apply(Elementwise::Add, &[loss, penalty])?,
            None => loss,
        };
        Ok(Objective { output, forward_nodes, loss, penalty, total })
    }
}
