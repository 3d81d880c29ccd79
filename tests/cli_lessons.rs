//! The verbs `gradcheck` and `explain` end to end.
#![cfg(feature = "cli")]

mod common;

use anygrad::ops::activation::Activation;
use common::program::{anygrad, fail, folder, json_lines, stderr, stdout, succeed};
use serde_json::Value;
use std::path::Path;

/// A config file with every activation, the step function first, as nothing in front of it gets a gradient.
fn write_every_activation(folder: &Path) {
    let mut layers = String::new();
    let (step, others): (Vec<Activation>, Vec<Activation>) = Activation::ALL.iter().partition(|a| a.name() == "step");
    for activation in step.iter().chain(&others) {
        layers.push_str("[[layers]]\nlinear = 12\ninit = \"he_uniform\"\n");
        layers.push_str(&format!("[[layers]]\nactivation = \"{activation}\"\n"));
    }
    let config =
        format!("seed = 3\n{layers}[[layers]]\ndropout = 0.2\n[[layers]]\nlinear = 10\n[regularization]\nl2 = 0.01\n");
    std::fs::write(folder.join("every.toml"), config).expect("a file");
}

fn check_lines(lines: &[Value], has_gpu: bool) {
    let (done, tensors) = lines.split_last().expect("lines");
    assert_eq!(tensors.len(), 2 * (Activation::ALL.len() + 1));
    assert_eq!((&done["event"], &done["ok"]), (&Value::from("gradcheck"), &Value::from(true)));
    for tensor in tensors {
        assert_eq!((&tensor["event"], &tensor["ok"]), (&Value::from("tensor"), &Value::from(true)), "{tensor}");
        assert!(tensor["checked"].as_u64().expect("a number") > 0, "{tensor}");
        assert_eq!(tensor["device"].is_object(), has_gpu, "{tensor}");
        let within = |of: &str| assert!(tensor[of]["of_bound"].as_f64().expect("a number") <= 1.0, "{tensor}");
        ["differences", "cpu"].into_iter().chain(has_gpu.then_some("device")).for_each(within);
        let silent = tensor["name"] == "0.bias";
        assert_eq!(tensor["largest_gradient"] == 0.0, silent, "{tensor}");
    }
}

#[test]
fn gradcheck_passes_with_every_activation_on_cpu_and_gpu() {
    let folder = folder("gradcheck");
    write_every_activation(&folder);
    let check = ["gradcheck", "every.toml", "--format", "json", "--device"];
    check_lines(&json_lines(&succeed(&folder, &[&check[..], &["cpu"]].concat())), false);
    if let Some(adapter) = common::adapter() {
        let lines = json_lines(&succeed(&folder, &[&check[..], &["gpu"]].concat()));
        check_lines(&lines, true);
        assert_eq!(lines.last().expect("a line")["device"], adapter.name());
    }
}

