//! Figures of quality equal scikit-learn's: of two and of several classes, of values and labels, of simple models, with
//! and without weights of rows. `golden/quality.py` made `golden/quality.json` with scikit-learn 1.9.1.
//!
//! Bound: both sides compute in f64 from the same numbers; sums of a few hundred terms part by 10⁻¹³. Logistic regression
//! is a minimum that each side reaches in its own way: 10⁻⁸.

use anygrad::data::{Dataset, Features, Targets};
use anygrad::model::Loss;
use anygrad::model::baseline::{Baseline, BaselineFigures};
use anygrad::model::quality::{
    BinaryScores, ClassProbabilities, Criterion, TargetMetrics, target_metrics, uniform_r_squared,
};
use serde_json::Value;

const EXACT: f64 = 1e-12;
const FITTED: f64 = 1e-8;

fn golden(part: &str) -> Value {
    let text = include_str!("golden/quality.json");
    let mut whole: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(whole["scikit_learn"], "1.9.1");
    whole[part].take()
}

/// All numbers of nested lists, row-major.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap_or_else(|| panic!("a number, not {number}"))],
    }
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

fn labels(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|x| x as u32).collect()
}

#[track_caller]
fn close(got: Option<f64>, expected: &Value, bound: f64) {
    let expected = expected.as_f64().expect("a number");
    let got = got.expect("a figure");
    assert!((got - expected).abs() <= bound * expected.abs().max(1.0), "{got}, not {expected}");
}

