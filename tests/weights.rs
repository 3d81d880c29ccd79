//! Weights of rows: a row of weight k counts as k equal rows, a row of weight 0 not at all; what a run reports does not
//! depend on the size of batches, and is what an evaluation says; metrics are scikit-learn's with `sample_weight`.

mod common;

use anygrad::backend::Device;
use anygrad::data::{Dataset, Features, Split, Targets};
use anygrad::kernel::{Profile, Target};
use anygrad::nn::{ClassWeights, Loss, Reduction, Sequential, Tensor};
use anygrad::ops::divide::Divide;
use anygrad::optim::Sgd;
use anygrad::plan::Plan;
use anygrad::teach::Stage;
use anygrad::train::{History, Trainer};
use common::{Case, Data};
use pollster::block_on;

fn devices() -> Vec<Device> {
    [Some(Device::Cpu), common::gpu().map(Device::Gpu)].into_iter().flatten().collect()
}

/// Rows of five features, of one of these kinds of target.
fn rows(count: usize, kind: &str) -> Dataset {
    let mut stream = common::stream(5);
    let features = Features::F32 { width: 5, data: (0..5 * count).map(|_| stream.next_unit() - 0.5).collect() };
    let mut labels =
        |classes: usize| -> Vec<u32> { (0..count).map(|_| (stream.next_unit() * classes as f32) as u32).collect() };
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let targets = match kind {
        "classes" => Targets::Labels { name: "y".into(), classes: names(&["a", "b", "c"]), data: labels(3) },
        "binary" => Targets::Labels { name: "y".into(), classes: names(&["no", "yes"]), data: labels(2) },
        _ => {
            // Also probabilities, and some far off for losses that are linear there.
            let values = (0..2 * count).map(|_| stream.next_unit() * if kind == "values" { 4.0 } else { 1.0 });
            Targets::Values { names: names(&["p", "q"]), data: values.collect() }
        }
    };
    Dataset::new(kind, features, targets).expect("a dataset")
}

/// Every loss, with every kind of target that it takes.
fn losses() -> Vec<(Loss, &'static str)> {
    let kinds = |loss: &Loss| match (loss.name(), loss.takes_labels()) {
        ("binary_cross_entropy", _) => vec!["binary", "labels"],
        (_, true) => vec!["classes"],
        (_, false) => vec!["values"],
    };
    let mut losses: Vec<Loss> = Loss::all().collect();
    losses.push(Loss::cross_entropy().label_smoothing(0.2));
    losses.push(Loss::cross_entropy().class_weights(ClassWeights::Balanced));
    losses.push(Loss::hinge(1.0).class_weights(ClassWeights::Given(vec![0.5, 1.0, 3.0])));
    let both = losses.into_iter().flat_map(|loss| [loss.clone(), loss.sum()]);
    both.flat_map(|loss| kinds(&loss).into_iter().map(move |kind| (loss.clone(), kind))).collect()
}

fn trainer(loss: &Loss, data: &Dataset, device: &Device) -> Trainer {
    let model = Sequential::new(5).linear(6).tanh().linear(loss.outputs(&data.targets));
    // A sum over rows is longer than their mean.
    let rate = if loss.reduction == Reduction::Sum { 0.002 } else { 0.05 };
    Trainer::new(model, loss.clone(), Sgd::new(rate).momentum(0.5)).shuffle(false).on(device.clone())
}

fn fit(mut trainer: Trainer, train: &Dataset, test: Option<&Dataset>) -> (History, Vec<Tensor>) {
    let history = block_on(trainer.fit_rows(train, test)).expect("training");
    (history, trainer.model().expect("a model").tensors.clone())
}

fn close(got: f64, expected: f64, what: &str) {
    assert!((got - expected).abs() <= 5e-6 * (1.0 + expected.abs()), "{what}: {got}, expected {expected}");
}

fn same(got: &[Tensor], expected: &[Tensor], what: &str) -> usize {
    for (got, expected) in got.iter().zip(expected) {
        for (got, expected) in got.data.iter().zip(&expected.data) {
            close(f64::from(*got), f64::from(*expected), what);
        }
    }
    got.iter().map(|tensor| tensor.data.len()).sum()
}

