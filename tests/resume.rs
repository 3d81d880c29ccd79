//! Runs that are stopped and go on: from any step to the bits of the undisturbed run, and from whatever is left on the disk.

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::Granted;
use anygrad::data::{Split, moons};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::{Adam, ReduceOnPlateau, Schedule};
use anygrad::train::{EarlyStopping, Every, Snapshot, Trainer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A run of 200 steps on which everything depends that a run can depend on: dropout, an optimizer with memory, a plateau,
/// early stopping that keeps the best epoch, a last batch that is smaller.
fn trainer(device: &Device) -> Trainer {
    let model = Sequential::new(2).linear(8).relu().dropout(0.1).linear(2);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Adam::new(0.05)).epochs(25).batch_size(12).seed(3);
    let plateau = ReduceOnPlateau { patience: 1, ..ReduceOnPlateau::default() };
    trainer
        .schedule(Schedule::ReduceOnPlateau(plateau))
        .early_stopping(EarlyStopping::patience(1000))
        .on(device.clone())
}

fn data() -> Split {
    moons(120, 0.3, 0).expect("moons").split(0.1, 0).expect("a split").with_validation(0.15, 0).expect("a split")
}

/// Stops behind step `n`, by way of bytes goes on, and compares with the undisturbed run.
fn stop_at_each_step(device: &Device, steps: impl Iterator<Item = u64>) -> usize {
    let data = data();
    let mut whole = trainer(device);
    let history = whole.fit_blocking(&data).expect("a run");
    assert_eq!(history.step_losses.len(), 200);
    let whole = whole.model().expect("a model");
    let mut compared = 0;
    for n in steps {
        let (stop, last) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (sets, keeps) = (stop.clone(), last.clone());
        let keep = move |snapshot: &Snapshot| {
            *keeps.lock().expect("no panic") = snapshot.to_bytes();
            sets.store(true, Ordering::Relaxed);
        };
        let mut first = trainer(device).checkpoints(Every::Steps(n), keep).stop_when(stop);
        let stopped = first.fit_blocking(&data).expect("a part of a run");
        let snapshot = Snapshot::from_bytes(&last.lock().expect("no panic")).expect("a snapshot");
        // The last step is followed by an evaluation, before which the run can stop as well.
        assert!(stopped.is_interrupted || n == 200, "{n}");
        assert_eq!(snapshot.step(), n);
        let mut second = trainer(device).resume(snapshot);
        let resumed = second.fit_blocking(&data).expect("the rest of the run");
        assert_eq!((&resumed.epochs, &resumed.step_losses), (&history.epochs, &history.step_losses), "step {n}");
        assert_eq!(resumed.model_epoch, history.model_epoch, "step {n}");
        let model = second.model().expect("a model");
        assert_eq!((model.weights_hash(), &model.metrics), (whole.weights_hash(), &whole.metrics), "step {n}");
        compared += 1;
    }
    compared
}

#[test]
fn a_run_stopped_at_any_step_ends_as_the_undisturbed_one() {
    common::report_comparisons("resume_cpu", stop_at_each_step(&Device::Cpu, 1..=200));
}

#[test]
fn a_run_stopped_at_any_step_on_the_gpu_ends_as_the_undisturbed_one() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    common::report_comparisons("resume_gpu", stop_at_each_step(&Device::Gpu(gpu), 1..=200));
}

#[cfg(all(feature = "cli", unix))]
mod program {
    use super::common::program::{anygrad, folder, json_lines, stderr, succeed};
    use serde_json::Value;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    const TRAIN: [&str; 8] = ["train", "digits", "--device", "cpu", "--patience", "100000", "--epochs", "400"];

    fn last(text: &str) -> Value {
        json_lines(text).pop().expect("a line")
    }

    fn hash(folder: &Path, arguments: &[&str]) -> String {
        last(&succeed(folder, &[arguments, &["--format", "json"]].concat()))["weights_hash"].to_string()
    }

