//! Rows that come to the device in windows: a run is bit for bit the one on rows that stay there.

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::Granted;
use anygrad::data::{Dataset, Features, Preprocessing, Split, Targets, blobs, digits};
use anygrad::nn::{ClassWeights, Loss, Model, Sequential};
use anygrad::optim::{Adam, Optimizer, Schedule, ScheduleStep, Sgd};
use anygrad::random::{Purpose, Stream, stream_key};
use anygrad::train::{EarlyStopping, History, Monitor, Session, Snapshot, Trainer};
use pollster::block_on;

/// A run: its data, its trainer, and the bytes that its device may hold.
type Run = (&'static str, Split, Trainer, u64);

fn bytes() -> Split {
    digits().expect("digits").split(0.2, 0).expect("a split").with_validation(0.1, 0).expect("a split")
}

/// Values of several columns, standardized in and out. Rows of 3 floats, so that they end at no vector of four.
fn values() -> Split {
    let mut stream = Stream::new(stream_key(3, Purpose::Synthetic, 0));
    let data: Vec<f32> = (0..3 * 700).map(|_| 10.0 * stream.next_unit() - 3.0).collect();
    let targets = data.chunks(3).flat_map(|x| [x[0] * x[1], x[2] - x[0]]).collect();
    let targets = Targets::Values { names: ["product", "difference"].map(String::from).to_vec(), data: targets };
    let data = Dataset::new("made up", Features::F32 { width: 3, data }, targets).expect("a dataset");
    data.split(0.2, 0).expect("a split").standardized()
}

/// Bytes that are standardized, so that the device has them as floats.
fn widened() -> Split {
    let mut data = bytes();
    let preprocessing = Preprocessing::standardize_features(&data.train.features).expect("in memory");
    let validation = data.validation.as_mut().expect("validation rows");
    [&mut data.train, validation, &mut data.test].into_iter().for_each(|d| d.preprocessing = preprocessing.clone());
    data
}

fn on_digits(optimizer: impl Into<Optimizer>) -> Trainer {
    let model = Sequential::new(64).linear(24).relu().dropout(0.25).linear(10);
    Trainer::new(model, Loss::cross_entropy(), optimizer).epochs(3).seed(7)
}

fn on_values() -> Trainer {
    let model = Sequential::new(3).linear(16).tanh().linear(2);
    Trainer::new(model, Loss::mean_squared_error(), Adam::new(0.02)).epochs(4).seed(2).batch_size(24)
}

/// One of each kind, with windows of a few batches; the evaluated rows come in windows where they are 1,024 or more.
fn runs() -> Vec<Run> {
    let stopping = EarlyStopping { monitor: Monitor::ValidationLoss, ..EarlyStopping::patience(1) };
    let rate = |at: ScheduleStep| at.initial * (1.0 + (at.step as f32).sin() / 2.0);
    let momentum = || Sgd::new(0.05).momentum(0.9);
    let many = || blobs(1200, 3, 0).expect("blobs").split(0.7, 0).expect("a split").standardized();
    let of_blobs = Trainer::new(Sequential::new(2).linear(8).relu().linear(3), Loss::cross_entropy(), momentum());
    vec![
        ("shuffled bytes", bytes(), on_digits(momentum()), 300 * 64),
        ("one batch a window", bytes(), on_digits(momentum()).batch_size(50), 1),
        ("in their own order", bytes(), on_digits(momentum()).shuffle(false), 200 * 64),
        ("without the last batch", bytes(), on_digits(momentum()).drop_last(true).batch_size(100), 333 * 64),
        ("one step a window and no more", bytes(), on_digits(momentum()).drop_last(true).batch_size(1000), 64),
        ("bytes as floats", widened(), on_digits(Adam::new(0.01)).l2(0.001), 500 * 256),
        ("weights of classes", bytes(), weighted(), 400 * 64),
        ("early stopping", bytes(), on_digits(Adam::new(0.02)).epochs(12).early_stopping(stopping), 600 * 64),
        ("a schedule", bytes(), on_digits(momentum()).schedule(Schedule::cosine()), 640 * 64),
        ("a rate of one's own", bytes(), on_digits(momentum()).learning_rate(rate), 128 * 64),
        ("plain kernels", bytes(), on_digits(momentum()).fuse(false).batch_size(33), 100 * 64),
        ("values", values(), on_values(), 100 * 12),
        ("values in their own order", values(), on_values().shuffle(false), 50 * 12),
        ("many evaluated rows", many(), of_blobs.epochs(3).batch_size(40), 1100 * 8),
    ]
}

fn weighted() -> Trainer {
    let weights = (0..10).map(|class| 0.5 + class as f32 / 8.0).collect();
    let loss = Loss::cross_entropy().class_weights(ClassWeights::Given(weights));
    let model = Sequential::new(64).linear(24).relu().linear(10);
    Trainer::new(model, loss, Sgd::new(0.05)).epochs(3).seed(1).batch_size(77)
}

/// What a run comes to: model and results.
type Outcome = (Model, History);

fn conclude(mut trainer: Trainer, session: Session<'_>) -> Outcome {
    let history = block_on(trainer.conclude(session)).expect("a model");
    (trainer.model().expect("a model").clone(), history)
}

fn bits(model: &Model) -> Vec<u32> {
    model.tensors.iter().flat_map(|tensor| &tensor.data).map(|x| x.to_bits()).collect()
}

fn outcome(trainer: Trainer, data: &Split) -> Outcome {
    let mut session = block_on(trainer.session(data)).expect("a session");
    block_on(session.run()).expect("a run");
    conclude(trainer, session)
}

/// Equal but for submissions, windows and bytes.
fn assert_same(name: &str, got: &Outcome, expected: &Outcome) {
    assert!(got.1.windows > 0 && expected.1.windows == 0, "{name}: {} windows", got.1.windows);
    assert_eq!(got.1.step_losses, expected.1.step_losses, "{name}");
    assert_eq!(got.1.epochs, expected.1.epochs, "{name}");
    assert_eq!(got.1.model_epoch, expected.1.model_epoch, "{name}");
    assert!(bits(&got.0) == bits(&expected.0), "{name}: other weights");
}

fn compare(device: &Device) -> usize {
    let all = runs().len();
    for number in 0..all {
        let trainer = || runs().swap_remove(number).2.on(device.clone());
        let (name, data, _, most) = runs().swap_remove(number);
        let expected = outcome(trainer(), &data);
        let windowed = trainer().resident_bytes(most);
        let forecast = windowed.forecast(&data.train, data.held_out()).expect("a forecast");
        let got = outcome(windowed, &data);
        assert_same(&format!("{name} on {}", device.name()), &got, &expected);
        // A predictor prepares rows by itself.
        let report = got.1.of_model().expect("an epoch");
        let run = report.validation_loss.or(report.test_loss).expect("a loss");
        let rows = data.held_out().expect("rows");
        let apart = got.0.evaluate_blocking(rows, &Device::Cpu).expect("figures").loss;
        assert!((run - apart).abs() < 1e-4 * apart, "{name} on {}: {run}, {apart}", device.name());
        // A run that early stopping cuts short takes less.
        if got.1.step_losses.len() as u64 == forecast.steps {
            assert_eq!((forecast.windows, forecast.window_bytes), (got.1.windows, got.1.window_bytes), "{name}");
        }
    }
    all
}

#[test]
fn a_windowed_run_on_the_cpu_is_the_resident_one() {
    common::report_comparisons("windows_cpu", compare(&Device::Cpu));
}

#[test]
fn a_windowed_run_on_the_gpu_is_the_resident_one() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    common::report_comparisons("windows_gpu", compare(&Device::Gpu(gpu)));
}

