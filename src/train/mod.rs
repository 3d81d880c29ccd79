//! Training: the whole run as one plan, and the session that replays it step by step.
//!
//! [`Trainer`] trains; its [`Recipe`] is all that decides a run; [`History`] is what happened. A [`Session`] stops between
//! any two steps, and a [`Snapshot`] is what it goes on from. The others are parts of these, or look into the plan.
//!
//! ```
//! use anygrad::{data, nn::{Loss, Sequential}, optim::AdamW, train::Trainer};
//! let data = data::moons(400, 0.2, 0)?.split(0.2, 0)?.standardized();
//! let model = Sequential::new(2).linear(16).relu().linear(2);
//! let mut trainer = Trainer::new(model, Loss::cross_entropy(), AdamW::new(0.01)).epochs(20);
//! let history = trainer.fit_blocking(&data)?;
//! assert_eq!(history.epochs.len(), 20);
//! assert!(trainer.evaluate_blocking(&data.test)?.accuracy.is_some_and(|accuracy| accuracy > 0.85));
//! # Ok::<(), anygrad::Error>(())
//! ```

mod batch_size;
mod bytes;
mod checkpoint;
mod early_stopping;
mod epoch;
mod examine;
mod feed;
mod fit;
mod forecast;
mod frozen;
mod learning_rate;
mod loaded_step;
mod objective;
mod origin;
mod prepare;
mod program;
mod progress;
mod queue;
mod recipe;
mod recovery;
mod report;
mod resident;
mod restore;
mod run_folder;
mod session;
mod snapshot;
mod step;
mod threshold;
mod trainer;

pub use batch_size::BatchSize;
pub use checkpoint::Every;
pub use early_stopping::{EarlyStopping, Monitor};
pub use epoch::{Batches, Epoch, RowsPass};
pub use forecast::Forecast;
pub use loaded_step::LoadedStep;
pub(crate) use objective::{Objective, Terms};
pub use program::Program;
pub use recipe::{Recipe, Regularization, TrainTable, multilayer_perceptron};
pub use recovery::{OnDeviceLoss, OnDivergence};
pub use report::{EpochReport, Event, Flow, History};
pub use resident::{ResidentRows, RowsSpec, TargetSpec};
pub use run_folder::RunFolder;
pub use session::Session;
pub use snapshot::Snapshot;
pub(crate) use step::Inputs;
pub use step::Step;
pub use threshold::Threshold;
pub use trainer::Trainer;
