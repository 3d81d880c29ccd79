//! One row through one training step, as a lecture writes it on the board: values, local derivatives, gradients,
//! update.
//!
//! Every number is read from the graph that ran. Where a step of training does not compute what a lecture shows (f′
//! alone, a dropout mask, softmax), the graph gets a node for it, of the same ops.

use super::board::Board;
use super::draft::{Moment, Stage};
use crate::backend::{Device, Executor};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::plan::{PhaseId, Plan};
use crate::train::{Inputs, Trainer};

/// One row through one training step.
///
/// ```
/// use anygrad::{backend::Device, data, nn::{Loss, Sequential}, optim::Sgd, teach::Stage, train::Trainer};
/// let trainer = Trainer::new(Sequential::new(2).linear(2), Loss::cross_entropy(), Sgd::new(0.1));
/// let explanation = trainer.explain_blocking(&data::xor(8, 0)?, 0, &Device::cpu())?;
/// let loss = explanation.steps.iter().find(|step| step.stage == Stage::Loss).expect("every step has a loss");
/// assert!(loss.formula.contains("softmax"));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Explanation {
    /// In the order in which they are computed.
    pub steps: Vec<Explained>,
}

/// One formula with its numbers.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Explained {
    /// Part of the training step.
    pub stage: Stage,
    /// Position of the layer in the model, where it belongs to one.
    pub layer: Option<usize>,
    /// The formula.
    pub formula: String,
    /// What it takes and gives.
    pub values: Vec<Quantity>,
}

/// A named tensor. Rows of the batch, of which there is one, are left out of its shape.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Quantity {
    /// Its symbol, such as `W⁽¹⁾`.
    pub symbol: String,
    /// Extents: none for a number, one for a vector, two for a matrix.
    pub shape: Vec<usize>,
    /// Elements, row-major.
    pub values: Vec<f32>,
}

impl Trainer {
    /// The first training step on row number `row` of `data` alone, run on `device`. Dropout drops as it would in that
    /// step, and again in the same way when the loss is computed with the new weights. A weight of the row cancels in the
    /// mean over it alone, and shows where losses are summed.
    ///
    /// ```
    /// use anygrad::{backend::Device, data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let trainer = Trainer::new(Sequential::new(2).linear(3).relu().linear(2), Loss::cross_entropy(), Sgd::new(0.1));
    /// let explanation = trainer.explain_blocking(&data::xor(8, 0)?, 0, &Device::cpu())?;
    /// assert!(explanation.steps.iter().any(|step| step.formula == "z⁽¹⁾ = W⁽¹⁾·x + b⁽¹⁾"));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if there is no such row or it has the weight 0; if model, loss and data do not fit together; what the device
    /// reports.
    pub async fn explain(&self, data: &Dataset, row: usize, device: &Device) -> Result<Explanation> {
        if row >= data.rows() {
            let expected = format!("there are {} rows, counted from 0", data.rows());
            return Err(Error::option("row", row, &expected));
        }
        data.check()?;
        if data.weights.as_ref().is_some_and(|weights| weights.get(row) == Some(&0.0)) {
            let expected = "the row has the weight 0, so that a step on it alone changes nothing: choose another";
            return Err(Error::option("row", row, expected));
        }
        let batch = data.select(&[row]);
        let objective = self.objective([&batch])?;
        let inputs = Inputs::declare(&objective, &batch, self.initial_values()?, self.first_learning_rate())?;
        Board::draw(objective, &batch, inputs, row)?.run(device).await
    }

    /// [`Trainer::explain`], blocking.
    ///
    /// # Errors
    /// Fails as [`Trainer::explain`] does.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn explain_blocking(&self, data: &Dataset, row: usize, device: &Device) -> Result<Explanation> {
        pollster::block_on(self.explain(data, row, device))
    }
}

impl Board<'_> {
    /// Runs the graph and fills in the numbers.
    async fn run(self, device: &Device) -> Result<Explanation> {
        let mut executor = device.load(Plan::new(self.graph.clone(), &device.target())?).await?;
        for (value, data) in &self.floats {
            executor.write(*value, data)?;
        }
        for (value, data) in &self.words {
            executor.write_words(*value, data)?;
        }
        let mut steps: Vec<Explained> = Vec::new();
        for draft in &self.drafts {
            let (stage, layer, formula) = (draft.stage, draft.layer, draft.formula.clone());
            steps.push(Explained { stage, layer, formula, values: Vec::new() });
        }
        executor.run(&[(PhaseId::FIRST, self.clock)])?;
        let before = self.read(&mut executor, Moment::Before).await?;
        executor.run(&self.later.iter().map(|&phase| (phase, self.clock)).collect::<Vec<_>>())?;
        let after = self.read(&mut executor, Moment::After).await?;
        // Both lists are in the order of the drafts; within a draft what comes before stands first.
        for (step, quantity) in before.into_iter().chain(after) {
            steps[step].values.push(quantity);
        }
        Ok(Explanation { steps })
    }

    /// What is to be read at `moment`, with the number of its step.
    async fn read(&self, executor: &mut Executor, moment: Moment) -> Result<Vec<(usize, Quantity)>> {
        let mut quantities = Vec::new();
        for (step, draft) in self.drafts.iter().enumerate() {
            for shown in draft.values.iter().filter(|shown| shown.moment == moment) {
                let (mut values, mut shape) = (executor.read(shown.value).await?, self.shape(shown.value));
                if let Some(slot) = shown.slot {
                    let size = values.len() / shape.remove(0);
                    values = values[slot * size..][..size].to_vec();
                }
                quantities.push((step, Quantity { symbol: shown.symbol.clone(), shape, values }));
            }
        }
        Ok(quantities)
    }
}
