//! Neural-network training on any GPU through WebGPU, and on the CPU where there is none.
//!
//! ```
//! use anygrad::{backend::Device, data, model::Model, nn::{Loss, Sequential}, optim::AdamW, train::Trainer};
//!
//! // Handwritten digits, a fifth of them for testing; of rows of one's own `Dataset::new` makes a dataset, and
//! // `standardized` brings them to one scale.
//! let data = data::digits()?.split(0.2, 0)?;
//! let model = Sequential::new(64).linear(64).relu().dropout(0.1).linear(10);
//! let mut trainer = Trainer::new(model, Loss::cross_entropy(), AdamW::new(0.003))
//!     .batch_size(64)
//!     .epochs(20)
//!     .seed(0)
//!     .on(Device::cpu());
//! let history = trainer.fit_blocking(&data)?;
//! assert!(history.last().unwrap().test_accuracy.unwrap() > 0.94);
//! println!("loss {:.4}", trainer.evaluate_blocking(&data.test)?.loss);
//!
//! let path = std::env::temp_dir().join("digits.safetensors");
//! trainer.model()?.save(&path)?;
//! let classes = Model::load(&path)?.classes_blocking(&data.test.features, &Device::cpu())?;
//! assert_eq!(classes.len(), data.test.rows());
//! # Ok::<(), anygrad::Error>(())
//! ```
//!
//! The way data flows: a model of layers ([`nn`]) becomes a [`graph`] of [`ops`]; each op states its own gradient, so
//! that the graph can be differentiated; a [`plan`] puts it in order as kernel dispatches over numbered buffers; a
//! [`backend`] replays the plan, on the CPU by the kernels' twins and on a GPU by the kernels; [`train`] drives it;
//! [`tune`] finds the fastest variants of kernels.
//! `ARCHITECTURE.md` in the repository tells more.
//!
//! Without the feature `gpu`, which is on by default, it needs no wgpu and knows the CPU only.
//!
//! The library never prints and reads no environment variables; it logs through the `log` crate. Functions that wait
//! for a device are async; the common ones have a form that ends in `_blocking`, and [`wait`] makes one of any.

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod backend;
pub mod check;
mod cpu;
pub mod data;
pub mod error;
pub mod export;
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

#[doc(hidden)]
pub use cpu::pretend;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use cpu::{FusedProduct, FusedTile, Team, use_fused_tile, use_help};
pub use error::{Divergence, Error, Result};

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

/// The programs of the README, compiled as they stand there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
