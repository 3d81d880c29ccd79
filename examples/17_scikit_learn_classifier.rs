//! scikit-learn's `MLPClassifier(hidden_layer_sizes=(13, 13, 13), max_iter=500)` behind a `StandardScaler`, on its own
//! terms, for the digits; each of its defaults and what it is here. Compared with ten runs of scikit-learn itself.
//!
//! `cargo run --release --example 17_scikit_learn_classifier -- --device cpu`

mod common;

use anygrad::data::{self, Preprocessing, Split};
use anygrad::nn::{Init, Loss, Sequential, Tensor};
use anygrad::optim::Adam;
use anygrad::train::{EarlyStopping, History, Monitor, Trainer};

/// What `tests/golden/scikit_learn.py` got.
const SCIKIT_LEARN: &str = include_str!("../tests/golden/scikit_learn.json");

fn main() -> anygrad::Result<()> {
    let device = common::device()?;

    // Every fifth row is held back. StandardScaler: (x − mean)/deviation by the training rows.
    let data = data::digits()?;
    let (test, train): (Vec<usize>, Vec<usize>) = (0..data.rows()).partition(|row| row % 5 == 0);
    let mut split = Split::new(data.select(&train), data.select(&test));
    let pixels = Preprocessing::None.inputs(&split.train.features)?;
    split.train.preprocessing = Preprocessing::standardize(&pixels, split.train.features.width());
    split.test.preprocessing = split.train.preprocessing.clone();

    // hidden_layer_sizes=(13, 13, 13), activation='relu'
    let model = Sequential::new(64).linear(13).relu().linear(13).relu().linear(13).relu().linear(10);
    // batch_size='auto': min(200, rows)
    let batch = split.train.rows().min(200);
    // alpha=0.0001: a penalty of alpha/(2·batch) · Σw². In the last, smaller batch of an epoch scikit-learn divides by
    // its rows, so there its penalty is larger.
    let l2 = 1e-4 / (2.0 * batch as f32);
    // tol=1e-4, n_iter_no_change=10: it stops when *more than* ten epochs in a row have not lowered the training loss
    // by tol. It compares with the lowest loss so far, ours with the last that counted, so that many small gains count
    // together: ours goes on longer.
    let stopping = EarlyStopping { monitor: Monitor::TrainLoss, patience: 11, min_delta: 1e-4, restore_best: false };

    let (mut accuracies, mut epochs) = (Vec::new(), Vec::new());
    for seed in 0..2 {
        // solver='adam', learning_rate_init=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8
        let mut trainer = Trainer::new(model.clone(), Loss::cross_entropy(), Adam::new(0.001))
            .initial(glorot(&model, seed)?)
            .batch_size(batch)
            .l2(l2)
            .epochs(500) // max_iter=500
            .early_stopping(stopping)
            .seed(seed) // random_state; shuffle=True
            .on(device.clone());
        let history = trainer.fit_blocking(&split)?;
        let last = history.last().expect("epochs");
        let accuracy = last.test_accuracy.unwrap_or(0.0);
        let loss = last.train_loss + last.train_penalty.unwrap_or(0.0);
        println!("seed {seed}: {} epochs, training loss {loss:.4}, test accuracy {accuracy:.4}", last.epoch);
        println!("        scikit-learn's rule would have stopped after {} epochs", its_last_epoch(&history));
        accuracies.push(accuracy);
        epochs.push(last.epoch as f64);
    }

    let golden: serde_json::Value = serde_json::from_str(SCIKIT_LEARN).expect("the golden file is JSON");
    let theirs = |key: &str| -> Vec<f64> {
        golden["digits"].as_array().into_iter().flatten().filter_map(|run| run[key].as_f64()).collect()
    };
    print_row("anygrad", &accuracies, &epochs);
    print_row(
        &format!("scikit-learn {}", golden["scikit_learn"].as_str().unwrap_or_default()),
        &theirs("test_accuracy"),
        &theirs("epochs"),
    );
    Ok(())
}

/// The epoch after which scikit-learn would have stopped: the loss, penalty included, has not come below the lowest so
/// far by tol for more than ten epochs.
fn its_last_epoch(history: &History) -> u64 {
    let (mut lowest, mut count) = (f64::INFINITY, 0);
    let stop = history.epochs.iter().find(|epoch| {
        let loss = epoch.train_loss + epoch.train_penalty.unwrap_or(0.0);
        count = if loss > lowest - 1e-4 { count + 1 } else { 0 };
        lowest = lowest.min(loss);
        count > 10
    });
    stop.or(history.last()).map_or(0, |epoch| epoch.epoch)
}

/// scikit-learn draws weights *and biases* within ±√(6/(fan_in + fan_out)) (with activation='logistic' ±√(2/…)).
fn glorot(model: &Sequential, seed: u64) -> anygrad::Result<Vec<Tensor>> {
    model.tensor_specs()?.into_iter().map(|spec| spec.init(Init::GlorotUniform).initialize(seed)).collect()
}

fn print_row(name: &str, accuracies: &[f64], epochs: &[f64]) {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let low = accuracies.iter().copied().fold(f64::INFINITY, f64::min);
    let high = accuracies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (count, accuracy, epochs) = (accuracies.len(), mean(accuracies), mean(epochs));
    println!("{name}: test accuracy {accuracy:.4} ({low:.4} to {high:.4}) over {count} seeds, {epochs:.0} epochs");
}
