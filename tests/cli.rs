//! The program's verbs end to end, bad input included.
#![cfg(feature = "cli")]

mod common;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A fresh folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

fn anygrad(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.current_dir(folder).args(arguments).env_remove("RUST_LOG");
    // Keeps a display library of some drivers from printing to stderr on machines without a display.
    command.env("XDG_RUNTIME_DIR", folder);
    command.output().expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Runs what must succeed and returns its stdout.
fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = anygrad(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

/// Runs what must fail with `code`, one line on stderr that contains all of `parts`, and no model.
fn fail(folder: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = anygrad(folder, arguments);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{arguments:?}: {text}");
    for part in parts {
        assert!(errors[0].contains(part), "{arguments:?}: `{part}` is missing in {}", errors[0]);
    }
    assert!(output.stdout.is_empty(), "{arguments:?} printed data: {}", stdout(&output));
    assert!(models(folder).is_empty(), "{arguments:?} left a model: {:?}", models(folder));
}

/// All model files below a folder, temporary ones included.
fn models(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(models(&path));
        } else if path.to_string_lossy().contains("safetensors") {
            found.push(path);
        }
    }
    found
}

#[test]
fn train_without_arguments_learns_the_digits() {
    let folder = folder("default");
    let output = anygrad(&folder, &["train"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let accuracy = text.lines().find_map(|l| l.strip_prefix("test accuracy")).expect("an accuracy");
    assert!(accuracy.trim().parse::<f64>().expect("a number") >= 0.97, "{text}");
    assert!(stderr(&output).lines().any(|l| l.starts_with("device ") && l.contains(": ")), "the device and the reason");
    let run = folder.join("runs/digits-1");
    for file in ["config.toml", "environment.json", "metrics.jsonl", "last.safetensors"] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    let metrics = json_lines(&std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics"));
    assert_eq!(metrics.len(), 31);
    // The resolved configuration reproduces the run.
    let again = succeed(&folder, &["train", "runs/digits-1/config.toml", "--format", "json"]);
    let hash = |v: &Value| v["weights_hash"].clone();
    assert_eq!(hash(json_lines(&again).last().expect("a line")), hash(metrics.last().expect("a line")));
}

#[test]
fn json_lines_have_the_documented_fields() {
    let folder = folder("json");
    let lines = json_lines(&succeed(&folder, &["train", "--epochs", "2", "--device", "cpu", "--format", "json"]));
    assert_eq!(lines.len(), 3);
    for field in
        ["epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate", "samples_per_second"]
    {
        assert!(lines[0][field].is_number(), "{field} in {}", lines[0]);
    }
    assert_eq!((&lines[0]["event"], &lines[2]["event"]), (&Value::from("epoch"), &Value::from("done")));
    for field in ["parameters", "steps", "seconds", "samples_per_second", "test_loss", "test_accuracy"] {
        assert!(lines[2][field].is_number(), "{field} in {}", lines[2]);
    }
    assert_eq!(lines[2]["backend"], "cpu");
    assert_eq!(lines[2]["weights_hash"].as_str().map(str::len), Some(16));
    assert!(folder.join(lines[2]["run"].as_str().expect("a path")).is_dir());
}

#[test]
fn patience_ends_a_run_at_its_best() {
    let folder = folder("patience");
    let train =
        ["train", "--epochs", "500", "--patience", "3", "--learning-rate", "0.3", "--format", "json", "--out", "run"];
    let lines = json_lines(&succeed(&folder, &train));
    let losses: Vec<f64> =
        lines.iter().filter(|l| l["event"] == "epoch").filter_map(|l| l["test_loss"].as_f64()).collect();
    assert!(losses.len() < 500);
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(lines.last().expect("a line")["test_loss"], lowest);
    let config = std::fs::read_to_string(folder.join("run/config.toml")).expect("a config");
    assert!(config.contains("patience = 3"), "{config}");
}

#[test]
fn zero_epochs_write_the_initial_model() {
    let folder = folder("zero");
    let lines = json_lines(&succeed(&folder, &["train", "--epochs", "0", "--format", "json", "--out", "run"]));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["steps"], 0);
    assert!(lines[0]["test_accuracy"].as_f64().expect("an accuracy") < 0.5);
    assert!(folder.join("run/last.safetensors").is_file());
}

#[test]
fn the_same_command_gives_the_same_weights() {
    let folder = folder("hash");
    let hash = |arguments: &[&str]| {
        let all = [&["train", "--epochs", "2", "--format", "json", "--dropout", "0.1"], arguments].concat();
        json_lines(&succeed(&folder, &all)).last().expect("a line")["weights_hash"].clone()
    };
    assert_eq!(hash(&["--device", "cpu"]), hash(&["--device", "cpu"]));
    assert_ne!(hash(&["--device", "cpu"]), hash(&["--device", "cpu", "--seed", "1"]));
    if common::adapter().is_some() {
        assert_eq!(hash(&["--device", "gpu"]), hash(&["--device", "gpu"]));
    }
}

#[test]
fn the_gpu_trains_and_says_so() {
    let Some(adapter) = common::adapter() else { return };
    let folder = folder("gpu");
    let lines = json_lines(&succeed(&folder, &["train", "--device", "0", "--epochs", "30", "--format", "json"]));
    let done = lines.last().expect("a line");
    assert_eq!(done["backend"], adapter.backend());
    assert_eq!(done["device"], adapter.name());
    assert!(done["test_accuracy"].as_f64().expect("an accuracy") >= 0.97, "{done}");
    // By a part of its name, whatever the case.
    let name = adapter.name().to_uppercase();
    let word = name.split_whitespace().next().expect("a name");
    succeed(&folder, &["eval", "runs/digits-1/last.safetensors", "--data", "digits", "--device", word]);
}

#[test]
fn eval_and_predict_need_only_the_model_file() {
    let folder = folder("eval");
    let trained = json_lines(&succeed(&folder, &["train", "--format", "json", "--out", "run"]));
    let accuracy = trained.last().expect("a line")["test_accuracy"].as_f64().expect("an accuracy");
    std::fs::rename(folder.join("run/last.safetensors"), folder.join("model.safetensors")).expect("a rename");
    let eval = ["eval", "model.safetensors", "--data", "digits", "--part", "test", "--format", "json"];
    let evaluation = &json_lines(&succeed(&folder, &eval))[0];
    assert_eq!(evaluation["rows"], 359);
    assert!((evaluation["accuracy"].as_f64().expect("an accuracy") - accuracy).abs() < 1e-9);
    let confusion = evaluation["confusion"].as_array().expect("a matrix");
    let total: u64 = confusion.iter().flat_map(|r| r.as_array().expect("a row")).filter_map(Value::as_u64).sum();
    assert_eq!(total, 359);
    assert!(succeed(&folder, &["eval", "model.safetensors", "--data", "digits"]).contains("rows      1797"));

    let table = succeed(&folder, &["predict", "model.safetensors", "--data", "digits"]);
    assert_eq!(table.lines().count(), 1798);
    assert!(table.starts_with("digit,p(0),p(1),"), "{}", table.lines().next().unwrap_or(""));
    let rows = json_lines(&succeed(&folder, &["predict", "model.safetensors", "--data", "digits", "--format", "json"]));
    assert_eq!(rows.len(), 1797);
    let sum: f64 = rows[0]["probabilities"].as_object().expect("classes").values().filter_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-9);
}

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
        succeed(&folder, &[&train[..], &["--learning-rate", "0.02", "--epochs", "100"]].concat());
        let model = format!("{loss}/last.safetensors");
        let eval = ["eval", &model, "--data", "houses.csv", "--part", "test", "--format", "json"];
        let evaluation = &json_lines(&succeed(&folder, &eval))[0];
        assert!(evaluation["r_squared"].as_f64().expect("R²") > 0.98, "{loss}: {evaluation}");
        let predicted = succeed(&folder, &["predict", &model, "--data", "houses.csv"]);
        let first: f64 = predicted.lines().nth(1).expect("a row").parse().expect("a price");
        assert!((first - 140_020.0).abs() < 15_000.0, "{loss}: {first}");
    }
}

