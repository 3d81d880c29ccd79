//! Config files through the program: what they can say, and how wrong ones are refused.
#![cfg(feature = "cli")]

mod common;

use common::program::{anygrad, folder, json_lines, stderr, succeed};
use std::path::Path;

const EVERYTHING: &str = r#"
seed = 3
device = "cpu"
[data]
source = "digits"
test_fraction = 0.25
validation_fraction = 0.1
[[layers]]
linear = 24
init = "he_uniform"
[[layers]]
activation = "leaky_relu:0.1"
[[layers]]
dropout = 0.1
mode = "vanilla"
[[layers]]
linear = 10
[loss]
kind = "cross_entropy"
class_weights = "balanced"
[optimizer]
kind = "sgd"
learning_rate = 0.2
momentum = 0.9
nesterov = true
[schedule]
kind = "cosine"
minimum = 0.01
[regularization]
l1 = 1e-6
l2 = 1e-5
max_grad_norm = 2.0
max_grad_value = 0.5
[train]
epochs = 12
batch_size = 32
early_stopping = { monitor = "validation_loss", patience = 4, min_delta = 1e-4, restore_best = true }
"#;

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file");
}

#[test]
fn a_config_can_say_everything_and_its_resolved_form_repeats_the_run() {
    let folder = folder("everything");
    write(&folder, "net.toml", EVERYTHING);
    let lines = json_lines(&succeed(&folder, &["train", "net.toml", "--format", "json", "--out", "first"]));
    let (done, epochs) = lines.split_last().expect("lines");
    assert!(done["test_accuracy"].as_f64().expect("a share") > 0.9, "{done}");
    let first = &epochs[0];
    assert!(first["validation_loss"].is_f64() && first["train_penalty"].is_f64(), "{first}");
    assert!(first.get("test_loss").is_none(), "the test rows wait until the end: {first}");
    let rates: Vec<f64> = epochs.iter().map(|epoch| epoch["learning_rate"].as_f64().expect("a rate")).collect();
    assert!(rates[0] == 0.2 && rates.windows(2).all(|pair| pair[1] < pair[0]), "{rates:?}");

    let again = json_lines(&succeed(&folder, &["train", "first/config.toml", "--format", "json", "--out", "again"]));
    assert_eq!(again.last().expect("a line")["weights_hash"], done["weights_hash"]);
    let eval = ["eval", "first/last.safetensors", "--data", "digits", "--part", "test", "--format", "json"];
    let evaluation = &json_lines(&succeed(&folder, &eval))[0];
    assert_eq!(evaluation["accuracy"], done["test_accuracy"]);
    assert_eq!(evaluation["per_class"].as_array().expect("classes").len(), 10);
    assert!(evaluation["top_k"]["accuracy"].as_f64() >= evaluation["accuracy"].as_f64());
}

#[test]
fn layers_can_hold_layers() {
    let folder = folder("nested");
    let text = "[[layers]]\nlinear = 16\n[[layers]]\nresidual = [{ activation = \"relu\" }, { linear = 16 }]\n[[layers]]\nlinear = 10\n";
    write(&folder, "net.toml", text);
    let run = |config: &str, out: &str| {
        let train = ["train", config, "--epochs", "2", "--device", "cpu", "--format", "json", "--out", out];
        json_lines(&succeed(&folder, &train)).last().expect("a line").clone()
    };
    let (first, again) = (run("net.toml", "first"), run("first/config.toml", "again"));
    assert_eq!(first["weights_hash"], again["weights_hash"]);
    assert_eq!(first["parameters"], 64 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10);
    let eval = ["eval", "first/last.safetensors", "--data", "digits", "--part", "test", "--format", "json"];
    assert_eq!(json_lines(&succeed(&folder, &eval))[0]["accuracy"], first["test_accuracy"]);

    write(&folder, "wrong.toml", &text.replace("{ linear = 16 }]", "{ linear = 15 }]"));
    let message = stderr(&anygrad(&folder, &["train", "wrong.toml"]));
    assert!(message.contains("error: wrong.toml:3: layer 1: residual: its layers make [15] of [16]"), "{message}");
}

#[test]
fn settings_and_flags_change_what_the_file_says() {
    let folder = folder("settings");
    write(&folder, "net.toml", EVERYTHING);
    let run = |out: &str, more: &[&str]| {
        let train = ["train", "net.toml", "--epochs", "0", "--format", "json", "--out", out];
        succeed(&folder, &[&train[..], more].concat());
        std::fs::read_to_string(folder.join(out).join("config.toml")).expect("a config")
    };
    let config =
        run("a", &["--set", "layers.0.linear=9", "--set", "schedule.kind=constant", "--set", "loss.kind=hinge"]);
    assert!(
        config.contains("linear = 9") && config.contains("\"constant\"") && config.contains("\"hinge\""),
        "{config}"
    );
    let config = run("b", &["--set", "optimizer.learning_rate=0.3", "--learning-rate", "0.4"]);
    assert!(config.contains("learning_rate = 0.4"), "{config}");
}

