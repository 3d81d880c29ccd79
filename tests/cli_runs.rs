//! Runs side by side: lists, comparisons, what files hold; and sweeps, which end in the same table however often they are
//! interrupted, and which validation rows alone judge.
#![cfg(feature = "cli")]

mod common;

use common::program::{anygrad, command, folder, json_lines, stderr, stdout, succeed};
use serde_json::Value;
use std::path::Path;

fn last(text: &str) -> Value {
    json_lines(text).pop().expect("a line")
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path.as_ref()).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// What must fail with exit code 2, and its message.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = anygrad(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    stderr(&output)
}

/// Twelve recipes, three of which diverge. There are epochs enough that it is not done before a signal comes.
const SWEEP: [&str; 12] = [
    "sweep",
    "moons",
    "--device",
    "cpu",
    "--epochs",
    "600",
    "--set",
    "optimizer.learning_rate=0.001,0.01,0.1,100",
    "--set",
    "train.batch_size=8,32,128",
    "--checkpoint-every",
    "300steps",
];

/// Starts a sweep, or goes on with it, and sends a signal once so many recipes have begun and a moment has passed.
#[cfg(unix)]
fn interrupt(folder: &Path, arguments: &[&str], signal: &str, recipe: &str) {
    use std::process::{Command, Stdio};
    let mut child = command(folder, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    while !folder.join("a").join(recipe).join("checkpoint.bin").exists() {
        assert!(child.try_wait().expect("a state").is_none(), "it ended before {recipe}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill");
    let status = child.wait().expect("an end");
    assert!(!status.success(), "it was done before the signal came");
    assert!(!folder.join("a/results.csv").exists());
}

#[cfg(unix)]
#[test]
fn a_sweep_of_twelve_interrupted_twice_ends_in_the_table_of_the_undisturbed_one() {
    let folder = folder("runs-interrupted");
    let text = succeed(&folder, &[&SWEEP[..], &["--out", "whole"]].concat());
    interrupt(&folder, &[&SWEEP[..], &["--out", "a"]].concat(), "-TERM", "002");
    let begun = read(folder.join("a/sweep.toml"));
    interrupt(&folder, &["sweep", "--resume", "a", "--checkpoint-every", "300steps"], "-KILL", "004");
    let again = succeed(&folder, &["sweep", "--resume", "a"]);
    let table = read(folder.join("whole/results.csv"));
    assert_eq!(read(folder.join("a/results.csv")), table, "all figures and all hashes of weights");
    assert_eq!(read(folder.join("a/sweep.toml")), begun, "the plan stays");
    assert_eq!(begun, read(folder.join("whole/sweep.toml")));
    assert_eq!(again.replace("a/", "whole/"), text, "and the same on the screen");
    assert_eq!(table.lines().count(), 13);
    assert_eq!(table.lines().filter(|line| line.contains("diverged")).count(), 3, "{table}");
    let hashes: Vec<&str> =
        table.lines().skip(1).filter_map(|line| line.rsplit(',').next()).filter(|h| h.len() == 16).collect();
    assert_eq!(hashes.len(), 9);
    // The best is named, and its run is one as any other.
    let best = table.lines().nth(1).and_then(|line| line.split(',').next()).expect("a best");
    assert!(text.contains(&format!("\nbest    {best}  ")), "{text}");
    let verified = succeed(&folder, &["verify", &format!("a/{best}")]);
    assert!(verified.contains("have the weights that the run recorded"), "{verified}");
    // What is done is not done again, and what would change it is refused.
    let modified =
        || std::fs::metadata(folder.join("a/001/last.safetensors")).and_then(|m| m.modified()).expect("a time");
    let before = modified();
    assert_eq!(succeed(&folder, &["sweep", "--resume", "a"]), again);
    assert_eq!(modified(), before);
    assert!(refused(&folder, &["sweep", "--resume", "a", "--epochs", "3"]).contains("leave out the flags"));
    assert!(refused(&folder, &[&SWEEP[..], &["--out", "a"]].concat()).contains("exists already"));
}

/// Rows on which test and validation rows disagree about what is best: the validation rows have no noise in their target, the
/// test rows the opposite target.
fn write_rows(folder: &Path) {
    let rows = |sign: f64, from: u32| {
        let row = |i: u32| {
            let x = f64::from((from + i) * 7919 % 1000) / 500.0 - 1.0;
            format!("{x},{}\n", sign * 3.0 * x)
        };
        format!("x,y\n{}", (0..60).map(row).collect::<String>())
    };
    for (name, sign, from) in [("train.csv", 1.0, 0), ("validation.csv", 1.0, 100), ("test.csv", -1.0, 200)] {
        std::fs::write(folder.join(name), rows(sign, from)).expect("written");
    }
}

#[test]
fn validation_rows_alone_judge() {
    let folder = folder("runs-judged");
    write_rows(&folder);
    let rows =
        ["sweep", "train.csv", "--validation-data", "validation.csv", "--test-data", "test.csv", "--device", "cpu"];
    // The more it learns, the better on the validation rows, and the worse on the test rows.
    let varied = ["--epochs", "40", "--set", "optimizer.learning_rate=0.0001,0.01", "--format", "json", "--out", "s"];
    let lines = json_lines(&succeed(&folder, &[&rows[..], &varied].concat()));
    let [slow, quick, sweep] = &lines[..] else { panic!("{lines:?}") };
    let figure = |line: &Value, name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} in {line}"));
    assert!(figure(quick, "validation_loss") < figure(slow, "validation_loss"));
    assert!(figure(quick, "test_loss") > figure(slow, "test_loss"), "else nothing is shown here");
    assert_eq!(sweep["best"]["name"], "002");
    assert_eq!(sweep["best"]["settings"]["optimizer.learning_rate"], 0.01);
    assert!(!read(folder.join("s/results.csv")).contains("test"));
    assert!(
        refused(&folder, &[&rows[..], &varied, &["--by", "test_loss"]].concat()).contains("test rows decide nothing")
    );
    // Without any, a share of the training rows is held back.
    let line = last(&succeed(&folder, &["sweep", "xor", "--set", "train.epochs=1,2", "--format", "json"]));
    assert!(line["best"]["validation_loss"].is_number(), "{line}");
    assert!(read(folder.join("runs/xor-sweep-1/001/config.toml")).contains("validation_fraction = 0.1"));
}

#[test]
fn what_makes_no_sweep_is_refused_before_it_begins() {
    let folder = folder("runs-refused");
    let sweep = |more: &[&str]| refused(&folder, &[&["sweep", "moons", "--device", "cpu"], more].concat());
    for (arguments, part) in [
        (&["--epochs", "3"][..], "nothing varies"),
        (&["--set", "optimizer.learning_rat=1,2"], "did you mean `learning_rate`?"),
        (&["--set", "optimizer.learning_rate=0.1,0.2", "--learning-rate", "0.1"], "001 and 002: are the same"),
        (&["--set", "optimizer.learning_rate=0.1..0.2"], "number of points"),
        (&["--set", "loss.kind=hinge,cross_entropy"], "different losses"),
        (&["--set", "train.epochs=1,2", "--halving"], "other numbers of epochs"),
        (&["--set", "seed=1,2", "--seeds", "3"], "--set seed=0,1,2"),
        (&["--set", "seed=1,2", "--by", "accuracy"], "validation_accuracy"),
        (&["--set", "seed=1,2", "--by", "validation_r_squared"], "no such figure"),
    ] {
        let message = sweep(arguments);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
    assert!(!folder.join("runs").exists(), "nothing is left of them");
}

#[test]
fn draws_and_halving_repeat_themselves_by_the_seed() {
    let folder = folder("runs-random");
    let of = |out: &str, seed: &str, more: &[&str]| {
        let sweep =
            ["sweep", "moons", "--device", "cpu", "--epochs", "27", "--random", "9", "--seed", seed, "--out", out];
        let set =
            ["--set", "optimizer.learning_rate=0.0003..0.3", "--set", "layers.0.linear=4..64", "--format", "json"];
        json_lines(&succeed(&folder, &[&sweep[..], &set, more].concat()))
    };
    let plain = of("a", "1", &[]);
    assert_eq!(plain.len(), 10);
    of("b", "1", &[]);
    of("c", "2", &[]);
    let table = |name: &str| read(folder.join(name).join("results.csv"));
    assert_eq!(table("a"), table("b"));
    let drawn = |name: &str| -> Vec<String> {
        let mut settings: Vec<String> =
            table(name).lines().skip(1).map(|line| line.split(',').take(3).collect::<Vec<_>>().join(" ")).collect();
        settings.sort();
        settings
    };
    assert_ne!(drawn("a"), drawn("c"), "another seed draws other recipes");
    // Nine to epoch 3, three to 9, one to 27: whoever comes to the end has the weights of the run that nobody stopped.
    let halved = of("d", "1", &["--halving"]);
    assert_eq!(halved.len(), 9 + 3 + 1 + 1);
    let best = &halved[13]["best"];
    assert_eq!(best["epochs"], 27);
    let whole = plain.iter().find(|line| line["name"] == best["name"]).expect("the recipe");
    assert_eq!((&best["weights_hash"], &best["settings"]), (&whole["weights_hash"], &whole["settings"]));
    let epochs = |table: &str| {
        let mut epochs: Vec<u64> =
            table.lines().skip(1).filter_map(|l| l.split(',').rev().nth(2)?.parse().ok()).collect();
        epochs.sort_unstable();
        epochs
    };
    assert_eq!(epochs(&table("d")), [3, 3, 3, 3, 3, 3, 9, 9, 27]);
    let decision: Value = serde_json::from_str(&read(folder.join("d/rung-1.json"))).expect("JSON");
    assert_eq!((decision["goes_on"].as_array().map(Vec::len), &decision["behind_epoch"]), (Some(3), &3.into()));
}

#[test]
fn the_last_line_of_a_run_has_what_a_tuner_needs() {
    let folder = folder("runs-last-line");
    let train = ["train", "moons", "--device", "cpu", "--epochs", "30", "--patience", "3", "--format", "json", "--out"];
    let done = last(&succeed(&folder, &[&train[..], &["done"]].concat()));
    for name in
        ["validation_loss", "validation_accuracy", "test_loss", "train_loss", "deciding_loss", "model_epoch", "epochs"]
    {
        assert!(done[name].is_number(), "{name} in {done}");
    }
    assert_eq!(done["deciding_loss"], done["validation_loss"]);
    assert!(
        done["stopped_early"].is_boolean() && done["weights_hash"].is_string() && done["parameters"] == 322,
        "{done}"
    );
    // Where no rows are held back to decide by, those of training do.
    let plain = last(&succeed(
        &folder,
        &["train", "moons", "--device", "cpu", "--epochs", "2", "--format", "json", "--out", "plain"],
    ));
    assert_eq!(plain["deciding_loss"], plain["train_loss"]);
    let output = anygrad(&folder, &[&train[..], &["bad", "--learning-rate", "1000"]].concat());
    assert_eq!(output.status.code(), Some(4));
    let bad = last(&stdout(&output));
    assert_eq!(bad["event"], "diverged");
    assert!(bad["reason"].is_string() && bad["epochs"].is_number() && bad["run"] == "bad", "{bad}");
    assert_eq!(last(&read(folder.join("bad/metrics.jsonl"))), bad);
}

/// Three runs: two of one recipe with different rates, one on other rows.
fn three_runs(folder: &Path) {
    for (out, rate, data) in
        [("runs/a", "0.01", "moons"), ("runs/b", "0.02", "moons"), ("runs/more/c", "0.01", "circles")]
    {
        let train =
            ["train", data, "--device", "cpu", "--epochs", "5", "--hidden", "8", "--validation-fraction", "0.1"];
        succeed(folder, &[&train[..], &["--learning-rate", rate, "--out", out]].concat());
    }
}

#[test]
fn runs_are_listed_sorted_and_filtered() {
    let folder = folder("runs-listed");
    three_runs(&folder);
    std::fs::create_dir(folder.join("runs/broken")).expect("a folder");
    std::fs::write(folder.join("runs/broken/config.toml"), "seed = \n").expect("written");
    let output = anygrad(&folder, &["runs"]);
    let (text, messages) = (stdout(&output), stderr(&output));
    assert!(output.status.success() && messages.contains("left out: ") && messages.contains("broken"), "{messages}");
    assert!(text.starts_with("all  model 8-relu-2"), "what is the same is said once: {text}");
    assert_eq!(text.lines().count(), 6, "{text}");
    let names = |arguments: &[&str]| -> Vec<String> {
        let lines = json_lines(&succeed(&folder, &[&["runs", "--format", "json"], arguments].concat()));
        lines.iter().map(|line| line["run"].as_str().expect("a name").to_string()).collect()
    };
    assert_eq!(names(&[]), ["a", "b", "more/c"]);
    assert_eq!(names(&["--where", "learning_rate=0.01"]), ["a", "more/c"]);
    assert_eq!(names(&["--where", "optimizer.learning_rate>0.01", "--where", "data=moons"]), ["b"]);
    assert_eq!(names(&["--sort", "-optimizer.learning_rate", "--limit", "1"]), ["b"]);
    let sorted = json_lines(&succeed(&folder, &["runs", "--format", "json", "--sort", "validation_loss"]));
    let losses: Vec<f64> =
        sorted.iter().map(|line| line["result"]["validation_loss"].as_f64().expect("a loss")).collect();
    assert!(losses.is_sorted() && losses.len() == 3, "{losses:?}");
    assert_eq!(sorted[0]["recipe"]["train"]["epochs"], 5, "the whole recipe");
    assert!(refused(&folder, &["runs", "--sort", "validation_los"]).contains("did you mean `validation_loss`?"));
    assert!(refused(&folder, &["runs", "none"]).contains("holds no run"));
}

#[test]
fn a_comparison_says_what_differs_and_whether_figures_compare() {
    let folder = folder("runs-compared");
    three_runs(&folder);
    let line = last(&succeed(&folder, &["compare", "runs/a", "runs/b", "--format", "json", "--plot", "both.svg"]));
    let keys: Vec<&String> = line["recipe"].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["optimizer.learning_rate"]);
    assert_eq!(line["recipe"]["optimizer.learning_rate"], serde_json::json!([0.01, 0.02]));
    assert_eq!((&line["same_test_rows"], &line["same_validation_rows"]), (&true.into(), &true.into()));
    let picture = read(folder.join("both.svg"));
    assert!(
        picture.starts_with("<svg") && picture.contains("validation loss") && picture.contains("validation accuracy")
    );
    let other = last(&succeed(&folder, &["compare", "runs/a", "runs/more/c", "--format", "json"]));
    assert_eq!(other["same_test_rows"], false);
    let text = succeed(&folder, &["compare", "runs/a", "runs/more/c"]);
    assert!(text.contains("different rows: they do NOT compare"), "{text}");
    assert!(refused(&folder, &["compare", "runs/a", "runs/b", "--plot", "both.svg"]).contains("exists already"));
}

#[test]
fn every_file_of_a_run_is_told_apart_and_what_is_damaged_is_named() {
    let folder = folder("runs-inspected");
    three_runs(&folder);
    succeed(&folder, &["pack", "xor", "--out", "rows.anygrad"]);
    let of = |path: &str| last(&succeed(&folder, &["inspect", path, "--format", "json"]));
    let model = of("runs/a/last.safetensors");
    let done = last(&read(folder.join("runs/a/metrics.jsonl")));
    assert_eq!((&model["file"], &model["weights_hash"]), (&"a model".into(), &done["weights_hash"]));
    assert_eq!(model["tensors"].as_array().map(Vec::len), Some(4));
    assert_eq!(model["recipe"]["optimizer.learning_rate"], 0.01);
    let checkpoint = of("runs/a/checkpoint.bin");
    assert_eq!((&checkpoint["weights_hash"], &checkpoint["epochs_done"]), (&done["weights_hash"], &5.into()));
    assert_eq!(checkpoint["parameters"].as_array().map(Vec::len), Some(4));
    assert_eq!(checkpoint["optimizer_state"].as_array().map(Vec::len), Some(4));
    assert_eq!((&of("rows.anygrad")["rows"], &of("rows.anygrad")["features"]), (&400.into(), &2.into()));
    assert_eq!(of("runs/a/config.toml")["train.epochs"], 5);
    assert_eq!(of("runs/a/metrics.jsonl")["last_epoch"]["lines"], 5);
    assert_eq!(of("runs/a/environment.json")["device"], "CPU");
    let run = of("runs/a");
    assert_eq!((&run["folder"], &run["state"]), (&"a run".into(), &"done".into()));
    assert!(
        run["files"].as_array().is_some_and(|files| files.len() >= 5 && files.iter().all(|file| file["whole"] == true)),
        "{run}"
    );
    for path in ["runs/a", "runs/a/last.safetensors", "runs/a/checkpoint.bin", "rows.anygrad", "runs/a/metrics.jsonl"] {
        let text = succeed(&folder, &["inspect", path]);
        assert!(text.lines().all(|line| line.chars().count() <= 100) && text.lines().count() > 5, "{path}: {text}");
    }
    // One byte of each.
    for (path, part) in
        [("runs/a/last.safetensors", "checksum"), ("runs/a/checkpoint.bin", "checksum"), ("rows.anygrad", "checksum")]
    {
        let mut bytes = std::fs::read(folder.join(path)).expect("bytes");
        let at = bytes.len() - 9;
        bytes[at] ^= 1;
        std::fs::write(folder.join("damaged"), bytes).expect("written");
        let message = refused(&folder, &["inspect", "damaged"]);
        assert!(message.contains(part) && message.contains("damaged"), "{path}: {message}");
    }
    std::fs::write(folder.join("else.txt"), "words\n").expect("written");
    assert!(refused(&folder, &["inspect", "else.txt"]).contains("none that anygrad writes"));
}
