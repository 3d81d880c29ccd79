//! The files of every release so far, each in a folder of `tests/release`: this program loads them all, and they give what was
//! written down beside them.
//!
//! The files of the next release: raise `THIS`, then `cargo test --test release_files -- --ignored regenerate`. Those of a
//! release that is out stay as they are.
#![cfg(feature = "cli")]

mod common;

use anygrad::model::Model;
use anygrad::tune::{Candidate, Choice, Place, Store, Variants};
use common::program::{folder, json_lines, succeed};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The release whose files [`regenerate`] writes.
const THIS: &str = "0.1";
/// What the files of a release give.
const EXPECTED: &str = "expected.json";

/// A config file with a key of every table.
const CONFIG: &str = r#"seed = 3
device = "cpu"
reproducible = true

[data]
source = "moons"
test_fraction = 0.25
validation_fraction = 0.1

[[layers]]
linear = 6
init = "he_uniform"

[[layers]]
activation = "leaky_relu:0.1"

[[layers]]
residual = [{ linear = 6 }, { activation = "tanh" }]

[[layers]]
dropout = 0.1
mode = "vanilla"

[[layers]]
linear = 2

[loss]
kind = "cross_entropy"
label_smoothing = 0.05

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

[train]
epochs = 4
batch_size = 32
early_stopping = { monitor = "validation_loss", patience = 4, min_delta = 1e-4, restore_best = true }
"#;

/// A table with numbers, missing ones, categories and dates.
fn table() -> String {
    let mut text = "size,colour,bought,kind\n".to_string();
    for i in 0..80 {
        let size = if i % 17 == 5 { String::new() } else { format!("{}.{}", i * 7 % 23, i % 10) };
        let colour = ["red", "green", "blue"][i * 5 % 7 % 3];
        let kind = if i * 7 % 23 + 9 * (i * 5 % 7 % 3) > 17 { "large" } else { "small" };
        text += &format!("{size},{colour},2024-{:02}-{:02},{kind}\n", 1 + i % 12, 1 + i * 3 % 28);
    }
    text
}

/// Where the tuned choice of [`regenerate`] holds.
fn place() -> Place {
    let text = |text: &str| text.to_string();
    Place {
        adapter: text("an adapter"),
        driver: text("a driver 1.0"),
        backend: text("vulkan"),
        shaders: text("0123456789abcdef"),
        key: text("matmul [64, 128, 784]"),
    }
}

/// Writes the files of this release with this program.
#[test]
#[ignore = "writes the kept files anew, once for a version"]
fn regenerate() {
    let path = releases().join(THIS);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    let write = |name: &str, text: &str| fs::write(path.join(name), text).expect("written");
    write("table.csv", &table());
    write("net.toml", CONFIG);
    let train = "train table.csv --hidden 8 --dropout 0.1 --optimizer adam --learning-rate 0.05 --patience 50 --epochs 6 \
                 --batch-size 16 --reproducible --checkpoint-every 7steps --out run";
    succeed(&path, &train.split(' ').collect::<Vec<_>>());
    succeed(&path, &["pack", "table.csv", "--out", "rows.anygrad"]);
    let candidate = |variant: &str, seconds| Candidate {
        variant: variant.into(),
        seconds: Some(seconds),
        again: None,
        struck_off: None,
    };
    let candidates = vec![candidate("plain", 2e-5), candidate("tiled", 1e-5)];
    let mut store = Store::default();
    store.insert(place(), Choice { variant: "tiled".into(), default: "plain".into(), candidates });
    store.write(&path.join("tuned.json")).expect("written");
    let mut variants = Variants::default();
    variants.insert("matmul [64, 128, 784]", "tiled");
    variants.write(&path.join("variants.json")).expect("written");

    let expected = observe(&copied(&path, "regenerated"));
    write(EXPECTED, &format!("{expected:#}\n"));
}

#[test]
fn files_of_every_release_give_what_they_gave() {
    let mut found: Vec<PathBuf> =
        fs::read_dir(releases()).expect("releases").flatten().map(|entry| entry.path()).collect();
    found.sort();
    assert!(!found.is_empty());
    for release in found {
        let name = release.file_name().expect("a name").to_string_lossy().into_owned();
        let expected = fs::read_to_string(release.join(EXPECTED)).expect("what is expected");
        let expected: Value = serde_json::from_str(&expected).expect("JSON");
        let given = observe(&copied(&release, &format!("release_{name}")));
        for (what, value) in expected.as_object().expect("an object") {
            assert_eq!(&given[what], value, "{what} of release {name}");
        }
    }
}

fn releases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/release")
}

/// What the files in a folder give. It writes into the folder.
fn observe(path: &Path) -> Value {
    let done = |arguments: &[&str]| json_lines(&succeed(path, arguments)).pop().expect("a line");
    let model = Model::load(path.join("run/last.safetensors")).expect("a model");
    let predictions = succeed(path, &["predict", "run/last.safetensors", "--data", "table.csv"]);
    let evaluation = done(&["eval", "run", "--data", "table.csv", "--format", "json"]);

    // As if the run had been interrupted where the checkpoint before the last one was taken.
    let run = path.join("run");
    fs::rename(run.join("checkpoint.previous.bin"), run.join("checkpoint.bin")).expect("renamed");
    let resumed = done(&["train", "--resume", "run", "--format", "json"]);
    assert_eq!(resumed["weights_hash"], json!(model.weights_hash()), "a resumed run ends as the run did");
    let metrics = json_lines(&fs::read_to_string(run.join("metrics.jsonl")).expect("metrics"));
    let losses: Vec<&Value> =
        metrics.iter().filter(|line| line["event"] == "epoch").map(|line| &line["train_loss"]).collect();

    let small = ["--hidden", "5", "--epochs", "2", "--reproducible", "--format", "json", "--out"];
    let packed = done(&[&["train", "rows.anygrad"], &small[..], &["packed"]].concat());
    let again = done(&["train", "run", "--format", "json", "--out", "again"]);
    let configured = done(&["train", "net.toml", "--format", "json", "--out", "configured"]);
    let store = Store::read(&path.join("tuned.json")).expect("choices");
    let variants = Variants::read(&path.join("variants.json")).expect("variants");
    json!({
        "weights of the model": model.weights_hash(),
        "first predictions": predictions.lines().take(6).collect::<Vec<_>>(),
        "accuracy": evaluation["accuracy"],
        "weights of the resumed run": resumed["weights_hash"],
        "losses of the epochs": losses,
        "weights by the run's recipe": again["weights_hash"],
        "weights by the packed rows": packed["weights_hash"],
        "weights by the config file": configured["weights_hash"],
        "tuned choice": store.get(&place()),
        "variants": variants.iter().collect::<Vec<_>>(),
    })
}

/// A copy of a release, which may be written to.
fn copied(from: &Path, name: &str) -> PathBuf {
    let to = folder(name);
    copy(from, &to);
    to
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(drop).expect("a copy") }
    }
}
