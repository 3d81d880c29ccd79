//! A long run takes no more memory than a short one. It takes minutes, and a person starts it: `scripts/trust.py --full`.
#![cfg(target_os = "linux")]

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::Granted;
use anygrad::data::moons;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Adam;
use anygrad::train::{Event, Every, Trainer};
use std::sync::{Arc, Mutex};

const STEPS: u64 = 100_000;
const STEPS_OF_AN_EPOCH: u64 = 2000;

/// Bytes of this process in main memory.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    4096 * pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number")
}

fn endure(name: &str, device: Device) {
    let data = moons(10 * STEPS_OF_AN_EPOCH as usize, 0.2, 0).expect("rows");
    let model = Sequential::new(2).linear(16).relu().dropout(0.1).linear(2);
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let notes = sizes.clone();
    let mut trainer = Trainer::new(model, Loss::cross_entropy(), Adam::new(1e-3))
        .batch_size(10)
        .epochs(STEPS / STEPS_OF_AN_EPOCH)
        .on(device)
        .checkpoints(Every::Steps(5000), |snapshot| assert!(!snapshot.to_bytes().is_empty()))
        .observe(move |event| {
            if let Event::Epoch(_) = event {
                notes.lock().expect("no panic").push(resident_bytes());
            }
        });
    let history = pollster::block_on(trainer.fit_rows(&data, None)).expect("the whole run");
    assert_eq!(history.steps, STEPS);
    let sizes = sizes.lock().expect("no panic");
    // The losses of the first 32,768 steps are kept: warm-up.
    let (warm, last) = (sizes[17], sizes[sizes.len() - 1]);
    let growth = last as f64 / warm as f64 - 1.0;
    println!("{name}: {warm} bytes after 36,000 steps, {last} after {STEPS}: {:+.2} %", 100.0 * growth);
    assert!(growth < 0.01, "{name}: {sizes:?}");
    common::report_comparisons(&format!("endurance_{name}"), STEPS as usize);
}

#[test]
#[ignore = "long: scripts/trust.py --full runs it"]
fn a_long_run_on_the_cpu_takes_no_more_memory() {
    endure("cpu", Device::Cpu);
}

#[test]
#[ignore = "long: scripts/trust.py --full runs it"]
fn a_long_run_on_the_gpu_takes_no_more_memory() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    endure("gpu", Device::Gpu(gpu));
}
