//! Runs a plan on a GPU through wgpu. wgpu is imported here and nowhere else.
//!
//! [`GpuExecutor::load`] creates every buffer, pipeline and bind group of a plan; [`GpuExecutor::submit`] records the
//! dispatches of many steps into one command buffer; results come back through [`GpuExecutor::start_read`].

mod adapter;
mod buffers;
mod device;
mod encode;
#[cfg(test)]
mod objects;
mod pipeline_cache;
mod pipelines;
mod readback;
mod timestamps;
mod warm_up;

pub use adapter::{Adapter, Granted, adapters, gl_adapters};
pub use device::{DeviceState, GpuDevice, Held};
pub use encode::GpuExecutor;
pub use readback::PendingRead;
