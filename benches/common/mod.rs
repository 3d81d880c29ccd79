//! What both benches share: devices, and how long a number of runs takes including the wait at the end.
#![allow(dead_code)]

use anygrad::backend::gpu::{Granted, adapters};
use anygrad::backend::{Device, Executor};
use anygrad::graph::ValueId;
use anygrad::kernel::Clock;
use anygrad::plan::PhaseId;
use pollster::block_on;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether this is a test that the bench runs: `cargo bench` adds `--bench`, `cargo test` does not. Then each variant runs once or
/// twice, of variants and shapes only those that take no second, and times are no figures.
pub fn is_test() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}

/// The CPU and every GPU adapter.
pub fn devices() -> Vec<Device> {
    let mut devices = vec![Device::Cpu];
    for adapter in block_on(adapters()) {
        match block_on(adapter.open(Granted::Large)) {
            Ok(device) => devices.push(Device::Gpu(Arc::new(device))),
            Err(error) => eprintln!("skipping {}: {error}", adapter.name()),
        }
    }
    devices
}

/// Time of `times` runs of a phase, submitted `per_submission` at a time, until their results are there.
pub fn time(executor: &mut Executor, phase: PhaseId, times: u64, per_submission: u64, result: ValueId) -> Duration {
    block_on(executor.read(result)).expect("idle");
    let start = Instant::now();
    let mut left = times;
    while left > 0 {
        let now = left.min(per_submission);
        executor.repeat(phase, &Clock::default(), now as u32).expect("a run");
        left -= now;
    }
    block_on(executor.read(result)).expect("a result");
    start.elapsed()
}
