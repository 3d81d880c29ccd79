//! What training options do to a run: on real data, and in expectation.

mod common;

use anygrad::backend::Device;
use anygrad::backend::cpu::CpuExecutor;
use anygrad::data::{Dataset, Features, Targets, digits};
use anygrad::graph::{DType, Graph, Role};
use anygrad::kernel::{Clock, Target};
use anygrad::nn::{DropoutLayer, DropoutMode, Loss, ModelTensors, Module, Pass, Sequential};
use anygrad::optim::{Adam, Sgd};
use anygrad::plan::{PhaseId, Plan};
use anygrad::train::{EarlyStopping, Flow, Trainer};

fn devices() -> Vec<Device> {
    [Some(Device::Cpu), common::gpu().map(Device::Gpu)].into_iter().flatten().collect()
}

#[test]
fn the_digits_are_learnt_on_every_device() {
    let data = digits().expect("digits").split(0.2, 0).expect("a split");
    for device in devices() {
        let model = Sequential::new(64).linear(48).relu().dropout(0.1).linear(10);
        let mut trainer = Trainer::new(model, Loss::cross_entropy(), Adam::new(0.005)).epochs(15).on(device);
        let history = trainer.fit_blocking(&data).expect("training");
        let last = history.last().expect("epochs");
        assert!(last.test_accuracy.expect("an accuracy") > 0.95, "{last:?}");
        let evaluation = trainer.evaluate_blocking(&data.test).expect("an evaluation");
        assert!((evaluation.loss - last.test_loss.expect("a loss")).abs() < 1e-4);
    }
}

/// Behind the training rows of the order stand rows that are only evaluated: no batch may look at them, whatever its
/// size and the number of lanes that a kernel takes at a time.
#[test]
fn more_rows_may_be_held_out_than_train() {
    for (rows, batch) in [(3, 2), (5, 5), (17, 16), (20, 3), (33, 32)] {
        let of = |rows: usize| {
            let features = Features::F32 { width: 2, data: (0..2 * rows).map(|i| (i % 7) as f32).collect() };
            let (name, classes) = ("class".to_string(), vec!["a".to_string(), "b".to_string()]);
            let data = (0..rows).map(|row| (row % 2) as u32).collect();
            Dataset::new("rows", features, Targets::Labels { name, classes, data }).expect("rows")
        };
        let (train, held_out) = (of(rows), of(4 * rows));
        for device in devices() {
            let model = Sequential::new(2).linear(3).relu().linear(2);
            let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).batch_size(batch).epochs(3);
            let history = pollster::block_on(trainer.on(device).fit_rows(&train, Some(&held_out)));
            assert_eq!(history.expect("training").epochs.len(), 3, "{rows} rows in batches of {batch}");
        }
    }
}

#[test]
fn l2_shrinks_weights_and_its_penalty_is_reported_apart() {
    let data = digits().expect("digits").split(0.2, 0).expect("a split");
    let run = |l2: f32| {
        let model = Sequential::new(64).linear(32).tanh().linear(10);
        let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).epochs(10).l2(l2);
        let history = trainer.fit_blocking(&data).expect("training");
        let weights = &trainer.model().expect("a model").tensors;
        let squares: f64 =
            weights.iter().filter(|t| t.shape.len() == 2).flat_map(|t| &t.data).map(|&w| f64::from(w).powi(2)).sum();
        (squares, history.last().expect("epochs").train_penalty)
    };
    let (free, none) = run(0.0);
    let (shrunk, penalty) = run(0.01);
    assert!(shrunk < 0.75 * free, "{shrunk} against {free}");
    assert_eq!(none, None);
    // The mean over the last epoch, in which the weights moved little.
    let penalty = penalty.expect("a penalty");
    assert!((penalty - 0.01 * shrunk).abs() < 0.1 * penalty, "{penalty} for {shrunk}");
}

/// The mean of many masks, and what the layer does in use.
fn in_expectation(mode: DropoutMode) -> (Vec<f64>, Vec<f64>) {
    let layer = DropoutLayer { rate: 0.3, mode };
    let input: Vec<f64> = (1..=8).map(f64::from).collect();
    let forward = |training: bool| {
        let mut graph = Graph::new();
        let x = graph.declare("x", [1, 8], DType::F32, Role::Input);
        graph.begin_phase("run");
        let y = layer.forward(&mut Pass::new(&mut graph, &ModelTensors::default(), training, 1), x).expect("a layer");
        if y != x {
            graph.set_role(y, Role::Output);
        }
        let plan = Plan::new(graph, &Target::DOWNLEVEL).expect("a plan");
        let mut executor = CpuExecutor::<f64>::new(plan).expect("memory");
        executor.write(x, &input).expect("an input");
        (executor, y)
    };
    let (mut training, y) = forward(true);
    let steps = 20_000;
    let mut mean = vec![0.0; 8];
    for step in 0..steps {
        training.run(PhaseId::FIRST, &Clock { step, ..Clock::default() });
        for (mean, y) in mean.iter_mut().zip(training.read(y).expect("an output")) {
            *mean += y / f64::from(steps);
        }
    }
    let (mut in_use, y) = forward(false);
    in_use.run(PhaseId::FIRST, &Clock::default());
    (mean, in_use.read(y).expect("an output"))
}