#[test]
fn wrong_configs_are_refused_with_their_line() {
    let folder = folder("wrong-configs");
    let images = |count: u32| [&[0, 0, 8, 3][..], &count.to_be_bytes(), &[0, 0, 0, 28, 0, 0, 0, 28]].concat();
    for part in ["train", "t10k"] {
        let pixels = [images(2), vec![0; 2 * 784]].concat();
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), pixels).expect("a file");
        let labels = [&[0, 0, 8, 1, 0, 0, 0, 2][..], &[3, 12]].concat();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).expect("a file");
    }
    let prices: String = (1..40).map(|i| format!("{i}.5,{}.25\n", 10 * i)).collect();
    write(&folder, "price.csv", &format!("a,price\n{prices}"));
    // What to change into what, a part of the line to be named, a part of the message.
    for (change, to, line, part) in [
        ("epochs = 12", "epoch = 12", "epoch = 12", "did you mean `epochs`?"),
        ("learning_rate = 0.2", "learning_rate = -0.2", "learning_rate", "learning_rate = -0.2"),
        ("learning_rate = 0.2", "learning_rates = 0.2", "learning_rates", "did you mean `learning_rate`?"),
        ("\"balanced\"", "[1, 2, 3]", "class_weights", "3 weights for 10 classes"),
        ("\"balanced\"", "\"ballanced\"", "class_weights", "must be \"balanced\" or a list"),
        ("\"cross_entropy\"\nclass_weights = \"balanced\"", "\"huber\"", "\"huber\"", "does not fit a target"),
        ("\"digits\"", "\"mnist:.\"", "source", "row 1: label 12"),
        ("\"digits\"", "\"price.csv\"\ntarget = \"cost\"", "target =", "unknown column `cost`"),
        ("\"cross_entropy\"", "\"huber\"", "[loss]", "only losses of classes take weights"),
        ("max_grad_norm = 2.0", "max_grad_norm = 0.0", "max_grad_norm", "above 0"),
        ("minimum = 0.01", "minimum = -1.0", "minimum", "at least 0"),
        ("validation_fraction = 0.1", "validation_fraction = 1.5", "validation_fraction", "at least 0 and below 1"),
        ("linear = 24", "linear = 0", "linear = 0", "at least 1"),
        ("dropout = 0.1", "dropout = 1.5", "dropout", "below 1"),
        ("linear = 10", "linear = 9", "[[layers]]", "10 classes need 10 outputs"),
        ("patience = 4", "patience = 0", "patience", "at least 1 epoch"),
        ("monitor = \"validation_loss\"", "monitor = \"test_loss\"", "monitor", "use validation_loss"),
        ("kind = \"cosine\"", "kind = \"cosinus\"", "cosinus", "did you mean `cosine`?"),
    ] {
        let text = EVERYTHING.replacen(change, to, 1);
        assert_ne!(text, EVERYTHING, "{change}");
        write(&folder, "wrong.toml", &text);
        let output = anygrad(&folder, &["train", "wrong.toml", "--out", "run"]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{to}: {message}");
        let _ = std::fs::remove_dir_all(folder.join("run"));
        let errors: Vec<&str> = message.lines().filter(|line| line.starts_with("error: ")).collect();
        let number = text.lines().position(|candidate| candidate.contains(line)).expect("the line") + 1;
        let place = format!("error: wrong.toml:{number}: ");
        assert!(
            errors.len() == 1 && errors[0].starts_with(&place) && errors[0].contains(part),
            "{to}: expected {place}…{part}…, got {message}"
        );
    }
}