#[test]
fn a_row_of_weight_k_trains_as_k_equal_rows() {
    let mut compared = 0;
    for (loss, kind) in losses() {
        let data = rows(13, kind);
        let counts: Vec<usize> = (0..13).map(|row| row % 4).collect();
        let repeated = data.select(&(0..13).flat_map(|row| vec![row; counts[row]]).collect::<Vec<_>>());
        let weighted = data.with_weights(counts.iter().map(|&k| k as f32).collect()).expect("weights");
        for device in devices() {
            let what = format!("{loss:?} of {kind} on {}", device.name());
            let run = |data: &Dataset| fit(trainer(&loss, data, &device).full_batch().epochs(12), data, Some(data));
            let ((got, tensors), (expected, repeated_tensors)) = (run(&weighted), run(&repeated));
            for (got, expected) in got.epochs.iter().zip(&expected.epochs) {
                close(got.train_loss, expected.train_loss, &what);
                close(got.test_loss.expect("a loss"), expected.test_loss.expect("a loss"), &what);
                assert_eq!(got.train_accuracy.is_some(), kind == "classes" || kind == "binary", "{what}");
                close(got.train_accuracy.unwrap_or(0.0), expected.train_accuracy.unwrap_or(0.0), &what);
                close(got.test_accuracy.unwrap_or(0.0), expected.test_accuracy.unwrap_or(0.0), &what);
                compared += 4;
            }
            compared += same(&tensors, &repeated_tensors, &what);
        }
    }
    common::report_comparisons("weights_as_repetitions", compared);
}

#[test]
fn a_batch_without_weight_has_loss_0_and_changes_nothing() {
    let mut compared = 0;
    for (loss, kind) in losses() {
        let data = rows(16, kind);
        let weights = (0..16).map(|row| if row < 8 { 0.5 + row as f32 } else { 0.0 }).collect();
        let weighted = data.with_weights(weights).expect("weights");
        let first = weighted.select(&[0, 1, 2, 3, 4, 5, 6, 7]);
        for device in devices() {
            for fuse in [true, false] {
                let what = format!("{loss:?} of {kind} on {}, fused: {fuse}", device.name());
                let model = Sequential::new(5).linear(6).tanh().linear(loss.outputs(&weighted.targets));
                let new = || {
                    let trainer = Trainer::new(model.clone(), loss.clone(), Sgd::new(0.05));
                    trainer.shuffle(false).batch_size(8).epochs(1).fuse(fuse).on(device.clone())
                };
                let (history, tensors) = fit(new(), &weighted, None);
                assert_eq!(history.step_losses[1], 0.0, "{what}");
                let (alone, expected) = fit(new(), &first, None);
                assert!(tensors == expected, "{what}: {tensors:?}, expected {expected:?}");
                close(history.epochs[0].train_loss, alone.epochs[0].train_loss, &what);
                assert_eq!(history.epochs[0].train_accuracy, alone.epochs[0].train_accuracy, "{what}");
                compared += tensors.iter().map(|tensor| tensor.data.len()).sum::<usize>();
            }
        }
    }
    common::report_comparisons("weights_of_nothing", compared);
}

#[test]
fn a_quotient_by_0_is_0() {
    let case = Case::new(Divide, [common::f([4]), common::f([4])]);
    let inputs = [vec![1.0, 0.0, -3.0, 2.0], vec![0.0, 0.0, -0.0, 4.0]].map(Data::Float);
    let twin = common::twins::Twin::new(&case, &inputs);
    twin.compare_cpu();
    let on_gpu = common::gpu().map(|device| twin.compare(&device, &case.op.spec().variants[0]));
    assert!(on_gpu.is_none_or(|compared| compared == 3));
}

/// A rate at which nothing is learnt.
const STILL: f32 = 1e-30;

