//! The same bits on every processor: weights of whole runs with narrower vectors, other numbers of threads, and no instruction
//! for a multiply-add, beside the bits that were written down when this was first so.

mod common;

use anygrad::backend::{Device, Request};
use anygrad::data::{Dataset, Features, Targets};
use anygrad::pretend::{Vectors, limit_vectors, pretend_threads};
use anygrad::random::{Purpose, Stream, stream_key};
use anygrad::train::{Recipe, Trainer};
use std::sync::{Mutex, PoisonError};

/// A run: its recipe, how many rows it takes of the data, and the hash of its weights.
type Run = (&'static str, usize, &'static str);

/// Hashes as they are for ever: a change of them is a change of what reproducible runs compute.
const RUNS: &[Run] = &[
    // More than 1,024 inputs of a layer with 65 to 128 rows, where K is cut.
    (
        r#"{"data": {"source": "digits"}, "layers": [{"linear": 1500}, {"activation": "relu"}, {"linear": 100},
        {"activation": "relu"}, {"linear": 10}], "loss": {"kind": "cross_entropy"},
        "optimizer": {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9}, "schedule": {"kind": "cosine"},
        "train": {"epochs": 1, "batch_size": 100}}"#,
        100,
        "f7a7d81938bdd12e",
    ),
    // Plain descent in the product itself, of ragged widths; more than 1,024 rows of a batch.
    (
        r#"{"data": {"source": "digits"}, "layers": [{"linear": 40}, {"activation": "leaky_relu:0.1"}, {"linear": 24},
        {"activation": "tanh"}, {"linear": 10}], "loss": {"kind": "cross_entropy", "label_smoothing": 0.1},
        "optimizer": {"kind": "sgd", "learning_rate": 0.3, "weight_decay": 0.01}, "schedule": {"kind": "constant"},
        "train": {"epochs": 3, "batch_size": "full"}}"#,
        1300,
        "2b7164f7a7a81ec3",
    ),
    // The default optimizer, dropout, classes with weights, limits on gradients, penalties, a batch of one row at the end.
    (
        r#"{"seed": 5, "data": {"source": "digits"}, "layers": [{"linear": 44, "init": "he_normal"},
        {"activation": "gelu"}, {"dropout": 0.25}, {"linear": 10}],
        "loss": {"kind": "cross_entropy", "class_weights": "balanced"}, "schedule": {"kind": "exponential", "gamma": 0.9},
        "regularization": {"l1": 1e-5, "l2": 1e-4, "max_grad_norm": 0.5}, "train": {"epochs": 3, "batch_size": 65}}"#,
        261,
        "534049e60217c90b",
    ),
    (
        r#"{"data": {"source": "spiral"}, "layers": [{"linear": 33}, {"activation": "elu"}, {"residual": [{"linear": 33},
        {"activation": "softplus"}]}, {"linear": 3}], "loss": {"kind": "hinge"},
        "optimizer": {"kind": "adam", "learning_rate": 0.01, "weight_decay": 0.001},
        "schedule": {"kind": "step", "period": 2, "gamma": 0.3}, "train": {"epochs": 4, "batch_size": 129}}"#,
        300,
        "1225b2e316037f21",
    ),
    (
        r#"{"data": {"source": "moons"}, "layers": [{"linear": 20, "init": "normal:0.3"}, {"activation": "sigmoid"},
        {"linear": 20, "init": "glorot_uniform"}, {"activation": "silu"}, {"linear": 1}],
        "loss": {"kind": "binary_cross_entropy"}, "optimizer": {"kind": "rmsprop", "learning_rate": 0.01,
        "momentum": 0.5}, "schedule": {"kind": "linear"}, "train": {"epochs": 3, "batch_size": 7}}"#,
        200,
        "a4edd1465aeaf483",
    ),
    (
        r#"{"data": {"source": "sine"}, "layers": [{"linear": 50}, {"activation": "gelu_tanh"}, {"linear": 1}],
        "loss": {"kind": "huber", "delta": 0.2}, "optimizer": {"kind": "adagrad", "learning_rate": 0.05},
        "regularization": {"max_grad_value": 0.1}, "train": {"epochs": 3, "batch_size": 32}}"#,
        200,
        "f164a534177b9d9e",
    ),
    (
        r#"{"data": {"source": "circles"}, "layers": [{"linear": 9}, {"activation": "gelu_sigmoid"}, {"linear": 2}],
        "loss": {"kind": "perceptron"}, "optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9,
        "nesterov": true}, "train": {"epochs": 30, "batch_size": 1}}"#,
        20,
        "23cafd086940723e",
    ),
    // A layer of many inputs, of few rows and of more, and elementwise work that is shared among threads.
    (
        r#"{"data": {"source": "memory"}, "layers": [{"linear": 30}, {"activation": "relu"}, {"linear": 2100},
        {"activation": "tanh"}, {"linear": 3}], "loss": {"kind": "mean_squared_error"},
        "optimizer": {"kind": "adamw", "learning_rate": 0.001}, "train": {"epochs": 2, "batch_size": 70}}"#,
        90,
        "b42014965a984cd4",
    ),
    (
        r#"{"data": {"source": "memory"}, "layers": [{"linear": 17}, {"activation": "relu"}, {"linear": 3}],
        "loss": {"kind": "mean_absolute_error", "reduction": "sum"},
        "optimizer": {"kind": "sgd", "learning_rate": 0.001}, "train": {"epochs": 2, "batch_size": 150}}"#,
        300,
        "1c4b698e52deeb5a",
    ),
];

