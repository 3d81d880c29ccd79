//! A whole training run as a graph: the phases that the loop replays, over one set of resident values.
//!
//! Phases: `begin_epoch` (row order), `train` and `train_tail` (one step on a full and on the last, smaller batch),
//! `begin_eval`, `eval` and `eval_tail` (the test rows). Every batch ends by filing its loss and its number of
//! correct rows in the ring.

use super::resident::{ResidentRows, RowsSpec, TargetSpec};
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Role, ValueId};
use crate::model::{BatchLoss, Form, Loss, ModelTensors, Module, Pass, Sequential};
use crate::ops::{
    column_sum::ColumnSum, correct_rows::CorrectRows, elementwise::Elementwise, gather::Gather, penalty::Penalty,
    record::Record, shuffle::Shuffle,
};
use crate::optim::{Clipping, Optimizer, check_range};
use crate::random::{Purpose, stream_key};
use std::fmt;
use std::str::FromStr;

/// Entries of the ring of results; more than any one submission files.
pub(super) const RING_SLOTS: usize = 256;

/// Numbers of an entry: loss, number of correct rows, penalty, weight.
pub(super) const RING_WIDTH: usize = 4;
const LOSS_COLUMN: usize = 0;
const PENALTY_COLUMN: usize = 2;
const WEIGHT_COLUMN: usize = 3;

/// Rows of an evaluation batch, at most.
const EVAL_ROWS: usize = 1024;

/// Rows of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "BatchSizeValue", into = "BatchSizeValue")]
pub enum BatchSize {
    /// This many; 1 is stochastic descent.
    Rows(usize),
    /// All: batch descent.
    Full,
}

impl BatchSize {
    /// Rows of a step over a dataset of `rows`.
    pub fn rows(self, rows: usize) -> usize {
        match self {
            BatchSize::Rows(n) => n.min(rows),
            BatchSize::Full => rows,
        }
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchSize::Rows(n) => write!(f, "{n}"),
            BatchSize::Full => f.write_str("full"),
        }
    }
}

impl FromStr for BatchSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<BatchSize> {
        if text == "full" {
            return Ok(BatchSize::Full);
        }
        let rows = text.parse().ok().filter(|&n| n > 0);
        rows.map(BatchSize::Rows).ok_or_else(|| Error::option("batch_size", text, "must be a number from 1, or full"))
    }
}

/// The form in files: `64` or `"full"`.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum BatchSizeValue {
    Rows(usize),
    Word(String),
}

impl TryFrom<BatchSizeValue> for BatchSize {
    type Error = Error;
    fn try_from(value: BatchSizeValue) -> Result<BatchSize> {
        match value {
            BatchSizeValue::Rows(n) => n.to_string().parse(),
            BatchSizeValue::Word(text) => text.parse(),
        }
    }
}

impl From<BatchSize> for BatchSizeValue {
    fn from(size: BatchSize) -> BatchSizeValue {
        match size {
            BatchSize::Rows(n) => BatchSizeValue::Rows(n),
            BatchSize::Full => BatchSizeValue::Word("full".into()),
        }
    }
}

/// Everything that decides the graph of a run.
#[derive(Clone, Debug)]
pub struct ProgramSpec<'a> {
    /// The model.
    pub model: &'a Sequential,
    /// What is minimized.
    pub loss: &'a Loss,
    /// Penalty on weights (not on biases), added to the loss.
    pub penalty: Penalty,
    /// By what rule.
    pub optimizer: &'a Optimizer,
    /// Limits on gradients.
    pub clipping: Clipping,
    /// Rows of a step.
    pub batch_size: BatchSize,
    /// Whether the last, smaller batch of an epoch is left out.
    pub drop_last: bool,
    /// Whether rows come in a new random order each epoch.
    pub shuffle: bool,
    /// Seed of order and dropout.
    pub seed: u64,
    /// Training rows.
    pub train: RowsSpec,
    /// Test rows, if any.
    pub test: Option<RowsSpec>,
}

/// How many batches a pass over rows takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Rows of a full batch.
    pub rows: usize,
    /// Number of full batches.
    pub full: usize,
    /// Rows of the last, smaller batch; 0 if there is none.
    pub tail: usize,
}

