//! The program's report of quality: simple models beside the result, a threshold that is stored, importance of features,
//! scores that are not called probabilities, small numbers with their digits.
#![cfg(feature = "cli")]

mod common;

use common::program::{anygrad, fail, folder, json_lines, stderr, stdout, succeed};
use serde_json::Value;
use std::path::Path;

/// Trains on two classes.
fn moons(folder: &Path, more: &[&str]) -> Value {
    let train = ["train", "--data", "moons", "--epochs", "20", "--learning-rate", "0.02", "--device", "cpu"];
    let all = [&train, &["--format", "json", "--out", "run"][..], more].concat();
    json_lines(&succeed(folder, &all)).pop().expect("a line")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number, not {value}"))
}

#[test]
fn simple_models_stand_beside_the_result() {
    let folder = folder("baseline");
    let done = moons(&folder, &[]);
    let eval = ["eval", "run/last.safetensors", "--data", "moons", "--part", "test"];
    let evaluation = &json_lines(&succeed(&folder, &[&eval[..], &["--format", "json"]].concat()))[0];
    assert_eq!(evaluation["baseline"], done["baseline"], "the same rows, the same figures");
    let baseline = &evaluation["baseline"];
    assert_eq!(
        (&baseline["constant"]["model"], &baseline["linear"]["model"]),
        (&"majority vote".into(), &"logistic regression".into())
    );
    assert!(number(&baseline["linear"]["accuracy"]) > number(&baseline["constant"]["accuracy"]) + 0.2);
    for figure in ["roc_auc", "average_precision", "log_loss", "brier"] {
        assert!((0.0..=1.0).contains(&number(&evaluation[figure])), "{figure} in {evaluation}");
    }
    let text = succeed(&folder, &eval);
    for row in ["this model", "logistic regression", "majority vote", "positive class"] {
        assert!(text.lines().any(|line| line.starts_with(row)), "{row} in {text}");
    }
    // Of other rows it is not known what the model was trained on.
    let all = succeed(&folder, &["eval", "run/last.safetensors", "--data", "moons"]);
    assert!(!all.contains("majority vote"), "{all}");
}

#[test]
fn a_threshold_is_stored_and_can_be_overruled() {
    let folder = folder("threshold");
    moons(&folder, &["--validation-fraction", "0.3", "--threshold", "f1"]);
    let eval = |more: &[&str]| {
        let eval = ["eval", "run/last.safetensors", "--data", "moons", "--format", "json"];
        json_lines(&succeed(&folder, &[&eval, more].concat())).pop().expect("a line")
    };
    let stored = number(&eval(&[])["threshold"]);
    assert!(stored > 0.0 && stored < 1.0);
    let eager = eval(&["--threshold", "0.0001"]);
    assert_eq!(eager["threshold"], 0.0001);
    // Nearly all rows count as the second class.
    assert!(number(&eager["per_class"][1]["recall"]) > 0.999, "{eager}");
    let predicted =
        json_lines(&succeed(&folder, &["predict", "run/last.safetensors", "--data", "moons", "--format", "json"]));
    for row in &predicted {
        let probabilities = row["probabilities"].as_object().expect("two probabilities");
        let names: Vec<&String> = probabilities.keys().collect();
        let expected = names[usize::from(number(&probabilities[names[1]]) >= stored)];
        assert_eq!(row["class"], **expected, "{row}, threshold {stored}");
    }
    let output = anygrad(&folder, &["eval", "run/last.safetensors", "--data", "moons", "--threshold", "1.5"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("threshold = 1.5: must lie between 0 and 1"), "{}", stderr(&output));
}

#[test]
fn a_threshold_without_meaning_is_refused_before_the_training() {
    let folder = folder("no threshold");
    let refused = |arguments: &[&str], part: &str| fail(&folder, &[&["train"], arguments].concat(), 2, &[part]);
    refused(&["--data", "digits", "--threshold", "0.3"], "only a model that puts out probabilities of two classes");
    refused(&["--data", "moons", "--loss", "hinge", "--threshold", "0.3"], "only a model that puts out probabilities");
}

#[test]
fn importance_and_reliability_are_printed_when_asked_for() {
    let folder = folder("importance");
    moons(&folder, &[]);
    let eval = ["eval", "run/last.safetensors", "--data", "moons"];
    let text = succeed(&folder, &[&eval[..], &["--importance", "--calibration"]].concat());
    assert!(text.contains("accuracy lost when shuffled") && text.contains("0.9 to 1.0"), "{text}");
    let plain = succeed(&folder, &eval);
    assert!(!plain.contains("lost when shuffled") && !plain.contains("0.9 to 1.0"), "{plain}");
    let json = json_lines(&succeed(&folder, &[&eval[..], &["--importance", "--format", "json"]].concat()));
    let features = json[0]["importance"]["features"].as_array().expect("features");
    assert_eq!(features.len(), 2);
    assert!(features.iter().all(|feature| feature["name"].is_string() && feature["mean"].is_number()));
}

#[test]
fn outputs_without_probabilities_are_called_scores() {
    let folder = folder("scores");
    moons(&folder, &["--loss", "hinge"]);
    let predict = ["predict", "run/last.safetensors", "--data", "moons"];
    let table = succeed(&folder, &predict);
    let header = table.lines().next().expect("a header");
    assert!(header.contains("score(") && !header.contains("p("), "{header}");
    let row = &json_lines(&succeed(&folder, &[&predict[..], &["--format", "json"]].concat()))[0];
    assert!(row["scores"].is_object() && row["probabilities"].is_null(), "{row}");
    let output = anygrad(&folder, &["eval", "run/last.safetensors", "--data", "moons"]);
    assert!(stdout(&output).contains("ROC AUC") && !stdout(&output).contains("log loss"), "{}", stdout(&output));
}

#[test]
fn errors_of_a_small_target_keep_their_digits() {
    let folder = folder("small");
    let rows = (0..40).map(|i| format!("{},{}e-6\n", i as f32 / 10.0, 3 * (i % 7) + i - 20));
    std::fs::write(folder.join("small.csv"), format!("x,y\n{}", rows.collect::<String>())).expect("a file");
    let train = ["train", "--data", "small.csv", "--epochs", "3", "--device", "cpu", "--loss", "mean_squared_error"];
    succeed(&folder, &[&train[..], &["--out", "run"]].concat());
    let text = succeed(&folder, &["eval", "run/last.safetensors", "--data", "small.csv"]);
    for name in ["MAE", "RMSE"] {
        let line = text.lines().find(|line| line.starts_with(name)).expect("a figure");
        let figure: f64 = line[name.len()..].trim().parse().expect("a number");
        assert!(figure > 1e-7 && figure < 1e-4, "{line}");
    }
}
