//! Gradients of a whole step held to central differences, on every device; an op held to all that it states; a device
//! held to the definitions of its kernels.

mod gradcheck;
mod kinks;
mod mid_graph;
mod operation;
mod verify;

pub use gradcheck::{CheckOptions, Deviation, GradCheck, TensorCheck};
pub use mid_graph::mid_graph;
#[cfg(not(target_arch = "wasm32"))]
pub use operation::operation_blocking;
pub use operation::{OperationCheck, operation};
pub use verify::{Failure, Receipt, verify, verify_cases};
