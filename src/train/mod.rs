//! Training: the whole run as one plan, and the loop that replays it.

mod early_stopping;
mod fit;
mod forecast;
mod learning_rate;
mod program;
mod queue;
mod report;
mod resident;
mod run;
mod run_folder;
mod step;
mod trainer;

pub use early_stopping::{EarlyStopping, Monitor};
pub use forecast::Forecast;
pub use program::{BatchSize, Batches, Program, ProgramSpec};
pub use report::{EpochReport, Event, Flow, History};
pub use resident::{ResidentRows, RowsSpec, TargetSpec};
pub use run_folder::RunFolder;
pub use step::Step;
pub(crate) use step::{Inputs, Objective};
pub use trainer::Trainer;
