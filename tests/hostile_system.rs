//! The program where the system gives less than usual: few threads, a disk that is full for a moment, pipes for files.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod common;

use anygrad::model::Model;
use common::program::{anygrad, folder, stderr, stdout, succeed};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Runs the program with room for four threads, as a user whom that binds: root is not bound.
fn with_few_threads(folder: &Path, arguments: &[&str]) -> Output {
    let program = folder.join("anygrad");
    if !program.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_anygrad"), &program).expect("a copy");
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).expect("a folder for all");
    }
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let mut command = Command::new(if is_root { "setpriv" } else { "prlimit" });
    if is_root {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", "--nproc=4:4"]);
    } else {
        // The user runs more than this already.
        command.arg("--nproc=1:1");
    }
    let cache = folder.join("cache");
    command.arg(program).args(arguments).current_dir(folder);
    command
        .env("HOME", &cache)
        .env("XDG_CACHE_HOME", &cache)
        .env("XDG_RUNTIME_DIR", folder)
        .output()
        .expect("the program starts")
}

#[test]
fn few_threads_are_enough_for_every_verb() {
    if common::adapter().is_none() {
        return;
    }
    // A folder that other users reach.
    let folder = std::env::temp_dir().join(format!("anygrad-few-threads-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for verb in [
        &["train", "--epochs", "1", "--device", "gpu", "--out", "run"][..],
        &["train", "--epochs", "1", "--device", "gpu", "--set", "train.resident_bytes=10000", "--out", "windows"],
        &["train", "--epochs", "1", "--device", "cpu"],
        &["eval", "run", "--data", "digits", "--device", "gpu"],
        &["predict", "run", "--data", "digits", "--device", "gpu", "--out", "answers.csv"],
        &["gradcheck", "--device", "gpu"],
        &["explain", "--device", "gpu"],
        &["plan", "--device", "gpu"],
        &["tune", "--device", "gpu", "--nets", "8-4@2"],
        &["bench", "--nets", "8-4@2", "--seconds", "0.05"],
        &["pack", "digits", "--out", "digits.anygrad"],
        &["devices"],
    ] {
        let output = with_few_threads(&folder, verb);
        assert!(output.status.success(), "{verb:?}: {}", stderr(&output));
    }
    std::fs::remove_dir_all(folder).expect("removed");
}

/// The library that makes calls on files fail.
fn shim(folder: &Path) -> PathBuf {
    let library = folder.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/shim.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").output();
    let compiled = compiled.expect("a C compiler, which Rust needs as well");
    assert!(compiled.status.success(), "{}", stderr(&compiled));
    library
}

#[test]
fn a_model_is_saved_though_its_metrics_cannot_be() {
    let folder = folder("full-disk");
    let library = shim(&folder);
    succeed(&folder, &["train", "--epochs", "4", "--device", "cpu", "--out", "whole"]);
    let model = |run: &str| Model::load(folder.join(run).join("last.safetensors")).expect("a model");
    let whole = model("whole");
    for (n, once) in [(2, true), (4, true), (2, false)] {
        let name = format!("run-{n}-{once}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
        command.args(["train", "--epochs", "4", "--device", "cpu", "--out", &name]).current_dir(&folder);
        command.env("LD_PRELOAD", &library).env("SHIM_PATH", "metrics.jsonl").env("SHIM_N", n.to_string());
        if once {
            command.env("SHIM_ONCE", "1");
        }
        let output = command.output().expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let message = stderr(&output);
        let error = message.lines().find(|line| line.starts_with("error: ")).expect("an error");
        assert!(error.contains("metrics.jsonl") && error.contains("No space left on device"), "{error}");
        // The result is shown, and the model is that of the undisturbed run.
        assert!(stdout(&output).contains("test accuracy"), "{}", stdout(&output));
        assert_eq!(model(&name).weights_hash(), whole.weights_hash());
    }
}

/// Each call by which a checkpoint or a model comes to its place fails in turn: none goes unsaid.
#[test]
fn what_cannot_be_written_is_told() {
    let folder = folder("unsaid");
    let library = shim(&folder);
    // Opened, written, brought to the disk, renamed.
    for (part, call) in
        ["checkpoint.bin", "last.safetensors"].into_iter().flat_map(|part| (1..=4).map(move |n| (part, n)))
    {
        let name = format!("run-{part}-{call}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
        command.args(["train", "xor", "--epochs", "1", "--device", "cpu", "--out", &name]).current_dir(&folder);
        command.env("LD_PRELOAD", &library).env("SHIM_PATH", format!("{name}/.{part}")).env("SHIM_N", call.to_string());
        let output = command.output().expect("the program starts");
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {message}");
        let error = message.lines().find(|line| line.starts_with("error: ")).expect("an error");
        assert!(error.contains(part) && error.contains("No space left on device"), "{name}: {error}");
        assert!(!folder.join(&name).join(part).exists(), "{name}: a part of a file");
    }
}

#[test]
fn a_pipe_is_opened_once() {
    let folder = folder("pipes");
    succeed(&folder, &["train", "xor", "--epochs", "2", "--device", "cpu", "--out", "run"]);
    let svg = ["bench", "--nets", "8-4@2", "--seconds", "0.01", "--device", "cpu", "--plot", "pipe"];
    let json = ["bench", "--nets", "8-4@2", "--seconds", "0.01", "--device", "cpu", "--out", "pipe"];
    let answers = ["predict", "run", "--data", "xor", "--device", "cpu", "--out", "pipe"];
    for (arguments, beginning) in [(&svg[..], "<svg"), (&json, "{"), (&answers, "class")] {
        assert!(Command::new("mkfifo").arg("pipe").current_dir(&folder).status().expect("mkfifo").success());
        // `cat` reads what comes through the pipe until it is closed for the first time.
        let mut reader = Command::new("timeout");
        reader.args(["60", "cat", "pipe"]).current_dir(&folder).stdout(Stdio::piped());
        let reader = reader.spawn().expect("cat");
        let output = anygrad(&folder, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        let read = reader.wait_with_output().expect("cat ends");
        let text = String::from_utf8_lossy(&read.stdout).into_owned();
        assert!(read.status.success() && text.starts_with(beginning), "{arguments:?}: {text}");
        std::fs::remove_file(folder.join("pipe")).expect("the pipe is still one");
    }
}

#[test]
fn a_good_run_says_nothing_that_looks_like_an_error() {
    let folder = folder("quiet");
    let rows: String =
        (0..40).map(|i| format!("{},{},{}\n", i * 37 % 101, i * 53 % 89, ["no", "yes"][i % 2])).collect();
    std::fs::write(folder.join("t.csv"), format!("a,b,y\n{rows}")).expect("a file");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
        command.current_dir(&folder).args(arguments);
        for name in ["XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "RUST_LOG"] {
            command.env_remove(name);
        }
        let output = command.env("TERM", "dumb").output().expect("it starts");
        let message = stderr(&output);
        assert!(output.status.success() && !message.contains("error"), "{arguments:?}: {message}");
        message
    };
    // Automatic, so that every driver is asked what it offers.
    let message = run(&["train", "t.csv", "--epochs", "2", "--out", "run"]);
    assert_eq!(message.lines().filter(|line| line.trim_start().starts_with(['1', '2'])).count(), 2, "{message}");
    run(&["eval", "run", "--data", "t.csv"]);
    run(&["devices"]);
}

#[test]
fn a_plan_is_refused_where_the_run_would_be() {
    if common::adapter().is_none() {
        return;
    }
    let folder = folder("plan-refused");
    // The weights of a layer beyond what any device under test binds at once.
    let net = ["--hidden", "40000,40000", "--device", "gpu", "--epochs", "1"];
    for verb in ["plan", "train"] {
        let output = anygrad(&folder, &[&[verb][..], &net].concat());
        assert_eq!(output.status.code(), Some(3), "{verb}: {}", stderr(&output));
        assert!(stderr(&output).contains("the device grants"), "{verb}: {}", stderr(&output));
    }
}

#[test]
fn a_model_is_saved_though_the_folder_of_the_run_is_gone() {
    let folder = folder("folder-gone");
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.args(["train", "--epochs", "400", "--device", "cpu", "--out", "run"]).current_dir(&folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).env("XDG_RUNTIME_DIR", &folder);
    let child = command.spawn().expect("it starts");
    while !folder.join("run/environment.json").exists() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    std::fs::remove_dir_all(folder.join("run")).expect("removed");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("the model is saved") && stderr(&output).contains("metrics.jsonl"));
    Model::load(folder.join("run/last.safetensors")).expect("a model");
}
