//! Trained models for other programs: sources in C, Rust and JavaScript, a page that predicts, lines of Python, ONNX.
//!
//! A model is first taken apart into a [`RowProgram`]: what happens to the cells of one row until there is an answer, in
//! arithmetic that every language has. It is found by walking the graph of the predict phase, so a layer of one's own is
//! exported as the library's are, if its ops say what they compute ([`Operation::portable`](crate::graph::Operation::portable)).
//! Each target then writes it down.

mod base64;
mod c;
mod expression;
mod html;
mod javascript;
mod names;
#[cfg(feature = "onnx")]
pub mod onnx;
mod program;
mod pytorch;
mod rust;
mod target;
mod walk;

pub use c::{C, c};
pub use html::{Engine, html, html_with_engine};
pub use javascript::javascript;
pub use names::identifier;
pub use program::{Answer, Certainty, Operand, Origin, Parameter, RowProgram, Step};
pub use pytorch::pytorch;
pub use rust::rust;
pub use target::{Target, write};

use crate::data::{EncodedColumn, Encoding};

/// The name and version that exported files are signed with.
pub(crate) fn producer() -> String {
    format!("anygrad {}", env!("CARGO_PKG_VERSION"))
}

/// Whether a column's cells are handed to an exported model as text; else as numbers.
pub(crate) fn is_text(column: &EncodedColumn) -> bool {
    !matches!(column.encoding, Encoding::Number { .. })
}
