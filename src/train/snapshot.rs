//! Everything that the rest of a run depends on, as a value and as bytes.
//!
//! ```text
//! magic · version · recipe · whether a function gave the learning rate · hash of the data · position ·
//! learning rate · progress · tensors · checksum
//! ```
//!
//! Numbers are little-endian, so that the bytes mean the same on every machine. Of what a run is made of, the recipe is
//! in it; layers of one's own and the data are not, but told apart by it.

use super::Recipe;
use super::bytes::{Bytes, Outcome};
use super::early_stopping::Best;
use super::progress::{Progress, Sums};
use super::queue::Position;
use super::report::{EpochReport, History};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::files::{Fnv, json};
use crate::kernel::Clock;
use crate::model::Tensor;
use serde::Deserialize;

const MAGIC: [u8; 8] = *b"anygrad\0";
/// Version of the layout. A reader accepts this one.
const VERSION: u32 = 3;

/// The state of a run between two steps: [`Session::snapshot`](super::Session::snapshot) takes it down,
/// [`Session::restore`](super::Session::restore) goes on from it, bit for bit as the run would have gone on by itself.
///
/// It holds the clock, the results so far, the learning rate as results have left it, what early stopping keeps, the
/// parameters and what the optimizer keeps for them.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) recipe: Recipe,
    /// Whether a function of the program's own gave the learning rate.
    pub(super) has_rate_function: bool,
    pub(super) data_hash: u64,
    pub(super) position: Position,
    /// η₀, as results have left it.
    pub(super) initial_rate: f32,
    pub(super) progress: Progress,
    /// Every value whose role says that it survives.
    pub(super) tensors: Vec<Tensor>,
}

impl Snapshot {
    /// Version of the layout that is written and read.
    pub const VERSION: u32 = VERSION;

    /// Training steps that were done.
    pub fn step(&self) -> u64 {
        self.position.clock.step.into()
    }

    /// Epochs that were done, evaluation included.
    pub fn epochs_done(&self) -> u64 {
        self.position.epochs_done()
    }

    /// How often the run had gone back because a number had become NaN or infinite.
    pub fn rollbacks(&self) -> u64 {
        self.progress.history.rollbacks
    }

    /// The results so far.
    pub fn history(&self) -> &History {
        &self.progress.history
    }

    /// The optimizer's learning rate, as the results so far have left it; a schedule gives that of each step from it.
    pub fn learning_rate(&self) -> f32 {
        self.initial_rate
    }

    /// What tells the rows of the run apart from those of others, as 16 hexadecimal digits.
    pub fn data_hash(&self) -> String {
        format!("{:016x}", self.data_hash)
    }

    /// Whether the weights of the best epoch so far are in it beside the newest.
    pub fn keeps_best(&self) -> bool {
        self.progress.best.weights.is_some()
    }

    /// The recipe of the run.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Parameters and what the optimizer kept for them, by name.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The snapshot as bytes, with a version and a checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Bytes::writer();
        // Writing never fails.
        let _ = self.clone().visit(&mut bytes);
        let mut bytes = bytes.into_written();
        bytes.extend(checksum(&bytes).to_le_bytes());
        bytes
    }

    /// The snapshot that bytes hold.
    ///
    /// ```
    /// use anygrad::train::Snapshot;
    /// let error = Snapshot::from_bytes(b"something else").unwrap_err();
    /// assert!(matches!(error, anygrad::Error::Snapshot { .. }));
    /// ```
    ///
    /// # Errors
    /// [`Error::Snapshot`] if they are none, or of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Snapshot> {
        parse(bytes).map_err(|reason| Error::Snapshot { reason })
    }

    /// Reads or writes all members.
    fn visit(&mut self, io: &mut Bytes<'_>) -> Outcome {
        let (mut magic, mut version) = (MAGIC, VERSION);
        io.raw(&mut magic)?;
        io.u32(&mut version)?;
        if magic != MAGIC || version != VERSION {
            return Err(format!("its version is {version}, this program reads {VERSION}"));
        }
        let mut recipe = serde_json::to_string(&self.recipe).map_err(|e| e.to_string())?;
        io.text(&mut recipe)?;
        let value: serde_json::Value = json::parse(recipe.as_bytes()).map_err(|e| format!("its recipe: {e}"))?;
        self.recipe = Recipe::deserialize(&value).map_err(|e| format!("its recipe: {e}"))?;
        io.bool(&mut self.has_rate_function)?;
        io.u64(&mut self.data_hash)?;
        visit_position(&mut self.position, io)?;
        io.f32(&mut self.initial_rate)?;
        visit_progress(&mut self.progress, io)?;
        io.list(&mut self.tensors, EMPTY, visit_tensor)
    }
}

