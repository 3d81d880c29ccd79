//! `--from`: what the program takes over from a model, says, refuses, and writes into the run's folder.
#![cfg(feature = "cli")]

mod common;

use anygrad::model::Model;
use common::program::{anygrad, folder, json_lines, stderr, succeed};
use std::path::Path;

/// A table of two classes.
fn table(path: &Path, rows: usize, center: f32) {
    let row = |i: usize| {
        let (color, size) = (["red", "blue"][i % 2], center + ((i * 37) % 23) as f32 / 7.0);
        format!("{color},{size},{}\n", if size > center + 1.5 { "large" } else { "small" })
    };
    std::fs::write(path, "color,size,kind\n".to_string() + &(0..rows).map(row).collect::<String>()).expect("a table");
}

fn train(folder: &Path, arguments: &[&str]) -> String {
    let done = succeed(folder, &[&["train", "--device", "cpu", "--format", "json"], arguments].concat());
    json_lines(&done).pop().expect("a line")["weights_hash"].as_str().expect("a hash").to_string()
}

fn model(folder: &Path, run: &str) -> Model {
    Model::load(folder.join(run).join("last.safetensors")).expect("a model")
}

#[test]
fn a_run_goes_on_with_a_model_and_its_folder_repeats_it() {
    let folder = folder("going-on");
    table(&folder.join("one.csv"), 120, 0.0);
    std::fs::create_dir(folder.join("more")).expect("a folder");
    table(&folder.join("more/two.csv"), 90, 20.0);
    let first =
        ["one.csv", "--hidden", "8", "--epochs", "3", "--optimizer", "adam", "--threshold", "0.3", "--out", "run"];
    train(&folder, &first);
    let from =
        ["--from", "run", "more/two.csv", "--epochs", "2", "--batch-size", "32", "--freeze", "0", "--out", "deep/next"];
    let hash = train(&folder, &from);
    let (old, new) = (model(&folder, "run"), model(&folder, "deep/next"));
    assert_eq!((&new.preprocessing, &new.encoder, &new.target), (&old.preprocessing, &old.encoder, &old.target));
    assert_eq!((new.threshold, new.recipe.optimizer), (Some(0.3), old.recipe.optimizer));
    assert_eq!((&new.tensors[0], &new.tensors[1]), (&old.tensors[0], &old.tensors[1]));
    assert_ne!(new.tensors[2], old.tensors[2]);
    let config = std::fs::read_to_string(folder.join("deep/next/config.toml")).expect("a config");
    assert!(
        config.contains("from = \"../../run/last.safetensors\"") && config.contains("frozen = [\"0\"]"),
        "{config}"
    );
    // From its folder, and from another place.
    assert_eq!(train(&folder, &["deep/next", "--out", "again"]), hash);
    assert_eq!(train(&folder.join("more"), &["../deep/next/config.toml", "--out", "again"]), hash);
    // The same rows as before, if none are named; the run's config knows where they are.
    let same = train(&folder.join("more"), &["--from", "../run", "--epochs", "0", "--out", "same"]);
    assert_eq!(same, old.weights_hash());
    // A path in a model is not followed.
    let error = stderr(&anygrad(&folder, &["train", "--from", "run/last.safetensors", "--out", "alone"]));
    assert!(error.contains("one.csv") && error.contains("not followed") && error.contains("--data"), "{error}");
    let said = stderr(&anygrad(&folder, &["train", "--from", "run", "--epochs", "1", "--out", "said"]));
    assert!(said.contains("from    run/last.safetensors") && said.contains("adam, learning rate"), "{said}");
}

#[test]
fn what_is_the_models_is_refused() {
    let folder = folder("going-on-refused");
    table(&folder.join("one.csv"), 60, 0.0);
    std::fs::write(folder.join("new.csv"), "color,size,kind\nred,1,large\nblue,2,huge\nred,0,small\n")
        .expect("a table");
    std::fs::write(folder.join("net.toml"), "from = \"run\"\n[data]\nsource = \"one.csv\"\n[[layers]]\nlinear = 2\n")
        .expect("a config");
    train(&folder, &["one.csv", "--epochs", "1", "--out", "run"]);
    for (arguments, parts) in [
        (&["new.csv"][..], ["new.csv:3", "unknown class `huge`"]),
        (&["one.csv", "--hidden", "3"], ["hidden = 3", "--from"]),
        (&["one.csv", "--activation", "tanh"], ["activation = tanh", "--from"]),
        (&["one.csv", "--dropout", "0.5"], ["dropout = 0.5", "--from"]),
        (&["one.csv", "--loss", "hinge"], ["loss = hinge", "cross_entropy"]),
        (&["one.csv", "--scaling", "robust"], ["scaling = robust", "the model's"]),
        (&["one.csv", "--drop", "color"], ["drop = color", "the model's"]),
        (&["one.csv", "--task", "values"], ["task = values", "classes"]),
        (&["one.csv", "--freeze", "1"], ["frozen = 1", "0, 2"]),
        (&["one.csv", "--freeze", "0,2"], ["frozen = 0,2", "all"]),
        (&["one.csv", "--set", "layers.0.linear=3"], ["layers", "the model's"]),
        (&["digits"], ["64 features", "the model takes 3"]),
        (&["net.toml"], ["layers", "the model's"]),
    ] {
        let all = [&["train", "--from", "run", "--device", "cpu", "--out", "bad"], arguments].concat();
        let output = anygrad(&folder, &all);
        let error = stderr(&output);
        let last = error.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(last.starts_with("error: ") && parts.iter().all(|part| last.contains(part)), "{arguments:?}: {error}");
        assert!(!folder.join("bad").exists(), "{arguments:?} left a run");
    }
}

#[test]
fn weights_alone_need_layers_and_start_the_run() {
    let folder = folder("going-on-weights");
    table(&folder.join("one.csv"), 60, 0.0);
    train(&folder, &["one.csv", "--hidden", "4", "--epochs", "2", "--out", "run"]);
    // The same tensors without their description.
    let own = model(&folder, "run");
    let bytes: Vec<Vec<u8>> =
        own.tensors.iter().map(|t| t.data.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = own.tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, tensor.shape.clone(), bytes);
        (tensor.name.as_str(), view.expect("a tensor"))
    });
    let file = safetensors::serialize(views, None).expect("bytes");
    std::fs::write(folder.join("weights.safetensors"), file).expect("a file");
    let from = ["--from", "weights.safetensors", "one.csv", "--epochs", "0"];
    let hash = train(&folder, &[&from[..], &["--hidden", "4", "--out", "flag"]].concat());
    assert_eq!(hash, own.weights_hash());
    let layers = "from = \"weights.safetensors\"\n[data]\nsource = \"one.csv\"\n[[layers]]\nlinear = 4\n[[layers]]\nactivation = \"relu\"\n[[layers]]\nlinear = 2\n";
    std::fs::write(folder.join("net.toml"), layers).expect("a config");
    assert_eq!(train(&folder, &["net.toml", "--epochs", "0", "--out", "config"]), hash);
    for (arguments, part) in
        [(&from[..], "--hidden"), (&[&from[..], &["--hidden", "5"]].concat(), "`0.weight` is [4, 3]")]
    {
        let error = stderr(&anygrad(&folder, &[&["train"], arguments].concat()));
        assert!(error.lines().last().is_some_and(|line| line.contains(part)), "{arguments:?}: {error}");
    }
}