impl Batches {
    pub(super) fn new(rows: usize, batch: usize, drop_last: bool) -> Batches {
        Batches { rows: batch, full: rows / batch, tail: if drop_last { 0 } else { rows % batch } }
    }

    /// Number of batches.
    pub fn count(&self) -> usize {
        self.full + usize::from(self.tail > 0)
    }
}

/// The graph of a run and its landmarks.
#[derive(Clone, Debug)]
pub struct Program {
    /// The graph.
    pub graph: Graph,
    /// The model's tensors, in the order of [`Sequential::initialize`].
    pub tensors: ModelTensors,
    /// Those of them that are trained.
    pub parameters: Vec<ValueId>,
    /// What the optimizer keeps for each parameter.
    pub optimizer_state: Vec<Vec<ValueId>>,
    /// Training rows.
    pub train: ResidentRows,
    /// Test rows.
    pub test: Option<ResidentRows>,
    /// Weights of the classes, if the loss has any.
    pub class_weights: Option<ValueId>,
    /// Results of recent batches, `[slots, 4]`: loss, number of correct rows, penalty, weight of the rows.
    pub ring: ValueId,
    /// Batches of a training epoch.
    pub train_batches: Batches,
    /// Batches of an evaluation.
    pub test_batches: Option<Batches>,
}

impl Program {
    /// Lowers a run to a graph.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::InvalidOption`] if model, loss and data do not fit together.
    pub fn build(spec: &ProgramSpec<'_>) -> Result<Program> {
        check(spec)?;
        let mut graph = Graph::new();
        let tensors = spec.model.declare(&mut graph)?;
        let parameters = tensors.trained();
        let optimizer_state =
            parameters.iter().map(|&p| spec.optimizer.declare_state(&mut graph, p)).collect::<Vec<_>>();
        let most_rows = spec.train.rows.max(spec.test.map_or(0, |t| t.rows));
        let order = graph.declare("order", [most_rows], DType::U32, Role::Order);
        let ring = graph.declare("ring", [RING_SLOTS, RING_WIDTH], DType::F32, Role::Results);
        let class_weights = spec.loss.declare_weights(&mut graph, spec.train.classes());
        let train = ResidentRows::declare(&mut graph, "train", &spec.train);
        let test = spec.test.map(|rows| ResidentRows::declare(&mut graph, "test", &rows));
        let train_batches = Batches::new(spec.train.rows, spec.batch_size.rows(spec.train.rows), spec.drop_last);
        let test_batches = spec.test.map(|t| Batches::new(t.rows, t.rows.min(EVAL_ROWS), false));

        let mut program = Program {
            graph,
            tensors,
            parameters,
            optimizer_state,
            train,
            test,
            class_weights,
            ring,
            train_batches,
            test_batches,
        };
        let key = spec.shuffle.then(|| stream_key(spec.seed, Purpose::Shuffle, 0));
        program.begin("begin_epoch", order, spec.train.rows, key)?;
        program.batch("train", spec, &spec.train, train, order, train_batches.rows, true)?;
        if train_batches.tail > 0 {
            program.batch("train_tail", spec, &spec.train, train, order, train_batches.tail, true)?;
        }
        if let (Some(rows), Some(test), Some(batches)) = (&spec.test, test, test_batches) {
            program.begin("begin_eval", order, rows.rows, None)?;
            program.batch("eval", spec, rows, test, order, batches.rows, false)?;
            if batches.tail > 0 {
                program.batch("eval_tail", spec, rows, test, order, batches.tail, false)?;
            }
        }
        Ok(program)
    }

    /// A phase that starts a pass over the data: the order of its rows.
    fn begin(&mut self, name: &str, order: ValueId, rows: usize, key: Option<crate::random::Key>) -> Result<()> {
        self.graph.begin_phase(name);
        self.graph.apply_all(Shuffle { rows, key }, &[order])?;
        Ok(())
    }

