//! Recipes as TOML.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(toml::from_str::<anygrad::train::Recipe>(text));
    }
});
