//! What went wrong for people with tables of their own, each as a small table through the program: read right, or refused
//! in one line that says what to do.
#![cfg(feature = "cli")]

mod common;

use common::program::{anygrad, fail, folder, json_lines, stderr, succeed};
use serde_json::Value;
use std::path::Path;

/// Rows of two features that tell `low` from `high`, with a target of one's own making.
fn table(header: &str, rows: usize, line: impl Fn(usize, f64, f64, bool) -> String) -> String {
    let mut text = format!("{header}\n");
    for i in 0..rows {
        let (a, b) = ((i * 37 % 101) as f64 / 50.0 - 1.0, (i * 53 % 89) as f64 / 44.0 - 1.0);
        text.push_str(&line(i, a, b, a + b > 0.0));
        text.push('\n');
    }
    text
}

fn yes_no(rows: usize) -> String {
    table("a,b,y", rows, |_, a, b, high| format!("{a},{b},{}", if high { "yes" } else { "no" }))
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file");
}

fn last(text: &str) -> Value {
    json_lines(text).pop().expect("a line")
}

/// A model of yes and no, as `good/last.safetensors`.
fn good(folder: &Path) {
    write(folder, "good.csv", &yes_no(80));
    succeed(folder, &["train", "good.csv", "--epochs", "40", "--hidden", "4", "--out", "good"]);
}

#[test]
fn a_quote_that_is_never_closed_is_refused_in_every_verb() {
    let folder = folder("case-quotes");
    good(&folder);
    let mut open = yes_no(40);
    open.push_str("0.5,0.5,\"yes\n");
    write(&folder, "last.csv", &open);
    let skipped = table("note,a,b,y", 40, |i, a, b, high| {
        let note = if i == 6 { "\"open" } else { "closed" };
        format!("{note},{a},{b},{}", if high { "yes" } else { "no" })
    });
    write(&folder, "skipped.csv", &skipped);
    for (file, line) in [("last.csv", "last.csv:42"), ("skipped.csv", "skipped.csv:8")] {
        for command in [
            &["train", file][..],
            &["plan", file],
            &["predict", "good", "--data", file],
            &["eval", "good", "--data", file],
        ] {
            let output = anygrad(&folder, command);
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{command:?}: {message}");
            assert!(message.contains(line) && message.contains("quote"), "{command:?}: {message}");
        }
    }
}

#[test]
fn tiny_targets_are_learnt_as_well_as_large_ones() {
    let folder = folder("case-tiny");
    let tiny = table("a,b,y", 120, |_, a, b, _| format!("{a},{b},{:e}", 4e-6 + 1e-6 * a - 5e-7 * b));
    write(&folder, "tiny.csv", &tiny);
    let train = ["train", "tiny.csv", "--epochs", "200", "--hidden", "16", "--batch-size", "8", "--format", "json"];
    let done = last(&succeed(&folder, &[&train[..], &["--learning-rate", "0.01", "--out", "run"]].concat()));
    assert!(done["test_r_squared"].as_f64().expect("R²") > 0.999, "{done}");
    // Figures keep their digits, however small.
    let text = succeed(&folder, &["eval", "run", "--data", "tiny.csv"]);
    let mae = text.lines().find(|line| line.starts_with("MAE")).expect("a figure");
    assert!(mae.contains("0.0000000") || mae.contains("e-"), "{mae}");
    assert!(!mae.trim_end().ends_with("0.0000"), "{mae}");
}

#[test]
fn numbers_far_from_the_training_rows_are_predicted_or_refused_by_row() {
    let folder = folder("case-extreme");
    good(&folder);
    let far = "a,b\n1.0,-1.0\n3e38,-3e38\n";
    write(&folder, "far.csv", far);
    for command in
        [&["predict", "good", "--data", "far.csv"][..], &["predict", "good", "--data", "far.csv", "--format", "json"]]
    {
        let output = anygrad(&folder, command);
        let printed = String::from_utf8_lossy(&output.stdout).to_string();
        match output.status.code() {
            Some(0) => assert!(!printed.contains("NaN") && !printed.contains("null"), "{printed}"),
            code => {
                assert_eq!(code, Some(2), "{}", stderr(&output));
                assert!(
                    stderr(&output).contains("far.csv:3") || stderr(&output).contains("row 1"),
                    "{}",
                    stderr(&output)
                );
            }
        }
    }
    write(&folder, "far-answers.csv", "a,b,y\n1.0,-1.0,yes\n3e38,-3e38,yes\n");
    let output = anygrad(&folder, &["eval", "good", "--data", "far-answers.csv"]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("NaN"));
}

