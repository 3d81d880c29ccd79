//! What a run will take, known before it starts: its plan, its steps, its submissions, its memory.

use super::epoch::{Epoch, RowsPass};
use super::learning_rate::LearningRate;
use super::program::Program;
use super::queue::{Position, Queue};
use super::session::IN_FLIGHT;
use super::trainer::Trainer;
use super::{BatchSize, Recipe, TrainTable};
use crate::backend::Device;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::optim::Schedule;
use crate::plan::{Phase, PhaseId, Plan};
use std::collections::{BTreeSet, HashMap};

/// A run before it starts. The tests hold each number to the counters of real runs.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// What is replayed.
    pub plan: Plan,
    /// Rows of a full training step.
    pub batch_rows: usize,
    /// Training steps of all epochs, if none is left out by early stopping.
    pub steps: u64,
    /// Submissions to the device over the whole run.
    pub submissions: u64,
    /// Bytes that the plan's buffers take on the device, parameters of kernels included.
    pub plan_bytes: u64,
    /// Bytes of the buffers through which results come back; none on the CPU.
    pub staging_bytes: u64,
    /// Rows of a window of training rows, if the device does not hold all of them at one time.
    pub window_rows: Option<usize>,
    /// Windows of training and evaluated rows that are brought to the device over the whole run; 0 if it holds all rows.
    pub windows: u64,
    /// Bytes of main memory in which the rows of windows are gathered.
    pub window_bytes: u64,
    step: PhaseId,
}

impl Forecast {
    /// One training step on a full batch.
    pub fn step(&self) -> &Phase {
        &self.plan.phases()[self.step.index()]
    }

    /// Launches of a full training step.
    pub fn launches_per_step(&self) -> usize {
        self.step().launches.len()
    }

    /// Training steps of a submission in the mean; 0 for a run without epochs.
    pub fn steps_per_submission(&self) -> f64 {
        self.steps as f64 / self.submissions.max(1) as f64
    }

    /// Most bytes allocated on the device at one time.
    pub fn device_bytes(&self) -> u64 {
        self.plan_bytes + self.staging_bytes
    }
}

