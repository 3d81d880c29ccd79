//! `doctor` and `verify`, through the program: what is wrong is named, and where a run stops to repeat itself.
#![cfg(feature = "cli")]

mod common;

use common::program::{command, folder, json_lines, stderr, succeed};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

fn doctor(folder: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = command(folder, &["doctor", "--format", "json"]);
    command.envs(variables.iter().copied()).output().expect("it runs")
}

/// The line of the error with which a verification ends.
fn refuse(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = command(folder, arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    stderr(&output).lines().last().unwrap_or_default().to_string()
}

fn findings(output: &Output) -> Vec<Value> {
    json_lines(&String::from_utf8_lossy(&output.stdout)).into_iter().map(|line| line["finding"].clone()).collect()
}

#[test]
fn a_machine_is_looked_at() {
    if common::adapter().is_none() {
        return;
    }
    let folder = folder("doctor");
    let output = doctor(&folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let about = |what: &str| findings(&output).iter().filter(|finding| finding["about"] == what).count();
    assert_eq!(about("processor"), 1);
    assert!(about("adapter") >= 1);
}

/// Drivers that are hidden, missing, or named and not there.
#[cfg(target_os = "linux")]
#[test]
fn a_missing_driver_is_named_with_the_remedy() {
    let folder = folder("doctor-drivers");
    std::fs::write(folder.join("broken.json"), "{").expect("a file");
    std::fs::write(folder.join("gone.json"), r#"{"ICD": {"library_path": "./libgone.so"}}"#).expect("a file");
    let file = |name: &str| folder.join(name).display().to_string();
    let cases = [
        (file("absent.json"), "absent.json, which does not exist"),
        (file("broken.json"), "broken.json: EOF"),
        (file("gone.json"), "its library ./libgone.so does not exist"),
    ];
    for (files, expected) in cases {
        // Where Vulkan offers nothing, OpenGL is asked; it is hidden as well.
        let none = [
            ("VK_DRIVER_FILES", &files[..]),
            ("LIBGL_DRIVERS_PATH", "/nowhere"),
            ("__EGL_VENDOR_LIBRARY_FILENAMES", "/nowhere"),
        ];
        let output = doctor(&folder, &none);
        let found = findings(&output);
        let named = found.iter().find(|f| f["what"].as_str().is_some_and(|what| what.contains(expected)));
        assert!(named.is_some_and(|f| f["mark"] == "wrong" && f["remedy"].is_string()), "{expected}: {found:?}");
        if output.status.code() == Some(3) {
            assert!(stderr(&output).contains("no usable device for `gpu`"), "{}", stderr(&output));
        }
    }
    let output = doctor(&folder, &[("VK_LOADER_DRIVERS_DISABLE", "*")]);
    let set =
        |f: &Value| f["what"].as_str().is_some_and(|what| what.contains("VK_LOADER_DRIVERS_DISABLE is set to `*`"));
    assert!(findings(&output).iter().any(set));
}

#[test]
fn a_run_repeats_itself_or_the_first_other_epoch_is_named() {
    let folder = folder("verify");
    let train = ["train", "digits", "--device", "cpu", "--hidden", "8", "--epochs", "5", "--out", "run"];
    succeed(&folder, &train);
    assert!(succeed(&folder, &["verify", "run"]).contains("all 5 epochs have the weights that the run recorded"));
    let line = &json_lines(&succeed(&folder, &["verify", "run", "--format", "json"]))[0];
    assert_eq!((&line["same_epochs"], &line["model_is_same"]), (&5.into(), &true.into()));

    let metrics = folder.join("run/metrics.jsonl");
    let text = std::fs::read_to_string(&metrics).expect("metrics");
    let hash = json_lines(&text)[2]["weights_hash"].as_str().expect("a hash").to_string();
    std::fs::write(&metrics, text.replace(&hash, "0123456789abcdef")).expect("a file");
    let error = refuse(&folder, &["verify", "run"], 1);
    assert!(error.contains(&format!("after epoch 3 are {hash}, the run recorded 0123456789abcdef")), "{error}");
    std::fs::write(&metrics, &text).expect("a file");

    // Another seed from the first epoch on.
    let config = folder.join("run/config.toml");
    let recipe = std::fs::read_to_string(&config).expect("a recipe");
    std::fs::write(&config, recipe.replace("seed = 0", "seed = 1")).expect("a file");
    assert!(refuse(&folder, &["verify", "run"], 1).contains("the weights after epoch 1 are"));
    std::fs::write(&config, &recipe).expect("a file");

    // A model of another run.
    succeed(
        &folder,
        &["train", "digits", "--device", "cpu", "--hidden", "8", "--epochs", "5", "--seed", "9", "--out", "other"],
    );
    std::fs::copy(folder.join("other/last.safetensors"), folder.join("run/last.safetensors")).expect("copied");
    assert!(refuse(&folder, &["verify", "run"], 1).contains("the model has the weights"));
    std::fs::remove_file(&metrics).expect("removed");
    assert!(refuse(&folder, &["verify", "run"], 2).contains("cannot read run/metrics.jsonl"));
    assert!(refuse(&folder, &["verify", "nothing"], 2).contains("must be the folder of a run"));
}

/// A few cases stand for all, which `tests/kernels.rs` compares.
#[test]
fn a_device_is_verified_with_a_receipt() {
    let Some(gpu) = common::gpu() else { return };
    let receipt = anygrad::check::verify(&gpu, false, |done, _| done < 10);
    let receipt = pollster::block_on(receipt).expect("a receipt");
    assert!(receipt.is_right(), "{:?}", receipt.failures);
    assert!(receipt.comparisons >= 40 && receipt.elements > 1000 && receipt.left_out > 1000, "{receipt:?}");
    assert!(receipt.largest_share > 0.0 && receipt.largest_share <= 1.0, "{receipt:?}");
}