    /// A phase for one batch: gather, forward, loss; in training also backward and update; results into the ring.
    #[allow(clippy::too_many_arguments)]
    fn batch(
        &mut self,
        name: &str,
        spec: &ProgramSpec<'_>,
        kind: &RowsSpec,
        resident: ResidentRows,
        order: ValueId,
        rows: usize,
        training: bool,
    ) -> Result<()> {
        self.graph.begin_phase(name);
        let graph = &mut self.graph;
        graph.set_scope("batch");
        let gather_features = match kind.byte_scale {
            Some(scale) => Gather::U8 { rows, scale },
            None => Gather::F32 { rows },
        };
        let gather_targets = match kind.target {
            TargetSpec::Labels(_) => Gather::Labels { rows },
            TargetSpec::Values(_) => Gather::F32 { rows },
        };
        let x = graph.apply(gather_features, &[resident.features, order])?;
        let target = graph.apply(gather_targets, &[resident.targets, order])?;
        let output = spec.model.forward(&mut Pass::new(graph, &self.tensors, training, spec.seed), x)?;
        graph.set_scope("loss");
        let BatchLoss { loss, weight } = spec.loss.batch(graph, output, target, self.class_weights)?;
        if let Some(weight) = weight {
            graph.apply_all(Record::One { column: WEIGHT_COLUMN }, &[weight, self.ring])?;
        }
        let metric = if matches!(kind.target, TargetSpec::Labels(_)) {
            let correct = graph.apply(CorrectRows, &[output, target])?;
            graph.apply(ColumnSum::SUM, &[correct])?
        } else {
            loss
        };
        if training {
            let total = match penalty(graph, spec.penalty, &self.tensors.penalized())? {
                Some(penalty) => {
                    graph.apply_all(Record::One { column: PENALTY_COLUMN }, &[penalty, self.ring])?;
                    graph.apply(Elementwise::Add, &[loss, penalty])?
                }
                None => loss,
            };
            let gradients = graph.gradients(total, &self.parameters)?;
            graph.set_scope("update");
            let gradients = spec.clipping.apply(graph, gradients)?;
            for ((&parameter, gradient), state) in self.parameters.iter().zip(gradients).zip(&self.optimizer_state) {
                spec.optimizer.update(graph, parameter, gradient, state)?;
            }
        }
        graph.set_scope("");
        graph.apply_all(Record::Two { column: LOSS_COLUMN }, &[loss, metric, self.ring])?;
        Ok(())
    }
}

/// The penalty on all `weights`.
pub(super) fn penalty(graph: &mut Graph, penalty: Penalty, weights: &[ValueId]) -> Result<Option<ValueId>> {
    if penalty == Penalty::NONE {
        return Ok(None);
    }
    let mut total = None;
    for &weight in weights {
        let own = graph.apply(penalty, &[weight])?;
        total = Some(match total {
            Some(others) => graph.apply(Elementwise::Add, &[others, own])?,
            None => own,
        });
    }
    Ok(total)
}

pub(super) fn check(spec: &ProgramSpec<'_>) -> Result<()> {
    spec.optimizer.validate()?;
    spec.loss.validate()?;
    spec.clipping.validate()?;
    check_range("l1", spec.penalty.l1, 0.0, f32::INFINITY)?;
    check_range("l2", spec.penalty.l2, 0.0, f32::INFINITY)?;
    let output = spec.model.output_width()?;
    if spec.batch_size == BatchSize::Rows(0) {
        return Err(Error::option("batch_size", 0, "must be at least 1, or full"));
    }
    for rows in [Some(&spec.train), spec.test.as_ref()].into_iter().flatten() {
        if rows.rows == 0 {
            return Err(Error::shape("data", "there are no rows"));
        }
        if rows.width != spec.model.input_width() {
            let detail = format!("rows have {} features, the model takes {}", rows.width, spec.model.input_width());
            return Err(Error::shape("data", detail));
        }
        let fits = match rows.target {
            TargetSpec::Labels(_) => {
                spec.loss.takes_labels() && (output == 1) == (spec.loss.form == Form::BinaryCrossEntropy)
            }
            TargetSpec::Values(width) => spec.loss.takes_values() && width == output,
        };
        if !fits {
            let target = match rows.target {
                TargetSpec::Labels(_) => "class labels".to_string(),
                TargetSpec::Values(width) => format!("{width} values per row"),
            };
            let detail = format!("the loss {} over {output} outputs does not fit a target of {target}", spec.loss);
            return Err(Error::shape("loss", detail));
        }
    }
    Ok(())
}
