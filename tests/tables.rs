//! A table of one's own, through the program: from a CSV file to predictions.
#![cfg(feature = "cli")]

mod common;

use common::program::{anygrad, fail, folder, json_lines, stderr, succeed};

#[test]
fn a_table_with_text_classes_trains_evaluates_and_predicts() {
    let folder = folder("csv");
    let mut table = String::from("length,width,kind\n");
    for i in 0..90 {
        let (kind, at) = [("ash", 0.0), ("\"birch, white\"", 5.0), ("cedar", 10.0)][i % 3];
        table.push_str(&format!("{},{},{kind}\n", 100.0 + at + (i % 7) as f64 * 0.1, at - (i % 5) as f64 * 0.1));
    }
    std::fs::write(folder.join("trees.csv"), &table).expect("a file");
    let train =
        ["train", "--data", "trees.csv", "--hidden", "8", "--format", "json", "--out", "run", "--batch-size", "8"];
    let done = json_lines(&succeed(&folder, &train)).pop().expect("a line");
    assert_eq!(done["test_accuracy"], 1.0);
    let eval = ["eval", "run/last.safetensors", "--data", "trees.csv", "--format", "json"];
    let evaluation = &json_lines(&succeed(&folder, &eval))[0];
    assert_eq!(evaluation["accuracy"], 1.0);
    assert_eq!(evaluation["classes"][1], "birch, white");
    // Columns are found by name: another order, no target, another column.
    std::fs::write(folder.join("new.csv"), "id,width,length\n7,10.0,110.0\n8,0.0,100.0\n").expect("a file");
    let predicted = succeed(&folder, &["predict", "run/last.safetensors", "--data", "new.csv"]);
    let classes: Vec<&str> = predicted.lines().skip(1).map(|l| l.split(',').next().unwrap_or("")).collect();
    assert_eq!(classes, ["cedar", "ash"]);

    std::fs::write(folder.join("unknown.csv"), "length,width,kind\n1,2,oak\n").expect("a file");
    let output = anygrad(&folder, &["eval", "run/last.safetensors", "--data", "unknown.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("unknown class `oak`"), "{}", stderr(&output));
}

#[test]
fn a_table_with_numbers_as_target_is_regression() {
    let folder = folder("regression");
    let mut table = String::from("y,a,b\n");
    for i in 0..200 {
        let (a, b) = (f64::from(i % 17), f64::from(i % 11));
        table.push_str(&format!("{:.3},{a},{b}\n", 0.3 * a - 0.2 * b + 0.5));
    }
    std::fs::write(folder.join("plane.csv"), &table).expect("a file");
    let train = [
        "train",
        "--data",
        "plane.csv",
        "--target",
        "y",
        "--hidden",
        "none",
        "--learning-rate",
        "0.05",
        "--out",
        "run",
    ];
    succeed(&folder, &train);
    let eval = ["eval", "run/last.safetensors", "--data", "plane.csv", "--format", "json"];
    let evaluation = &json_lines(&succeed(&folder, &eval))[0];
    assert!(evaluation["r_squared"].as_f64().expect("R²") > 0.999, "{evaluation}");
    let predicted = succeed(&folder, &["predict", "run/last.safetensors", "--data", "plane.csv"]);
    assert!(predicted.starts_with("y\n"), "{predicted}");
}

/// Several columns of 0 and 1, which do not exclude each other.
#[test]
fn a_table_with_several_labels_per_row_is_multi_label() {
    let folder = folder("multi-label");
    let mut table = String::from("a,b,warm,\"wet\"\n");
    for i in 0..200 {
        let (a, b) = (f64::from(i % 19) - 9.0, f64::from(i % 13) - 6.0);
        table.push_str(&format!("{a},{b},{},{}\n", u8::from(a + b > 0.5), u8::from(a - b > 0.5)));
    }
    std::fs::write(folder.join("weather.csv"), &table).expect("a file");
    let train = ["train", "--data", "weather.csv", "--target", "warm,wet", "--hidden", "8", "--out", "run"];
    succeed(&folder, &[&train[..], &["--epochs", "300"]].concat());
    let config = std::fs::read_to_string(folder.join("run/config.toml")).expect("a config");
    assert!(config.contains("binary_cross_entropy"), "{config}");
    let eval = ["eval", "run/last.safetensors", "--data", "weather.csv", "--format", "json"];
    let evaluation = &json_lines(&succeed(&folder, &eval))[0];
    assert!(evaluation["accuracy"].as_f64().expect("a share") > 0.95, "{evaluation}");
    assert_eq!(evaluation["per_class"][1]["class"], "wet");
    let predicted = succeed(&folder, &["predict", "run/last.safetensors", "--data", "weather.csv"]);
    assert!(predicted.starts_with("p(warm),p(wet)\n"), "{predicted}");
    let json = json_lines(&succeed(
        &folder,
        &["predict", "run/last.safetensors", "--data", "weather.csv", "--format", "json"],
    ));
    assert!(json[0]["probabilities"]["wet"].as_f64().is_some_and(|p| (0.0..=1.0).contains(&p)), "{}", json[0]);

    std::fs::remove_dir_all(folder.join("run")).expect("the run");
    let train = ["train", "--data", "weather.csv", "--loss", "binary_cross_entropy", "--target"];
    fail(&folder, &[&train[..], &["warm,wets"]].concat(), 2, &["did you mean `wet`?"]);
    fail(&folder, &[&train[..], &["warm,warm"]].concat(), 2, &["names a column twice"]);
    fail(&folder, &[&train[..], &["warm,b"]].concat(), 2, &["from 0 to 1", "`b`"]);
}

/// Prices in the hundred thousands at the default learning rate, for every loss of numbers.
#[test]
fn large_target_values_are_learnt_and_predicted_in_their_unit() {
    let folder = folder("prices");
    let mut table = String::from("area,rooms,price\n");
    for i in 0..300u32 {
        let (area, rooms) = (f64::from(40 + i * 37 % 100), f64::from(1 + i * 7 % 5));
        table.push_str(&format!("{area},{rooms},{}\n", 50_000.0 + 2_000.5 * area + 10_000.0 * rooms));
    }
    std::fs::write(folder.join("houses.csv"), &table).expect("a file");
    for loss in ["mean_squared_error", "huber", "mean_absolute_error", "half_squared_error"] {
        let train = ["train", "--data", "houses.csv", "--target", "price", "--loss", loss, "--out", loss];
        succeed(&folder, &[&train[..], &["--learning-rate", "0.02", "--epochs", "150"]].concat());
        let model = format!("{loss}/last.safetensors");
        let eval = ["eval", &model, "--data", "houses.csv", "--part", "test", "--format", "json"];
        let evaluation = &json_lines(&succeed(&folder, &eval))[0];
        assert!(evaluation["r_squared"].as_f64().expect("R²") > 0.98, "{loss}: {evaluation}");
        let predicted = succeed(&folder, &["predict", &model, "--data", "houses.csv"]);
        let first: f64 = predicted.lines().nth(1).expect("a row").parse().expect("a price");
        assert!((first - 140_020.0).abs() < 15_000.0, "{loss}: {first}");
    }
}

/// A constant column, which one value outside breaks into.
#[test]
fn a_constant_feature_does_not_blow_up() {
    let folder = folder("constant");
    let row = |i: usize, flag: usize| format!("{},{flag},{}\n", i % 10, if i % 10 < 5 { "p" } else { "q" });
    let table: String = (0..100).map(|i| row(i, 1)).collect();
    std::fs::write(folder.join("t.csv"), format!("a,flag,y\n{table}")).expect("a file");
    succeed(&folder, &["train", "--data", "t.csv", "--out", "run", "--hidden", "8"]);
    let other: String = (0..100).map(|i| row(i, 0)).collect();
    std::fs::write(folder.join("other.csv"), format!("a,flag,y\n{other}")).expect("a file");
    let eval = ["eval", "run/last.safetensors", "--data", "other.csv", "--format", "json"];
    let loss = json_lines(&succeed(&folder, &eval))[0]["loss"].as_f64().expect("a loss");
    assert!(loss < 10.0, "{loss}");
}
