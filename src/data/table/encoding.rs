//! The encodings of text that tables come in: all that browsers know.

pub(super) use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
