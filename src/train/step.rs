//! One training step as a graph of its own, with the contents of its inputs: what gradients are checked on.

use super::RowsSpec;
use super::objective::Objective;
use super::trainer::Trainer;
use crate::data::{Dataset, Targets};
use crate::error::Result;
use crate::graph::{DType, Graph, Role, Shape, ValueId};
use crate::kernel::Clock;
use crate::model::{BatchWeights, ModelTensors, Tensor};

/// A differentiated graph of one phase, with the contents of its inputs.
///
/// [`Trainer::step`] makes one of a model, a loss and a batch. All fields are plain data: a test can put a wrong
/// gradient in and see whether [`Step::check_gradients`] finds it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The graph: forward pass, loss, gradients.
    pub graph: Graph,
    /// The loss, of one element, that is differentiated.
    pub loss: ValueId,
    /// The trained tensors by which the loss is differentiated, of role [`Role::Parameter`].
    pub parameters: Vec<ValueId>,
    /// The gradient of each parameter, of its shape.
    pub gradients: Vec<ValueId>,
    /// Contents of the model's tensors, inputs and float targets.
    pub floats: Vec<(ValueId, Vec<f32>)>,
    /// Contents of labels.
    pub words: Vec<(ValueId, Vec<u32>)>,
    /// The position of the run; it decides what dropout drops.
    pub clock: Clock,
}

impl Trainer {
    /// The first training step, on all rows of `batch`: forward pass with dropout, loss and penalty, gradients.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let trainer = Trainer::new(Sequential::new(2).linear(3).tanh().linear(2), Loss::cross_entropy(), Sgd::new(0.1));
    /// let step = trainer.step(&data::xor(8, 0)?)?;
    /// assert_eq!(step.parameters.len(), 4);
    /// assert_eq!(step.graph.shape(step.gradients[0]), step.graph.shape(step.parameters[0]));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// If model, loss and data do not fit together.
    pub fn step(&self, batch: &Dataset) -> Result<Step> {
        let objective = self.objective([batch])?;
        let Inputs { mut graph, x, target, weights, tensors, floats, words, clock } =
            Inputs::declare(&objective, batch, self.initial_values()?, self.first_learning_rate())?;
        graph.begin_phase("step");
        let loss = objective.append(&mut graph, &tensors, x, (target, weights), true)?.total;
        let parameters = objective.parameters(&tensors)?;
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
    /// Weights of the classes and of the rows, if there are any.
    pub weights: BatchWeights,
    pub tensors: ModelTensors,
    pub floats: Vec<(ValueId, Vec<f32>)>,
    pub words: Vec<(ValueId, Vec<u32>)>,
    /// The first step of a run.
    pub clock: Clock,
}

impl Inputs {
    pub fn declare(
        objective: &Objective<'_>,
        batch: &Dataset,
        initial: Vec<Tensor>,
        learning_rate: f32,
    ) -> Result<Inputs> {
        objective.check([&RowsSpec::of(batch)])?;
        let mut graph = Graph::new();
        let mut words = Vec::new();
        let tensors = objective.model.declare(&mut graph)?;
        let mut floats: Vec<(ValueId, Vec<f32>)> =
            tensors.values().iter().copied().zip(initial.into_iter().map(|tensor| tensor.data)).collect();
        let rows = batch.rows();
        let x = graph.declare("x", [rows, batch.features.width()], DType::F32, Role::Input);
        floats.push((x, batch.preprocessing.inputs(&batch.features)?));
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
        let classes = objective.loss.declare_weights(&mut graph, RowsSpec::of(batch).classes());
        if let (Some(value), Some(weights)) = (classes, &objective.loss.class_weights) {
            floats.push((value, weights.resolve(batch)?));
        }
        let weights = BatchWeights {
            classes,
            rows: batch.weights.as_ref().map(|weights| {
                let value = graph.declare("weights", [rows, 1], DType::F32, Role::Input);
                floats.push((value, weights.clone()));
                value
            }),
        };
        let clock = Clock { learning_rate, ..Clock::default() };
        Ok(Inputs { graph, x, target, weights, tensors, floats, words, clock })
    }
}
