//! A run on a device, that can be stopped between any two steps, taken down as a [`Snapshot`], and gone on with.

use super::Recipe;
use super::feed::Feeds;
use super::learning_rate::LearningRate;
use super::program::{Program, RING_SLOTS, RING_WIDTH};
use super::progress::{Kind, Progress};
use super::queue::{Entry, Position, Queue};
use super::report::{Event, History};
use crate::backend::{Device, Executor, Reading};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::{Tensor, weights_hash};
use crate::optim::Schedule;
use crate::plan::Plan;
use crate::tune::Variants;
use std::collections::VecDeque;

/// Submissions whose results are still on their way while the next is recorded.
pub(super) const IN_FLIGHT: usize = 1;

/// What a run is told while it goes on.
pub(super) type Observer = Box<dyn FnMut(&Event) + Send>;

/// What a session is made of, but for the device.
#[derive(Clone)]
pub(super) struct Setup<'d> {
    pub program: Program,
    pub train: &'d Dataset,
    pub held_out: Option<&'d Dataset>,
    pub class_weights: Option<Vec<f32>>,
    pub fuse: bool,
    pub variants: Variants,
    pub kind: Kind,
    pub rate: LearningRate,
    pub recipe: Recipe,
    /// Whether each epoch's report names the hash of its weights.
    pub hashes: bool,
}

impl Setup<'_> {
    /// Whether something waits for the results of each epoch.
    fn decides(&self) -> bool {
        self.hashes
            || self.recipe.train.early_stopping.is_some()
            || matches!(self.recipe.schedule, Schedule::ReduceOnPlateau(_))
    }
}

/// A run on a device.
///
/// ```
/// use anygrad::{data, nn::{Loss, Sequential}, optim::Adam, train::{Snapshot, Trainer}};
/// # pollster::block_on(async {
/// let data = data::digits()?.split(0.2, 0)?;
/// let model = Sequential::new(64).linear(16).relu().dropout(0.1).linear(10);
/// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Adam::new(0.01)).epochs(2);
/// let mut session = trainer.session(&data).await?;
/// session.run_steps(30).await?;
/// let bytes = session.snapshot().await?.to_bytes();
///
/// // In another process, or after the device was lost.
/// let mut again = trainer.session(&data).await?;
/// again.restore(&Snapshot::from_bytes(&bytes)?).await?;
/// assert_eq!(again.step(), 30);
/// again.run().await?;
/// session.run().await?;
/// assert_eq!(again.weights().await?, session.weights().await?);
/// let history = trainer.conclude(again).await?;
/// assert_eq!(history.epochs.len(), 2);
/// # Ok::<(), anygrad::Error>(())
/// # }).unwrap();
/// ```
pub struct Session<'d> {
    pub(super) device: Device,
    pub(super) executor: Executor,
    pub(super) feeds: Feeds<'d>,
    pub(super) setup: Setup<'d>,
    pub(super) position: Position,
    pub(super) progress: Progress,
    pub(super) queue: Queue,
    pub(super) in_flight: VecDeque<Submission>,
    pub(super) data_hash: Option<u64>,
    /// Of the training rows: reading all of them takes a while.
    pub(super) train_hash: Option<String>,
    /// Whether it goes on with a run on other rows, so that its steps are not so many an epoch from the first.
    pub(super) began_elsewhere: bool,
    pub(super) observer: Observer,
    /// Steps and epochs that the observer has been told of.
    pub(super) told: (u64, u64),
    /// Where the run stood when the submission was begun that is being put together.
    pub(super) from: Position,
    /// Where it stood before the submission whose numbers went bad, and behind it.
    pub(super) failed: Option<(Position, Position)>,
}

/// What was given to the device, and whose results are on their way.
pub(super) struct Submission {
    entries: Vec<Entry>,
    /// Where the run stood before it and behind it.
    from: Position,
    to: Position,
    reading: Reading,
}