/// With the name of the figures, the weights that they are of.
fn weightings(case: &Value) -> [(&'static str, Option<Vec<f32>>); 2] {
    [("plain", None), ("weighted", Some(floats(&case["weights"])))]
}

#[test]
fn two_classes_are_ranked_and_judged_as_by_scikit_learn() {
    let case = golden("two_classes");
    let probabilities = numbers(&case["probabilities"]);
    let positive: Vec<bool> = labels(&case["labels"]).iter().map(|&label| label == 1).collect();
    for (name, weights) in weightings(&case) {
        let expected = &case[name];
        let rows = BinaryScores::new(&probabilities, &positive, weights.as_deref()).expect("sound rows");
        close(rows.roc_auc(), &expected["roc_auc"], EXACT);
        close(rows.average_precision(), &expected["average_precision"], EXACT);
        close(rows.log_loss(), &expected["log_loss"], EXACT);
        close(rows.brier(), &expected["brier"], EXACT);
        // Any growing function of the probabilities ranks the same.
        let scores: Vec<f64> = probabilities.iter().map(|p| 7.0 * p - 3.0).collect();
        let scored = BinaryScores::new(&scores, &positive, weights.as_deref()).expect("sound rows");
        close(scored.roc_auc(), &expected["roc_auc"], EXACT);
        assert_eq!((scored.log_loss(), scored.brier()), (None, None), "scores are no probabilities");
    }
}

#[test]
fn a_reliability_table_is_that_of_scikit_learn() {
    let case = golden("two_classes");
    let probabilities = numbers(&case["probabilities"]);
    let positive: Vec<bool> = labels(&case["labels"]).iter().map(|&label| label == 1).collect();
    for (name, weights) in weightings(&case) {
        let expected = &case[name];
        let rows = BinaryScores::new(&probabilities, &positive, weights.as_deref()).expect("sound rows");
        let table = rows.calibration(10).expect("a table");
        let (shares, means) = (numbers(&expected["positive_share"]), numbers(&expected["mean_probability"]));
        assert_eq!(table.bins.len(), shares.len());
        for (bin, (share, mean)) in table.bins.iter().zip(shares.iter().zip(&means)) {
            assert!((bin.positive_share - share).abs() <= EXACT, "{bin:?}: share {share}");
            assert!((bin.mean_probability - mean).abs() <= EXACT, "{bin:?}: mean {mean}");
            assert!(bin.from <= *mean && *mean <= bin.to, "{bin:?}");
        }
        if weights.is_none() {
            let counts: Vec<u64> = table.bins.iter().map(|bin| bin.rows).collect();
            assert_eq!(counts, labels(&expected["bin_rows"]).into_iter().map(u64::from).collect::<Vec<_>>());
            close(Some(table.expected_calibration_error), &expected["expected_calibration_error"], EXACT);
        }
    }
}

#[test]
fn the_best_threshold_reaches_the_best_value_of_all() {
    let case = golden("two_classes");
    let probabilities = numbers(&case["probabilities"]);
    let positive: Vec<bool> = labels(&case["labels"]).iter().map(|&label| label == 1).collect();
    for (name, weights) in weightings(&case) {
        let rows = BinaryScores::new(&probabilities, &positive, weights.as_deref()).expect("sound rows");
        for criterion in ["f1", "accuracy", "balanced_accuracy"] {
            let best = rows.best_threshold(criterion.parse().expect("a criterion")).expect("a threshold");
            close(Some(best.value), &case[name][format!("best_{criterion}")], EXACT);
            // It keeps what it promises.
            if (criterion, name) == ("accuracy", "plain") {
                let pairs = probabilities.iter().zip(&positive);
                let right = pairs.filter(|&(&p, &positive)| (p >= best.threshold) == positive).count();
                assert_eq!(right as f64 / positive.len() as f64, best.value);
            }
        }
    }
    let one_class = BinaryScores::new(&[0.1, 0.9], &[true, true], None).expect("sound rows");
    assert!(one_class.best_threshold(Criterion::F1).is_err());
}

#[test]
fn several_classes_are_judged_as_by_scikit_learn() {
    let case = golden("several_classes");
    let (probabilities, labels) = (numbers(&case["probabilities"]), labels(&case["labels"]));
    for (name, weights) in weightings(&case) {
        let rows = ClassProbabilities::new(&probabilities, 4, &labels, weights.as_deref()).expect("sound rows");
        close(Some(rows.log_loss()), &case[name]["log_loss"], EXACT);
        close(rows.roc_auc(), &case[name]["roc_auc"], EXACT);
    }
}

#[track_caller]
fn compare_targets(got: &[TargetMetrics], mean: Option<f64>, expected: &Value, bound: f64) {
    for (at, target) in got.iter().enumerate() {
        close(target.r_squared, &expected["r_squared"][at], bound);
        for (error, name) in [
            (target.mean_absolute_error, "mean_absolute_error"),
            (target.root_mean_squared_error, "root_mean_squared_error"),
        ] {
            let expected = expected[name][at].as_f64().expect("a number");
            // Relative: the second target is tiny.
            assert!((error / expected - 1.0).abs() <= bound, "{name} {at}: {error}, not {expected}");
        }
    }
    close(mean, &expected["uniform_r_squared"], bound);
}

#[test]
fn each_target_has_the_figures_of_scikit_learn_in_its_own_unit() {
    let case = golden("values");
    let names = ["metres", "grams"].map(String::from);
    let (predicted, actual) = (numbers(&case["predicted"]), numbers(&case["actual"]));
    for (name, weights) in weightings(&case) {
        let got = target_metrics(&names, &predicted, &actual, weights.as_deref());
        // R² of numbers around 10⁻⁵ that differ by 10⁻⁶ loses digits on both sides.
        compare_targets(&got, uniform_r_squared(&got), &case[name], 1e-10);
    }
    let constant = target_metrics(&names[..1], &[1.0, 2.0], &[0.1, 0.1], None);
    assert_eq!((constant[0].r_squared, constant[0].mean_absolute_error), (None, 1.4));
}

fn dataset(case: &Value, targets: Targets) -> (Dataset, Dataset) {
    let features = Features::F32 { width: 6, data: floats(&case["x"]) };
    let data = Dataset::new("golden", features, targets).expect("valid data");
    let train_rows = case["train_rows"].as_u64().expect("a number") as usize;
    let rows: Vec<usize> = (0..data.rows()).collect();
    (data.select(&rows[..train_rows]), data.select(&rows[train_rows..]))
}

/// The baseline with the weights of a case, or without.
fn baseline(train: &Dataset, test: &Dataset, loss: &Loss, weights: Option<&[f32]>) -> Baseline {
    let parts = weights.map(|weights| weights.split_at(train.rows()));
    Baseline::weighted(train, test, loss, parts.map(|p| p.0), parts.map(|p| p.1)).expect("figures")
}

#[track_caller]
fn compare_classes(got: &BaselineFigures, expected: &Value, bound: f64) {
    let figures = [
        ("accuracy", got.accuracy),
        ("log_loss", got.log_loss),
        ("roc_auc", got.roc_auc),
        ("average_precision", got.average_precision),
        ("brier", got.brier),
    ];
    for (name, figure) in figures {
        assert_eq!(figure.is_some(), expected.get(name).is_some(), "{name}");
        if figure.is_some() {
            close(figure, &expected[name], bound);
        }
    }
}

#[test]
fn simple_classifiers_reach_what_those_of_scikit_learn_do() {
    let case = golden("simple_models");
    for (classes, count) in [("two", 2), ("three", 3)] {
        let names = (0..count).map(|i| i.to_string()).collect();
        let data = labels(&case[classes]["classes"]);
        let (train, test) = dataset(&case, Targets::Labels { name: "y".into(), classes: names, data });
        for (name, weights) in weightings(&case) {
            let got = baseline(&train, &test, &Loss::cross_entropy(), weights.as_deref());
            let expected = &case[classes][name];
            compare_classes(&got.constant, &expected["constant"], EXACT);
            compare_classes(&got.linear.expect("a linear model"), &expected["linear"], FITTED);
            assert_eq!((got.linear_rows, got.note), (Some(90), None));
        }
    }
}

#[test]
fn simple_models_of_values_and_labels_reach_what_those_of_scikit_learn_do() {
    let case = golden("simple_models");
    let names = || ["large", "small"].map(String::from).to_vec();
    let (train, test) = dataset(&case, Targets::Values { names: names(), data: floats(&case["values"]) });
    let labels = Targets::Values { names: names(), data: floats(&case["labels"]) };
    let (label_train, label_test) = dataset(&case, labels);
    for (name, weights) in weightings(&case) {
        let expected = &case[name];
        let got = baseline(&train, &test, &Loss::mean_squared_error(), weights.as_deref());
        let linear = got.linear.expect("a linear model");
        for (figures, expected) in [(&got.constant, &expected["constant"]), (&linear, &expected["linear"])] {
            let targets = figures.per_target.as_ref().expect("targets");
            compare_targets(targets, figures.r_squared, expected, 1e-10);
        }
        let got = baseline(&label_train, &label_test, &Loss::binary_cross_entropy(), weights.as_deref());
        let linear = got.linear.expect("a linear model");
        close(linear.accuracy, &expected["labels"]["accuracy"], EXACT);
        close(linear.subset_accuracy, &expected["labels"]["subset_accuracy"], EXACT);
    }
}

#[test]
fn wrong_rows_and_weights_are_refused_by_name() {
    let message = |scores: &[f64], weights: Option<&[f32]>| {
        BinaryScores::new(scores, &[true, false], weights).expect_err("refused").to_string()
    };
    assert_eq!(message(&[0.5], None), "scores: 1 scores for 2 rows");
    assert_eq!(message(&[0.5, f64::NAN], None), "scores: the score of row 1 is NaN");
    assert_eq!(message(&[0.5, 0.5], Some(&[1.0])), "weights: 1 weights for 2 rows");
    assert_eq!(message(&[0.5, 0.5], Some(&[1.0, -1.0])), "weights: row 1 weighs -1: give numbers from 0");
    assert!(message(&[0.5, 0.5], Some(&[0.0, 0.0])).contains("all rows weigh 0"));
    let rows = BinaryScores::new(&[0.5, 1.5], &[true, false], None).expect("sound rows");
    assert!(rows.calibration(10).is_err() && rows.best_threshold(Criterion::F1).is_err());
    assert!(ClassProbabilities::new(&[0.5, 0.5], 2, &[2], None).is_err());
}