#[test]
fn devices_lists_the_cpu_and_every_adapter() {
    let folder = folder("devices");
    let lines = json_lines(&succeed(&folder, &["devices", "--format", "json"]));
    assert_eq!(lines.last().expect("a line")["device"], "cpu");
    if let Some(adapter) = common::adapter() {
        assert!(lines.iter().any(|l| l["name"] == adapter.name() && l["backend"] == adapter.backend()));
    }
    assert!(succeed(&folder, &["devices"]).contains("processors"));
}

#[test]
fn bad_usage_is_one_line_with_a_remedy_and_code_2() {
    let folder = folder("usage");
    for (arguments, parts) in [
        (&["train", "--hidden", "0"][..], &["--hidden", "from 1"][..]),
        (&["train", "--learning-rate", "nan"], &["learning_rate", "at least 0"]),
        (&["train", "--learning-rate", "-1"], &["learning_rate = -1", "at least 0"]),
        (&["train", "--patience", "0"], &["patience = 0", "at least 1"]),
        (&["train", "--momentum", "1"], &["momentum = 1", "below 1"]),
        (&["train", "--learnin-rate", "1"], &["--learnin-rate", "'--learning-rate'"]),
        (&["train", "--epochs", "many"], &["--epochs"]),
        (&["train", "--batch-size", "0"], &["batch_size = 0", "from 1"]),
        (&["train", "--activation", "rellu"], &["`relu`"]),
        (&["train", "--loss", "nothing"], &["cross_entropy"]),
        (&["train", "--optimizer", "sdg"], &["`sgd`"]),
        (&["train", "--optimizer", "adam", "--momentum", "0.5"], &["momentum = 0.5", "adam has no momentum"]),
        (&["train", "--loss", "binary_cross_entropy"], &["2 classes", "10"]),
        (&["train", "--hidden", "4000000000,4000000000"], &["linear = 4000000000", "narrower"]),
        (&["train", "--dropout", "1"], &["dropout = 1", "below 1"]),
        (&["train", "--test-fraction", "1.5"], &["test_fraction = 1.5", "between 0 and 1"]),
        (&["train", "--data", "digts"], &["`digits`"]),
        (&["train", "--data", "digits", "--target", "x"], &["target = x", "CSV"]),
        (&["train", "--loss", "mean_squared_error"], &["mean_squared_error", "class labels"]),
        (&["trian"], &["trian", "'train'"]),
        (&["predict"], &["MODEL"]),
    ] {
        fail(&folder, arguments, 2, parts);
    }
}