#[test]
fn numbers_are_classes_by_value_however_they_are_written() {
    let folder = folder("case-classes");
    for (name, low, high, classes) in [
        ("floats", ["1.0", "1.0"], ["2.0", "2.0"], ["1.0", "2.0"]),
        ("plus", ["-1", "-1"], ["1", "+1"], ["-1", "1"]),
        ("zero", ["0", "-0"], ["1", "1.0"], ["0", "1"]),
        (
            "long",
            ["18446744073709551614", "18446744073709551614"],
            ["18446744073709551615", "18446744073709551615"],
            ["18446744073709551614", "18446744073709551615"],
        ),
        ("padded", ["01", "01"], ["10", "10"], ["01", "10"]),
    ] {
        let text = table("a,b,y", 60, |i, a, b, is_high| {
            format!("{a},{b},{}", if is_high { high[i % 2] } else { low[i % 2] })
        });
        write(&folder, "t.csv", &text);
        succeed(&folder, &["train", "t.csv", "--epochs", "2", "--out", name]);
        let eval = last(&succeed(&folder, &["eval", name, "--data", "t.csv", "--format", "json"]));
        assert_eq!(eval["classes"], Value::from(classes.to_vec()), "{name}");
    }
    // 2 before 10.
    let text = table("a,b,y", 120, |i, a, b, _| format!("{a},{b},{}", [10, 9, 2][i % 3]));
    write(&folder, "t.csv", &text);
    succeed(&folder, &["train", "t.csv", "--epochs", "1", "--out", "order"]);
    let eval = last(&succeed(&folder, &["eval", "order", "--data", "t.csv", "--format", "json"]));
    assert_eq!(eval["classes"], Value::from(vec!["2", "9", "10"]));
}

#[test]
fn what_a_target_is_taken_as_is_said_and_can_be_overruled() {
    let folder = folder("case-targets");
    let said = |file: &str, more: &[&str]| {
        let train = [&["train", file, "--epochs", "1", "--test-fraction", "0.3"][..], more].concat();
        let output = anygrad(&folder, &train);
        let line = stderr(&output).lines().find(|line| line.starts_with("target ")).map(String::from);
        line.unwrap_or_else(|| stderr(&output).lines().last().unwrap_or_default().to_string())
    };
    write(&folder, "twelve.csv", &table("x,y", 12, |i, a, _, _| format!("{a},{}", 10 * (i + 1))));
    assert!(said("twelve.csv", &[]).contains("y, values (numbers; --task classes"), "{}", said("twelve.csv", &[]));
    write(&folder, "grades.csv", &table("a,b,grade", 100, |i, a, b, _| format!("{a},{b},{}", i % 5)));
    let as_classes = said("grades.csv", &[]);
    assert!(as_classes.contains("5 classes (5 different whole numbers; --task values"), "{as_classes}");
    assert!(as_classes.contains("the last column"), "{as_classes}");
    assert!(said("grades.csv", &["--task", "values", "--target", "grade"]).contains("values"));
    write(&folder, "names.csv", &table("a,b,name", 40, |i, a, b, _| format!("{a},{b},person{i}")));
    assert!(
        said("names.csv", &[]).contains("40 different texts in 40 rows are no classes"),
        "{}",
        said("names.csv", &[])
    );
    // Missing answers are no class.
    let marks = ["?", "NA", "", "N/A", "null"];
    let missing = table("a,b,y", 60, |i, a, b, high| {
        let answer = if high { "dog" } else { "cat" };
        format!("{a},{b},{}", if i % 12 == 0 { marks[i / 12] } else { answer })
    });
    write(&folder, "missing.csv", &missing);
    let output = anygrad(&folder, &["train", "missing.csv", "--epochs", "1"]);
    let message = stderr(&output);
    assert!(message.contains("y, 2 classes") && message.contains("5 of 60 left out"), "{message}");
    for (name, kind) in [("values", "values"), ("whole", "classes")] {
        let text = table("a,b,y", 60, |i, a, b, high| {
            let answer = if kind == "values" { format!("{}", a - b) } else { u8::from(high).to_string() };
            format!("{a},{b},{}", if i % 10 == 3 { "nan".into() } else { answer })
        });
        write(&folder, "t.csv", &text);
        let line = said("t.csv", &[]);
        assert!(line.contains(kind), "{name}: {line}");
    }
}