/// Each flag with a value that no other has, and the key that it sets.
#[test]
fn each_flag_sets_its_own_key() {
    let folder = folder("flags");
    let flags = [
        ("--seed", "41", "seed", "41"),
        ("--device", "cpu", "device", "\"cpu\""),
        ("--data", "moons", "data.source", "\"moons\""),
        ("--test-fraction", "0.375", "data.test_fraction", "0.375"),
        ("--validation-fraction", "0.125", "data.validation_fraction", "0.125"),
        ("--loss", "hinge", "loss.kind", "\"hinge\""),
        ("--class-weights", "1.5,2.5", "loss.class_weights", "[1.5, 2.5]"),
        ("--optimizer", "sgd", "optimizer.kind", "\"sgd\""),
        ("--learning-rate", "0.0625", "optimizer.learning_rate", "0.0625"),
        ("--momentum", "0.75", "optimizer.momentum", "0.75"),
        ("--weight-decay", "0.03125", "optimizer.weight_decay", "0.03125"),
        ("--l1", "0.25", "regularization.l1", "0.25"),
        ("--l2", "0.5", "regularization.l2", "0.5"),
        ("--batch-size", "33", "train.batch_size", "33"),
        ("--epochs", "0", "train.epochs", "0"),
        ("--patience", "17", "train.early_stopping.patience", "17"),
        ("--hidden", "7", "layers.0.linear", "7"),
        ("--activation", "elu:0.5", "layers.1.activation", "\"elu:0.5\""),
        ("--dropout", "0.875", "layers.2.dropout", "0.875"),
        ("--set", "regularization.max_grad_norm=4.5", "regularization.max_grad_norm", "4.5"),
        ("--set", "regularization.max_grad_value=5.5", "regularization.max_grad_value", "5.5"),
        ("--set", "optimizer.nesterov=true", "optimizer.nesterov", "true"),
        ("--set", "train.shuffle=false", "train.shuffle", "false"),
        ("--set", "train.drop_last=true", "train.drop_last", "true"),
        ("--set", "schedule.kind=constant", "schedule.kind", "\"constant\""),
    ];
    sets_its_keys(&folder, &flags);
    let rows: String = (0..60)
        .map(|i| format!("{},{},{},p{},{},{},{}\n", i * 7 % 13, i * 5 % 11, i % 3, i % 6, i, 1 + i % 2, i % 2))
        .collect();
    for name in ["t.csv", "test.csv", "validation.csv"] {
        write(&folder, name, &format!("a,b,kind,person,day,w,y\n{rows}"));
    }
    sets_its_keys(
        &folder,
        &[
            ("--data", "t.csv", "data.source", "\"../t.csv\""),
            ("--test-data", "test.csv", "data.test_data", "\"../test.csv\""),
            ("--validation-data", "validation.csv", "data.validation_data", "\"../validation.csv\""),
            ("--target", "y", "data.target", "\"y\""),
            ("--task", "classes", "data.task", "\"classes\""),
            ("--drop", "b", "data.drop", "[\"b\"]"),
            ("--categorical", "kind", "data.categorical", "[\"kind\"]"),
            ("--numeric", "a", "data.numeric", "[\"a\"]"),
            ("--weights", "w", "data.weights", "\"w\""),
            ("--time", "day", "data.time", "\"day\""),
            ("--missing", "median", "data.missing", "\"median\""),
            ("--scaling", "robust", "data.scaling", "\"robust\""),
            ("--header", "yes", "data.header", "true"),
            ("--epochs", "0", "train.epochs", "0"),
        ],
    );
    sets_its_keys(
        &folder,
        &[
            ("--data", "t.csv", "data.source", "\"../t.csv\""),
            ("--groups", "person", "data.groups", "\"person\""),
            ("--features", "a,b", "data.features", "[\"a\", \"b\"]"),
            ("--epochs", "0", "train.epochs", "0"),
        ],
    );
}

/// Trains with flags, and finds each value under its key in the configuration of the run.
fn sets_its_keys(folder: &Path, flags: &[(&str, &str, &str, &str)]) {
    let given = flags.iter().flat_map(|(flag, value, ..)| [*flag, *value]);
    let train = ["train", "--out", "run"].into_iter().chain(given).collect::<Vec<_>>();
    let _ = std::fs::remove_dir_all(folder.join("run"));
    succeed(folder, &train);
    let text = std::fs::read_to_string(folder.join("run/config.toml")).expect("a config");
    let config: toml::Value = toml::from_str(&text).expect("TOML");
    for (flag, value, key, expected) in flags {
        let found = key.split('.').try_fold(&config, |own, key| match own {
            toml::Value::Array(entries) => entries.get(key.parse::<usize>().ok()?),
            own => own.get(key),
        });
        assert_eq!(found.map(|found| found.to_string()).as_deref(), Some(*expected), "{flag} {value}: {text}");
    }
}

#[test]
fn a_limit_of_a_reader_can_be_raised() {
    let folder = folder("limits");
    write(&folder, "long.toml", &format!("{}device = \"cpu\"\n", "# much to say\n".repeat(30_000)));
    let train = ["train", "long.toml", "--epochs", "1"];
    let error = stderr(&anygrad(&folder, &train));
    assert!(error.contains("more than 128 KiB") && error.contains("--max-bytes"), "{error}");
    succeed(&folder, &[&train[..], &["--max-bytes", "1MiB"]].concat());
    let error = stderr(&anygrad(&folder, &[&train[..], &["--max-bytes", "1 MB"]].concat()));
    assert!(error.contains("64MiB or 8GiB"), "{error}");
}