/// What a run reports of weights that stay as they are is what an evaluation says, whatever the size of batches.
#[test]
fn reports_do_not_depend_on_batches_and_agree_with_evaluations() {
    let mut compared = 0;
    for (loss, kind) in losses() {
        for weighted in [false, true] {
            let mut data = rows(70, kind);
            if weighted {
                data = data.with_weights((0..70).map(|row| (row % 5) as f32 * 0.75).collect()).expect("weights");
            }
            let part = |rows: std::ops::Range<usize>| data.select(&rows.collect::<Vec<_>>());
            let (train, test) = (part(0..50), part(50..70));
            for device in devices() {
                let new = |batch, fuse| {
                    let model = Sequential::new(5).linear(6).tanh().linear(loss.outputs(&data.targets));
                    let trainer = Trainer::new(model, loss.clone(), Sgd::new(STILL)).epochs(1).seed(2);
                    trainer.batch_size(batch).fuse(fuse).on(device.clone())
                };
                let batches: &[(usize, bool)] = match device {
                    Device::Cpu => &[(8, true), (32, true), (32, false), (50, true)],
                    // Each of them compiles its kernels.
                    Device::Gpu(_) => &[(8, true), (32, false)],
                };
                for &(batch, fuse) in batches {
                    let mut trainer = new(batch, fuse);
                    let history = block_on(trainer.fit_rows(&train, Some(&test))).expect("training");
                    let report = &history.epochs[0];
                    let what = format!("{loss:?} of {kind}, weighted: {weighted}, batches of {batch}, fused: {fuse}");
                    let evaluations =
                        [&train, &test].map(|rows| block_on(trainer.evaluate(rows)).expect("an evaluation"));
                    let reported = [
                        (report.train_loss, report.train_accuracy),
                        (report.test_loss.expect("a loss"), report.test_accuracy),
                    ];
                    for ((got, accuracy), evaluation) in reported.into_iter().zip(&evaluations) {
                        close(got, evaluation.loss, &what);
                        if let Some(accuracy) = accuracy {
                            close(accuracy, evaluation.accuracy.expect("an accuracy"), &what);
                        }
                        compared += 2;
                    }
                    if batch == 50 {
                        close(f64::from(history.step_losses[0]), report.train_loss, &what);
                    }
                }
            }
        }
    }
    common::report_comparisons("weights_reported", compared);
}

/// Test rows of a weighted run may have none, and the other way round.
#[test]
fn weights_of_training_and_of_test_rows_are_apart() {
    let data = rows(40, "classes");
    let weighted = data.clone().with_weights((0..40).map(|row| row as f32).collect()).expect("weights");
    for (train, test) in [(&weighted, &data), (&data, &weighted)] {
        let mut trainer = trainer(&Loss::cross_entropy(), train, &Device::Cpu).batch_size(16).epochs(2);
        let history = block_on(trainer.fit_rows(train, Some(test))).expect("training");
        let evaluation = block_on(trainer.evaluate(test)).expect("an evaluation");
        let last = history.last().expect("an epoch");
        close(last.test_loss.expect("a loss"), evaluation.loss, "loss");
        close(last.test_accuracy.expect("an accuracy"), evaluation.accuracy.expect("an accuracy"), "accuracy");
    }
}

/// A model that puts out its inputs.
fn identity(loss: Loss, data: &Dataset) -> Trainer {
    let width = data.features.width();
    let model = Sequential::new(width).linear(width);
    let mut initial = model.initialize(0).expect("a model");
    initial[0].data = (0..width * width).map(|i| f32::from(i / width == i % width)).collect();
    initial[1].data = vec![0.0; width];
    let mut trainer = Trainer::new(model, loss, Sgd::new(0.1)).initial(initial).epochs(0);
    block_on(trainer.fit_rows(data, None)).expect("a model");
    trainer
}

fn exactly(got: Option<f64>, expected: f64, what: &str) {
    assert!((got.expect(what) - expected).abs() < 1e-12, "{what}: {got:?}, expected {expected}");
}

/// By scikit-learn 1.9.1, each with `sample_weight`: accuracy_score, top_k_accuracy_score (k = 2), confusion_matrix,
/// precision_recall_fscore_support, precision_score, recall_score and f1_score with average="macro", log_loss.
#[test]
fn metrics_of_classes_are_those_of_scikit_learn() {
    let logits = [
        [2.0, 1.0, 0.0],
        [1.0, 2.0, 0.0],
        [1.0, 2.0, 0.0],
        [0.0, 2.0, 1.0],
        [2.0, 0.0, 1.0],
        [1.0, 0.0, 2.0],
        [1.0, 2.0, 0.0],
        [2.5, -1.0, 0.5],
    ];
    let classes = ["a", "b", "c"].map(String::from).to_vec();
    let targets = Targets::Labels { name: "y".into(), classes, data: vec![0, 0, 1, 1, 2, 2, 2, 0] };
    let data = Dataset::new("logits", Features::F32 { width: 3, data: logits.concat() }, targets).expect("a dataset");
    let data = data.with_weights(vec![0.5, 2.0, 1.0, 0.25, 3.0, 1.5, 0.0, 1.0]).expect("weights");
    let trainer = identity(Loss::cross_entropy(), &data);
    let model = trainer.model().expect("a model");
    let evaluation = block_on(model.evaluate_top_k(&data, 2, &Device::Cpu)).expect("an evaluation");
    exactly(evaluation.accuracy, 0.4594594594594595, "accuracy");
    exactly(evaluation.top_k.map(|top| top.accuracy), 1.0, "top 2");
    exactly(Some(evaluation.loss), 0.9206408014906405, "loss");
    let sums = [[1.5, 2.0, 0.0], [0.0, 1.25, 0.0], [3.0, 0.0, 1.5]];
    assert_eq!(evaluation.weighted_confusion.expect("sums"), sums);
    assert_eq!(evaluation.confusion.expect("rows"), [[2, 1, 0], [0, 2, 0], [1, 1, 1]]);
    let expected = [
        (0.3333333333333333, 0.42857142857142855, 0.375),
        (0.38461538461538464, 1.0, 0.5555555555555556),
        (1.0, 0.3333333333333333, 0.5),
    ];
    for (class, (precision, recall, f1)) in evaluation.per_class.expect("classes").iter().zip(expected) {
        exactly(Some(class.precision), precision, &class.class);
        exactly(Some(class.recall), recall, &class.class);
        exactly(Some(class.f1), f1, &class.class);
    }
    exactly(evaluation.macro_precision, 0.5726495726495727, "precision");
    exactly(evaluation.macro_recall, 0.5873015873015873, "recall");
    exactly(evaluation.macro_f1, 0.47685185185185186, "F1");
}