#[test]
fn a_file_without_names_is_said_to_be_one() {
    let folder = folder("case-header");
    let text = yes_no(60);
    // Without the names, and without the first row, whose two features are the same number.
    let rows = text.splitn(3, '\n').nth(2).expect("lines");
    write(&folder, "rows.csv", rows);
    let output = anygrad(
        &folder,
        &["train", "rows.csv", "--epochs", "1", "--format", "json", "--test-fraction", "0", "--out", "run"],
    );
    let message = stderr(&output);
    assert!(output.status.success() && message.contains("header"), "{message}");
    assert!(message.contains("59 training"), "{message}");
    let output = anygrad(&folder, &["train", "rows.csv", "--epochs", "1", "--header", "yes"]);
    assert!(stderr(&output).contains("47 training") || stderr(&output).contains("48 training"), "{}", stderr(&output));
}

#[test]
fn a_flag_that_names_the_same_loss_keeps_its_options() {
    let folder = folder("case-options");
    write(&folder, "t.csv", &yes_no(60));
    write(
        &folder,
        "net.toml",
        "[data]\nsource = \"t.csv\"\n[loss]\nkind = \"cross_entropy\"\nclass_weights = \"balanced\"\n[train]\nepochs = 1\n",
    );
    let config = |out: &str, more: &[&str]| {
        succeed(&folder, &[&["train", "net.toml", "--out", out][..], more].concat());
        std::fs::read_to_string(folder.join(out).join("config.toml")).expect("a config")
    };
    assert!(config("same", &["--loss", "cross_entropy"]).contains("class_weights = \"balanced\""));
    assert!(!config("other", &["--loss", "hinge"]).contains("class_weights"));
}

#[test]
fn settings_are_taken_together_then_judged() {
    let folder = folder("case-settings");
    write(&folder, "t.csv", &yes_no(60));
    let config = |out: &str, settings: &[&str]| {
        let set: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        succeed(&folder, &[&["train", "t.csv", "--epochs", "1", "--out", out][..], &set].concat());
        std::fs::read_to_string(folder.join(out).join("config.toml")).expect("a config")
    };
    let schedule = config("a", &["schedule.gamma=0.5", "schedule.kind=step", "schedule.period=2"]);
    assert!(schedule.contains("period = 2") && schedule.contains("gamma = 0.5"), "{schedule}");
    assert!(config("b", &["layers.0.linear=32"]).contains("linear = 32"));
    let rate = config("c", &["optimizer.learning_rate=0.25"]);
    assert!(rate.contains("learning_rate = 0.25"), "{rate}");
    assert!(config("d", &["loss.label_smoothing=0.1"]).contains("label_smoothing = 0.1"));
    let weights = config("e", &["loss.class_weights=balanced"]);
    assert!(weights.contains("\"cross_entropy\"") && weights.contains("\"balanced\""), "{weights}");
    let both = [
        &["train", "t.csv", "--epochs", "1", "--loss", "cross_entropy", "--out", "f"][..],
        &["--set", "loss.class_weights=balanced"],
    ];
    succeed(&folder, &both.concat());
    succeed(&folder, &["train", "t.csv", "--epochs", "1", "--class-weights", "balanced", "--out", "g"]);
    let beta = ["train", "t.csv", "--epochs", "1", "--optimizer", "adam", "--set", "optimizer.beta1=0.8", "--out", "h"];
    succeed(&folder, &beta);
    assert!(std::fs::read_to_string(folder.join("h/config.toml")).expect("a config").contains("beta1 = 0.8"));

    for out in "abcdefgh".chars() {
        std::fs::remove_dir_all(folder.join(out.to_string())).expect("removed");
    }
    let wrong = ["train", "t.csv", "--set", "train.batch_size=8", "--set", "optimizer.alpha=0.5", "--set", "seed=3"];
    fail(&folder, &wrong, 2, &["optimizer.alpha=0.5", "unknown key `alpha`"]);
    fail(
        &folder,
        &["train", "t.csv", "--set", "schedule.kind=step"],
        2,
        &["schedule.kind=step", "`period` is missing"],
    );
}

