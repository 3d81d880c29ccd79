//! anygrad

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod backend;
pub mod error;
pub mod graph;
pub mod kernel;
pub mod ops;
pub mod plan;
pub mod random;

pub use error::{Error, Result};
