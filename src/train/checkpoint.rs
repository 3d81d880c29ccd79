//! When a run takes snapshots of itself, when it stops before its end, and what it goes on from.

use super::queue::Position;
use super::{Session, Snapshot, Trainer};
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a run takes a snapshot of itself.
///
/// ```
/// use anygrad::train::Every;
/// assert_eq!("90s".parse::<Every>()?, Every::Seconds(90));
/// assert_eq!("500 steps".parse::<Every>()?, Every::Steps(500));
/// assert_eq!("2 epochs".parse::<Every>()?.to_string(), "2epochs");
/// assert!("often".parse::<Every>().is_err());
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// So many training steps.
    Steps(u64),
    /// So many epochs.
    Epochs(u64),
    /// So many seconds.
    Seconds(u64),
}

impl FromStr for Every {
    type Err = Error;

    fn from_str(text: &str) -> Result<Every> {
        let refused =
            || Error::option("checkpoint-every", text, "give a number and its unit: 60s, 500steps or 2epochs");
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
        let number = text[..unit_at].parse().ok().filter(|&number: &u64| number > 0).ok_or_else(refused)?;
        match text[unit_at..].trim() {
            "step" | "steps" => Ok(Every::Steps(number)),
            "epoch" | "epochs" => Ok(Every::Epochs(number)),
            "s" | "second" | "seconds" => Ok(Every::Seconds(number)),
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Every::Steps(number) => write!(f, "{number}steps"),
            Every::Epochs(number) => write!(f, "{number}epochs"),
            Every::Seconds(number) => write!(f, "{number}s"),
        }
    }
}

/// Given each snapshot.
type Save = Box<dyn FnMut(&Snapshot) + Send>;

/// What interrupts a run, and what it goes on from.
#[derive(Default)]
pub(super) struct Interruptions {
    every: Option<Every>,
    save: Option<Save>,
    /// Set where the run is to stop.
    stop: Option<Arc<AtomicBool>>,
    /// Epochs after which the run ends, if that is before its last.
    until: Option<u64>,
    going_on: Option<Snapshot>,
    /// Whether what it goes on from may be of other rows.
    takes_other_rows: bool,
    last: Option<(Time, Position)>,
}

/// A time on a clock; WebAssembly by itself has none, so that no number of seconds is ever over there.
#[derive(Clone, Copy)]
struct Time(Option<Instant>);

impl Time {
    fn now() -> Time {
        Time((!cfg!(target_arch = "wasm32")).then(Instant::now))
    }

    /// Whether so many seconds have gone by.
    fn is_past(self, seconds: u64) -> bool {
        self.0.is_some_and(|time| time.elapsed() >= Duration::from_secs(seconds))
    }
}

impl Trainer {
    /// Takes a snapshot every so often and at the end of the run, and hands it to `save`: from the last one the run can
    /// [go on](Trainer::resume). Also where the run is [stopped](Trainer::stop_when).
    pub fn checkpoints(mut self, every: Every, save: impl FnMut(&Snapshot) + Send + 'static) -> Trainer {
        self.interruptions.every = Some(every);
        self.interruptions.save = Some(Box::new(save));
        self
    }

    /// Stops the run behind the next step once `stop` is set: [`History::is_interrupted`](super::History::is_interrupted)
    /// says so, and the model is the best so far.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Adam, train::{Every, Snapshot, Trainer}};
    /// use std::sync::{Arc, Mutex, atomic::{AtomicBool, Ordering}};
    /// let data = data::moons(200, 0.2, 0)?.split(0.2, 0)?;
    /// let trainer = || {
    ///     let model = Sequential::new(2).linear(8).relu().linear(2);
    ///     Trainer::new(model, Loss::cross_entropy(), Adam::new(0.01)).epochs(9)
    /// };
    /// let mut whole = trainer();
    /// whole.fit_blocking(&data)?;
    ///
    /// let (stop, last) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
    /// let (sets, keeps) = (stop.clone(), last.clone());
    /// let keep = move |snapshot: &Snapshot| {
    ///     *keeps.lock().unwrap() = Some(snapshot.clone());
    ///     sets.store(true, Ordering::Relaxed);
    /// };
    /// let mut first = trainer().checkpoints(Every::Steps(7), keep).stop_when(stop);
    /// assert!(first.fit_blocking(&data)?.is_interrupted);
    ///
    /// let mut second = trainer().resume(last.lock().unwrap().clone().unwrap());
    /// assert_eq!(second.fit_blocking(&data)?.epochs.len(), 9);
    /// assert_eq!(second.model()?.weights_hash(), whole.model()?.weights_hash());
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn stop_when(mut self, stop: Arc<AtomicBool>) -> Trainer {
        self.interruptions.stop = Some(stop);
        self
    }