#[test]
fn dropout_in_training_equals_use_in_expectation() {
    for (mode, factor) in [(DropoutMode::Inverted, 1.0), (DropoutMode::Vanilla, 0.7)] {
        let (mean, in_use) = in_expectation(mode);
        for (i, (mean, in_use)) in mean.iter().zip(in_use).enumerate() {
            let x = (i + 1) as f64;
            assert!((in_use - factor * x).abs() < 1e-6 * x, "{mode:?}: {in_use} for {x}");
            // Four deviations of the mean of 20,000 masks.
            assert!((mean - in_use).abs() < 0.02 * x, "{mode:?}: mean {mean}, in use {in_use}");
        }
    }
}

#[test]
fn early_stopping_keeps_the_best_weights() {
    let data = digits().expect("digits").split(0.2, 0).expect("a split").with_validation(0.4, 0).expect("a split");
    for device in devices() {
        let model = Sequential::new(64).linear(64).relu().linear(10);
        let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.3).momentum(0.9))
            .epochs(300)
            .early_stopping(EarlyStopping::patience(4))
            .on(device);
        let history = trainer.fit_blocking(&data).expect("training");
        let losses: Vec<f64> = history.epochs.iter().filter_map(|epoch| epoch.validation_loss).collect();
        let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(losses.len() < 300 && losses[losses.len() - 1] > lowest, "{} epochs", losses.len());
        assert_eq!(history.of_model().expect("an epoch").validation_loss, Some(lowest));
        assert!(history.stopped_early && history.model_epoch as usize + 4 == losses.len());
        let rows = data.validation.as_ref().expect("rows");
        let evaluation = trainer.evaluate_blocking(rows).expect("an evaluation");
        assert!((evaluation.loss - lowest).abs() < 1e-4, "{} against {lowest}", evaluation.loss);
    }
    // Unless the last ones are asked for.
    let model = Sequential::new(64).linear(64).relu().linear(10);
    let rule = EarlyStopping { restore_best: false, ..EarlyStopping::patience(4) };
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.3).momentum(0.9));
    let history = trainer.epochs(300).early_stopping(rule).fit_blocking(&data).expect("training");
    assert!(history.stopped_early && history.model_epoch as usize == history.epochs.len());
}

#[test]
fn a_callback_stops_training() {
    let data = digits().expect("digits").split(0.2, 0).expect("a split");
    let model = Sequential::new(64).linear(10);
    let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1))
        .epochs(50)
        .on_epoch(|report| if report.epoch == 3 { Flow::Stop } else { Flow::Continue });
    assert_eq!(trainer.fit_blocking(&data).expect("training").epochs.len(), 3);
}

#[test]
fn the_perceptron_learns_and_and_fails_at_xor() {
    let learn = |labels: [u32; 4]| {
        let inputs = vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
        let targets =
            Targets::Labels { name: "y".into(), classes: vec!["0".into(), "1".into()], data: labels.to_vec() };
        let data = Dataset::new("gate", Features::F32 { width: 2, data: inputs }, targets).expect("valid data");
        let model = Sequential::new(2)
            .layer(anygrad::nn::Linear { init: anygrad::nn::Init::Zeros, ..anygrad::nn::Linear::new(2) });
        let mut trainer = Trainer::new(model, Loss::perceptron(), Sgd::new(1.0)).batch_size(1).epochs(20);
        pollster::block_on(trainer.fit_rows(&data, None)).expect("training");
        trainer.evaluate_blocking(&data).expect("an evaluation").accuracy.expect("an accuracy")
    };
    assert_eq!(learn([0, 0, 0, 1]), 1.0);
    assert!(learn([0, 1, 1, 0]) < 1.0);
}