/// As above; the accuracy is numpy.average of the share of right labels in a row, the loss that of the mean of a row's
/// binary cross-entropies.
#[test]
fn metrics_of_several_labels_are_those_of_scikit_learn() {
    let features = Features::F32 { width: 2, data: vec![1.0, -1.0, 1.0, 2.0, -1.0, -1.0] };
    let targets = Targets::Values { names: vec!["p".into(), "q".into()], data: vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0] };
    let data = Dataset::new("logits", features, targets).expect("a dataset");
    let data = data.with_weights(vec![1.0, 2.0, 0.5]).expect("weights");
    let evaluation = identity(Loss::binary_cross_entropy(), &data).evaluate_blocking(&data).expect("an evaluation");
    exactly(evaluation.accuracy, 0.6428571428571429, "accuracy");
    exactly(Some(evaluation.loss), 0.617166351382437, "loss");
    let per_class = evaluation.per_class.expect("targets");
    assert_eq!(per_class.iter().map(|class| class.rows).collect::<Vec<_>>(), [2, 1]);
    exactly(Some(per_class[0].precision), 0.3333333333333333, "precision");
    exactly(Some(per_class[0].recall), 0.6666666666666666, "recall");
    exactly(Some(per_class[0].f1), 0.4444444444444444, "F1");
    exactly(evaluation.macro_precision, 0.6666666666666666, "precision");
    exactly(evaluation.macro_recall, 0.8333333333333333, "recall");
    exactly(evaluation.macro_f1, 0.7222222222222222, "F1");
}

/// By scikit-learn 1.9.1 with `sample_weight`: r2_score, mean_absolute_error, root_mean_squared_error, mean_squared_error.
#[test]
fn figures_of_regression_are_those_of_scikit_learn() {
    let features = Features::F32 { width: 1, data: vec![1.0, 3.0, 5.0, 0.25] };
    let targets = Targets::Values { names: vec!["y".into()], data: vec![1.5, 2.0, 6.5, 0.0] };
    let data = Dataset::new("values", features, targets).expect("a dataset");
    let data = data.with_weights(vec![2.0, 0.5, 1.0, 3.0]).expect("weights");
    let evaluation = identity(Loss::mean_squared_error(), &data).evaluate_blocking(&data).expect("an evaluation");
    exactly(evaluation.r_squared, 0.8918632788868723, "R²");
    exactly(evaluation.mean_absolute_error, 0.5769230769230769, "MAE");
    exactly(evaluation.root_mean_squared_error, 0.7272180923534245, "RMSE");
    exactly(Some(evaluation.loss), 0.5288461538461539, "loss");
}

/// The kernel in the middle of a step on classes knows no weights of rows: it is there without, and not with them.
#[test]
fn the_fused_step_on_classes_is_left_out() {
    let has_step = |data: &Dataset| {
        let program = trainer(&Loss::cross_entropy(), data, &Device::Cpu).program(data, None).expect("a program");
        let target = Target { storage_buffers: 8, profile: &Profile::DISCRETE, ..Target::DOWNLEVEL };
        let plan = Plan::fused(&program.graph, &target).expect("a plan");
        plan.phases().iter().flat_map(|phase| &phase.dispatches).any(|d| d.kernel.name == "classification_step")
    };
    let data = rows(40, "classes");
    assert!(has_step(&data));
    assert!(!has_step(&data.with_weights(vec![1.0; 40]).expect("weights")));
}

