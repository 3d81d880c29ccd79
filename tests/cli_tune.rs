//! The verb `tune` and the flags `--tune` and `--variants` end to end: what they print, keep and record.
#![cfg(feature = "cli")]

mod common;

use common::program::{anygrad, fail, folder, json_lines, stderr, stdout, succeed};
use serde_json::Value;
use std::path::Path;

const TUNE: [&str; 7] = ["tune", "--seconds", "0.01", "--tuning-file", "kept/tuning.json", "--format", "json"];

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

fn has_gpu() -> bool {
    common::adapter().is_some()
}

fn hash(folder: &Path, run: &str) -> Value {
    let lines = json_lines(&std::fs::read_to_string(folder.join(run).join("metrics.jsonl")).expect("metrics"));
    lines.last().expect("a line")["weights_hash"].clone()
}

#[test]
fn tune_prints_each_shape_and_keeps_its_choice() {
    if !has_gpu() {
        return;
    }
    let folder = folder("tune");
    let tune = with(&TUNE, &["--nets", "16-8-4@8,16-8-4@8"]);
    let lines = json_lines(&succeed(&folder, &tune));
    let (done, shapes) = lines.split_last().expect("lines");
    assert_eq!((&done["event"], done["shapes"].as_u64()), (&Value::from("done"), Some(shapes.len() as u64)));
    assert!(shapes.len() >= 8, "{lines:?}");
    for (i, line) in shapes.iter().enumerate() {
        assert_eq!((&line["event"], &line["known"]), (&"tuned".into(), &(i >= shapes.len() / 2).into()), "{line}");
        for field in ["kernel", "shape", "key", "default", "chosen", "unit"] {
            assert!(line[field].is_string(), "{field} in {line}");
        }
        for field in ["default_speed", "chosen_speed", "share_of_default", "share_of_chosen"] {
            assert!(line[field].as_f64().is_some_and(|x| x > 0.0), "{field} in {line}");
        }
        let candidates = line["candidates"].as_array().expect("candidates");
        assert!(candidates.len() > 1 && candidates.iter().all(|c| c.get("struck_off").is_none()), "{line}");
    }
    assert!(folder.join("kept/tuning.json").is_file());
    let known = |line: &Value| line["known"] == true;
    let again = json_lines(&succeed(&folder, &tune));
    assert!(again[..shapes.len()].iter().all(known), "{again:?}");
    let fresh = json_lines(&succeed(&folder, &with(&TUNE, &["--nets", "16-8-4@8", "--fresh"])));
    assert!(!fresh[..shapes.len() / 2].iter().any(known), "{fresh:?}");
    // As a table.
    let table = succeed(&folder, &["tune", "--nets", "16-8-4@8", "--tuning-file", "kept/tuning.json"]);
    assert!(
        table.contains("default/best") && table.contains("matmul ▸ sgd, column_sum ▸ sgd") && table.contains("known"),
        "{table}"
    );
}