impl<'d> Session<'d> {
    /// Loads a run on a device, at its first step.
    pub(super) async fn open(device: Device, setup: Setup<'d>) -> Result<Session<'d>> {
        let (executor, feeds) = load(&device, &setup).await?;
        let mut session = Session {
            device,
            executor,
            feeds,
            setup,
            position: Position::START,
            progress: Progress::default(),
            queue: Queue::default(),
            in_flight: VecDeque::new(),
            data_hash: None,
            train_hash: None,
            began_elsewhere: false,
            observer: Box::new(|_| {}),
            told: (0, 0),
            from: Position::START,
            failed: None,
        };
        session.progress.history.launches_per_step = session.launches_of_a_step();
        Ok(session)
    }

    /// Sets the parameters, in the order of the model's.
    pub(super) fn write_parameters(&mut self, tensors: &[Tensor]) -> Result<()> {
        let parameters = self.setup.program.tensors.values().iter().zip(tensors);
        parameters.into_iter().try_for_each(|(&value, tensor)| self.executor.write(value, &tensor.data))
    }

    /// Tells `observer` about steps and epochs, a little late, because the device runs ahead.
    pub fn observe(mut self, observer: impl FnMut(&Event) + Send + 'static) -> Session<'d> {
        self.observer = Box::new(observer);
        self
    }

    /// The device that the run is on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Where the run stands.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Training steps that are done.
    pub fn step(&self) -> u64 {
        self.position.clock.step.into()
    }

    /// Epochs that are done, evaluation included.
    pub fn epochs_done(&self) -> u64 {
        self.position.epochs_done()
    }

    /// Whether the run is over: after its last epoch, or where early stopping has ended it.
    pub fn is_done(&self) -> bool {
        self.progress.has_ended || self.epochs_done() >= self.setup.rate.epochs
    }

    /// Whether early stopping has ended the run.
    pub(super) fn has_ended(&self) -> bool {
        self.progress.has_ended
    }

    /// The training rows.
    pub(super) fn train(&self) -> &'d Dataset {
        self.setup.train
    }

    /// Tells the observer that training starts.
    pub(super) fn tell_start(&mut self) {
        let LearningRate { steps_per_epoch, epochs, .. } = self.setup.rate;
        (self.observer)(&Event::Start { steps: epochs.saturating_mul(steps_per_epoch) });
    }

    /// Halves the learning rate of the rest of the run, and counts that.
    pub(super) fn lower_rate(&mut self) -> f32 {
        self.progress.history.rollbacks += 1;
        self.setup.rate.initial /= 2.0;
        self.setup.rate.initial
    }

    /// The results and counters of the run so far.
    pub fn history(&self) -> &History {
        &self.progress.history
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss becomes NaN or infinite; what the device reports.
    pub async fn run(&mut self) -> Result<()> {
        self.queue_while(|_| true).await?;
        self.finish().await
    }

    /// Runs as many steps, or to the end if there are fewer. Stops right behind the last of them, also within an epoch.
    ///
    /// # Errors
    /// Fails as [`Session::run`] does.
    pub async fn run_steps(&mut self, steps: u64) -> Result<()> {
        let end = self.step().saturating_add(steps);
        self.queue_while(|position| u64::from(position.clock.step) < end).await?;
        self.finish().await
    }

    /// Runs to the end of the epoch.
    ///
    /// # Errors
    /// Fails as [`Session::run`] does.
    pub async fn run_epoch(&mut self) -> Result<()> {
        let done = self.epochs_done();
        self.queue_while(|position| position.epochs_done() == done).await?;
        self.finish().await
    }

    /// Queues batches while the run goes on and `wanted`; submits whenever enough is queued.
    pub(super) async fn queue_while(&mut self, wanted: impl Fn(&Position) -> bool) -> Result<()> {
        while !self.is_done() && wanted(&self.position) {
            let plan = self.executor.plan();
            if !self.queue.push(&self.setup.program.epoch, &mut self.position, &self.setup.rate, plan)? {
                self.submit().await?;
            } else if self.position.is_between_epochs() && self.setup.decides() {
                self.finish().await?;
                self.decide().await?;
            }
        }
        Ok(())
    }

    /// What the results of an epoch decide: whether its weights are kept, whether the run ends, the learning rate.
    async fn decide(&mut self) -> Result<()> {
        let Progress { history, best, plateau, has_ended, .. } = &mut self.progress;
        let Some(report) = history.last().cloned() else { return Ok(()) };
        if let Some(rule) = &self.setup.recipe.train.early_stopping {
            if best.improves(rule, &report) && rule.restore_best {
                best.weights = Some(read(&mut self.executor, self.setup.program.tensors.values()).await?);
                history.model_epoch = report.epoch;
            }
            *has_ended = best.is_out_of_patience(rule);
        }
        let rate = &mut self.setup.rate;
        if let Schedule::ReduceOnPlateau(rule) = &rate.schedule {
            rate.initial = plateau.next(rule, report.deciding_loss(), rate.initial);
        }
        Ok(())
    }

    /// Submits what is queued, and takes in results that are due.
    async fn submit(&mut self) -> Result<()> {
        let Some(&(_, clock)) = self.queue.runs.last() else { return Ok(()) };
        self.queue.runs.push((self.setup.program.check, clock));
        let (Queue { runs, window, .. }, epochs) = (&self.queue, self.setup.rate.epochs);
        self.feeds.run(&mut self.executor, runs, *window, epochs)?;
        self.progress.history.submissions += 1;
        let reading = self.executor.start_read(self.setup.program.ring).await?;
        let from = std::mem::replace(&mut self.from, self.position);
        self.in_flight.push_back(Submission { entries: self.queue.clear(), from, to: self.position, reading });
        self.drain(IN_FLIGHT).await
    }

    /// Submits everything and waits for all results.
    pub(super) async fn finish(&mut self) -> Result<()> {
        self.submit().await?;
        self.drain(0).await
    }

    async fn drain(&mut self, keep: usize) -> Result<()> {
        while self.in_flight.len() > keep {
            let Some(submission) = self.in_flight.pop_front() else { break };
            let ring = self.executor.finish(submission.reading).await?;
            if let Err(error) = self.take_in(submission.entries, &ring).await {
                if let Error::Diverged(_) = error {
                    self.failed = Some((submission.from, submission.to));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Adds up the results of a submission, and tells of them.
    async fn take_in(&mut self, entries: Vec<Entry>, ring: &[f32]) -> Result<()> {
        let (kind, program) = (self.setup.kind, &self.setup.program);
        let width = ring.len() / RING_SLOTS;
        let filed = |entry: &Entry| &ring[width * (entry.slot as usize % RING_SLOTS)..][..RING_WIDTH];
        // The losses first: they name the step.
        if entries.iter().all(|entry| filed(entry)[0].is_finite())
            && let Some(value) = program.first_non_finite(ring)
        {
            let steps = entries.iter().filter(|entry| entry.training).count();
            let epoch = entries.last().map_or(0, |entry| entry.epoch.into());
            let tensor = format!("`{}`", program.graph.value(value).name);
            return Err(self.progress.diverged(tensor, epoch, steps.saturating_sub(1) as u64, f32::NAN, kind, true));
        }
        for entry in entries {
            let rate = self.setup.rate.of_epoch(entry.epoch.into());
            if let Some(mut report) = self.progress.take_in(entry, filed(&entry), kind, rate)? {
                if self.setup.hashes {
                    // Nothing was submitted behind the end of the epoch.
                    let weights = read(&mut self.executor, self.setup.program.tensors.values()).await?;
                    report.weights_hash = Some(weights_hash(&weights));
                }
                self.tell_steps();
                self.progress.history.add_epoch(report.clone());
                if report.epoch > self.told.1 {
                    self.told.1 = report.epoch;
                    (self.observer)(&Event::Epoch(report));
                }
            }
        }
        self.tell_steps();
        Ok(())
    }

    /// Tells of the steps so far, but of none again that it has told of before the run went back.
    fn tell_steps(&mut self) {
        if let Some(event) = self.progress.steps()
            && let Event::Steps { done, .. } = event
            && done >= self.told.0
        {
            self.told.0 = done;
            (self.observer)(&event);
        }
    }

    /// The weights that a model of this run gets: of the best epoch if early stopping keeps them, else as they are.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn weights(&mut self) -> Result<Vec<Tensor>> {
        self.finish().await?;
        if let Some(weights) = &self.progress.best.weights {
            return Ok(weights.clone());
        }
        self.progress.history.model_epoch = self.progress.history.epochs_done();
        read(&mut self.executor, self.setup.program.tensors.values()).await
    }

    /// What happened, with the memory that it took.
    pub(super) fn into_history(self) -> History {
        let (device_bytes, window_bytes) = (self.executor.allocated_bytes(), self.feeds.bytes());
        let stopped_early = self.progress.has_ended && self.epochs_done() < self.setup.rate.epochs;
        let windows = self.feeds.windows;
        History { device_bytes, windows, window_bytes, stopped_early, ..self.progress.history }
    }

    /// Launches of a full training step.
    pub(super) fn launches_of_a_step(&self) -> usize {
        self.executor.plan().phases()[self.setup.program.epoch.train.full.index()].launches.len()
    }
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("device", &self.device.device_name())
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// The plan of a program for a device.
pub(super) fn lower(program: &Program, device: &Device, fuse: bool, variants: &Variants) -> Result<Plan> {
    let target = device.target();
    let plan = if fuse { Plan::fused(&program.graph, &target) } else { Plan::new(program.graph.clone(), &target) };
    variants.apply(plan?, &target)
}

/// Loads a run on a device with everything that stays as it is: the rows, or the way they take, and what belongs to them.
pub(super) async fn load<'d>(device: &Device, setup: &Setup<'d>) -> Result<(Executor, Feeds<'d>)> {
    let Setup { program, class_weights, recipe, .. } = setup;
    let plan = lower(program, device, setup.fuse, &setup.variants)?;
    let mut executor = device.load(plan).await?.reproducible(recipe.reproducible);
    let feeds = Feeds::open(&mut executor, program, setup.train, setup.held_out)?;
    if let (Some(value), Some(weights)) = (program.class_weights, class_weights) {
        executor.write(value, weights)?;
    }
    Ok((executor, feeds))
}

/// Values as they are after everything submitted so far.
pub(super) async fn read(executor: &mut Executor, values: &[ValueId]) -> Result<Vec<Tensor>> {
    let mut tensors = Vec::with_capacity(values.len());
    for &id in values {
        let data = executor.read(id).await?;
        let value = executor.plan().value(id);
        tensors.push(Tensor { name: value.name.clone(), shape: value.shape.dims().to_vec(), data });
    }
    Ok(tensors)
}
