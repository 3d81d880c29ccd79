//! PNG and JPEG.
#![no_main]

use file::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file("i.png", bytes, |path| drop(anygrad::data::image_rows(path, &Default::default())));
});
