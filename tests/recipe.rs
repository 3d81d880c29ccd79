//! A run is a value: a recipe does the same in the library as in the program, and its model carries it.
#![cfg(feature = "cli")]

mod common;

use anygrad::data::{Source, digits};
use anygrad::model::Model;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::{Adam, Schedule};
use anygrad::train::{EarlyStopping, Recipe, Trainer};
use common::program::{anygrad, folder, json_lines, stderr, succeed};
use serde_json::{Value, json};

/// The complete recipe of a run without any flag or key, as a run folder holds it.
const DEFAULT: &str = r#"seed = 0
device = "auto"

[data]
source = "digits"
test_fraction = 0.2
validation_fraction = 0.0

[[layers]]
linear = 64

[[layers]]
activation = "relu"

[[layers]]
linear = 10

[loss]
kind = "cross_entropy"

[optimizer]
kind = "adamw"
learning_rate = 0.003
beta1 = 0.9
beta2 = 0.999
epsilon = 0.00000001
weight_decay = 0.1

[schedule]
kind = "cosine"
minimum = 0.0
per = "epoch"

[train]
epochs = 100
batch_size = 64
"#;

/// As a config file states it.
fn parse(text: &str) -> Recipe {
    toml::from_str(text).expect("a recipe")
}

#[test]
fn a_complete_recipe_has_one_form() {
    let mut recipe = Recipe::default();
    let data = recipe.load().expect("data");
    recipe.complete(&data).expect("a model");
    assert_eq!(toml::to_string(&recipe).expect("TOML"), DEFAULT);
    assert_eq!(parse(DEFAULT), recipe);
    recipe.train.shuffle = false;
    recipe.train.drop_last = true;
    recipe.train.early_stopping = Some(EarlyStopping::patience(3));
    let text = toml::to_string(&recipe).expect("TOML");
    assert!(text.contains("shuffle = false\ndrop_last = true\n"), "{text}");
    assert_eq!(parse(&text), recipe);
}

#[test]
fn the_library_and_the_program_do_the_same_by_a_recipe() {
    let folder = folder("recipe");
    let text = r#"
seed = 4
device = "cpu"
[data]
source = "moons"
test_fraction = 0.3
validation_fraction = 0.2
[[layers]]
linear = 8
[[layers]]
residual = [{ activation = "tanh" }, { dropout = 0.1 }, { linear = 8 }]
[[layers]]
linear = 2
[optimizer]
kind = "adam"
learning_rate = 0.01
[schedule]
kind = "exponential"
gamma = 0.9
[regularization]
l2 = 0.001
max_grad_norm = 1.0
[train]
epochs = 4
batch_size = 32
drop_last = true
"#;
    std::fs::write(folder.join("net.toml"), text).expect("a file");
    let train = ["train", "net.toml", "--format", "json", "--out", "run"];
    let done = json_lines(&succeed(&folder, &train)).pop().expect("a line");
    let by_program = Model::load(folder.join("run/last.safetensors")).expect("a model");

    let recipe = parse(text);
    let data = recipe.load().expect("data");
    let mut trainer = Trainer::of(recipe, &data).expect("a trainer");
    trainer.fit_blocking(&data).expect("training");
    let by_library = trainer.model().expect("a model");
    assert_eq!(done["weights_hash"], by_library.weights_hash());
    assert_eq!((&by_library.recipe, &by_library.data_hash), (&by_program.recipe, &by_program.data_hash));
    assert_eq!(
        toml::to_string(&by_library.recipe).expect("TOML"),
        std::fs::read_to_string(folder.join("run/config.toml")).expect("a config")
    );

    // Its test rows are known again.
    by_library.save(folder.join("library.safetensors")).expect("a file");
    let eval = |model: &str, part: &str| {
        let eval = ["eval", model, "--data", "moons", "--part", part, "--format", "json"];
        json_lines(&succeed(&folder, &eval))[0].clone()
    };
    assert_eq!(eval("library.safetensors", "test"), eval("run/last.safetensors", "test"));
    assert_eq!(eval("library.safetensors", "test")["rows"], data.test.rows());
    assert_eq!(eval("library.safetensors", "train")["rows"], data.train.rows());
    let other = anygrad(&folder, &["eval", "library.safetensors", "--data", "circles", "--part", "test"]);
    assert!(stderr(&other).contains("differs from what the model was trained on"), "{}", stderr(&other));
}

