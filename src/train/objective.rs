//! What training minimizes over a batch: the loss of a model's outputs, and the penalty on its weights.

use super::{BatchSize, Recipe, RowsSpec, TargetSpec};
use crate::data::Targets;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::model::{BatchLoss, BatchWeights, Form, Loss, ModelTensors, Module, Pass, Sequential};
use crate::ops::elementwise::Elementwise;
use crate::ops::penalty::Penalty;
use crate::optim::check_range;

/// A model and the recipe that it is trained by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objective<'a> {
    pub model: &'a Sequential,
    pub recipe: &'a Recipe,
    pub loss: &'a Loss,
}

/// The objective of a batch as values of a graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// `[B, O]`, what the model puts out.
    pub output: ValueId,
    /// Number of nodes in the graph after the forward pass.
    pub forward_nodes: usize,
    /// The loss of each row without its weight, `[B, 1]`.
    pub row_losses: ValueId,
    /// The loss of the batch.
    pub loss: ValueId,
    /// The sum of the rows' weights, if rows or classes have weights.
    pub weight: Option<ValueId>,
    /// The penalty on weights, if any.
    pub penalty: Option<ValueId>,
    /// Loss and penalty.
    pub total: ValueId,
}

impl<'a> Objective<'a> {
    /// # Errors
    /// Fails as [`Recipe::loss`] does.
    pub fn of(model: &'a Sequential, recipe: &'a Recipe) -> Result<Objective<'a>> {
        Ok(Objective { model, recipe, loss: recipe.loss()? })
    }

    /// Appends forward pass and loss, in training with dropout and penalty. The target is labels or values, with weights
    /// if there are any.
    pub fn append(
        &self,
        graph: &mut Graph,
        tensors: &ModelTensors,
        x: ValueId,
        (target, weights): (ValueId, BatchWeights),
        training: bool,
    ) -> Result<Terms> {
        let output = self.model.forward(&mut Pass::new(graph, tensors, training, self.recipe.seed), x)?;
        let forward_nodes = graph.nodes().len();
        graph.set_scope("loss");
        let BatchLoss { rows: row_losses, loss, weight } = self.loss.batch(graph, output, target, weights)?;
        let penalty = if training { self.penalty(graph, tensors)? } else { None };
        let total = match penalty {
            Some(penalty) => graph.apply(Elementwise::Add, &[loss, penalty])?,
            None => loss,
        };
        Ok(Terms { output, forward_nodes, row_losses, loss, weight, penalty, total })
    }

    /// The penalty on all weights.
    fn penalty(&self, graph: &mut Graph, tensors: &ModelTensors) -> Result<Option<ValueId>> {
        let penalty = self.recipe.regularization.penalty();
        if penalty == Penalty::NONE {
            return Ok(None);
        }
        let mut total = None;
        for weight in tensors.penalized() {
            let own = graph.apply(penalty, &[weight])?;
            total = Some(match total {
                Some(others) => graph.apply(Elementwise::Add, &[others, own])?,
                None => own,
            });
        }
        Ok(total)
    }

    /// Checks what depends on the contents of targets.
    pub fn check_targets(&self, targets: &Targets) -> Result<()> {
        match targets {
            Targets::Labels { classes, .. } => self.check_classes(classes.len(), self.loss.outputs(targets)),
            Targets::Values { names, data } => self.check_probabilities(names, data),
        }
    }

    /// Targets of binary cross-entropy are probabilities.
    fn check_probabilities(&self, names: &[String], values: &[f32]) -> Result<()> {
        if self.loss.form == Form::BinaryCrossEntropy
            && let Some(i) = values.iter().position(|y| !(0.0..=1.0).contains(y))
        {
            let (row, name, value) = (i / names.len(), &names[i % names.len()], values[i]);
            let detail = format!("{} takes targets from 0 to 1, `{name}` of row {row} is {value}", self.loss);
            return Err(Error::shape("loss", detail));
        }
        Ok(())
    }

    /// A model of classes has as many outputs as the classes need.
    fn check_classes(&self, classes: usize, needed: usize) -> Result<()> {
        let width = self.model.output_width()?;
        if self.loss.takes_labels() && needed == 1 && classes != 2 {
            let detail = format!("{} takes labels of 2 classes, there are {classes}", self.loss);
            return Err(Error::shape("loss", detail));
        }
        if self.loss.takes_labels() && width != needed {
            let detail = format!("{classes} classes need {needed} outputs, the model has {width}");
            return Err(Error::shape("model", detail));
        }
        Ok(())
    }

    /// Checks every setting, and that model, loss and rows fit together.
    pub fn check<'r>(&self, rows: impl IntoIterator<Item = &'r RowsSpec>) -> Result<()> {
        let Recipe { optimizer, schedule, regularization, train, .. } = self.recipe;
        schedule.validate()?;
        optimizer.validate()?;
        self.loss.validate()?;
        regularization.clipping().validate()?;
        check_range("l1", regularization.l1, 0.0, f32::INFINITY)?;
        check_range("l2", regularization.l2, 0.0, f32::INFINITY)?;
        let outputs = self.model.output_width()?;
        if self.model.parameter_count()? == 0 {
            let detail = "no layer has weights, so there is nothing to train: add a linear layer";
            return Err(Error::shape("model", detail));
        }
        if train.batch_size == BatchSize::Rows(0) {
            return Err(Error::option("batch_size", 0, "must be at least 1, or full"));
        }
        rows.into_iter().try_for_each(|rows| self.check_rows(rows, outputs))
    }

    fn check_rows(&self, rows: &RowsSpec, outputs: usize) -> Result<()> {
        if rows.rows == 0 {
            return Err(Error::shape("data", "there are no rows"));
        }
        if rows.width != self.model.input_width() {
            let detail = format!("rows have {} features, the model takes {}", rows.width, self.model.input_width());
            return Err(Error::shape("data", detail));
        }
        let (fits, target) = match rows.target {
            TargetSpec::Labels(_) => {
                let takes_one = self.loss.form == Form::BinaryCrossEntropy;
                (self.loss.takes_labels() && (outputs == 1) == takes_one, "class labels".to_string())
            }
            TargetSpec::Values(width) => {
                (self.loss.takes_values() && width == outputs, format!("{width} values per row"))
            }
        };
        if fits {
            return Ok(());
        }
        let detail = format!("the loss {} over {outputs} outputs does not fit a target of {target}", self.loss);
        Err(Error::shape("loss", detail))
    }
}
