//! One row through one training step, as a lecture writes it on the board.

mod board;
mod explain;
mod notation;

pub use explain::{Explained, Explanation, Quantity, Stage};
