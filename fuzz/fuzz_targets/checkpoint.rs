//! Checkpoints, whose checksum is made true.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let sum = bytes.iter().fold(0xCBF2_9CE4_8422_2325u64, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    drop(anygrad::train::Snapshot::from_bytes(&[bytes, &sum.to_le_bytes()].concat()));
});
