//! Runs whose numbers go bad on purpose: the error names the first bad tensor, its layer, the step and the rows.

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::Granted;
use anygrad::data::{Dataset, Features, Split, Targets};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::{Adam, Sgd};
use anygrad::random::{Permutation, Purpose, stream_key};
use anygrad::train::{Event, Every, OnDivergence, Snapshot, Trainer};
use anygrad::{Divergence, Error};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

const ROWS: usize = 60;
const BATCH: usize = 8;
/// Steps of an epoch; the last is on four rows.
const STEPS: usize = ROWS.div_ceil(BATCH);

/// Rows of three features, of which the last is 0, and a value.
fn rows() -> Dataset {
    let feature = |i: usize| if i % 3 == 2 { 0.0 } else { ((i * 37 % 101) as f32 - 50.0) / 50.0 };
    let features = Features::F32 { width: 3, data: (0..3 * ROWS).map(feature).collect() };
    let data = (0..ROWS).map(|i| (i % 7) as f32).collect();
    Dataset::new("rows", features, Targets::Values { names: vec!["y".into()], data }).expect("rows")
}

fn set(data: &mut Dataset, row: usize, feature: usize, value: f32) {
    let Features::F32 { width, data } = &mut data.features else { unreachable!() };
    data[row * *width + feature] = value;
}

fn model() -> Sequential {
    Sequential::new(3).linear(5).relu().linear(4).relu().linear(1)
}

/// The step that a row is in, by the order of the first epoch.
fn step_of(row: usize, seed: u64) -> u64 {
    let order = Permutation::new(stream_key(seed, Purpose::Shuffle, 0), 1, ROWS as u32);
    ((0..ROWS).find(|&i| order.at(i as u32) as usize == row).expect("a place") / BATCH) as u64
}

fn diverged(mut trainer: Trainer, data: &Split) -> Divergence {
    match trainer.fit_blocking(data) {
        Err(Error::Diverged(divergence)) => *divergence,
        other => panic!("{other:?}"),
    }
}

/// A run with its bad number in `row`, in one of five ways; what is to be said of it.
fn poisoned(way: usize, row: usize, seed: u64, device: &Device) {
    let (mut train, mut test) = (rows(), rows());
    let with = |model: Sequential| {
        let optimizer = if seed.is_multiple_of(2) {
            Adam::new(1e-3).into()
        } else {
            anygrad::optim::Optimizer::from(Sgd::new(1e-4))
        };
        Trainer::new(model, Loss::mean_squared_error(), optimizer)
            .batch_size(BATCH)
            .epochs(3)
            .seed(seed)
            .on(device.clone())
    };
    // Weights of the first layer that no learning rate here takes below 1.
    let mut tensors = model().initialize(seed).expect("values");
    tensors[0].data.fill(2.0);
    let mut trainer = with(model()).initial(tensors.clone());
    let place = |text: &str| text.to_string();
    let (tensor, layer, step, part, one_row) = match way {
        // A feature beyond all: the first product overflows.
        0 => {
            (0..3).for_each(|feature| set(&mut train, row, feature, 3.0e38));
            (place("output of `0.matmul`"), Some("0"), step_of(row, seed), "training", true)
        }
        // A feature that only the weights of the second layer make too large.
        1 => {
            tensors[0].data.chunks_mut(3).for_each(|to| to[2] = 1e20);
            tensors[2].data.fill(2.0);
            set(&mut train, row, 2, 1e18);
            trainer = trainer.initial(tensors);
            (place("output of `2.matmul`"), Some("2"), step_of(row, seed), "training", true)
        }
        // A target whose square is no number.
        2 => {
            let Targets::Values { data, .. } = &mut train.targets else { unreachable!() };
            data[row] = 1e30;
            (place("output of `loss.pointwise_loss`"), None, step_of(row, seed), "training", true)
        }
        // A row that is only evaluated.
        3 => {
            (0..3).for_each(|feature| set(&mut test, row, feature, 3.0e38));
            (place("output of `0.matmul`"), Some("0"), STEPS as u64, "test", true)
        }
        // A learning rate that no weight survives.
        _ => {
            let Targets::Values { data, .. } = &mut train.targets else { unreachable!() };
            data.iter_mut().for_each(|y| *y += 1000.0);
            let at = (row % 20) as u64;
            let model = Sequential::new(3).linear(1);
            let sgd = Sgd::new(1e-5);
            trainer = Trainer::new(model, Loss::mean_squared_error(), sgd)
                .batch_size(BATCH)
                .epochs(3)
                .seed(seed)
                .on(device.clone())
                .learning_rate(move |now| if now.step == at { 3e38 } else { 1e-5 });
            (place("parameter `0.weight`"), Some("0"), at, "training", false)
        }
    };
    let found = diverged(trainer, &Split { train, test, validation: None, decisions: Vec::new() });
    let context = format!("way {way}, row {row}, seed {seed}: {found}");
    assert_eq!(found.tensor, tensor, "{context}");
    assert_eq!(found.layer.as_deref(), layer, "{context}");
    assert_eq!((found.step, found.part), (step, part), "{context}");
    assert!(found.rows.contains(&row) || !one_row, "{context}");
    assert_eq!(found.rows.len(), if one_row { 1 } else { found.batch }, "{context}");
    assert!(!found.value.is_finite(), "{context}");
    match way {
        0 | 3 => {
            assert!(found.cause.starts_with("feature") && found.cause.contains(&format!("of row {row} ")), "{context}")
        }
        1 => assert!(found.cause.starts_with(&format!("feature `x2` of row {row} ")), "{context}"),
        2 => assert!(found.cause.starts_with(&format!("target of row {row} ")), "{context}"),
        _ => assert!(found.cause.contains("lower the learning rate of 3e38"), "{context}"),
    }
}

