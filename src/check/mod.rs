//! Gradients of a whole step held to central differences, on every device; an op held to all that it states.

mod gradcheck;
mod kinks;
mod mid_graph;
mod operation;

pub use gradcheck::{CheckOptions, Deviation, GradCheck, TensorCheck};
pub use mid_graph::mid_graph;
pub use operation::{OperationCheck, operation, operation_blocking};