fn parse(bytes: &[u8]) -> std::result::Result<Snapshot, String> {
    let (body, stated) = bytes.split_last_chunk::<8>().ok_or("it is cut short")?;
    if !body.starts_with(&MAGIC) {
        return Err("these bytes are none".into());
    }
    if checksum(body) != u64::from_le_bytes(*stated) {
        return Err("it differs from its checksum: it is damaged or cut short".into());
    }
    let mut snapshot = Snapshot {
        recipe: Recipe::default(),
        has_rate_function: false,
        data_hash: 0,
        position: Position::START,
        initial_rate: 0.0,
        progress: Progress::default(),
        tensors: Vec::new(),
    };
    let mut bytes = Bytes::reader(body);
    snapshot.visit(&mut bytes)?;
    bytes.is_at_end().then_some(snapshot).ok_or("there is more in it than there should be".into())
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = Fnv::default();
    hash.feed(bytes);
    hash.value()
}

/// What tells the data of two runs apart: of training rows and those held out, if any, each with its hash.
pub(super) fn data_hash<'d>(rows: impl IntoIterator<Item = (&'d Dataset, String)>) -> u64 {
    let mut hash = Fnv::default();
    for (data, own) in rows {
        hash.feed(own.as_bytes());
        let prepared = serde_json::to_string(&(&data.preprocessing, &data.target_preprocessing));
        hash.feed(prepared.unwrap_or_default().as_bytes());
    }
    hash.value()
}

const EMPTY: Tensor = Tensor { name: String::new(), shape: Vec::new(), data: Vec::new() };

fn visit_tensor(tensor: &mut Tensor, io: &mut Bytes<'_>) -> Outcome {
    io.text(&mut tensor.name)?;
    io.list(&mut tensor.shape, 0, |extent, io| io.usize(extent))?;
    io.floats(&mut tensor.data)
}

fn visit_position(position: &mut Position, io: &mut Bytes<'_>) -> Outcome {
    let Position { training, batch, clock } = position;
    let Clock { step, epoch, batch_start, slot, first_row, learning_rate } = clock;
    io.bool(training)?;
    io.usize(batch)?;
    for number in [step, epoch, batch_start, slot, first_row] {
        io.u32(number)?;
    }
    io.f32(learning_rate)
}

fn visit_progress(progress: &mut Progress, io: &mut Bytes<'_>) -> Outcome {
    let Progress { train, held_out, rows_done, last_loss, history, best, plateau, has_ended } = progress;
    visit_sums(train, io)?;
    visit_sums(held_out, io)?;
    io.u64(rows_done)?;
    io.f32(last_loss)?;
    visit_history(history, io)?;
    let Best { result, epochs_since, weights } = best;
    io.f64(result)?;
    io.u64(epochs_since)?;
    io.option(weights, Vec::new, |weights, io| io.list(weights, EMPTY, visit_tensor))?;
    io.f64(&mut plateau.best)?;
    io.u64(&mut plateau.bad_epochs)?;
    io.u64(&mut plateau.cooldown)?;
    io.bool(has_ended)
}

fn visit_sums(sums: &mut Sums, io: &mut Bytes<'_>) -> Outcome {
    let Sums { rows, weight, loss, own_weight, correct, penalty } = sums;
    io.u64(rows)?;
    [weight, loss, own_weight, correct, penalty].into_iter().try_for_each(|number| io.f64(number))
}

/// Reads or writes a history. Of the counters of a device only the number of submissions is kept.
fn visit_history(history: &mut History, io: &mut Bytes<'_>) -> Outcome {
    let History { epochs, model_epoch, steps, step_losses, submissions, rollbacks, .. } = history;
    io.list(epochs, EpochReport::default(), visit_report)?;
    io.u64(model_epoch)?;
    io.u64(steps)?;
    io.floats(step_losses)?;
    io.u64(submissions)?;
    io.u64(rollbacks)
}

fn visit_report(report: &mut EpochReport, io: &mut Bytes<'_>) -> Outcome {
    io.u64(&mut report.epoch)?;
    io.f64(&mut report.train_loss)?;
    let numbers = [
        &mut report.train_penalty,
        &mut report.train_accuracy,
        &mut report.validation_loss,
        &mut report.validation_accuracy,
        &mut report.test_loss,
        &mut report.test_accuracy,
    ];
    numbers.into_iter().try_for_each(|number| io.option(number, f64::default, |number, io| io.f64(number)))?;
    io.f32(&mut report.learning_rate)?;
    io.option(&mut report.weights_hash, String::new, |hash, io| io.text(hash))
}
