//! Arrays of NumPy.
#![no_main]

use anygrad::data::table::npy;
use file::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file("t.npy", bytes, |path| {
        drop(npy::read(path, &Default::default()));
        drop(npy::read_npz(path, &Default::default()));
    });
});
