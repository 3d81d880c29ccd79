//! CIFAR's binary and Python versions.
#![no_main]

use file::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file("data_batch_1.bin", bytes, |path| {
        let folder = path.parent().expect("a folder");
        drop(anygrad::data::cifar10(folder));
        std::fs::rename(path, folder.join("data_batch_1")).expect("a new name");
        drop(anygrad::data::cifar10(folder));
    });
});
