//! A whole training run as a graph: the phases that the loop replays, over one set of resident values.
//!
//! Phases: `begin_epoch` (row order), `train` and `train_tail` (one step on a full and on the last, smaller batch),
//! `begin_eval`, `eval` and `eval_tail` (the test rows), `check` (whether all that survives a step is finite). Every batch
//! ends by filing its loss and its number of correct rows (or their weight) in the ring.

use super::epoch::{Batches, Epoch, RowsPass};
use super::objective::Objective;
use super::resident::{ResidentRows, RowsSpec, TargetSpec};
use super::{Recipe, TrainTable};
use crate::error::Result;
use crate::graph::{DType, Graph, PhaseId, Role, ValueId};
use crate::model::{BatchWeights, ModelTensors, Sequential};
use crate::ops::{column_sum::ColumnSum, correct_rows::CorrectRows, elementwise::Elementwise};
use crate::ops::{gather::Gather, non_finite::NonFinite, record::Record, shuffle::Shuffle};
use crate::random::{Key, Purpose, stream_key};

/// Entries of the ring of results; more than any one submission files.
pub(super) const RING_SLOTS: usize = 256;

/// Numbers of an entry: the loss of the batch, the number of correct rows or the sum of their own weights, the penalty,
/// the sum of the weights in the loss, the sum of the rows' own weights. Behind them in each row of the ring stands what
/// [`NonFinite`] counts.
pub(super) const RING_WIDTH: usize = 5;
const LOSS_COLUMN: usize = 0;
const PENALTY_COLUMN: usize = 2;
const WEIGHT_COLUMN: usize = 3;

/// Rows of an evaluation batch, at most.
const EVAL_ROWS: usize = 1024;

/// The graph of a run and its landmarks.
///
/// ```
/// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
/// let model = Sequential::new(2).linear(4).relu().linear(2);
/// let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).batch_size(48);
/// let program = trainer.program(&data::xor(100, 0)?, None)?;
/// let phases: Vec<&str> = program.graph.phases().iter().map(|phase| &phase.name[..]).collect();
/// assert_eq!(phases, ["begin_epoch", "train", "train_tail", "check"]);
/// let pass = program.epoch.train;
/// assert_eq!((pass.batches.full, pass.batches.tail), (2, 4));
/// assert_eq!(program.graph.phases()[pass.full.index()].name, "train");
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Program {
    /// The graph.
    pub graph: Graph,
    /// The model's tensors, in the order of [`Sequential::initialize`].
    pub tensors: ModelTensors,
    /// Those of them that are trained.
    pub parameters: Vec<ValueId>,
    /// What the optimizer keeps for each parameter.
    pub optimizer_state: Vec<Option<ValueId>>,
    /// Training rows.
    pub train: ResidentRows,
    /// Test rows.
    pub test: Option<ResidentRows>,
    /// Weights of the classes, if the loss has any.
    pub class_weights: Option<ValueId>,
    /// Numbers of the rows of a pass, in their order.
    pub order: ValueId,
    /// Results of recent batches, `[slots, 5 + …]`: loss, number of correct rows or the sum of their own weights, penalty,
    /// sum of the weights in the loss, sum of the rows' own weights; then, of all rows together, what `checks` count.
    pub ring: ValueId,
    /// The phase that counts the NaN and infinite elements of what survives a step.
    pub check: PhaseId,
    /// What is counted there: parameters, and what the optimizer keeps for them.
    pub checks: Vec<(ValueId, NonFinite)>,
    /// Its passes over rows: batches and phases.
    pub epoch: Epoch,
    /// Stream of the order of the training rows, `None` for their own order.
    pub key: Option<Key>,
}