#[test]
fn gradcheck_without_arguments_checks_the_digits() {
    let folder = folder("gradcheck_default");
    let text = succeed(&folder, &["gradcheck", "--device", "cpu"]);
    for name in ["0.weight  64×64", "0.bias", "2.weight  10×64", "2.bias", "all 4 tensors within bounds", "1e-3·|g|"]
    {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert_eq!(text.lines().filter(|line| line.ends_with("  ok")).count(), 4, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    // Other rows and elements than the default.
    let more = ["gradcheck", "--batch-size", "3", "--elements", "5", "--device", "cpu", "--format", "json"];
    let lines = json_lines(&succeed(&folder, &more));
    assert_eq!((&lines[0]["checked"], &lines[4]["rows"]), (&Value::from(5), &Value::from(3)));
    assert!(!folder.join("runs").exists(), "a check leaves nothing behind");
}

#[test]
fn a_check_that_could_compare_nothing_does_not_pass() {
    let folder = folder("gradcheck_kinks");
    // All margins are 0, where the perceptron's loss has its kink.
    let config = "[[layers]]\nlinear = 10\ninit = \"zeros\"\n[loss]\nkind = \"perceptron\"\n";
    std::fs::write(folder.join("zeros.toml"), config).expect("a file");
    let output = anygrad(&folder, &["gradcheck", "zeros.toml", "--device", "cpu"]);
    assert_eq!(output.status.code(), Some(1));
    // Weights of pixels that are empty in all rows do not move the loss, so these are no kinks.
    assert!(stdout(&output).contains("1 of 2 tensors out of bounds or unchecked"), "{}", stdout(&output));
    let text = stderr(&output);
    let error = text.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(error.contains("failed for 0.bias: ") && error.contains("kink") && error.contains("init"), "{error}");
}

#[test]
fn explain_without_arguments_fits_a_terminal() {
    let folder = folder("explain");
    let text = succeed(&folder, &["explain"]);
    for line in [
        "    z⁽¹⁾ = W⁽¹⁾·x + b⁽¹⁾",
        "    a⁽¹⁾ = max(0, z⁽¹⁾)",
        "    L = −log pᵧ, p = softmax(z⁽²⁾)",
        "    ∂L/∂W⁽¹⁾ = δ⁽¹⁾·xᵀ",
        "    w ← w − η·g,  η = 0.1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80 && line.trim_end() == line), "{text}");
    assert!(text.lines().count() < 110, "a small net");
    let wide = ["explain", "--data", "digits", "--optimizer", "adam", "--dropout", "0.2", "--l2", "0.1"];
    let shortened = succeed(&folder, &wide);
    assert!(shortened.lines().all(|line| line.chars().count() <= 84), "{shortened}");
    assert!(shortened.contains("  … 64\n") && shortened.contains("… 64 rows"), "{shortened}");
    let full = succeed(&folder, &[&wide[..], &["--full"]].concat());
    assert!(!full.contains('…') && full.len() > 10 * shortened.len());
}

#[test]
fn explain_writes_an_object_per_step_on_every_device() {
    let folder = folder("explain_json");
    let explain = |device: &str| {
        let all = ["explain", "--data", "circles", "--loss", "binary_cross_entropy", "--hidden", "4", "--row", "3"];
        json_lines(&succeed(&folder, &[&all[..], &["--format", "json", "--device", device]].concat()))
    };
    let cpu = explain("cpu");
    let stages: Vec<&str> = cpu.iter().filter_map(|line| line["stage"].as_str()).collect();
    assert_eq!(stages.len(), cpu.len());
    assert!(stages.windows(2).all(|pair| pair[0] == pair[1] || pair[1] != "input"), "{stages:?}");
    let weight = &cpu.iter().find(|line| line["layer"] == 0).expect("a layer")["values"][0];
    assert_eq!((&weight["symbol"], &weight["shape"]), (&Value::from("W⁽¹⁾"), &serde_json::json!([4, 2])));
    assert_eq!(weight["values"].as_array().map(Vec::len), Some(8));
    if common::adapter().is_some() {
        let gpu = explain("gpu");
        assert_eq!(gpu.len(), cpu.len());
        for (on_cpu, on_gpu) in cpu.iter().zip(&gpu) {
            assert_eq!(on_cpu["formula"], on_gpu["formula"]);
        }
    }
}

#[test]
fn bad_usage_is_one_line_with_a_remedy_and_code_2() {
    let folder = folder("lessons_usage");
    for (arguments, parts) in [
        (&["explain", "--row", "320"][..], &["row = 320", "there are 320 rows"][..]),
        (&["explain", "--row", "-1"], &["--row"]),
        (&["explain", "--data", "nothing.csv"], &["nothing.csv", "check the path"]),
        (&["gradcheck", "--elements", "0"], &["--elements", "from 1"]),
        (&["gradcheck", "--dropout", "1"], &["dropout = 1", "below 1"]),
        (&["gradcheck", "--loss", "mean_squared_error"], &["mean_squared_error", "class labels"]),
        (&["gradcheck", "missing.toml"], &["missing.toml", "check the path"]),
        (&["gradchek"], &["'gradcheck'"]),
    ] {
        fail(&folder, arguments, 2, parts);
    }
    fail(&folder, &["gradcheck", "--device", "NoSuchGpu"], 3, &["NoSuchGpu", "cpu"]);
    for verb in ["gradcheck", "explain"] {
        assert!(succeed(&folder, &["--help"]).contains(verb));
        assert!(succeed(&folder, &[verb, "--help"]).contains("--hidden"));
    }
}
