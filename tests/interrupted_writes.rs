//! Every write, fsync and rename of a run failing, or being the last that happens: what is left loads and goes on to the
//! bits of the undisturbed run.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod common;

use anygrad::model::Model;
use common::program::{anygrad, command, folder, stderr, succeed};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const RUN: [&str; 9] =
    ["train", "xor", "--epochs", "6", "--device", "cpu", "--checkpoint-every", "2epochs", "--seed=3"];

fn shim(folder: &Path) -> PathBuf {
    let library = folder.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/shim.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").output();
    let compiled = compiled.expect("a C compiler, which Rust needs as well");
    assert!(compiled.status.success(), "{}", stderr(&compiled));
    library
}

/// A run of which call `n` goes wrong in a way, and for `-once` no later one.
fn disturbed(folder: &Path, library: &Path, n: usize, way: &str, name: &str) -> Output {
    let mut run = command(folder, &[&RUN[..], &["--out", name]].concat());
    run.env("LD_PRELOAD", library).env("SHIM_PATH", format!("{name}/")).env("SHIM_N", n.to_string());
    run.env("SHIM_MODE", way.trim_end_matches("-once"));
    if way.ends_with("-once") {
        run.env("SHIM_ONCE", "1");
    }
    run.output().expect("the program starts")
}

#[test]
fn what_is_left_of_a_run_goes_on_to_the_undisturbed_bits() {
    let folder = folder("interrupted");
    let library = shim(&folder);
    let model = |run: &str, file: &str| Model::load(folder.join(run).join(file)).map(|model| model.weights_hash());
    succeed(&folder, &[&RUN[..], &["--out", "whole"]].concat());
    let whole = model("whole", "last.safetensors").expect("a model");
    let (mut resumed, mut runs) = (0, 0);
    for way in ["kill", "short-kill", "enospc", "enospc-once", "eio-once"] {
        for n in 1.. {
            assert!(n < 1000, "{way}: the run has no end");
            let name = format!("{way}-{n}");
            let output = disturbed(&folder, &library, n, way, &name);
            let message = stderr(&output);
            if output.status.success() && model(&name, "last.safetensors").is_ok_and(|hash| hash == whole) {
                // Behind the last call, or one that a run can do without.
                std::fs::remove_dir_all(folder.join(&name)).expect("removed");
                if n > 60 {
                    break;
                }
                continue;
            }
            runs += 1;
            match output.status.code() {
                None => assert!(way.contains("kill"), "{name}: {message}"),
                Some(code) => {
                    let errors = message.lines().filter(|line| line.starts_with("error: ")).count();
                    assert!(code == 1 && errors == 1 && !message.contains("panicked"), "{name}: {code}\n{message}");
                }
            }
            // A model is whole or not there.
            if folder.join(&name).join("last.safetensors").exists() {
                assert_eq!(model(&name, "last.safetensors").expect("a whole model"), whole, "{name}");
            }
            let has_checkpoint =
                ["checkpoint.bin", "checkpoint.previous.bin"].iter().any(|file| folder.join(&name).join(file).exists());
            if has_checkpoint {
                let again = anygrad(&folder, &["train", "--resume", &name, "--device", "cpu"]);
                assert!(again.status.success(), "{name}: {}", stderr(&again));
                assert_eq!(model(&name, "last.safetensors").expect("a model"), whole, "{name}");
                resumed += 1;
            }
            std::fs::remove_dir_all(folder.join(&name)).unwrap_or_default();
        }
    }
    println!("{runs} disturbed runs, {resumed} resumed");
    assert!(runs >= 150 && resumed >= 100, "{runs} runs, {resumed} resumed");
}