impl Program {
    /// Lowers a run of a model to a graph: on rows of one kind, evaluated on rows of another, if any. Of the recipe it
    /// takes what decides the steps.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) or [`Error::InvalidOption`](crate::Error::InvalidOption) if model, loss
    /// and data do not fit together.
    pub fn build(model: &Sequential, recipe: &Recipe, train: RowsSpec, test: Option<RowsSpec>) -> Result<Program> {
        let objective = Objective::of(model, recipe)?;
        objective.check([Some(&train), test.as_ref()].into_iter().flatten())?;
        let mut graph = Graph::new();
        let tensors = model.declare(&mut graph)?;
        let parameters = objective.parameters(&tensors)?;
        let optimizer_state =
            parameters.iter().map(|&p| recipe.optimizer.declare_state(&mut graph, p)).collect::<Vec<_>>();
        let TrainTable { batch_size, shuffle, drop_last, .. } = recipe.train.clone();
        let train_batches = Batches::new(train.rows, batch_size.rows(train.rows), drop_last, train.most_rows());
        let test_batches = test.map(|rows| Batches::new(rows.rows, rows.rows.min(EVAL_ROWS), false, rows.most_rows()));
        let class_weights_of = train.classes();
        let train = ResidentRows::declare(&mut graph, "train", train, &train_batches);
        let test =
            test.zip(test_batches).map(|(rows, batches)| ResidentRows::declare(&mut graph, "test", rows, &batches));
        let most_rows = train.held.max(test.map_or(0, |rows| rows.held));
        let order = graph.declare("order", [most_rows], DType::U32, Role::Order);
        let (checks, blocks) = checks(&graph);
        let width = RING_WIDTH + blocks.div_ceil(RING_SLOTS);
        let ring = graph.declare("ring", [RING_SLOTS, width], DType::F32, Role::Results);
        let class_weights = objective.loss.declare_weights(&mut graph, class_weights_of);

        // The phases are numbered as they come.
        let no_phases = |batches| RowsPass { batches, begin: PhaseId::FIRST, full: PhaseId::FIRST, tail: None };
        let epoch = Epoch { train: no_phases(train_batches), eval: test_batches.map(no_phases) };
        let key = shuffle.then(|| stream_key(recipe.seed, Purpose::Shuffle, 0));
        let mut program = Program {
            graph,
            tensors,
            parameters,
            optimizer_state,
            train,
            test,
            class_weights,
            order,
            ring,
            check: PhaseId::FIRST,
            checks,
            epoch,
            key,
        };
        let names = ["begin_epoch", "train", "train_tail"];
        program.epoch.train = program.pass(names, &objective, train, train_batches, Some(key))?;
        if let (Some(test), Some(batches)) = (test, test_batches) {
            let names = ["begin_eval", "eval", "eval_tail"];
            program.epoch.eval = Some(program.pass(names, &objective, test, batches, None)?);
        }
        program.check = program.graph.begin_phase("check");
        for &(value, check) in &program.checks {
            program.graph.apply_all(check, &[value, ring])?;
        }
        Ok(program)
    }

    /// The first tensor of which the ring says that an element is NaN or infinite.
    pub(super) fn first_non_finite(&self, ring: &[f32]) -> Option<ValueId> {
        let width = ring.len() / RING_SLOTS;
        let is_bad = |&&(value, check): &&(ValueId, NonFinite)| {
            let blocks = NonFinite::blocks(self.graph.shape(value).elements());
            (0..blocks).any(|block| ring[check.place(block, width)] != 0.0)
        };
        self.checks.iter().find(is_bad).map(|check| check.0)
    }

    /// The phases of a pass: what begins it, a full batch and, if there is one, the last, smaller one. A pass over training
    /// rows has a key for their order, or none to leave them in theirs. Rows that come in windows are in order by then.
    fn pass(
        &mut self,
        [begin, full, tail]: [&str; 3],
        objective: &Objective<'_>,
        rows: ResidentRows,
        batches: Batches,
        training: Option<Option<Key>>,
    ) -> Result<RowsPass> {
        let begin = self.graph.begin_phase(begin);
        let shuffle = Shuffle { rows: rows.held, key: training.flatten().filter(|_| batches.window.is_none()) };
        self.graph.apply_all(shuffle, &[self.order])?;
        let full = self.batch(full, objective, rows, batches.rows, training.is_some())?;
        let last = || self.batch(tail, objective, rows, batches.tail, training.is_some());
        let tail = (batches.tail > 0).then(last).transpose()?;
        Ok(RowsPass { batches, begin, full, tail })
    }

