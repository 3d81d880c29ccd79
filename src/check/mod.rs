//! Gradients of a whole step held to central differences, on every device.

mod gradcheck;
mod kinks;

pub use gradcheck::{CheckOptions, Deviation, GradCheck, TensorCheck};
