//! Runs a plan on a GPU through wgpu. wgpu is imported here and nowhere else.
//!
//! [`GpuExecutor::load`] creates every buffer, pipeline and bind group of a plan; [`GpuExecutor::submit`] records the
//! dispatches of many steps into one command buffer; results come back through [`GpuExecutor::start_read`].

mod adapter;
#[cfg(not(target_arch = "wasm32"))]
mod ahead;
mod buffers;
mod device;
mod encode;
mod guard;
mod handle;
mod inject;
#[cfg(test)]
mod objects;
mod open;
mod pipeline_cache;
mod pipelines;
mod prepare;
mod readback;
#[cfg(not(target_arch = "wasm32"))]
mod reflect;
mod timestamps;
#[cfg(not(target_arch = "wasm32"))]
mod warm_up;

pub use super::opened::{DeviceState, Granted, Held};
pub use adapter::{Adapter, adapters, gl_adapters, unusable};
pub use device::GpuDevice;
pub use encode::GpuExecutor;
pub use inject::{Call, Failure, Injection};
pub use readback::PendingRead;
#[cfg(not(target_arch = "wasm32"))]
pub use reflect::reflect;
