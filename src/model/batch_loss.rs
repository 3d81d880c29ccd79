//! The loss of a batch from the losses of its rows: their mean or their sum, with weights of rows and of classes.
//!
//! The weight of a row is its own times that of its class. The mean is Σ wᵢ ℓᵢ / Σ wᵢ over the batch, as in
//! scikit-learn's `MLPClassifier.fit(sample_weight=…)` and PyTorch's `CrossEntropyLoss(weight=…)`; of a batch whose
//! weights are all 0 it is 0, and so are its gradients.

use super::{Loss, Reduction};
use crate::error::Result;
use crate::graph::{DType, Graph, Role, ValueId};
use crate::ops::class_weights::ClassWeights as WeightsByClass;
use crate::ops::column_sum::ColumnSum;
use crate::ops::divide::Divide;
use crate::ops::elementwise::Elementwise;

/// The weights that the rows of a batch have in its loss; without any all count the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchWeights {
    /// A weight for each class, `[C]`, as [`Loss::declare_weights`] declares them.
    pub classes: Option<ValueId>,
    /// A weight for each row, `[B, 1]`.
    pub rows: Option<ValueId>,
}

/// The loss of a batch in a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLoss {
    /// The loss of each row without its weight, `[B, 1]`.
    pub rows: ValueId,
    /// The loss, `[1]`.
    pub loss: ValueId,
    /// The sum of the rows' weights, `[1]`, by which a mean divides; none if all count the same.
    pub weight: Option<ValueId>,
}

impl Loss {
    /// Declares the weights of `classes` classes in a graph, if the loss has any; the caller writes them.
    pub fn declare_weights(&self, graph: &mut Graph, classes: usize) -> Option<ValueId> {
        self.class_weights.is_some().then(|| graph.declare("class_weights", [classes], DType::F32, Role::Dataset))
    }

    /// Appends the loss of the batch: the mean or the sum of the row losses, each times its weight.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::nn::{BatchWeights, Loss};
    /// let mut graph = Graph::new();
    /// let logits = graph.declare("logits", [8, 3], DType::F32, Role::Input);
    /// let labels = graph.declare("labels", [8], DType::U32, Role::Input);
    /// let rows = graph.declare("weights", [8, 1], DType::F32, Role::Input);
    /// let weights = BatchWeights { rows: Some(rows), ..BatchWeights::default() };
    /// let batch = Loss::cross_entropy().batch(&mut graph, logits, labels, weights)?;
    /// assert_eq!((graph.shape(batch.rows).dims(), graph.shape(batch.loss).dims()), (&[8, 1][..], &[1][..]));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails as [`Loss::rows`] does; [`Error::Shape`](crate::Error::Shape) if the weights are not one for each row.
    pub fn batch(
        &self,
        graph: &mut Graph,
        output: ValueId,
        target: ValueId,
        weights: BatchWeights,
    ) -> Result<BatchLoss> {
        let rows = self.rows(graph, output, target)?;
        let is_mean = self.reduction == Reduction::Mean;
        let by_class = weights.classes.map(|classes| graph.apply(WeightsByClass, &[classes, target])).transpose()?;
        let weights = match (by_class, weights.rows) {
            (Some(by_class), Some(own)) => graph.apply(Elementwise::Multiply, &[by_class, own])?,
            (Some(weights), None) | (None, Some(weights)) => weights,
            (None, None) => {
                let (count, _) = graph.shape(rows).matrix(self.name())?;
                let scale = if is_mean { 1.0 / count as f32 } else { 1.0 };
                let loss = graph.apply(ColumnSum { scale }, &[rows])?;
                return Ok(BatchLoss { rows, loss, weight: None });
            }
        };
        let weighted = graph.apply(Elementwise::Multiply, &[rows, weights])?;
        let sum = graph.apply(ColumnSum::SUM, &[weighted])?;
        let weight = graph.apply(ColumnSum::SUM, &[weights])?;
        let loss = if is_mean { graph.apply(Divide, &[sum, weight])? } else { sum };
        Ok(BatchLoss { rows, loss, weight: Some(weight) })
    }
}
