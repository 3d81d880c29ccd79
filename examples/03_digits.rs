//! Handwritten digits, embedded in the library: train, stop early by a callback, save, load, predict.
//!
//! `cargo run --release --example 03_digits -- --device cpu`

mod common;

use anygrad::data;
use anygrad::model::Model;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::{Flow, Trainer};

fn main() -> anygrad::Result<()> {
    let device = common::device()?;
    let data = data::digits()?.split(0.2, 0)?;
    let model = Sequential::new(64).linear(64).relu().dropout(0.1).linear(10);
    println!("{model}: {} parameters", model.parameter_count()?);

    let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9))
        .batch_size(64)
        .epochs(50)
        .on(device.clone())
        .on_epoch(|report| {
            let accuracy = report.test_accuracy.unwrap_or(0.0);
            println!("epoch {:>2}: train loss {:.4}, test accuracy {accuracy:.4}", report.epoch, report.train_loss);
            if accuracy >= 0.98 { Flow::Stop } else { Flow::Continue }
        });
    trainer.fit_blocking(&data)?;

    let path = std::env::temp_dir().join("anygrad-digits.safetensors");
    trainer.model()?.save(&path)?;
    let loaded = Model::load(&path)?;
    let evaluation = loaded.evaluate_blocking(&data.test, &device)?;
    println!("loaded from {}: test accuracy {:.4}", path.display(), evaluation.accuracy.unwrap_or(0.0));
    Ok(())
}