    /// A phase for one batch of `rows`: gather, forward, loss; in training also backward and update; results into the
    /// ring.
    fn batch(
        &mut self,
        name: &str,
        objective: &Objective<'_>,
        resident: ResidentRows,
        rows: usize,
        training: bool,
    ) -> Result<PhaseId> {
        let phase = self.graph.begin_phase(name);
        let graph = &mut self.graph;
        graph.set_scope("batch");
        let gather_features = match resident.kind.byte_scale {
            Some(scale) => Gather::U8 { rows, scale },
            None => Gather::F32 { rows },
        };
        let takes_labels = matches!(resident.kind.target, TargetSpec::Labels(_));
        let gather_targets = if takes_labels { Gather::Labels { rows } } else { Gather::F32 { rows } };
        let x = graph.apply(gather_features, &[resident.features, self.order])?;
        let target = graph.apply(gather_targets, &[resident.targets, self.order])?;
        let row_weights = resident.weights.map(|weights| graph.apply(Gather::F32 { rows }, &[weights, self.order]));
        let weights = BatchWeights { classes: self.class_weights, rows: row_weights.transpose()? };
        let terms = objective.append(graph, &self.tensors, x, (target, weights), training)?;
        if let Some(weight) = terms.weight {
            file_weights(graph, weight, weights, self.ring)?;
        }
        if let Some(penalty) = terms.penalty {
            graph.apply_all(Record::One { column: PENALTY_COLUMN }, &[penalty, self.ring])?;
        }
        let metric = if takes_labels {
            let mut correct = graph.apply(CorrectRows, &[terms.output, target])?;
            if let Some(weights) = weights.rows {
                correct = graph.apply(Elementwise::Multiply, &[correct, weights])?;
            }
            graph.apply(ColumnSum::SUM, &[correct])?
        } else {
            terms.loss
        };
        if training {
            self.update(objective.recipe, terms.total)?;
        }
        self.graph.set_scope("");
        self.graph.apply_all(Record::Two { column: LOSS_COLUMN }, &[terms.loss, metric, self.ring])?;
        Ok(phase)
    }

    /// Gradients of `total`, limited, and a step of the optimizer.
    fn update(&mut self, recipe: &Recipe, total: ValueId) -> Result<()> {
        let graph = &mut self.graph;
        let gradients = graph.gradients(total, &self.parameters)?;
        graph.set_scope("update");
        let gradients = recipe.regularization.clipping().apply(graph, gradients)?;
        for ((&parameter, gradient), state) in self.parameters.iter().zip(gradients).zip(&self.optimizer_state) {
            recipe.optimizer.update(graph, parameter, gradient, *state)?;
        }
        Ok(())
    }
}

/// What counts the NaN and infinite elements of each value that survives a step, and the number of all counts.
fn checks(graph: &Graph) -> (Vec<(ValueId, NonFinite)>, usize) {
    let (mut checks, mut first) = (Vec::new(), 0);
    for (index, value) in graph.values().iter().enumerate().filter(|(_, value)| value.role.survives()) {
        checks.push((ValueId(index as u32), NonFinite { first, column: RING_WIDTH }));
        first += NonFinite::blocks(value.shape.elements());
    }
    (checks, first)
}

/// Files the sum of a batch's weights and, where rows have weights of their own, the sum of these, by which an accuracy
/// counts.
fn file_weights(graph: &mut Graph, weight: ValueId, weights: BatchWeights, ring: ValueId) -> Result<()> {
    let own = match (weights.rows, weights.classes) {
        (None, _) => {
            graph.apply_all(Record::One { column: WEIGHT_COLUMN }, &[weight, ring])?;
            return Ok(());
        }
        (Some(_), None) => weight,
        (Some(own), Some(_)) => graph.apply(ColumnSum::SUM, &[own])?,
    };
    graph.apply_all(Record::Two { column: WEIGHT_COLUMN }, &[weight, own, ring])?;
    Ok(())
}
