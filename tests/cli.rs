//! The program's verbs end to end; bad usage and bad files as one line with a remedy and the right exit code.
#![cfg(feature = "cli")]

mod common;

use common::program::{anygrad, fail, folder, json_lines, stderr, stdout, succeed};
use serde_json::Value;

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
    let done = metrics.last().expect("a line");
    assert_eq!(metrics.len() as u64, 1 + done["epochs"].as_u64().expect("a number"));
    assert!(done["model_epoch"].as_u64() <= done["epochs"].as_u64() && done["stopped_early"].is_boolean(), "{done}");
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
        lines.iter().filter(|l| l["event"] == "epoch").filter_map(|l| l["validation_loss"].as_f64()).collect();
    assert!(losses.len() < 500);
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let done = lines.last().expect("a line");
    assert!((done["validation_loss"].as_f64().expect("a loss") - lowest).abs() < 1e-5 * lowest, "{done}");
    assert_eq!(losses[done["model_epoch"].as_u64().expect("an epoch") as usize - 1], lowest);
    assert_eq!(done["stopped_early"], true);
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
    assert!(done["test_accuracy"].as_f64().expect("an accuracy") >= 0.96, "{done}");
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
    assert!(
        succeed(&folder, &["eval", "model.safetensors", "--data", "digits"])
            .lines()
            .any(|line| line.starts_with("rows ") && line.ends_with(" 1797"))
    );

    let table = succeed(&folder, &["predict", "model.safetensors", "--data", "digits"]);
    assert_eq!(table.lines().count(), 1798);
    assert!(table.starts_with("digit,p(0),p(1),"), "{}", table.lines().next().unwrap_or(""));
    let rows = json_lines(&succeed(&folder, &["predict", "model.safetensors", "--data", "digits", "--format", "json"]));
    assert_eq!(rows.len(), 1797);
    let sum: f64 = rows[0]["probabilities"].as_object().expect("classes").values().filter_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-9);
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
        (&["train", "--optimizer", "sgd", "--momentum", "1"], &["momentum = 1", "below 1"]),
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
        (&["train", "--test-fraction", "1.5"], &["test_fraction = 1.5", "at least 0 and below 1"]),
        (&["train", "--data", "digts"], &["`digits`"]),
        (&["train", "--data", "digits", "--target", "x"], &["target = x", "digits is no table"]),
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
    let numbers = |odd: &str| {
        let rows: String = (0..60).map(|t| format!("{}.5,{},{}\n", t, (t * 7) % 11, ["p", "q"][t % 2])).collect();
        format!("a,b,y\n{rows}{odd}\n")
    };
    write("text.csv", numbers("3,oops,p").as_bytes());
    write("ragged.csv", b"a,b,y\n1,2,x\n3,y\n");
    write("gap.csv", numbers("3,,p").as_bytes());
    write("header.csv", b"a,b,y\n");
    write("twice.csv", b"a,a,y\n1,2,x\n");
    write("single.csv", b"a,y\n1,x\n2,x\n");
    write("infinite.csv", numbers("3,inf,p").as_bytes());
    write("fake.safetensors", b"not a model at all");
    let prices: String = (0..100).map(|t| format!("{t}.5,{}.5\n", t * 10)).collect();
    write("mixed.csv", format!("a,price\n{prices}7,cheap\n").as_bytes());
    let names: String = (0..300).map(|t| format!("{t}.5,name{t}\n")).collect();
    write("names.csv", format!("a,name\n{names}").as_bytes());
    write("large.csv", numbers("3,1e300,p").as_bytes());
    write("alone.csv", b"y\n1\n2\n");
    write("unknown.toml", b"seed = 1\nlearning_rate = 0.1\n");
    write("layers.toml", b"[[layers]]\nlinear = 5\nactivation = \"relu\"\n");
    for (arguments, parts) in [
        (&["train", "--data", "missing.csv"][..], &["missing.csv", "check the path"][..]),
        (&["train", "--data", "text.csv"], &["text.csv:62", "column `b`", "`oops` is not a number"]),
        (&["train", "--data", "ragged.csv"], &["ragged.csv:3", "2 cells", "3"]),
        (&["train", "gap.csv", "--missing", "refuse"], &["gap.csv:62", "column `b`", "missing"]),
        (&["train", "--data", "header.csv"], &["no rows"]),
        (&["train", "--data", "twice.csv"], &["two columns are called `a`"]),
        (&["train", "--data", "single.csv"], &["single class `x`", "--target"]),
        (&["train", "--data", "infinite.csv"], &["infinite.csv:62", "`inf` is not a finite number"]),
        (&["train", "--data", "mixed.csv"], &["mixed.csv:102", "`cheap` is not a number, 100 of 101 cells are"]),
        (&["train", "--data", "names.csv"], &["300 different texts", "--target"]),
        (&["train", "--data", "large.csv"], &["large.csv:62", "too large"]),
        (&["train", "--data", "alone.csv"], &["no column to learn from"]),
        (&["train", "--data", "text.csv", "--target", "z"], &["unknown column `z`"]),
        (&["train", "--data", "mnist:nowhere"], &["train-images-idx3-ubyte", "mnist:DIR"]),
        (&["eval", "missing.safetensors", "--data", "digits"], &["missing.safetensors", "check the path"]),
        (&["train", "missing.toml"], &["missing.toml", "check the path"]),
        (&["train", "unknown.toml"], &["unknown.toml:2", "learning_rate", "known: "]),
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

#[test]
fn a_missing_device_is_code_3_and_divergence_code_4() {
    let folder = folder("codes");
    fail(&folder, &["train", "--device", "NoSuchGpu"], 3, &["NoSuchGpu", "cpu"]);
    fail(&folder, &["train", "--device", "99"], 3, &["99", "cpu"]);
    fail(&folder, &["train", "--learning-rate", "1e9", "--epochs", "30"], 4, &["diverged", "lower the learning rate"]);
}

#[test]
fn a_run_is_never_overwritten() {
    let folder = folder("overwrite");
    succeed(&folder, &["train", "--epochs", "1", "--out", "run"]);
    let before = std::fs::read(folder.join("run/last.safetensors")).expect("a model");
    let output = anygrad(&folder, &["train", "--epochs", "2", "--out", "run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("already holds metrics.jsonl"));
    // Whichever file of a run is there.
    std::fs::remove_file(folder.join("run/metrics.jsonl")).expect("removed");
    let output = anygrad(&folder, &["train", "--epochs", "2", "--out", "run"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("already holds"), "{}", stderr(&output));
    assert_eq!(std::fs::read(folder.join("run/last.safetensors")).expect("a model"), before);
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
        let train = ["train", "--optimizer", optimizer, "--epochs", "20", "--format", "json"];
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
    assert!(lines.last().expect("a line")["test_accuracy"].as_f64().expect("a share") > 0.98);
    let predicted = succeed(&folder, &["predict", "run/last.safetensors", "--data", "circles"]);
    assert!(predicted.starts_with("class,p(0),p(1)\n"), "{}", predicted.lines().next().unwrap_or(""));
}

#[test]
fn the_example_in_the_help_of_each_verb_works() {
    let folder = folder("examples");
    succeed(&folder, &["train", "--epochs", "2"]);
    let help = succeed(&folder, &["--help"]);
    let (_, verbs) = help.split_once("Commands:").expect("verbs");
    let verbs = verbs.lines().take_while(|line| !line.starts_with("Options"));
    let verbs = verbs.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut tried = 0;
    for verb in verbs.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help") {
        let text = succeed(&folder, &[verb, "--help"]);
        let example = text.lines().find_map(|line| line.strip_prefix("Example: anygrad ")).expect(verb);
        // Measuring takes a while, and is tried elsewhere.
        if !matches!(verb, "bench" | "tune" | "gradcheck" | "doctor") {
            succeed(&folder, &example.split(' ').collect::<Vec<_>>());
            tried += 1;
        }
    }
    assert!(tried >= 7, "{tried}");
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
