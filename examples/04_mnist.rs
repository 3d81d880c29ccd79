//! MNIST from its official files: the folder is the first argument.
//!
//! `cargo run --release --example 04_mnist -- DIR --device cpu`

mod common;

use anygrad::data;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::{Event, Trainer};
use std::path::PathBuf;

fn main() -> anygrad::Result<()> {
    let folder = std::env::args().nth(1).filter(|a| !a.starts_with("--")).map_or("mnist".into(), PathBuf::from);
    let device = common::device()?;
    let data = data::mnist(&folder)?;
    let model = Sequential::new(784).linear(128).relu().linear(10);
    let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.05).momentum(0.9))
        .batch_size(64)
        .epochs(5)
        .seed(1)
        .on(device)
        .observe(|event| {
            if let Event::Epoch(report) = event {
                println!(
                    "epoch {}: train loss {:.4}, test accuracy {:.4}",
                    report.epoch,
                    report.train_loss,
                    report.test_accuracy.unwrap_or(0.0)
                );
            }
        });
    trainer.fit_blocking(&data)?;
    Ok(())
}