#[test]
fn columns_that_differ_by_rounding_alone_are_constant() {
    let folder = folder("case-noise");
    let noise = table("a,k,y", 80, |i, a, _, _| {
        let k = if i % 2 == 0 { "0.30000000000000004" } else { "0.3" };
        format!("{a},{k},{}", if a > 0.0 { "p" } else { "q" })
    });
    write(&folder, "noise.csv", &noise);
    let output = anygrad(&folder, &["train", "noise.csv", "--epochs", "1"]);
    assert!(stderr(&output).contains("`k` left out") && output.status.success(), "{}", stderr(&output));
}

#[test]
fn numbers_beyond_32_bits_are_refused_by_column() {
    let folder = folder("case-span");
    let span = table("a,b,y", 40, |i, _, b, _| {
        format!("{},{b},{}", if i % 2 == 0 { "3e38" } else { "-3e38" }, ["n", "p"][i % 2])
    });
    write(&folder, "span.csv", &span);
    let denormal = table("a,b,y", 40, |i, _, b, _| {
        format!("{},{b},{}", if i % 2 == 0 { "0" } else { "1e-45" }, ["n", "p"][i % 2])
    });
    write(&folder, "denormal.csv", &denormal);
    for file in ["span.csv", "denormal.csv"] {
        for verb in ["train", "gradcheck"] {
            let output = anygrad(&folder, &[verb, file]);
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{verb} {file}: {message}");
            assert!(message.contains("column `a`") && message.contains("32-bit"), "{verb} {file}: {message}");
        }
    }
}

#[test]
fn messages_are_one_bounded_line() {
    let folder = folder("case-bounded");
    let bounded = |name: &str, text: &str, arguments: &[&str]| {
        write(&folder, name, text);
        let output = anygrad(&folder, &[&["train", name][..], arguments].concat());
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", &message[..message.len().min(500)]);
        let error = message.lines().find(|line| line.starts_with("error: ")).expect("an error");
        assert!(error.len() < 1000, "{name}: {} bytes", error.len());
        assert!(!message.chars().any(|c| c.is_control() && c != '\n'), "{name}: {error:?}");
        assert_eq!(message.lines().filter(|line| line.starts_with("error")).count(), 1, "{name}");
    };
    let numbers = |odd: &str| {
        let rows: String = (0..40).map(|i| format!("{i}.5,{},{}\n", (i * 7) % 5, ["n", "p"][i % 2])).collect();
        format!("a,b,y\n{rows}{odd},1,p\n")
    };
    bounded("long.csv", &numbers(&"x".repeat(1_000_000)), &[]);
    bounded("escape.csv", &numbers("\"\u{1b}[31mred\u{1b}[0m\nsecond line\""), &[]);
    let names: Vec<String> = (0..10_000).map(|i| format!("column_{i}")).collect();
    bounded("wide.csv", &format!("{}\n{}\n", names.join(","), vec!["1"; 10_000].join(",")), &["--target", "no_such"]);
    let long = "n".repeat(60_000);
    bounded("name.csv", &format!("{long},b,y\n1,2,p\n3,4,q\n"), &["--target", &"m".repeat(10_000)]);
}