#[test]
fn a_model_of_rows_that_a_program_made_says_so() {
    let folder = folder("recipe-memory");
    let data = digits().expect("digits").split(0.2, 0).expect("a split");
    let layers = Sequential::new(64).linear(8).relu().linear(10);
    let mut trainer = Trainer::new(layers.clone(), Loss::cross_entropy(), Adam::new(0.05))
        .schedule(Schedule::cosine())
        .l1(0.001)
        .max_grad_value(0.5)
        .seed(9)
        .epochs(1)
        .shuffle(false)
        .full_batch();
    trainer.fit_blocking(&data).expect("training");
    let path = folder.join("m.safetensors");
    trainer.model().expect("a model").save(&path).expect("a file");
    let recipe = Model::load(&path).expect("a model").recipe;
    assert_eq!(&recipe, trainer.recipe());
    assert_eq!((recipe.seed, recipe.train.epochs, recipe.train.shuffle), (9, Some(1), false));
    assert_eq!((recipe.layers, recipe.data.source), (layers.description(), Source::Memory));
    let output = anygrad(&folder, &["eval", "m.safetensors", "--data", "digits", "--part", "test"]);
    let expected = "the model was trained on rows that a program made, so its split is unknown: use --part all";
    assert!(output.status.code() == Some(2) && stderr(&output).contains(expected), "{}", stderr(&output));
    succeed(&folder, &["eval", "m.safetensors", "--data", "digits"]);
    let output = anygrad(&folder, &["train", "--data", "memory"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("name a source"), "{}", stderr(&output));
}

/// A recipe with a key set to another value.
fn with(recipe: &Value, key: &str, value: &Value) -> Value {
    let mut changed = recipe.clone();
    let place = key.split('.').fold(&mut changed, |own, key| match key.parse::<usize>() {
        Ok(at) => &mut own[at],
        Err(_) => &mut own[key],
    });
    *place = value.clone();
    changed
}

/// The hash of the weights that a recipe comes to.
fn outcome(recipe: &Value, setting: &str) -> String {
    let recipe: Recipe = serde_json::from_value(recipe.clone()).unwrap_or_else(|e| panic!("{setting}: {e}"));
    let data = recipe.load().expect("rows");
    let mut trainer = Trainer::of(recipe, &data).unwrap_or_else(|e| panic!("{setting}: {e}"));
    trainer.fit_blocking(&data).unwrap_or_else(|e| panic!("{setting}: {e}"));
    trainer.model().expect("a model").weights_hash()
}

#[test]
fn every_setting_changes_the_weights() {
    let base = json!({
        "seed": 1,
        "data": { "source": "moons", "test_fraction": 0.2, "validation_fraction": 0.2 },
        "layers": [{ "linear": 6 }, { "activation": "leaky_relu:0.1" }, { "dropout": 0.1 }, { "linear": 2 }],
        "loss": { "kind": "cross_entropy" },
        "optimizer": { "kind": "sgd", "learning_rate": 0.5 },
        "schedule": { "kind": "constant" },
        "regularization": { "l1": 0.0 },
        "train": { "epochs": 3, "batch_size": 50 },
    });
    let of = |optimizer: Value| with(&base, "optimizer", &optimizer);
    let sgd = of(json!({ "kind": "sgd", "learning_rate": 0.1, "momentum": 0.5 }));
    let by = |schedule: Value| with(&base, "schedule", &schedule);
    let number = |x: f64| json!(x);
    // What is changed, the key, the other value.
    let settings: Vec<(Value, &str, Value)> = [
        ("seed", json!(2)),
        ("data.test_fraction", number(0.3)),
        ("data.validation_fraction", number(0.3)),
        ("layers.0.linear", json!(7)),
        ("layers.0.bias", json!(false)),
        ("layers.0.init", json!("he_normal")),
        ("layers.1.activation", json!("leaky_relu:0.2")),
        ("layers.2.dropout", number(0.3)),
        ("loss.label_smoothing", number(0.1)),
        ("loss.reduction", json!("sum")),
        ("loss.class_weights", json!([1.0, 2.0])),
        ("optimizer.learning_rate", number(0.4)),
        ("optimizer.weight_decay", number(0.1)),
        ("regularization.l1", number(0.01)),
        ("regularization.l2", number(0.01)),
        ("regularization.max_grad_norm", number(0.01)),
        ("regularization.max_grad_value", number(0.01)),
        ("train.epochs", json!(2)),
        ("train.batch_size", json!(40)),
        ("train.shuffle", json!(false)),
        ("train.drop_last", json!(true)),
        ("train.frozen", json!(["0"])),
        ("train.early_stopping", json!({ "monitor": "train_loss", "patience": 1, "min_delta": 1.0 })),
    ]
    .into_iter()
    .map(|(key, value)| (base.clone(), key, value))
    .chain([
        (sgd.clone(), "optimizer.momentum", number(0.6)),
        (sgd.clone(), "optimizer.dampening", number(0.5)),
        (sgd, "optimizer.nesterov", json!(true)),
    ])
    .chain(["adam", "adamw"].into_iter().flat_map(|kind| {
        let own = of(json!({ "kind": kind, "learning_rate": 0.1 }));
        let keys = [("beta1", 0.8), ("beta2", 0.9), ("epsilon", 0.1), ("weight_decay", 0.3)];
        keys.map(|(key, value)| (own.clone(), ["optimizer.", key].concat().leak() as &str, number(value)))
    }))
    .chain(["rmsprop", "adagrad"].into_iter().flat_map(|kind| {
        let own = of(json!({ "kind": kind, "learning_rate": 0.1 }));
        let keys = match kind {
            "rmsprop" => [("alpha", 0.9), ("momentum", 0.5), ("epsilon", 0.1), ("weight_decay", 0.3)],
            _ => [("rate_decay", 0.5), ("learning_rate", 0.2), ("epsilon", 0.1), ("weight_decay", 0.3)],
        };
        keys.map(|(key, value)| (own.clone(), ["optimizer.", key].concat().leak() as &str, number(value)))
    }))
    .chain([
        (by(json!({ "kind": "step", "period": 1, "gamma": 0.5 })), "schedule.gamma", number(0.25)),
        (by(json!({ "kind": "step", "period": 1, "gamma": 0.5 })), "schedule.period", json!(2)),
        (by(json!({ "kind": "step", "period": 1, "gamma": 0.5 })), "schedule.per", json!("step")),
        (by(json!({ "kind": "exponential", "gamma": 0.75 })), "schedule.gamma", number(0.625)),
        (by(json!({ "kind": "cosine" })), "schedule.minimum", number(0.25)),
        (by(json!({ "kind": "cosine" })), "schedule.period", json!(2)),
        (by(json!({ "kind": "linear", "period": 2 })), "schedule.start", number(0.5)),
        (by(json!({ "kind": "linear", "period": 2 })), "schedule.end", number(0.5)),
        (by(json!({ "kind": "linear", "period": 2 })), "schedule.period", json!(1)),
    ])
    .collect();
    let mut seen = std::collections::BTreeMap::new();
    for (own, key, value) in &settings {
        let setting = format!("{key} = {value}, optimizer {}, schedule {}", own["optimizer"], own["schedule"]);
        let before = outcome(own, &setting);
        let after = outcome(&with(own, key, value), &setting);
        assert_ne!(before, after, "{setting} changes nothing");
        if let Some(other) = seen.insert(after, setting.clone()) {
            panic!("{setting} does what {other} does");
        }
    }
}