/// A session that stops within windows and epochs, and is taken back; snapshots between resident and windowed rows.
#[test]
fn windows_do_not_show_in_a_snapshot() {
    for number in 0..runs().len() {
        let resident = || runs().swap_remove(number).2;
        let (name, data, windowed, most) = runs().swap_remove(number);
        let windowed = windowed.resident_bytes(most);
        let expected = outcome(resident(), &data);
        let steps = expected.1.step_losses.len() as u64;

        let mut session = block_on(windowed.session(&data)).expect("a session");
        block_on(session.run_steps(steps / 3)).expect("steps");
        let early = block_on(session.snapshot()).expect("a snapshot");
        while session.step() < 2 * steps / 3 && !session.is_done() {
            block_on(session.run_steps(1)).expect("a step");
        }
        let late = block_on(session.snapshot()).expect("a snapshot");
        block_on(session.restore(&early)).expect("back");
        block_on(session.run()).expect("the rest");
        assert_same(&format!("{name}, taken back"), &conclude(windowed, session), &expected);

        // The snapshots of the windowed run go on where all rows stay on the device.
        for snapshot in [&early, &late] {
            let snapshot = Snapshot::from_bytes(&snapshot.to_bytes()).expect("whole");
            let trainer = resident();
            let mut session = block_on(trainer.session(&data)).expect("a session");
            block_on(session.restore(&snapshot)).expect("the same run");
            block_on(session.run()).expect("the rest");
            let got = conclude(trainer, session);
            assert_eq!(got.1.step_losses, expected.1.step_losses, "{name}");
            assert!(bits(&got.0) == bits(&expected.0), "{name}: other weights");
        }
    }
}

