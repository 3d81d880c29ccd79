//! Training: the whole run as one plan, and the session that replays it step by step.

mod bytes;
mod early_stopping;
mod fit;
mod forecast;
mod learning_rate;
mod program;
mod progress;
mod queue;
mod report;
mod resident;
mod run_folder;
mod session;
mod snapshot;
mod step;
mod trainer;

pub use early_stopping::{EarlyStopping, Monitor};
pub use forecast::Forecast;
pub use program::{BatchSize, Batches, Program, ProgramSpec};
pub use report::{EpochReport, Event, Flow, History};
pub use resident::{ResidentRows, RowsSpec, TargetSpec};
pub use run_folder::RunFolder;
pub use session::Session;
pub use snapshot::Snapshot;
pub use step::Step;
pub(crate) use step::{Inputs, Objective};
pub use trainer::Trainer;