#[test]
fn bad_files_are_one_line_with_a_remedy_and_code_2() {
    let folder = folder("files");
    let write = |name: &str, content: &[u8]| std::fs::write(folder.join(name), content).expect("a file");
    write("text.csv", b"a,b,y\n1,2,x\n3,oops,y\n");
    write("ragged.csv", b"a,b,y\n1,2,x\n3,y\n");
    write("gap.csv", b"a,b,y\n1,2,x\n3,,y\n");
    write("header.csv", b"a,b,y\n");
    write("twice.csv", b"a,a,y\n1,2,x\n");
    write("single.csv", b"a,y\n1,x\n2,x\n");
    write("binary.csv", b"a,y\n\xff\xfe,x\n2,z\n");
    write("infinite.csv", b"a,y\ninf,x\n2,z\n");
    write("fake.safetensors", b"not a model at all");
    let stamps: String = (0..100).map(|t| format!("{},{}\n", 1_700_000_000 + t, t % 2)).collect();
    write("stamps.csv", format!("t,y\n{stamps}").as_bytes());
    let prices: String = (0..100).map(|t| format!("{t},{}.5\n", t * 10)).collect();
    write("mixed.csv", format!("a,price\n{prices}7,n/a\n").as_bytes());
    let names: String = (0..300).map(|t| format!("{t},name{t}\n")).collect();
    write("names.csv", format!("a,name\n{names}").as_bytes());
    write("semicolon.csv", b"a;b;y\n1;2;x\n3;4;z\n");
    write("large.csv", b"a,y\n1e300,x\n2,z\n");
    write("unknown.toml", b"seed = 1\nlearning_rate = 0.1\n");
    write("layers.toml", b"[[layers]]\nlinear = 5\nactivation = \"relu\"\n");
    for (arguments, parts) in [
        (&["train", "--data", "missing.csv"][..], &["missing.csv", "check the path"][..]),
        (&["train", "--data", "text.csv"], &["text.csv:3", "column `b`", "`oops` is not a number"]),
        (&["train", "--data", "ragged.csv"], &["ragged.csv:3", "2 cells", "3"]),
        (&["train", "--data", "gap.csv"], &["gap.csv:3", "empty"]),
        (&["train", "--data", "header.csv"], &["no rows"]),
        (&["train", "--data", "twice.csv"], &["two columns are called `a`"]),
        (&["train", "--data", "single.csv"], &["single class `x`", "--target"]),
        (&["train", "--data", "binary.csv"], &["UTF-8"]),
        (&["train", "--data", "infinite.csv"], &["`inf` is not a number"]),
        (&["train", "--data", "stamps.csv"], &["column `t`", "too close", "subtract"]),
        (&["train", "--data", "mixed.csv"], &["mixed.csv:102", "`n/a` is not a number, most others are"]),
        (&["train", "--data", "names.csv"], &["300 different texts", "--target"]),
        (&["train", "--data", "semicolon.csv"], &["semicolons"]),
        (&["train", "--data", "large.csv"], &["too large"]),
        (&["train", "--data", "text.csv", "--target", "z"], &["unknown column `z`"]),
        (&["train", "--data", "mnist:nowhere"], &["train-images-idx3-ubyte", "mnist:DIR"]),
        (&["eval", "missing.safetensors", "--data", "digits"], &["missing.safetensors", "check the path"]),
        (&["train", "missing.toml"], &["missing.toml", "check the path"]),
        (&["train", "unknown.toml"], &["unknown.toml:2", "learning_rate", "expected"]),
        (&["train", "layers.toml"], &["layers.toml:1", "exactly one of"]),
    ] {
        // The fake model is no model that a run left behind.
        let _ = std::fs::remove_file(folder.join("fake.safetensors"));
        fail(&folder, arguments, 2, parts);
    }
    write("fake.safetensors", b"not a model at all");
    let output = anygrad(&folder, &["predict", "fake.safetensors", "--data", "digits"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("anygrad train"), "{}", stderr(&output));
}

/// Small MNIST files of the official format.
fn write_mnist(folder: &Path, rows: u32) {
    let header = |kind: u8, dims: &[u32]| {
        let mut bytes = vec![0, 0, 8, kind];
        dims.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
        bytes
    };
    for part in ["train", "t10k"] {
        let pixels = (0..rows * 16).map(|i| if i / 16 % 10 == i % 16 { 255 } else { 0 });
        let images = [header(3, &[rows, 4, 4]), pixels.collect()].concat();
        let labels = [header(1, &[rows]), (0..rows).map(|i| (i % 10) as u8).collect()].concat();
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).expect("a file");
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).expect("a file");
    }
}

