//! Tuning files, variants and metrics.
#![no_main]

use file::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file("metrics.jsonl", bytes, |path| {
        drop(anygrad::tune::Store::read(path));
        drop(anygrad::tune::Variants::read(path));
    });
});
