//! anygrad

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod backend;
pub mod data;
pub mod error;
pub mod graph;
pub mod kernel;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod plan;
pub mod random;
pub mod train;

pub use error::{Error, Result};
