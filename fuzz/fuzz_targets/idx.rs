//! MNIST's format, as the labels of a set.
#![no_main]

use file::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file("t10k-labels-idx1-ubyte", bytes, |path| {
        let folder = path.parent().expect("a folder");
        for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte", "train-labels-idx1-ubyte"] {
            std::fs::copy(path, folder.join(name)).expect("a copy");
        }
        drop(anygrad::data::mnist(folder));
    });
});
