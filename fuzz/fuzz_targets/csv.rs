//! Tables of text, compressed or not.
#![no_main]

use file::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file("t.csv", bytes, |path| drop(anygrad::data::Table::read(path, &Default::default())));
});