#[test]
fn idx_files_train_and_damaged_ones_are_refused() {
    let folder = folder("idx");
    write_mnist(&folder, 200);
    let done = json_lines(&succeed(&folder, &["train", "--data", "mnist:.", "--format", "json", "--out", "run"]));
    assert_eq!(done.last().expect("a line")["test_accuracy"], 1.0);
    let eval = succeed(&folder, &["eval", "run/last.safetensors", "--data", "mnist:.", "--format", "json"]);
    assert_eq!(json_lines(&eval)[0]["rows"], 200);
    std::fs::remove_dir_all(folder.join("run")).expect("removed");

    let path = folder.join("train-images-idx3-ubyte");
    let whole = std::fs::read(&path).expect("a file");
    std::fs::write(&path, &whole[..1000]).expect("a file");
    fail(&folder, &["train", "--data", "mnist:."], 2, &["train-images", "truncated", "fetch"]);
    std::fs::write(&path, &whole).expect("a file");
    let labels = folder.join("train-labels-idx1-ubyte");
    let mut bytes = std::fs::read(&labels).expect("a file");
    bytes[20] = 12;
    std::fs::write(&labels, &bytes).expect("a file");
    fail(&folder, &["train", "--data", "mnist:."], 2, &["row 12", "label 12 is not a digit"]);
}