#[test]
fn nothing_is_overwritten() {
    let folder = folder("case-overwrite");
    write(&folder, "t.csv", &yes_no(40));
    std::fs::create_dir(folder.join("mine")).expect("a folder");
    write(&folder, "mine/last.safetensors", "somebody's model");
    let output = anygrad(&folder, &["train", "t.csv", "--epochs", "1", "--out", "mine"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("already holds last.safetensors"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(folder.join("mine/last.safetensors")).expect("a file"), "somebody's model");
    assert_eq!(std::fs::read_dir(folder.join("mine")).expect("a folder").count(), 1, "nothing was written");
    succeed(&folder, &["train", "t.csv", "--epochs", "1", "--out", "own"]);
    write(&folder, "answers.csv", "somebody's answers");
    let output = anygrad(&folder, &["predict", "own", "--data", "t.csv", "--out", "answers.csv"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(folder.join("answers.csv")).expect("a file"), "somebody's answers");
}

#[test]
fn every_run_that_starts_can_be_repeated_from_its_folder() {
    let folder = folder("case-repeat");
    write(&folder, "t.csv", &yes_no(40));
    for seed in ["0", "9223372036854775807", "18446744073709551615"] {
        let out = format!("seed-{seed}");
        let first = last(&succeed(
            &folder,
            &["train", "t.csv", "--epochs", "1", "--seed", seed, "--out", &out, "--format", "json"],
        ));
        let config = format!("{out}/config.toml");
        let again = last(&succeed(&folder, &["train", &config, "--out", &format!("{out}-again"), "--format", "json"]));
        assert_eq!(first["weights_hash"], again["weights_hash"], "{seed}");
    }
    let output =
        anygrad(&folder, &["train", "t.csv", "--epochs", "0", "--patience", "18446744073709551615", "--out", "never"]);
    assert!(output.status.success() || stderr(&output).contains("read again"), "{}", stderr(&output));
}

#[test]
fn what_is_meant_is_named() {
    let folder = folder("case-messages");
    good(&folder);
    let refused = |arguments: &[&str], parts: &[&str]| {
        let output = anygrad(&folder, arguments);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        for part in parts {
            assert!(message.contains(part), "{arguments:?}: `{part}` is missing in {message}");
        }
    };
    write(&folder, "lacks.csv", "b,y\n0.5,yes\n");
    refused(&["predict", "good", "--data", "lacks.csv"], &["lacks.csv", "unknown column `a`"]);
    std::fs::create_dir(folder.join("empty")).expect("a folder");
    refused(&["predict", "empty", "--data", "good.csv"], &["neither best.safetensors nor last.safetensors"]);
    refused(&["train", "good.csv", "--data", "good.csv"], &["named twice"]);
    refused(&["train", "good/last.safetensors"], &["is a model"]);
    write(
        &folder,
        "map.toml",
        "[data]\nsource = \"good.csv\"\n[loss]\nkind = \"cross_entropy\"\nclass_weights = { a = 1.0 }\n",
    );
    refused(&["train", "map.toml"], &["map.toml:5", "class_weights"]);
    write(&folder, "lr.toml", "[optimizer]\nlr = 0.1\n");
    refused(&["train", "lr.toml"], &["lr.toml:", "`kind` is missing", "anygrad keys"]);
    refused(&["train", "good.csv", "--drop", "c"], &["unknown column `c`"]);
    refused(&["train", "good.csv", "--drop", "a,b"], &["leaves no column"]);
    refused(&["train", "good.csv", "--features", "a,y"], &["features = y", "target"]);
    refused(&["train", "--data", "digits", "--drop", "pixel"], &["digits is no table"]);
    // A run folder is taken wherever a model or a recipe is.
    assert!(succeed(&folder, &["predict", "good", "--data", "good.csv"]).starts_with("y,p(no),p(yes)\n"));
    succeed(&folder, &["plan", "good"]);
}
