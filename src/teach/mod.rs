//! One row through one training step, as a lecture writes it on the board.

mod board;
mod draft;
mod explain;
mod notation;
mod parts;

pub use draft::Stage;
pub use explain::{Explained, Explanation, Quantity};