    /// The metrics of a run, but for times.
    fn metrics(run: &Path) -> Vec<Value> {
        let mut lines = json_lines(&std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics"));
        for line in &mut lines {
            for name in ["samples_per_second", "seconds", "run"] {
                line.as_object_mut().expect("an object").remove(name);
            }
        }
        lines
    }

    /// Starts a run and sends it a signal after a while.
    fn interrupt(folder: &Path, run: &str, signal: &str, after: Duration) -> (Option<i32>, String) {
        interrupt_by(Command::new(env!("CARGO_BIN_EXE_anygrad")), folder, run, signal, after)
    }

    fn interrupt_by(
        mut command: Command,
        folder: &Path,
        run: &str,
        signal: &str,
        after: Duration,
    ) -> (Option<i32>, String) {
        command.args(TRAIN).args(["--out", run, "--checkpoint-every", "150steps"]).current_dir(folder);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).env("XDG_RUNTIME_DIR", folder);
        let child = command.spawn().expect("it starts");
        // Not before there is something to go on from.
        while !folder.join(run).join("checkpoint.bin").exists() && !folder.join(run).join("last.safetensors").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(after);
        // The shell's own, because not every machine has the program.
        let kill = format!("kill {signal} {}", child.id());
        Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status().expect("a shell");
        let output = child.wait_with_output().expect("it ends");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The exit code of a run that a signal has stopped; one that is killed has none.
    fn code_of(signal: &str) -> Option<i32> {
        match signal {
            "-INT" => Some(130),
            "-TERM" => Some(143),
            "-HUP" => Some(129),
            _ => None,
        }
    }

    /// Sends signals to runs, each after a while, and goes on with the runs. Returns how many came in time.
    fn interrupt_each<'a>(name: &str, signals: impl Iterator<Item = (&'a str, u64)>) -> usize {
        let folder = folder(name);
        let whole = hash(&folder, &[&TRAIN[..], &["--out", "whole"]].concat());
        let expected = metrics(&folder.join("whole"));
        let (mut stopped, run) = (0, "run");
        for (signal, milliseconds) in signals {
            let (code, text) = interrupt(&folder, run, signal, Duration::from_millis(milliseconds));
            if code == Some(0) {
                // It was done before the signal came.
                assert!(text.contains("weights hash"), "{text}");
            } else {
                assert_eq!(code, code_of(signal), "{signal}: {text}");
                if code.is_some() {
                    assert!(text.contains(&format!("anygrad train --resume {run}")), "{text}");
                    assert!(folder.join(run).join("last.safetensors").is_file());
                }
                stopped += 1;
            }
            assert_eq!(hash(&folder, &["train", "--resume", run]), whole, "{signal} after {milliseconds} ms");
            assert_eq!(metrics(&folder.join(run)), expected, "{signal} after {milliseconds} ms");
            std::fs::remove_dir_all(folder.join(run)).expect("removed");
        }
        stopped
    }

    #[test]
    fn signals_end_the_step_and_the_run_goes_on() {
        let signals = ["-INT", "-TERM", "-HUP", "-INT", "-KILL", "-KILL", "-KILL"];
        let stopped = interrupt_each("resume-signals", signals.into_iter().zip((0..).step_by(7)));
        assert!(stopped > 0, "no signal came in time");
    }

    /// As `nohup` starts it.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_signal_that_a_run_is_to_ignore_does_not_stop_it() {
        let folder = folder("resume-nohup");
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_anygrad")]);
        let (code, text) = interrupt_by(shell, &folder, "run", "-HUP", Duration::ZERO);
        assert!(code == Some(0) && text.contains("weights hash") && !text.contains("--resume"), "{code:?} {text}");
    }

    /// A hundred times killed, and as often asked to end, at any time of a run of about half a second.
    #[test]
    #[ignore = "long: scripts/trust.py --full runs it"]
    fn hundreds_of_signals_lose_nothing() {
        let times = (0..100).map(|i| i * 37 % 400);
        let signals = times.flat_map(|milliseconds| [("-KILL", milliseconds), ("-INT", milliseconds)]);
        let stopped = interrupt_each("resume-hundreds", signals);
        assert!(stopped >= 100, "{stopped} of 200 came in time");
        super::common::report_comparisons("resume_signals", 200);
    }

    #[test]
    fn what_is_left_of_a_checkpoint_is_told_apart() {
        let folder = folder("resume-damaged");
        let whole = hash(&folder, &[&TRAIN[..], &["--out", "run", "--checkpoint-every", "150steps"]].concat());
        let newer = folder.join("run/checkpoint.bin");
        let bytes = std::fs::read(&newer).expect("a checkpoint");
        for damaged in
            [bytes[..bytes.len() / 2].to_vec(), [&bytes[..99], &[!bytes[99]], &bytes[100..]].concat(), vec![]]
        {
            std::fs::write(&newer, damaged).expect("written");
            let output = anygrad(&folder, &["train", "--resume", "run", "--format", "json"]);
            let message = stderr(&output);
            assert!(
                message.contains("checkpoint.bin") && message.contains("the checkpoint before it is taken"),
                "{message}"
            );
            assert_eq!(last(&super::common::program::stdout(&output))["weights_hash"].to_string(), whole);
        }
        std::fs::write(&newer, b"").expect("written");
        std::fs::write(folder.join("run/checkpoint.previous.bin"), b"").expect("written");
        let refused = |arguments: &[&str], parts: &[&str]| {
            let output = anygrad(&folder, arguments);
            let message = stderr(&output);
            let error = message.lines().find(|line| line.starts_with("error: ")).expect("an error").to_string();
            assert!(
                !output.status.success() && parts.iter().all(|part| error.contains(part)),
                "{arguments:?}: {error}"
            );
        };
        refused(&["train", "--resume", "run"], &["checkpoint.previous.bin", "not a usable snapshot"]);
        refused(&["train", "--resume", "none"], &["resume = none", "the folder of a run"]);
        succeed(&folder, &["train", "xor", "--epochs", "3", "--out", "other"]);
        std::fs::copy(folder.join("other/checkpoint.bin"), &newer).expect("copied");
        refused(&["train", "--resume", "run"], &["not a usable snapshot", "another model or other settings"]);
        std::fs::remove_file(&newer).expect("removed");
        std::fs::remove_file(folder.join("run/checkpoint.previous.bin")).expect("removed");
        refused(&["train", "--resume", "run"], &["resume = run", "holds no checkpoint"]);
        refused(&["train", "--resume", "other", "--learning-rate", "0.5"], &["another model or other settings"]);
    }
}