#[test]
fn data_that_does_not_fit_is_refused() {
    let data = digits().expect("digits").split(0.2, 0).expect("a split");
    let cases = [
        (Sequential::new(63).linear(10), Loss::cross_entropy(), "63"),
        (Sequential::new(64).linear(9), Loss::cross_entropy(), "10 outputs"),
        (Sequential::new(64).linear(10), Loss::mean_squared_error(), "class labels"),
        (Sequential::new(64).linear(1), Loss::binary_cross_entropy(), "2 classes"),
    ];
    for (model, loss, part) in cases {
        let error = Trainer::new(model, loss, Sgd::new(0.1)).fit_blocking(&data).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// The last step can spoil weights without a loss that shows it.
#[test]
fn weights_that_are_no_numbers_are_no_model() {
    let data = anygrad::data::moons(60, 0.1, 0).expect("moons").split(0.2, 0).expect("a split");
    let model = || Sequential::new(2).linear(8).relu().linear(2);
    for rate in [1e38, 3e38] {
        let mut trainer = Trainer::new(model(), Loss::cross_entropy().sum(), Sgd::new(rate)).epochs(1).full_batch();
        let initial = model().initialize(0).expect("weights").into_iter().map(|tensor| {
            let data = tensor.data.iter().map(|x| 30.0 * x).collect();
            anygrad::model::Tensor { data, ..tensor }
        });
        trainer = trainer.initial(initial.collect());
        let error = trainer.fit_rows_blocking(&data.train, None).expect_err("no model").to_string();
        assert!(error.contains("weight") || error.contains("bias"), "{error}");
        assert!(trainer.model().is_err());
    }
}

/// What one full-batch step of plain descent at rate 1 changes: minus the gradient that it goes by.
fn step_of(change: impl FnOnce(Trainer) -> Trainer) -> Vec<f64> {
    let data = anygrad::data::moons(60, 0.1, 0).expect("moons");
    let model = Sequential::new(2).linear(5).tanh().linear(3).tanh().linear(2);
    let before = model.initialize(0).expect("weights");
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(1.0)).epochs(1).full_batch();
    let mut trainer = change(trainer);
    trainer.fit_rows_blocking(&data, None).expect("a step");
    let after = &trainer.model().expect("a model").tensors;
    let pairs = before.iter().zip(after).flat_map(|(before, after)| before.data.iter().zip(&after.data));
    pairs.map(|(before, after)| f64::from(*after) - f64::from(*before)).collect()
}

#[test]
fn gradients_are_limited_together_and_in_their_unit() {
    let norm = |step: &[f64]| step.iter().map(|x| x * x).sum::<f64>().sqrt();
    let whole = step_of(|trainer| trainer);
    assert!(norm(&whole) > 0.2, "{}", norm(&whole));
    let short = step_of(|trainer| trainer.max_grad_norm(0.1));
    // The length of all gradients together, in the same direction.
    assert!((norm(&short) - 0.1).abs() < 1e-5, "{}", norm(&short));
    let factor = 0.1 / norm(&whole);
    assert!(short.iter().zip(&whole).all(|(short, whole)| (short - factor * whole).abs() < 1e-5));
    // What is short already stays as it is.
    assert_eq!(step_of(|trainer| trainer.max_grad_norm(100.0)), whole);
    let clipped = step_of(|trainer| trainer.max_grad_value(0.01));
    assert!(clipped.iter().zip(&whole).all(|(clipped, whole)| (clipped - whole.clamp(-0.01, 0.01)).abs() < 1e-6));
}

#[test]
fn every_weight_is_penalized_and_no_bias() {
    let (plain, weights) = (step_of(|trainer| trainer), [10, 15, 6]);
    let initial = Sequential::new(2).linear(5).tanh().linear(3).tanh().linear(2).initialize(0).expect("weights");
    let initial: Vec<f64> = initial.iter().flat_map(|tensor| tensor.data.iter().map(|x| f64::from(*x))).collect();
    // Each layer's weight, then its bias.
    let is_weight = [(weights[0], 5), (weights[1], 3), (weights[2], 2)];
    let is_weight: Vec<bool> =
        is_weight.iter().flat_map(|&(weight, bias)| [vec![true; weight], vec![false; bias]].concat()).collect();
    for (l1, l2) in [(0.01, 0.0), (0.0, 0.02), (0.01, 0.02)] {
        let step = step_of(|trainer| trainer.l1(l1 as f32).l2(l2 as f32));
        for (i, (step, plain)) in step.iter().zip(&plain).enumerate() {
            let penalty = if is_weight[i] { l1 * initial[i].signum() + 2.0 * l2 * initial[i] } else { 0.0 };
            assert!(
                (step - (plain - penalty)).abs() < 1e-5,
                "l1 {l1}, l2 {l2}, number {i}: {step}, {plain}, {penalty}"
            );
        }
    }
}
