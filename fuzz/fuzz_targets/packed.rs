//! Packed files.
#![no_main]

use file::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file("p.anygrad", bytes, |path| drop(anygrad::data::packed::Packed::open(path)));
});