#[test]
fn a_missing_device_is_code_3_and_divergence_code_4() {
    let folder = folder("codes");
    fail(&folder, &["train", "--device", "NoSuchGpu"], 3, &["NoSuchGpu", "cpu"]);
    fail(&folder, &["train", "--device", "99"], 3, &["99", "cpu"]);
    fail(&folder, &["train", "--learning-rate", "1e9"], 4, &["diverged", "lower the learning rate"]);
}

#[test]
fn a_run_is_never_overwritten() {
    let folder = folder("overwrite");
    succeed(&folder, &["train", "--epochs", "1", "--out", "run"]);
    let before = std::fs::read(folder.join("run/last.safetensors")).expect("a model");
    let output = anygrad(&folder, &["train", "--epochs", "2", "--out", "run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("already holds a run"));
    assert_eq!(std::fs::read(folder.join("run/last.safetensors")).expect("a model"), before);
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

#[test]
fn the_speed_of_an_epoch_is_known_when_it_is_reported() {
    let folder = folder("speed");
    for line in json_lines(&succeed(&folder, &["train", "--epochs", "2", "--device", "cpu", "--format", "json"])) {
        assert!(line["samples_per_second"].as_f64().expect("a speed") > 0.0, "{line}");
    }
}

#[test]
fn layers_of_a_config_file_are_not_silently_replaced() {
    let folder = folder("layers");
    succeed(&folder, &["train", "--hidden", "12,8", "--activation", "tanh", "--epochs", "1", "--out", "run"]);
    std::fs::remove_file(folder.join("run/last.safetensors")).expect("removed");
    fail(&folder, &["train", "run/config.toml", "--dropout", "0.2"], 2, &["dropout = 0.2", "--hidden"]);
    fail(&folder, &["train", "run/config.toml", "--activation", "relu"], 2, &["activation = relu", "--hidden"]);
    let again = succeed(&folder, &["train", "run/config.toml", "--epochs", "1", "--out", "again", "--format", "json"]);
    let parameters = 64 * 12 + 12 + 12 * 8 + 8 + 8 * 10 + 10;
    assert_eq!(json_lines(&again).last().expect("a line")["parameters"], parameters);
}

#[test]
fn every_optimizer_and_loss_can_be_named() {
    let folder = folder("names");
    for optimizer in ["sgd", "adam", "adamw", "rmsprop", "adagrad"] {
        let train = ["train", "--optimizer", optimizer, "--epochs", "5", "--format", "json"];
        let done = json_lines(&succeed(&folder, &train)).pop().expect("a line");
        assert!(done["test_accuracy"].as_f64().expect("an accuracy") > 0.85, "{optimizer}: {done}");
    }
    for loss in ["hinge", "perceptron"] {
        let train = ["train", "--loss", loss, "--learning-rate", "0.02", "--epochs", "5", "--format", "json"];
        let done = json_lines(&succeed(&folder, &train)).pop().expect("a line");
        assert!(done["test_accuracy"].as_f64().expect("an accuracy") > 0.85, "{loss}: {done}");
    }
    let circles = ["train", "--data", "circles", "--loss", "binary_cross_entropy", "--format", "json", "--out", "run"];
    let lines = json_lines(&succeed(&folder, &circles));
    assert_eq!(lines.last().expect("a line")["test_accuracy"], 1.0);
    let predicted = succeed(&folder, &["predict", "run/last.safetensors", "--data", "circles"]);
    assert!(predicted.starts_with("class,p(0),p(1)\n"), "{}", predicted.lines().next().unwrap_or(""));
}

#[cfg(target_os = "linux")]
#[test]
fn streams_that_cannot_be_written_do_no_harm() {
    use std::os::unix::ffi::OsStringExt;
    let folder = folder("streams");
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
        command.current_dir(&folder);
        command
    };
    // Messages are lost, the model is not.
    let status = program().args(["train", "--epochs", "1", "--out", "run"]).stderr(full()).status().expect("it starts");
    assert!(status.success() && folder.join("run/last.safetensors").is_file());
    // Lost data is a failure.
    let predict = ["predict", "run/last.safetensors", "--data", "digits"];
    let output =
        program().args(predict).stdout(full()).stderr(std::process::Stdio::piped()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write the results"), "{}", stderr(&output));
    let odd = std::ffi::OsString::from_vec(vec![0xFF]);
    let output = program().arg(odd).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Writes a model file with one tensor and this description.
fn write_model(path: &Path, tensor: &str, shape: &[usize], description: &str) {
    let count: usize = shape.iter().product();
    let header = format!(
        r#"{{"__metadata__":{{"anygrad":{}}},"{tensor}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[0,{}]}}}}"#,
        serde_json::to_string(description).expect("JSON"),
        count * 4
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(std::iter::repeat_n(0u8, count * 4));
    std::fs::write(path, bytes).expect("a file");
}

#[test]
fn hostile_model_files_are_refused() {
    let folder = folder("hostile");
    std::fs::write(folder.join("x.csv"), "x0,y\n1,p\n2,q\n").expect("a file");
    let model = |input: u64, layers: &str, target: &str| {
        format!(
            r#"{{"format":1,"input":{input},"layers":{layers},"loss":{{"kind":"cross_entropy"}},"preprocessing":{{"kind":"none"}},"feature_names":["x0"],"target":{target},"recipe":null,"metrics":null,"weights_hash":"0"}}"#
        )
    };
    let one = r#"{"classes":{"name":"y","classes":["p"]}}"#;
    for (name, description) in [
        ("zero width", model(0, "[]", r#"{"values":{"names":[]}}"#)),
        ("one class", model(1, r#"[{"linear":1,"bias":false}]"#, one)),
        ("huge", model(1, r#"[{"linear":18446744073709551615,"bias":false}]"#, one)),
        ("many", model(4_000_000_000, r#"[{"linear":4000000000,"bias":false}]"#, one)),
        ("negative", model(1, r#"[{"linear":-1}]"#, one)),
        ("newer", model(1, "[]", one).replace(r#""format":1"#, r#""format":2"#)),
        ("no JSON", "{".into()),
    ] {
        write_model(&folder.join("m.safetensors"), "0.weight", &[1, 1], &description);
        for verb in ["predict", "eval"] {
            let output = anygrad(&folder, &[verb, "m.safetensors", "--data", "x.csv"]);
            assert_eq!(output.status.code(), Some(2), "{verb} {name}: {}", stderr(&output));
            assert!(stderr(&output).contains("not a usable model"), "{verb} {name}: {}", stderr(&output));
        }
    }
    // A model that was cut short or whose weights were changed.
    succeed(&folder, &["train", "--epochs", "1", "--out", "run"]);
    let whole = std::fs::read(folder.join("run/last.safetensors")).expect("a model");
    let mut flipped = whole.clone();
    let last = flipped.len() - 3;
    flipped[last] ^= 1;
    let mut edited = whole.clone();
    let at = whole.windows(6).position(|w| w == b"0.0625").expect("the scale of the pixels");
    edited[at + 5] = b'6';
    for (bytes, part) in [
        (&whole[..whole.len() - 10], "not a whole"),
        (&whole[..100], "not a whole"),
        (&flipped[..], "checksum"),
        (&edited[..], "checksum"),
    ] {
        std::fs::write(folder.join("m.safetensors"), bytes).expect("a file");
        let output = anygrad(&folder, &["eval", "m.safetensors", "--data", "digits"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
}

#[test]
fn help_names_every_verb() {
    let folder = folder("help");
    let help = succeed(&folder, &["--help"]);
    for verb in ["train", "eval", "predict", "devices"] {
        assert!(help.contains(verb), "{help}");
        succeed(&folder, &[verb, "--help"]);
    }
    assert!(succeed(&folder, &["--version"]).starts_with("anygrad "));
}
