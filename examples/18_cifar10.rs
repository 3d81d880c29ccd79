//! CIFAR-10 from its official binary files, with a net of 3072-100-10: the folder (`cifar-10-batches-bin`) is the first
//! argument. Without one it writes small files of the same format with made-up pictures and trains on these. Writes a
//! picture.
//!
//! `cargo run --release --example 18_cifar10 -- DIR --device cpu`

mod common;

use anygrad::data;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::random::{Purpose, Stream, stream_key};
use anygrad::train::Trainer;
use common::plot::{Curve, Panel, save};
use std::path::PathBuf;

fn main() -> anygrad::Result<()> {
    let folder = std::env::args().nth(1).filter(|a| !a.starts_with("--")).map(PathBuf::from);
    let device = common::device()?;
    let (folder, title) = match folder {
        Some(folder) => (folder, "CIFAR-10 by 3072-100-10"),
        None => (made_up().expect("the folder for temporary files can be written"), "Made-up pictures by 3072-100-10"),
    };
    let data = data::cifar10(&folder)?;
    println!("{}: {} training and {} test images", folder.display(), data.train.rows(), data.test.rows());

    let model = Sequential::new(3072).linear(100).relu().linear(10);
    let mut trainer =
        Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.01).momentum(0.9)).batch_size(64).epochs(10).on(device);
    let history = trainer.fit_blocking(&data)?;
    for epoch in &history.epochs {
        let (train, test) = (epoch.train_accuracy.unwrap_or(0.0), epoch.test_accuracy.unwrap_or(0.0));
        println!(
            "epoch {:>2}: train loss {:.4}, accuracy {train:.4}; test accuracy {test:.4}",
            epoch.epoch, epoch.train_loss
        );
    }
    let losses = |name, color, loss: fn(&anygrad::train::EpochReport) -> Option<f64>| {
        let points = history.epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, loss(epoch)?)));
        Curve::line(name, color, points)
    };
    let curves = vec![
        losses("training, while it learns", 0, |epoch| Some(epoch.train_loss)),
        losses("test, after the epoch", 1, |epoch| epoch.test_loss),
    ];
    save("cifar10.svg", &[Panel { title, x: "epoch", y: "loss", curves, ..Panel::default() }]);
    Ok(())
}

/// Six files of 60 pictures: each class is a stripe at its own height, of its own color, under noise.
fn made_up() -> std::io::Result<PathBuf> {
    let folder = std::env::temp_dir().join("anygrad-cifar10");
    std::fs::create_dir_all(&folder)?;
    let names = (1..=5).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".into()]);
    for (file, name) in (0..).zip(names) {
        let mut stream = Stream::new(stream_key(0, Purpose::Synthetic, file));
        let records: Vec<u8> = (0..60).flat_map(|row| record(row % 10, &mut stream)).collect();
        std::fs::write(folder.join(name), records)?;
    }
    Ok(folder)
}

/// A label, then all red, all green, all blue pixels.
fn record(class: usize, stream: &mut Stream) -> Vec<u8> {
    let mut bytes = vec![class as u8];
    for color in 0..3 {
        for pixel in 0..32 * 32 {
            let is_stripe = pixel / 32 / 3 == class && color == class % 3;
            bytes.push((stream.next_unit() * 160.0) as u8 + if is_stripe { 80 } else { 0 });
        }
    }
    bytes
}