/// A run that begins on one device and goes on, in the middle of a window, on another.
#[test]
fn a_windowed_run_goes_on_on_another_device() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    let gpu = Device::Gpu(gpu);
    for number in [0, 3, 11] {
        let (name, data, _, most) = runs().swap_remove(number);
        let moved = |most: u64| {
            let trainer = runs().swap_remove(number).2.resident_bytes(most);
            let mut session = block_on(trainer.session(&data)).expect("a session");
            block_on(session.run_steps(8)).expect("steps");
            let snapshot = block_on(session.snapshot()).expect("a snapshot");
            block_on(session.reopen(gpu.clone(), &snapshot)).expect("the other device");
            block_on(session.run()).expect("the rest");
            conclude(trainer, session)
        };
        assert_same(&format!("{name}, moved"), &moved(most), &moved(u64::MAX));
    }
}

/// Rows beyond what the device can bind come in windows unasked.
#[test]
fn rows_that_a_device_cannot_bind_come_in_windows() {
    let Some(gpu) = common::gpu_with(Granted::Downlevel) else { return };
    let device = Device::Gpu(gpu);
    let most = device.most_binding_bytes();
    let width = 1 << 16;
    let rows = most as usize / width + 1;
    let targets = Targets::Labels { name: "y".into(), classes: vec!["a".into(), "b".into()], data: vec![1; rows] };
    let data = Dataset::new("wide", Features::U8 { width, data: vec![0; rows * width] }, targets).expect("a dataset");
    let forecast = |device: &Device| {
        let trainer = Trainer::new(Sequential::new(width).linear(2), Loss::cross_entropy(), Sgd::new(0.1));
        trainer.on(device.clone()).batch_size(8).forecast(&data, None).expect("a forecast")
    };
    assert_eq!((forecast(&Device::Cpu).window_rows, forecast(&Device::Cpu).window_bytes), (None, 0));
    let on_device = forecast(&device);
    let window = on_device.window_rows.expect("a window");
    assert!(window * width <= most as usize && window <= 64 * 8, "{window} rows");
    assert_eq!(on_device.window_bytes, (window * width + 4 * window) as u64);
    assert!(on_device.plan.usage().binding_bytes <= most);
}

/// More than the 16 MiB that are on their way to a device at one time: floats, and bytes of rows that end within a word.
#[test]
fn rows_that_reach_the_gpu_in_parts_are_those_of_windows() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    let mut stream = Stream::new(stream_key(4, Purpose::Synthetic, 0));
    let mut features = |width: usize, rows: usize, bytes: bool| match bytes {
        true => Features::U8 { width, data: (0..width * rows).map(|_| (255.0 * stream.next_unit()) as u8).collect() },
        false => Features::F32 { width, data: (0..width * rows).map(|_| stream.next_unit()).collect() },
    };
    for (width, rows, bytes) in [(499, 9000, false), (399, 45_000, true)] {
        let labels = (0..rows as u32).map(|row| row * 7919 % 3).collect();
        let classes = ["a", "b", "c"].map(String::from).to_vec();
        let targets = Targets::Labels { name: "class".into(), classes, data: labels };
        let mut data = Dataset::new("made up", features(width, rows, bytes), targets).expect("a dataset");
        data.preprocessing = Preprocessing::Scale { factor: 0.5 };
        let data = Split::from(data);
        let trainer = || {
            let model = Sequential::new(width).linear(3);
            let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.001)).epochs(1).batch_size(1000);
            trainer.on(Device::Gpu(gpu.clone()))
        };
        let windowed = outcome(trainer().resident_bytes(4 << 20), &data);
        assert_same("parts", &windowed, &outcome(trainer(), &data));
    }
}
