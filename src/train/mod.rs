//! Training: the whole run as one plan, and the session that replays it step by step.

mod batch_size;
mod bytes;
mod early_stopping;
mod epoch;
mod feed;
mod fit;
mod forecast;
mod learning_rate;
mod objective;
mod program;
mod progress;
mod queue;
mod recipe;
mod report;
mod resident;
mod run_folder;
mod session;
mod snapshot;
mod step;
mod trainer;

pub use batch_size::BatchSize;
pub use early_stopping::{EarlyStopping, Monitor};
pub use epoch::{Batches, Epoch, RowsPass};
pub use forecast::Forecast;
pub(crate) use objective::{Objective, Terms};
pub use program::Program;
pub use recipe::{Recipe, Regularization, TrainTable, multilayer_perceptron};
pub use report::{EpochReport, Event, Flow, History};
pub use resident::{ResidentRows, RowsSpec, TargetSpec};
pub use run_folder::RunFolder;
pub use session::Session;
pub use snapshot::Snapshot;
pub(crate) use step::Inputs;
pub use step::Step;
pub use trainer::Trainer;