#[test]
fn bad_numbers_are_named_by_layer_tensor_step_and_row() {
    let runs = (0..200).map(|i| poisoned(i % 5, i * 17 % ROWS, i as u64 / 5, &Device::Cpu));
    common::report_comparisons("divergence_cpu", runs.count());
}

#[test]
fn bad_numbers_are_named_on_the_gpu() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    let device = Device::Gpu(gpu);
    let runs = (0..25).map(|i| poisoned(i % 5, i * 23 % ROWS, i as u64 / 5, &device));
    common::report_comparisons("divergence_gpu", runs.count());
}

/// A run that may go back saves ends of epochs; one that is stopped in its first epoch, its beginning.
#[test]
fn a_run_that_may_go_back_can_be_stopped_in_its_first_epoch() {
    let data = Split { train: rows(), test: rows(), validation: None, decisions: Vec::new() };
    let trainer = || {
        let trainer = Trainer::new(model(), Loss::mean_squared_error(), Adam::new(1e-3)).batch_size(BATCH).epochs(2);
        trainer.on_divergence(OnDivergence::Rollback)
    };
    let mut whole = trainer();
    whole.fit_blocking(&data).expect("a run");
    let kept = Arc::new(Mutex::new(None));
    let keeps = kept.clone();
    let save = move |snapshot: &Snapshot| *keeps.lock().expect("no panic") = Some(snapshot.clone());
    let stop = Arc::new(AtomicBool::new(true));
    let mut stopped = trainer().checkpoints(Every::Epochs(100), save).stop_when(stop);
    assert!(stopped.fit_blocking(&data).expect("a part of a run").is_interrupted);
    let snapshot = kept.lock().expect("no panic").take().expect("a snapshot");
    let mut resumed = trainer().resume(snapshot);
    resumed.fit_blocking(&data).expect("the rest of the run");
    assert_eq!(resumed.model().expect("a model").weights_hash(), whole.model().expect("a model").weights_hash());
}

/// The last whole epoch is what a run leaves, and what it goes on from where it may.
#[test]
fn a_run_leaves_its_last_good_epoch_or_goes_back_to_it() {
    let data = Split { train: rows(), test: rows(), validation: None, decisions: Vec::new() };
    let bad = 2 * STEPS as u64 + 3;
    let trainer = || {
        let trainer = Trainer::new(model(), Loss::mean_squared_error(), Sgd::new(1e-3)).batch_size(BATCH).epochs(4);
        // Half of it is a number that the run survives.
        trainer.learning_rate(move |at| if at.step == bad && at.initial > 6e-4 { 3e38 } else { at.initial })
    };
    let mut two = Trainer::new(model(), Loss::mean_squared_error(), Sgd::new(1e-3)).batch_size(BATCH).epochs(2);
    two = two.learning_rate(|at| at.initial);
    two.fit_blocking(&data).expect("a run");
    let two = two.model().expect("a model").weights_hash();

    let mut stops = trainer();
    let error = stops.fit_blocking(&data).expect_err("numbers go bad");
    assert!(error.to_string().starts_with("training diverged: the "), "{error}");
    let left = stops.model().expect("the model of the last good epoch");
    assert_eq!((left.weights_hash(), left.metrics["epoch"].as_u64()), (two.clone(), Some(2)));

    let events = Arc::new(Mutex::new(Vec::new()));
    let noted = events.clone();
    let mut goes_on = trainer().on_divergence(OnDivergence::Rollback).hash_weights(true).observe(move |event| {
        noted.lock().expect("no panic").push(event.clone());
    });
    let history = goes_on.fit_blocking(&data).expect("the whole run");
    assert_eq!((history.epochs.len(), history.rollbacks), (4, 1));
    assert_eq!(history.epochs[1].weights_hash.as_ref(), Some(&two));
    assert_eq!(history.epochs.last().expect("a report").learning_rate, 5e-4);
    let events = events.lock().expect("no panic");
    let epochs =
        events.iter().filter_map(|event| if let Event::Epoch(report) = event { Some(report.epoch) } else { None });
    assert_eq!(epochs.collect::<Vec<_>>(), [1, 2, 3, 4], "each is told of once");
    assert!(events.iter().any(|event| matches!(event, Event::RolledBack { epoch: 2, .. })));
}