impl Trainer {
    /// The steps, submissions and bytes that a run on `train` takes on this trainer's device, with `held_out` rows to
    /// evaluate after each epoch.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let data = data::digits()?.split(0.2, 0)?;
    /// let model = Sequential::new(64).linear(32).relu().linear(10);
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).epochs(2);
    /// let forecast = trainer.forecast(&data.train, Some(&data.test))?;
    /// let history = trainer.fit_blocking(&data)?;
    /// assert_eq!(forecast.submissions, history.submissions);
    /// assert_eq!(forecast.device_bytes(), history.device_bytes);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails as [`Trainer::plan`] does.
    pub fn forecast(&self, train: &Dataset, held_out: Option<&Dataset>) -> Result<Forecast> {
        let program = self.program(train, held_out)?;
        let plan = self.lower(&program)?;
        let (submissions, at_once) = self.count_submissions(&program, &plan)?;
        let Epoch { train: RowsPass { batches, .. }, eval } = program.epoch;
        let windows = batches.windows() + eval.map_or(0, |pass| pass.batches.windows());
        Ok(Forecast {
            batch_rows: batches.rows,
            window_rows: batches.window_rows(),
            windows: self.recipe.epochs().saturating_mul(windows as u64),
            window_bytes: window_bytes(&program),
            steps: self.recipe.epochs().saturating_mul(batches.count() as u64),
            submissions,
            plan_bytes: self.device.bytes_of(&plan),
            staging_bytes: match self.device {
                Device::Cpu => 0,
                Device::Gpu(_) => staging_bytes(&program, at_once),
            },
            step: program.epoch.train.full,
            plan,
        })
    }

    /// The largest batch size, by halves, whose buffers take no more than was had, where a run does not fit a device.
    pub(super) fn name_batch_size(&self, error: Error, train: &Dataset, held_out: Option<&Dataset>) -> Error {
        let Error::OutOfMemory { context, allocated: Some(allocated), .. } = error else { return error };
        let bytes = |rows: usize| {
            let recipe = Recipe {
                train: TrainTable { batch_size: BatchSize::Rows(rows), ..self.recipe.train.clone() },
                ..self.recipe.clone()
            };
            let program = Program::build(
                &self.architecture,
                &recipe,
                self.rows_spec(train),
                held_out.map(|rows| self.rows_spec(rows)),
            );
            program.and_then(|program| self.lower(&program)).map_or(u64::MAX, |plan| self.device.bytes_of(&plan))
        };
        let first = self.recipe.train.batch_size.rows(train.rows()) / 2;
        let fits = std::iter::successors(Some(first), |rows| Some(rows / 2)).take_while(|&rows| rows > 0);
        Error::OutOfMemory {
            context,
            allocated: Some(allocated),
            fits: fits.into_iter().find(|&rows| bytes(rows) <= allocated),
        }
    }

    /// Whether something decides after each epoch how to go on, so that its results must have arrived.
    pub(super) fn waits_for_epochs(&self) -> bool {
        let plateau = matches!(self.recipe.schedule, Schedule::ReduceOnPlateau(_));
        self.callback.is_some()
            || self.hashes
            || self.rolls_back()
            || self.recipe.train.early_stopping.is_some()
            || plateau
    }

    /// Submissions of a run, and how many of them are under way at once.
    fn count_submissions(&self, program: &Program, plan: &Plan) -> Result<(u64, usize)> {
        let (passes, rate) = (program.epoch, LearningRate { function: None, ..self.rate(program) });
        let (mut queue, mut position) = (Queue::default(), Position::START);
        // Where an epoch starts as an earlier one did, all between repeats itself.
        let mut seen = HashMap::new();
        let (mut submissions, mut epoch, mut in_a_row, mut at_once) = (0, 0, 0, 0);
        while epoch < self.recipe.epochs() {
            epoch += 1;
            let done = position.epochs_done();
            while position.epochs_done() == done {
                if !queue.push(&passes, &mut position, &rate, plan)? {
                    queue.clear();
                    submissions += 1;
                    in_a_row += 1;
                    at_once = in_a_row.max(at_once);
                }
            }
            if self.waits_for_epochs() {
                queue.clear();
                submissions += 1;
                at_once = at_once.max(in_a_row + 1);
                in_a_row = 0;
            }
            if let Some((first, by_then)) = seen.insert(queue.level(), (epoch, submissions)) {
                let rounds = (self.recipe.epochs() - epoch) / (epoch - first);
                submissions += rounds * (submissions - by_then);
                epoch += rounds * (epoch - first);
                at_once = if rounds > 0 && in_a_row > 0 { usize::MAX } else { at_once };
                seen.clear();
            }
        }
        if !queue.runs.is_empty() {
            submissions += 1;
            at_once = at_once.max(in_a_row.saturating_add(1));
        }
        Ok((submissions, at_once.min(IN_FLIGHT + 1)))
    }
}

/// Bytes of the windows of all passes that have any.
fn window_bytes(program: &Program) -> u64 {
    let passes = [(Some(program.train), Some(program.epoch.train)), (program.test, program.epoch.eval)];
    let windowed = passes.into_iter().filter_map(|(rows, pass)| pass?.batches.window.and(rows));
    let values = windowed.flat_map(|rows| [rows.features, rows.targets]);
    let words = |value| program.graph.value(value).dtype.words(program.graph.shape(value).elements());
    values.map(|value| 4 * words(value) as u64).sum()
}

/// Bytes of the staging buffers: for the ring as many as submissions are under way, and one for each size of tensor.
fn staging_bytes(program: &Program, at_once: usize) -> u64 {
    let ring = program.graph.shape(program.ring).elements();
    let sizes: BTreeSet<usize> =
        program.tensors.values().iter().map(|&value| program.graph.shape(value).elements()).collect();
    let parameters: usize = sizes.iter().filter(|&&words| words != ring || at_once == 0).sum();
    4 * (at_once * ring + parameters) as u64
}
