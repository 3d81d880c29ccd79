//! The library in a browser's worker: runs that go on in parts, trained models, and the way of both across the border to
//! JavaScript, as JSON and typed arrays.

mod about;
mod answer;
mod command;
mod device;
mod files;
#[cfg(target_feature = "simd128")]
mod fused;
mod mailbox;
mod model;
mod recipe;
mod run;
mod task;
mod view;

pub use model::TrainedModel;
pub use run::Run;
