//! Parquet and Arrow.
#![no_main]

use anygrad::data::table::arrow;
use file::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file("t.parquet", bytes, |path| drop(arrow::read(path, &Default::default())));
});
