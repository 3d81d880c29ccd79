//! A session taken down as a snapshot, and taken back to one: on the same device, on another, or to its beginning.

use super::early_stopping::Best;
use super::progress::Progress;
use super::queue::Position;
use super::session::{Session, load, read};
use super::snapshot::{Snapshot, data_hash};
use crate::backend::Device;
use crate::error::{Error, Result};
use crate::graph::{Role, ValueId};
use crate::model::Tensor;

/// Where a run can be taken back to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Back<'a> {
    /// To its first step, with these values of the model's tensors.
    Start(&'a [Tensor]),
    /// To where a snapshot of it was taken.
    To(&'a Snapshot),
}

impl Session<'_> {
    /// Everything that the rest of the run depends on.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn snapshot(&mut self) -> Result<Snapshot> {
        self.finish().await?;
        let survivors = self.survivors();
        Ok(Snapshot {
            recipe: self.setup.recipe.clone(),
            has_rate_function: self.setup.rate.function.is_some(),
            data_hash: self.data_hash(),
            position: self.position,
            initial_rate: self.setup.rate.initial,
            progress: self.progress.clone(),
            tensors: read(&mut self.executor, &survivors).await?,
        })
    }

    /// Goes on from a snapshot of the same run, whatever this session has done before.
    ///
    /// # Errors
    /// [`Error::Snapshot`] if it is one of another run or of other data; what the device reports.
    pub async fn restore(&mut self, snapshot: &Snapshot) -> Result<()> {
        let survivors = self.survivors();
        let graph = &self.setup.program.graph;
        let fits = |(&value, tensor): (&ValueId, &Tensor)| {
            let value = graph.value(value);
            value.name == tensor.name && value.shape.dims() == tensor.shape
        };
        let all_fit = survivors.len() == snapshot.tensors.len() && survivors.iter().zip(&snapshot.tensors).all(fits);
        let one_rate = self.setup.rate.function.is_some() == snapshot.has_rate_function;
        if !(all_fit && one_rate && self.setup.recipe.is_of_one_run_with(&snapshot.recipe)) {
            return Err(Error::Snapshot { reason: "it is of a run with another model or other settings".into() });
        }
        if self.data_hash() != snapshot.data_hash {
            return Err(Error::Snapshot { reason: "it is of a run on other data".into() });
        }
        let graph = &self.setup.program.graph;
        let fits = |(value, tensor): (&ValueId, &Tensor)| {
            let (value, elements) = (graph.value(*value), tensor.shape.iter().product::<usize>());
            value.name == tensor.name && value.shape.dims() == tensor.shape && tensor.data.len() == elements
        };
        let (parameters, best) = (&self.setup.program.tensors, snapshot.progress.best.weights.as_deref());
        let best_fit = best.is_none_or(|best| {
            best.len() == parameters.values().len() && parameters.values().iter().zip(best).all(fits)
        });
        let past_end = snapshot.epochs_done() > self.setup.rate.epochs;
        if past_end || !best_fit || !snapshot.position.is_of(&self.setup.program.epoch, !self.began_elsewhere) {
            return Err(Error::Snapshot { reason: "it is damaged: the run never is where it says".into() });
        }
        self.go_back(Back::To(snapshot))?;
        self.told = (self.step(), self.epochs_done());
        Ok(())
    }

    /// A snapshot of another run, taken at the end of an epoch, as one of this run on its rows and by its recipe. What a
    /// schedule has made of the learning rate stays, unless the recipe names another.
    pub(super) fn adopt(&mut self, snapshot: Snapshot) -> Result<Snapshot> {
        if !snapshot.position.is_between_epochs() {
            let reason = "it was taken within an epoch, and can go on with its own rows only".into();
            return Err(Error::Snapshot { reason });
        }
        self.began_elsewhere = true;
        let progress = Progress { best: Best::default(), has_ended: false, ..snapshot.progress };
        let (own, before) = (&self.setup.recipe, &snapshot.recipe);
        let initial_rate = match own.optimizer.learning_rate() == before.optimizer.learning_rate() {
            true => snapshot.initial_rate,
            false => own.optimizer.learning_rate(),
        };
        let recipe = own.clone();
        Ok(Snapshot { recipe, data_hash: self.data_hash(), progress, initial_rate, ..snapshot })
    }

    /// Goes on from a snapshot on another device, or on a new one in the place of one that was lost.
    ///
    /// # Errors
    /// Fails as [`Session::restore`] does, and if the run does not fit the device.
    pub async fn reopen(&mut self, device: Device, snapshot: &Snapshot) -> Result<()> {
        self.move_to(device).await?;
        self.restore(snapshot).await
    }

    /// Loads the run anew on a device; what it has reached is lost.
    pub(super) async fn move_to(&mut self, device: Device) -> Result<()> {
        // What is under way on the old device is not waited for.
        self.in_flight.clear();
        (self.executor, self.feeds) = load(&device, &self.setup).await?;
        self.progress.history.launches_per_step = self.launches_of_a_step();
        self.device = device;
        Ok(())
    }

    /// Takes the run back to where it was; the observer hears of no step again that it has heard of.
    pub(super) fn go_back(&mut self, back: Back<'_>) -> Result<()> {
        self.queue.clear();
        self.in_flight.clear();
        self.failed = None;
        let launches_per_step = self.progress.history.launches_per_step;
        match back {
            Back::To(snapshot) => {
                for (value, tensor) in self.survivors().into_iter().zip(&snapshot.tensors) {
                    self.executor.write(value, &tensor.data)?;
                }
                self.position = snapshot.position;
                self.progress = snapshot.progress.clone();
                self.setup.rate.initial = snapshot.initial_rate;
            }
            Back::Start(initial) => {
                for value in self.survivors() {
                    if self.setup.program.graph.value(value).role == Role::Optimizer {
                        let zeros = vec![0.0; self.setup.program.graph.shape(value).elements()];
                        self.executor.write(value, &zeros)?;
                    }
                }
                self.write_parameters(initial)?;
                self.position = Position::START;
                self.progress = Progress::default();
                self.setup.rate.initial = self.setup.recipe.optimizer.learning_rate();
            }
        }
        self.from = self.position;
        self.progress.history.launches_per_step = launches_per_step;
        self.executor.run(self.position.begin_again(&self.setup.program.epoch).as_slice())
    }

    /// The values that the rest of a run depends on.
    fn survivors(&self) -> Vec<ValueId> {
        self.setup.program.checks.iter().map(|check| check.0).collect()
    }

    fn data_hash(&mut self) -> u64 {
        if let Some(hash) = self.data_hash {
            return hash;
        }
        let (train, held_out) = (self.setup.train, self.setup.held_out);
        let of_train = self.train_hash();
        let held_out = held_out.map(|rows| (rows, rows.hash()));
        let rows = std::iter::once((train, of_train)).chain(held_out);
        *self.data_hash.insert(data_hash(rows))
    }

    /// Hash of the training rows.
    pub(super) fn train_hash(&mut self) -> String {
        let train = self.setup.train;
        self.train_hash.get_or_insert_with(|| train.hash()).clone()
    }
}