    /// Ends the run behind so many epochs, though its recipe may have more: it is a part of the run that the recipe describes,
    /// with the learning rates of the whole, and the snapshot that is taken at its end [goes on](Trainer::resume) with it.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::{Adam, Schedule}, train::Trainer};
    /// let data = data::moons(200, 0.2, 0)?.split(0.2, 0)?;
    /// let model = Sequential::new(2).linear(8).relu().linear(2);
    /// let trainer = Trainer::new(model, Loss::cross_entropy(), Adam::new(0.01)).epochs(9).schedule(Schedule::cosine());
    /// let history = trainer.until(3).fit_blocking(&data)?;
    /// assert_eq!(history.epochs.len(), 3);
    /// // A third of the way down, not all of it.
    /// assert!(history.last().unwrap().learning_rate > 0.005);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn until(mut self, epochs: u64) -> Trainer {
        self.interruptions.until = Some(epochs);
        self
    }

    /// Begins where a snapshot of the same run was taken, and ends as that run would have ended, bit for bit on the same
    /// device. [`Trainer::fit`] refuses a snapshot of another run or of other data.
    pub fn resume(mut self, snapshot: Snapshot) -> Trainer {
        self.interruptions.going_on = Some(snapshot);
        self
    }

    /// Begins where a snapshot was taken at the end of an epoch, as [`Trainer::resume`] does, but on whatever rows it is given:
    /// learning that goes on as rows come. On the same rows, by the same recipe, the bits are those of one run. The rows must be
    /// prepared as those before, see [`Split::like`](crate::data::Split::like), and layers and optimizer be the same; other
    /// settings may change. What early stopping has kept is forgotten.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Adam, train::{Every, Snapshot, Trainer}};
    /// use std::sync::{Arc, Mutex};
    /// let trainer = || {
    ///     let model = Sequential::new(2).linear(8).relu().linear(2);
    ///     Trainer::new(model, Loss::cross_entropy(), Adam::new(0.01)).epochs(2)
    /// };
    /// let last = Arc::new(Mutex::new(None));
    /// let keeps = last.clone();
    /// let keep = move |snapshot: &Snapshot| *keeps.lock().unwrap() = Some(snapshot.clone());
    /// trainer().until(1).checkpoints(Every::Epochs(1), keep).fit_blocking(&data::moons(200, 0.2, 0)?.split(0.2, 0)?)?;
    ///
    /// let snapshot = last.lock().unwrap().take().unwrap();
    /// let history = trainer().go_on(snapshot).fit_blocking(&data::moons(90, 0.2, 1)?.split(0.2, 0)?)?;
    /// // Three steps of up to 64 of 160 rows, then two of 72.
    /// assert_eq!((history.epochs.len(), history.steps), (2, 3 + 2));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn go_on(mut self, snapshot: Snapshot) -> Trainer {
        self.interruptions.takes_other_rows = true;
        self.resume(snapshot)
    }
}

impl Interruptions {
    /// The state that a run begins with, if it goes on with another; its time counts from here.
    pub fn begin(&mut self, session: &Session<'_>) -> Option<Snapshot> {
        let position = self.going_on.as_ref().map_or(session.position(), |snapshot| snapshot.position);
        self.last = Some((Time::now(), position));
        self.going_on.clone()
    }

    /// Whether the state that the run begins with may be of other rows.
    pub fn takes_other_rows(&self) -> bool {
        self.takes_other_rows
    }

    /// Whether the run is to stop.
    pub fn stops(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Whether the run is to end at a position, though it could go on.
    pub fn ends_at(&self, position: &Position) -> bool {
        self.until.is_some_and(|until| position.epochs_done() >= until)
    }

    /// Whether anybody wants snapshots.
    pub fn saves(&self) -> bool {
        self.save.is_some()
    }

    /// Whether a snapshot is due at a position; where nobody has said how often, but the host `keeps` one for itself, every
    /// minute.
    pub fn is_due(&self, position: &Position, keeps: bool) -> bool {
        let every = self.every.or(keeps.then_some(Every::Seconds(60)));
        let (Some(every), Some((time, last))) = (every, &self.last) else { return false };
        match every {
            // A run that has gone back may stand before it.
            Every::Steps(steps) => u64::from(position.clock.step).saturating_sub(last.clock.step.into()) >= steps,
            Every::Epochs(epochs) => position.epochs_done().saturating_sub(last.epochs_done()) >= epochs,
            Every::Seconds(seconds) => time.is_past(seconds),
        }
    }

    /// Hands a snapshot to whoever wants it, of a run that stands at a position.
    fn hand_over(&mut self, snapshot: Option<&Snapshot>, position: &Position) {
        if let Some((save, snapshot)) = self.save.as_mut().zip(snapshot) {
            save(snapshot);
        }
        self.last = Some((Time::now(), *position));
    }
}

impl Trainer {
    /// Takes a snapshot, hands it to whoever wants it, and keeps it.
    pub(super) async fn save(&mut self, session: &mut Session<'_>) -> Result<()> {
        self.keep(session).await?;
        self.save_kept(&session.position());
        Ok(())
    }

    /// Hands over the snapshot that is kept.
    pub(super) fn save_kept(&mut self, position: &Position) {
        self.interruptions.hand_over(self.recovery.kept.as_ref(), position);
    }
}