/// Rows of more features than a product adds up at a time, with three values each.
fn wide(rows: usize) -> Dataset {
    let mut stream = Stream::new(stream_key(9, Purpose::Synthetic, 0));
    let mut numbers = |count: usize| (0..count).map(|_| stream.next_unit() - 0.5).collect::<Vec<_>>();
    let (features, data) = (Features::F32 { width: 2600, data: numbers(rows * 2600) }, numbers(rows * 3));
    let targets = Targets::Values { names: vec!["x".into(), "y".into(), "z".into()], data };
    Dataset::new("wide", features, targets).expect("data")
}

/// The hash of a run's weights, and what its model makes of the first rows.
fn train((recipe, rows, _): Run, reproducible: bool) -> (String, Vec<f32>) {
    let mut recipe: Recipe = serde_json::from_str(recipe).unwrap_or_else(|error| panic!("{recipe}: {error}"));
    recipe.reproducible = reproducible;
    recipe.data.test_fraction = 0.0;
    let split = match recipe.data.source {
        anygrad::data::Source::Memory => wide(rows + rows / 5).split(0.1, 0),
        _ => recipe.load(),
    };
    let mut split = split.expect("data");
    split.train = split.train.select(&(0..rows).collect::<Vec<_>>());
    let mut trainer = Trainer::of(recipe, &split).expect("a trainer").on(Device::Cpu);
    trainer.fit_blocking(&split).expect("training");
    let model = trainer.model().expect("a model");
    let first = split.train.select(&(0..rows.min(33)).collect::<Vec<_>>());
    let outputs = pollster::block_on(model.outputs(&first.features, &Device::Cpu)).expect("outputs");
    (model.weights_hash(), outputs)
}

/// What `work` gives on a processor with these vectors and threads, alone in the process.
fn on<R>(vectors: Vectors, threads: usize, work: impl FnOnce() -> R) -> R {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    limit_vectors(vectors);
    pretend_threads(threads);
    let result = work();
    limit_vectors(Vectors::Any);
    pretend_threads(0);
    result
}

/// On x86-64 with FMA every run has the bits of a reproducible one; elsewhere only the number of threads is compared.
#[test]
fn default_runs_have_the_same_bits_with_any_vectors_and_threads() {
    for &run in RUNS {
        let expected = on(Vectors::Any, 0, || train(run, false));
        for (vectors, threads) in [(Vectors::Any, 3), (Vectors::Avx2, 1), (Vectors::Avx2, 2), (Vectors::Avx2, 7)] {
            let found = on(vectors, threads, || train(run, false));
            assert!(found == expected, "{vectors:?} and {threads} threads: {}, not {}, {}", found.0, expected.0, run.0);
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            assert_eq!(expected.0, run.2, "{}", run.0);
        }
    }
}

#[test]
fn reproducible_runs_have_the_bits_that_were_written_down_with_any_vectors_and_threads() {
    let mut wrong = Vec::new();
    for &run in RUNS {
        let mut outputs = None;
        for (vectors, threads) in [(Vectors::Any, 1), (Vectors::Avx2, 4), (Vectors::Plain, 1), (Vectors::Plain, 3)] {
            let found = on(vectors, threads, || train(run, true));
            if found.0 != run.2 {
                wrong.push(format!("{vectors:?} and {threads} threads: {}, not {}: {}", found.0, run.2, run.0));
            }
            assert!(found.1 == *outputs.get_or_insert(found.1.clone()), "outputs of {}", run.0);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_reproducible_run_is_refused_on_a_gpu() {
    let recipe =
        |device: &str| Recipe { device: device.parse().expect("a device"), reproducible: true, ..Recipe::default() };
    assert_eq!(recipe("auto").request().expect("the CPU"), Request::Cpu);
    for device in ["gpu", "1", "nvidia"] {
        let error = recipe(device).request().expect_err("refused").to_string();
        assert!(error.contains("a reproducible run is computed on the CPU"), "{error}");
    }
    let Some(gpu) = common::gpu() else { return };
    let data = anygrad::data::xor(20, 0).expect("data").split(0.2, 0).expect("a split");
    let mut trainer = Trainer::of(recipe("auto"), &data).expect("a trainer").on(Device::Gpu(gpu));
    let error = trainer.fit_blocking(&data).expect_err("refused").to_string();
    assert!(error.contains("a reproducible run is computed on the CPU"), "{error}");
}

#[cfg(feature = "cli")]
#[test]
fn the_program_says_whether_a_run_is_reproducible() {
    use common::program::{anygrad, folder, json_lines, stderr, succeed};
    let folder = folder("reproducible");
    let command = ["train", "--data", "moons", "--epochs", "1", "--format", "json", "--out"];
    for (out, flag) in [("plain", None), ("same", Some("--reproducible"))] {
        let arguments: Vec<&str> = command.into_iter().chain([out]).chain(flag).collect();
        let done = json_lines(&succeed(&folder, &arguments)).pop().expect("a line");
        let read = |name: &str| std::fs::read_to_string(folder.join(out).join(name)).expect("a file");
        let environment: serde_json::Value = serde_json::from_str(&read("environment.json")).expect("JSON");
        let said = serde_json::Value::from(flag.is_some());
        assert_eq!([&done["reproducible"], &environment["reproducible"]], [&said, &said], "{done}");
        assert_eq!(read("config.toml").contains("reproducible = true"), flag.is_some());
        assert!(flag.is_none() || done["backend"] == "cpu", "{done}");
    }
    let refused = anygrad(&folder, &["train", "--data", "moons", "--reproducible", "--device", "gpu"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("a reproducible run is computed on the CPU"), "{}", stderr(&refused));
}