#[test]
fn an_explanation_shows_the_weight_where_it_matters() {
    let data = rows(4, "classes").with_weights(vec![0.0, 2.5, 1.0, 1.0]).expect("weights");
    let explain = |loss: Loss, row| trainer(&loss, &data, &Device::Cpu).explain_blocking(&data, row, &Device::Cpu);
    let formulas = |loss: Loss| -> Vec<String> {
        let steps = explain(loss, 1).expect("an explanation").steps;
        steps.into_iter().filter(|step| step.stage == Stage::Loss).map(|step| step.formula).collect()
    };
    let mean = formulas(Loss::cross_entropy());
    assert_eq!(mean, ["L = −log pᵧ, p = softmax(z⁽²⁾)", "δ⁽²⁾ = ∂L/∂z⁽²⁾ = p − y"]);
    let sum = formulas(Loss::cross_entropy().sum());
    let weighted = "L = w·ℓ, with the weight w of the row";
    assert_eq!(sum, ["ℓ = −log pᵧ, p = softmax(z⁽²⁾)", weighted, "δ⁽²⁾ = ∂L/∂z⁽²⁾ = w·(p − y)"]);

    let board = explain(Loss::cross_entropy().sum(), 1).expect("an explanation");
    let number = |symbol: &str| {
        let mut all = board.steps.iter().flat_map(|step| &step.values);
        all.find(|quantity| quantity.symbol == symbol).expect(symbol).values.clone()
    };
    assert_eq!(number("w"), [2.5]);
    close(f64::from(number("L")[0]), 2.5 * f64::from(number("ℓ")[0]), "L");
    let difference = number("p").into_iter().zip(number("y")).map(|(p, y)| f64::from(2.5 * (p - y)));
    number("δ⁽²⁾").into_iter().zip(difference).for_each(|(got, expected)| close(f64::from(got), expected, "δ⁽²⁾"));
    let error = explain(Loss::cross_entropy(), 0).expect_err("a row that does not count").to_string();
    assert!(error.contains("row = 0: the row has the weight 0"), "{error}");
}

/// A part that a split has left without weight is refused, not divided by 0.
#[test]
fn test_rows_without_weight_are_refused() {
    let data = rows(10, "classes").with_weights((0..10).map(|row| f32::from(row < 8u8)).collect()).expect("weights");
    let (train, test) = (data.select(&[0, 1, 2, 3]), data.select(&[8, 9]));
    let split = Split::new(train, test);
    let error = trainer(&Loss::cross_entropy(), &data, &Device::Cpu).fit_blocking(&split).expect_err("no weight");
    assert!(error.to_string().contains("all 2 rows have the weight 0"), "{error}");
}

/// A weighted run takes the bytes and submissions that were forecast, goes on from a snapshot to the same bits, and not on
/// rows with other weights.
#[test]
fn a_weighted_run_is_forecast_and_goes_on_from_a_snapshot() {
    let data = rows(60, "classes");
    let weighted = |first: f32| {
        let weights = (0..60).map(|row| first + row as f32).collect();
        data.clone().with_weights(weights).expect("weights").split(0.25, 1).expect("a split")
    };
    let (split, other) = (weighted(0.5), weighted(0.75));
    let loss = Loss::cross_entropy().class_weights(ClassWeights::Balanced);
    for device in devices() {
        let mut trainer = trainer(&loss, &data, &device).shuffle(true).batch_size(16).epochs(3);
        let forecast = trainer.forecast(&split.train, Some(&split.test)).expect("a forecast");
        let history = trainer.fit_blocking(&split).expect("a fit");
        assert_eq!(forecast.device_bytes(), history.device_bytes, "{}", device.name());
        assert_eq!(forecast.submissions, history.submissions, "{}", device.name());
        let expected = trainer.model().expect("a model").weights_hash();

        let mut session = block_on(trainer.session(&split)).expect("a session");
        block_on(session.run_steps(4)).expect("steps");
        let snapshot = block_on(session.snapshot()).expect("a snapshot");
        let mut session = block_on(trainer.session(&split)).expect("a session");
        block_on(session.restore(&snapshot)).expect("the same run");
        block_on(session.run()).expect("the rest");
        assert_eq!(block_on(trainer.conclude(session)).expect("a model").epochs, history.epochs);
        assert_eq!(trainer.model().expect("a model").weights_hash(), expected, "{}", device.name());
        let mut session = block_on(trainer.session(&other)).expect("a session");
        let error = block_on(session.restore(&snapshot)).expect_err("other weights").to_string();
        assert!(error.contains("other data"), "{error}");
    }
}
