//! Descent with all rows in each step, with single rows, and with minibatches of 64 and 256: the loss over epochs,
//! where many small steps win, and over time, where a step must also be worth its cost. Writes a picture.
//!
//! `cargo run --release --example 19_descent_compared -- --device cpu`

mod common;

use anygrad::data;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::{Flow, Trainer};
use common::plot::{Curve, Panel, Style, save};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Batch size (0 for all rows), learning rate (somewhat below where it becomes unstable), epochs.
const RUNS: [(usize, f32, u64); 4] = [(0, 0.5, 250), (256, 0.5, 60), (64, 0.3, 30), (1, 0.02, 8)];

fn main() -> anygrad::Result<()> {
    let device = common::device()?;
    let data = data::digits()?.split(0.2, 0)?;
    let (mut over_epochs, mut over_time) = (Vec::new(), Vec::new());
    println!("batch  learning rate  epochs  steps  seconds  until loss 0.1  training loss  test accuracy");
    for (color, (batch, learning_rate, epochs)) in RUNS.into_iter().enumerate() {
        let model = Sequential::new(64).linear(32).relu().linear(10);
        let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(learning_rate)).epochs(epochs);
        let trainer = if batch == 0 { trainer.full_batch() } else { trainer.batch_size(batch) };
        let seconds = Arc::new(Mutex::new(Vec::new()));
        let (clock, start) = (seconds.clone(), Instant::now());
        let mut trainer = trainer.on(device.clone()).on_epoch(move |_| {
            clock.lock().expect("one thread").push(start.elapsed().as_secs_f64());
            Flow::Continue
        });
        // Tested with the training rows, so that all are measured alike: after the epoch, over all rows. The time
        // contains that.
        let history = pollster::block_on(trainer.fit_rows(&data.train, Some(&data.train)))?;
        let test = trainer.evaluate_blocking(&data.test)?.accuracy.unwrap_or(0.0);

        let seconds = seconds.lock().expect("one thread");
        let losses: Vec<f64> = history.epochs.iter().filter_map(|epoch| epoch.test_loss).collect();
        let name = if batch == 0 { "full".to_string() } else { batch.to_string() };
        let (steps, loss, time) = (history.step_losses.len(), losses[losses.len() - 1], seconds[seconds.len() - 1]);
        let reached =
            losses.iter().position(|&loss| loss < 0.1).map_or("never".into(), |i| format!("{:.3}", seconds[i]));
        println!(
            "{name:<5}  {learning_rate:<13}  {epochs:<6}  {steps:<5}  {time:<7.3}  {reached:<14}  {loss:<13.4}  {test:.4}"
        );
        let points = (1..=20).zip(&losses).map(|(epoch, &loss)| (f64::from(epoch), loss));
        over_epochs.push(Curve::line(&name, color, points).style(Style::LineWithDots));
        over_time.push(Curve::line(name, color, seconds.iter().copied().zip(losses.iter().copied())));
    }
    let panel = Panel { y: "training loss", log_y: true, limits: Some(0.04..8.0), ..Panel::default() };
    save(
        "descent_compared.svg",
        &[
            Panel { title: "By epochs (batch size)", x: "epoch", curves: over_epochs, ..panel.clone() },
            Panel { title: "By time", x: "seconds", log_x: true, curves: over_time, ..panel },
        ],
    );
    Ok(())
}
