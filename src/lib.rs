//! Neural-network training on any GPU through WebGPU, and on the CPU where there is none.
//!
//! ```
//! use anygrad::{backend::Device, data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
//!
//! let data = data::digits()?.split(0.2, 0)?;
//! let model = Sequential::new(64).linear(64).relu().dropout(0.1).linear(10);
//! let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9))
//!     .batch_size(64)
//!     .epochs(15)
//!     .seed(0)
//!     .on(Device::cpu());
//! let history = trainer.fit_blocking(&data)?;
//! assert!(history.last().unwrap().test_accuracy.unwrap() > 0.94);
//! let evaluation = trainer.evaluate_blocking(&data.test)?;
//! println!("loss {:.4}", evaluation.loss);
//! # let folder = std::env::temp_dir();
//! # let path = folder.join("anygrad-doc.safetensors");
//! trainer.model()?.save(&path)?;
//! # Ok::<(), anygrad::Error>(())
//! ```
//!
//! The way data flows: a model of layers ([`nn`]) becomes a [`graph`] of [`ops`]; each op states its own gradient, so
//! that the graph can be differentiated; a [`plan`] puts it in order as kernel dispatches over numbered buffers; a
//! [`backend`] replays the plan, on the CPU by the kernels' twins and on a GPU by the kernels; [`train`] drives it;
//! [`tune`] finds the fastest variants of kernels.
//! `ARCHITECTURE.md` in the repository tells more.
//!
//! The library never prints and reads no environment variables; it logs through the `log` crate. Functions that wait
//! for a device are async, with blocking forms where there are threads.

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod backend;
pub mod check;
mod cpu;
pub mod data;
pub mod error;
mod files;
pub mod graph;
pub mod kernel;
pub mod model;
pub mod ops;
pub mod optim;
pub mod plan;
pub mod random;
#[doc = include_str!("semantics.md")]
pub mod semantics {}
pub mod teach;
pub mod train;
pub mod tune;

pub use error::{Error, Result};

/// Waits for anything that is async here, in a program without an async runtime: the blocking form of every function that
/// waits for a device.
///
/// ```
/// use anygrad::{backend::Device, wait};
/// let device = wait(Device::best())?;
/// println!("{}", device.device_name());
/// # Ok::<(), anygrad::Error>(())
/// ```
#[cfg(not(target_arch = "wasm32"))]
pub fn wait<F: Future>(future: F) -> F::Output {
    pollster::block_on(future)
}
/// [`model`] by the name that PyTorch has for it.
pub use model as nn;
