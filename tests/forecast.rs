//! What is forecast of a run against the counters of the run: dispatches, submissions, windows, bytes.

mod common;

use anygrad::backend::Device;
use anygrad::data::{Split, digits};
use anygrad::kernel::Target;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::{Adam, Schedule, Sgd};
use anygrad::plan::Plan;
use anygrad::train::{EarlyStopping, Flow, Monitor, Trainer};

/// Name, trainer, whether there are rows to evaluate.
fn runs() -> Vec<(&'static str, Trainer, bool)> {
    let model = || Sequential::new(64).linear(24).relu().linear(10);
    let trainer = |model: Sequential| Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9));
    let adam = Trainer::new(model().dropout(0.0), Loss::cross_entropy(), Adam::new(0.01));
    vec![
        ("one epoch", trainer(model()).epochs(1), true),
        ("no epochs", trainer(model()).epochs(0), true),
        ("a tail", trainer(model()).epochs(3).batch_size(50), true),
        ("no held-out rows", trainer(model()).epochs(3), false),
        ("many epochs", trainer(model()).epochs(50).full_batch(), true),
        ("epochs that do not divide submissions", trainer(model()).epochs(41).batch_size(96), true),
        ("plain", trainer(model()).epochs(2).fuse(false), true),
        ("adam", adam.epochs(2).batch_size(16), true),
        ("a parameter as large as the ring", trainer(Sequential::new(64).linear(20).linear(10)).epochs(2), true),
        ("early stopping", trainer(model()).epochs(4).early_stopping(by_training_loss()), true),
        ("a callback", trainer(model()).epochs(3).batch_size(8).on_epoch(|_| Flow::Continue), true),
        ("windows", trainer(model()).epochs(5).resident_bytes(500 * 64), true),
        ("windows of a batch", trainer(model()).epochs(3).batch_size(50).resident_bytes(1), true),
        (
            "windows and a callback",
            trainer(model()).epochs(3).resident_bytes(60_000).on_epoch(|_| Flow::Continue),
            true,
        ),
        ("windows without held-out rows", trainer(model()).epochs(70).batch_size(512).resident_bytes(64_000), false),
        ("a schedule", trainer(model()).epochs(3).schedule(Schedule::cosine()), true),
    ]
}

fn by_training_loss() -> EarlyStopping {
    EarlyStopping { monitor: Monitor::TrainLoss, ..EarlyStopping::patience(100) }
}

fn data() -> Split {
    digits().expect("digits").split(0.2, 0).expect("a split")
}

fn compare(device: &Device) -> usize {
    let data = data();
    let mut compared = 0;
    for (name, trainer, evaluates) in runs() {
        let held_out = evaluates.then_some(&data.test);
        let mut trainer = trainer.on(device.clone());
        let forecast = trainer.forecast(&data.train, held_out).expect("a forecast");
        let history = pollster::block_on(trainer.fit_rows(&data.train, held_out)).expect("a run");
        assert_eq!(forecast.launches_per_step(), history.launches_per_step, "{name}");
        assert_eq!(forecast.steps, history.step_losses.len() as u64, "{name}");
        assert_eq!(forecast.submissions, history.submissions, "{name}");
        assert_eq!(forecast.device_bytes(), history.device_bytes, "{name}");
        assert_eq!((forecast.windows, forecast.window_bytes), (history.windows, history.window_bytes), "{name}");
        assert_eq!(forecast.windows > 0, name.contains("windows"), "{name}");
        compared += 5;
    }
    compared
}

#[test]
fn a_run_on_the_cpu_takes_what_was_forecast() {
    compare(&Device::Cpu);
}

#[test]
fn a_run_on_the_gpu_takes_what_was_forecast() {
    let Some(gpu) = common::gpu() else { return };
    common::report_comparisons("forecast", compare(&Device::Gpu(gpu)));
}

#[test]
fn a_long_run_is_forecast_at_once() {
    let data = data();
    let model = Sequential::new(64).linear(24).relu().linear(10);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).epochs(1_000_000_000_000);
    let forecast = trainer.forecast(&data.train, Some(&data.test)).expect("a forecast");
    // 23 steps and one evaluation an epoch, 64 of either in a submission.
    assert_eq!(forecast.submissions, 24 * 1_000_000_000_000 / 64);
}

/// Bytes moved are counted by what a step touches, not by what lies on the device.
#[test]
fn a_step_moves_the_rows_of_its_batch() {
    let data = data();
    let model = Sequential::new(64).linear(10);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).batch_size(8).fuse(false);
    let plan = trainer.plan(&data.train, None).expect("a plan");
    let step = &plan.phases()[plan.phase("train").expect("a phase").index()];
    let bytes = |kernel: &str| {
        let dispatch = step.dispatches.iter().find(|d| d.kernel.name == kernel).expect("a dispatch");
        plan.bytes_moved(dispatch)
    };
    // 8 rows of 64 bytes in, of floats out, and 8 places in the order (in whole bytes of a share of all rows).
    assert_eq!(bytes("gather_u8"), 8 * 64 + 4 * 8 + 4 * 8 * 64);
    assert_eq!(bytes("matmul"), 4 * (8 * 64 + 10 * 64 + 8 * 10));
    // The weight is read and written.
    assert_eq!(bytes("sgd"), 4 * 3 * 640);
}

/// Nor are weights counted by the rows of a batch, where a kernel reads both them and the dataset.
#[test]
fn a_layer_on_rows_of_the_dataset_moves_these_and_its_weights() {
    let data = data();
    let model = Sequential::new(64).linear(10);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).batch_size(8).fuse(false);
    let plain = trainer.plan(&data.train, None).expect("a plan");
    let hardware = Target { storage_buffers: 8, ..Target::DOWNLEVEL };
    let plan = Plan::fused(plain.graph(), &hardware).expect("a plan");
    let step = &plan.phases()[plan.phase("train").expect("a phase").index()];
    let bytes: Vec<_> = step.dispatches.iter().map(|d| (d.kernel.name, plan.bytes_moved(d))).collect();
    let rows = 8 * 64 + 4 * 8;
    let (weight, output) = (4 * (640 + 10), 4 * 80);
    // 8 labels and places in the order, an entry of the ring.
    let middle = output + 2 * 4 * 8 + 20 + output;
    let expected = [
        ("matmul of rows_u8 and dense ▸ add_bias", rows + weight + output),
        ("classification_step", middle),
        ("matmul of dense and rows_u8 ▸ sgd, column_sum ▸ sgd", rows + 2 * weight + output),
    ];
    assert_eq!(bytes, expected);
}
