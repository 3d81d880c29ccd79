//! From the columns of a table to features and targets: what each column is, and how it is encoded.

mod encode;
mod encoder;
mod fit;
mod kind;
mod names;
mod target;
mod words;

pub use encode::Unusual;
pub(super) use encode::{LEFT_OUT, encode};
pub use encoder::{EncodedColumn, Encoder, Encoding, TimePart};
pub(super) use fit::fit;
pub(super) use kind::{Kind, describe, infer};
pub(super) use names::{Roles, names_of, position};
pub use target::same_value;
pub(super) use target::{Known, targets};
