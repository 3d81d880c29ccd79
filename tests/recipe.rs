//! A run is a value: a recipe does the same in the library as in the program, and its model carries it.
#![cfg(feature = "cli")]

mod common;

use anygrad::data::{Source, digits};
use anygrad::model::Model;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::{Adam, Schedule};
use anygrad::train::{EarlyStopping, Recipe, Trainer};
use common::program::{anygrad, folder, json_lines, stderr, succeed};

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
