//! Runs the program in a folder of its own and looks at what it prints, leaves and returns.
#![allow(dead_code)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A fresh folder for one test.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

pub fn anygrad(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program starts")
}

/// The program in a folder, to be started.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.current_dir(folder).args(arguments).env_remove("RUST_LOG");
    // Keeps a display library of some drivers from printing to stderr on machines without a display.
    command.env("XDG_RUNTIME_DIR", folder);
    // What runs keep for the next ones, and drivers too, stays among the tests.
    for folder in ["XDG_CACHE_HOME", "LOCALAPPDATA"] {
        command.env(folder, Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    }
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Runs what must succeed and returns its stdout.
pub fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = anygrad(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

/// Runs what must fail with `code`, one line on stderr that contains all of `parts`, and no model.
pub fn fail(folder: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = anygrad(folder, arguments);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{arguments:?}: {text}");
    for part in parts {
        assert!(errors[0].contains(part), "{arguments:?}: `{part}` is missing in {}", errors[0]);
    }
    assert!(output.stdout.is_empty(), "{arguments:?} printed data: {}", stdout(&output));
    assert!(models(folder).is_empty(), "{arguments:?} left a model: {:?}", models(folder));
}

/// All model files below a folder, temporary ones included.
pub fn models(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(models(&path));
        } else if path.to_string_lossy().contains("safetensors") {
            found.push(path);
        }
    }
    found
}
