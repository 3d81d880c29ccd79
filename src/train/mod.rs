//! Training: the whole run as one plan, the loop that replays it, the trained model and its file.

mod board;
mod early_stopping;
mod evaluate;
mod explain;
mod fit;
mod forecast;
mod gradcheck;
mod kinks;
mod model;
mod model_file;
mod notation;
mod program;
mod queue;
mod report;
mod resident;
mod run;
mod run_folder;
mod step;
mod trainer;

pub use early_stopping::{EarlyStopping, Monitor};
pub use evaluate::{ClassMetrics, Evaluation, TOP_K, TopK};
pub use explain::{Explained, Explanation, Quantity, Stage};
pub use forecast::Forecast;
pub use gradcheck::{CheckOptions, Deviation, GradCheck, TensorCheck};
pub use model::{Model, Target, probabilities};
pub use program::{BatchSize, Batches, Program, ProgramSpec, RatesSpec};
pub use report::{EpochReport, Event, Flow, History};
pub use resident::{ResidentRows, RowsSpec, TargetSpec};
pub use run_folder::RunFolder;
pub use step::Step;
pub use trainer::Trainer;
