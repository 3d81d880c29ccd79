//! What runs on the device: every phase of a training run with its kernels, buffers and memory, before anything runs.
//!
//! `cargo run --release --example 06_print_plan -- --device cpu`

mod common;

use anygrad::data;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;

fn main() -> anygrad::Result<()> {
    let device = common::device()?;
    let data = data::digits()?.split(0.2, 0)?;
    let model = Sequential::new(64).linear(64).relu().dropout(0.2).linear(10);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9)).on(device);
    print!("{}", trainer.plan(&data.train, Some(&data.test))?);
    let work = trainer.work(&data.train)?;
    println!("one step: {} dispatches, {:.2} MFLOP", work.dispatches, work.flops as f64 / 1e6);
    Ok(())
}