/// Tunes the run of a config file: what `train --tune` of the same file then finds known.
#[test]
fn a_tuned_run_is_repeated_by_its_record() {
    if !has_gpu() {
        return;
    }
    let folder = folder("tune_train");
    let config =
        "[[layers]]\nlinear = 8\n[[layers]]\nactivation = \"relu\"\n[[layers]]\nlinear = 10\n[train]\nepochs = 1\n";
    std::fs::write(folder.join("net.toml"), config).expect("written");
    let shapes = json_lines(&succeed(&folder, &with(&TUNE, &["net.toml"]))).len() - 1;

    let train = ["train", "net.toml", "--device", "gpu", "--format", "json"];
    let tuned = with(&train, &["--tune", "--tuning-file", "kept/tuning.json", "--out", "first"]);
    let output = anygrad(&folder, &tuned);
    let (messages, lines) = (stderr(&output), json_lines(&stdout(&output)));
    assert!(messages.contains("0 kernels measured") && messages.contains(&format!("{shapes} known")), "{messages}");
    assert_eq!(lines[0]["event"], "variants");
    let read = |run: &str| std::fs::read_to_string(folder.join(run).join("variants.json")).expect("a record");
    let record: Value = serde_json::from_str(&read("first")).expect("JSON");
    assert_eq!(record["variants"], lines[0]["variants"]);
    assert!(record["variants"].as_object().is_some_and(|table| table.len() >= 5), "{record}");

    succeed(&folder, &with(&train, &["--variants", "first/variants.json", "--out", "second"]));
    assert_eq!(hash(&folder, "first"), hash(&folder, "second"));
    assert_eq!(read("first"), read("second"));
    // Another choice, by hand, is what runs.
    let key = record["variants"]
        .as_object()
        .expect("a table")
        .keys()
        .find(|key| key.starts_with("matmul ▸ add_bias ▸ activation "))
        .expect("one");
    let edited = |variant: &str| {
        let mut record = record.clone();
        record["variants"][key] = variant.into();
        std::fs::write(folder.join("edited.json"), record.to_string()).expect("written");
    };
    edited("plain");
    let plan = ["plan", "net.toml", "--device", "gpu", "--format", "json"];
    let lines = json_lines(&succeed(&folder, &with(&plan, &["--variants", "edited.json"])));
    assert!(
        lines.iter().any(|line| line["kernel"] == "matmul ▸ add_bias ▸ activation" && line["variant"] == "plain"),
        "{lines:?}"
    );

    let refused = |arguments: &[&str], parts: &[&str]| {
        let output = anygrad(&folder, &with(arguments, &["--out", "third"]));
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(parts.iter().all(|part| stderr(&output).contains(part)), "{}", stderr(&output));
        assert!(!folder.join("third").exists());
    };
    edited("plane");
    refused(&with(&train, &["--variants", "edited.json"]), &["kernel variant", "`plane`", "did you mean `plain`?"]);
    let record = ["--variants", "first/variants.json"];
    refused(&with(&train, &with(&record, &["--batch-size", "32"])), &["this run has no such kernel"]);
    refused(&with(&["train", "net.toml", "--device", "cpu"], &record), &["the CPU has one form of each kernel"]);
}

#[test]
fn without_the_flag_nothing_is_read_or_recorded() {
    let folder = folder("untuned");
    std::fs::create_dir_all(folder.join("cache/anygrad")).expect("a folder");
    std::fs::write(folder.join("cache/anygrad/tuning.json"), "damaged").expect("written");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.current_dir(&folder).env("XDG_CACHE_HOME", folder.join("cache")).env("XDG_RUNTIME_DIR", &folder);
    let output = command.args(["train", "--epochs", "1", "--out", "run"]).output().expect("the program starts");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!folder.join("run/variants.json").exists());
}

#[test]
fn damaged_files_and_wrong_flags_are_named() {
    let folder = folder("tune_damaged");
    std::fs::write(folder.join("damaged.json"), "{").expect("written");
    fail(&folder, &["train", "--tune", "--variants", "x.json"], 2, &["--tune", "--variants"]);
    fail(&folder, &["tune", "--device", "cpu"], 3, &["the CPU has one form of each kernel"]);
    fail(&folder, &["bench", "--scaling", "--tune"], 2, &["--scaling", "--tune"]);
    fail(&folder, &["tune", "--nets", "3"], 2, &["784-128-10@64"]);
    fail(&folder, &["tune", "net.toml", "--nets", "4-2@1"], 2, &["--nets"]);
    if has_gpu() {
        let (tune, train) = (["tune", "--tuning-file", "damaged.json"], ["train", "--device", "gpu", "--epochs", "1"]);
        fail(&folder, &tune, 2, &["damaged.json", "delete it"]);
        fail(&folder, &with(&train, &["--variants", "damaged.json"]), 2, &["damaged.json", "variants.json"]);
        fail(&folder, &with(&train, &["--variants", "none.json"]), 2, &["none.json", "check the path"]);
        assert!(!folder.join("runs").exists());
    }
}

#[test]
fn bench_names_the_variants_it_tuned() {
    if !has_gpu() {
        return;
    }
    let folder = folder("tune_bench");
    succeed(&folder, &with(&TUNE, &["--nets", "16-8-4@8"]));
    let bench = ["bench", "--nets", "16-8-4@8", "--device", "gpu", "--steps", "8", "--format", "json"];
    let lines = json_lines(&succeed(&folder, &with(&bench, &["--tune", "--tuning-file", "kept/tuning.json"])));
    assert!(lines[0]["variants"].as_object().is_some_and(|table| table.len() >= 4), "{lines:?}");
    let lines = json_lines(&succeed(&folder, &bench));
    assert!(lines[0].get("variants").is_none(), "{lines:?}");
}