/// A run without decisions, so that it can be cut anywhere between epochs.
fn plain(device: &Device, epochs: u64) -> Trainer {
    let model = Sequential::new(2).linear(8).relu().dropout(0.1).linear(2);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Adam::new(0.05)).epochs(epochs);
    trainer.batch_size(12).seed(3).on(device.clone())
}

/// Fits, and returns what the end of the run was.
fn ended(trainer: Trainer, data: &Split) -> (Trainer, Snapshot) {
    let last = Arc::new(Mutex::new(None));
    let keeps = last.clone();
    let keep = move |snapshot: &Snapshot| *keeps.lock().expect("no panic") = Some(snapshot.clone());
    let mut trainer = trainer.checkpoints(Every::Seconds(3600), keep);
    trainer.fit_blocking(data).expect("a run");
    let snapshot = last.lock().expect("no panic").take().expect("a snapshot");
    (trainer, snapshot)
}

/// An epoch at a time, each going on with the one before.
fn goes_on(device: &Device) {
    let data = data();
    let (whole, at_end) = ended(plain(device, 6), &data);
    let (mut part, mut snapshot) = ended(plain(device, 1), &data);
    for epochs in 2..=6 {
        (part, snapshot) = ended(plain(device, epochs).go_on(snapshot), &data);
    }
    assert_eq!(part.model().expect("a model").weights_hash(), whole.model().expect("a model").weights_hash());
    assert_eq!(snapshot.history().epochs, at_end.history().epochs);
    assert!(snapshot.tensors() == at_end.tensors(), "what the optimizer keeps differs");
}

#[test]
fn epochs_that_go_on_are_those_of_one_run() {
    goes_on(&Device::Cpu);
    if let Some(gpu) = common::gpu_with(Granted::Large) {
        goes_on(&Device::Gpu(gpu));
    }
}

#[test]
fn learning_goes_on_with_other_rows_and_another_rate() {
    let (_, snapshot) = ended(plain(&Device::Cpu, 2), &data());
    // 92 rows to train on in batches of 12 before, 40 of 50 rows now.
    assert_eq!(snapshot.step(), 2 * 8);
    let few = moons(50, 0.3, 1).expect("moons").split(0.2, 0).expect("a split");
    let slower = plain(&Device::Cpu, 4).optimizer(Adam::new(0.02)).go_on(snapshot.clone());
    let (_, after) = ended(slower, &few);
    assert_eq!((after.step(), after.epochs_done(), after.learning_rate()), (2 * 8 + 2 * 4, 4, 0.02));
    // And from there, again on the first rows.
    let (_, last) = ended(plain(&Device::Cpu, 5).go_on(after), &data());
    assert_eq!((last.step(), last.history().epochs.len()), (2 * 8 + 2 * 4 + 8, 5));
    // Other rows are not gone on with by `resume`, nor other layers at all.
    let refused = plain(&Device::Cpu, 4).resume(snapshot.clone()).fit_blocking(&few).expect_err("other rows");
    assert!(refused.to_string().contains("other data"), "{refused}");
    let wide = Trainer::new(Sequential::new(2).linear(2), Loss::cross_entropy(), Adam::new(0.05)).epochs(4);
    let refused = wide.go_on(snapshot).fit_blocking(&few).expect_err("other layers");
    assert!(refused.to_string().contains("another model"), "{refused}");
}

#[test]
fn a_run_that_stands_within_an_epoch_goes_on_with_its_own_rows_only() {
    let data = data();
    let trainer = plain(&Device::Cpu, 2);
    let snapshot = anygrad::wait(async {
        let mut session = trainer.session(&data).await?;
        session.run_steps(3).await?;
        session.snapshot().await
    });
    let refused = plain(&Device::Cpu, 2).go_on(snapshot.expect("a snapshot")).fit_blocking(&data).expect_err("no end");
    assert!(refused.to_string().contains("within an epoch"), "{refused}");
}
