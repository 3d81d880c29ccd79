//! Compiled kernels in the user's folder for caches, end to end: kept unless forbidden, never in the way.
#![cfg(feature = "cli")]

mod common;

use common::program::{folder, json_lines, stderr, stdout};
use std::path::Path;
use std::process::Command;

/// Runs a verb with `cache` as the user's folder for caches, and returns the last line of its output.
fn last_line(folder: &Path, cache: &Path, arguments: &[&str]) -> serde_json::Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.current_dir(folder).args(arguments).args(["--device", "gpu", "--format", "json"]);
    command.env("XDG_RUNTIME_DIR", folder).env("XDG_CACHE_HOME", cache).env("LOCALAPPDATA", cache).env("HOME", cache);
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    json_lines(&stdout(&output)).pop().expect("a line")
}

/// The files below a folder whose names are those of compiled pipelines.
fn kept(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let of = |path: std::path::PathBuf| {
        let is_kept = path.file_name().is_some_and(|name| name.to_string_lossy().contains("pipeline_cache"));
        if path.is_dir() { kept(&path) } else { Vec::from_iter(is_kept.then_some(path)) }
    };
    paths.flat_map(of).collect()
}

#[test]
fn what_the_driver_compiled_is_kept_unless_forbidden_and_changes_no_result() {
    let Some(adapter) = common::adapter() else { return };
    let can = adapter.features().contains(&"pipeline cache");
    let folder = folder("pipeline_cache");
    let cache = folder.join("cache");
    let train = |out: &str, more: &[&str]| {
        let arguments = [&["train", "--hidden", "8", "--epochs", "1", "--out", out], more].concat();
        last_line(&folder, &cache, &arguments)["weights_hash"].clone()
    };
    let without = train("none", &["--no-pipeline-cache"]);
    assert_eq!(kept(&cache), Vec::<std::path::PathBuf>::new());
    assert_eq!(train("first", &[]), without);
    let files = kept(&cache);
    assert_eq!(files.len(), usize::from(can), "{files:?}");
    assert_eq!(train("second", &[]), without);
    if let [file] = &files[..] {
        std::fs::write(file, "damaged").expect("written");
        assert_eq!(train("third", &[]), without);
        assert!(std::fs::metadata(file).expect("a file").len() > 32, "replaced");
    }
    let model = "first/last.safetensors";
    let eval = |more: &[&str]| last_line(&folder, &cache, &[&["eval", model, "--data", "digits"], more].concat());
    assert_eq!(eval(&[]), eval(&["--no-pipeline-cache"]));
    let predict = |more: &[&str]| last_line(&folder, &cache, &[&["predict", model, "--data", "digits"], more].concat());
    assert_eq!(predict(&[]), predict(&["--no-pipeline-cache"]));
    // No folder for caches at all: it is a file.
    std::fs::write(folder.join("file"), "").expect("written");
    let arguments = ["train", "--hidden", "8", "--epochs", "1", "--out", "fourth"];
    assert_eq!(last_line(&folder, &folder.join("file"), &arguments)["weights_hash"], without);
}
