//! Command lines put together at random: an exit code that is documented, one line of error, no panic, no hang, and nothing
//! written outside the folder.
//!
//! `ANYGRAD_COMMANDS` sets how many are tried.
#![cfg(feature = "cli")]

mod common;
#[path = "mutated/mutate.rs"]
mod mutate;

use common::program::{command, folder, succeed};
use mutate::Chance;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const VERBS: [&str; 13] = [
    "train",
    "train",
    "train",
    "eval",
    "predict",
    "report",
    "plan",
    "pack",
    "explain",
    "gradcheck",
    "verify",
    "keys",
    "help",
];

const SUBJECTS: [&str; 12] = [
    "t.csv",
    "xor",
    "run",
    "run/last.safetensors",
    "c.toml",
    "none.csv",
    "",
    "-",
    "x.png",
    "t.csv.gz",
    "ü.csv",
    "empty.csv",
];

/// Flags, most with values that they take.
const FLAGS: [(&str, &[&str]); 44] = [
    ("--data", &["t.csv", "xor", "digits", "moons", "mnist:.", "images:.", "t.anygrad", "run", "cifar10:none"]),
    ("--test-data", &["t.csv", "xor"]),
    ("--validation-data", &["t.csv"]),
    ("--target", &["y", "a", "a,b", "none"]),
    ("--task", &["classes", "values", "labels"]),
    ("--features", &["a", "a,b", "y"]),
    ("--drop", &["a", "kind"]),
    ("--categorical", &["a", "kind"]),
    ("--numeric", &["a", "kind"]),
    ("--missing", &["column", "error", "drop", "mean"]),
    ("--scaling", &["standard", "none", "robust", "minmax"]),
    ("--weights", &["a", "b", "y"]),
    ("--groups", &["kind", "a"]),
    ("--time", &["a"]),
    ("--header", &["true", "false"]),
    ("--image-size", &["8x8", "99999x99999"]),
    ("--test-fraction", &["0.5", "0", "1", "0.999"]),
    ("--validation-fraction", &["0.2", "0.9"]),
    ("--freeze", &["0", "2"]),
    ("--activation", &["tanh", "gelu", "elu:2"]),
    ("--loss", &["cross_entropy", "mse", "huber"]),
    ("--class-weights", &["balanced", "1,2", "0,0"]),
    ("--optimizer", &["adam", "sgd", "rmsprop"]),
    ("--learning-rate", &["0.1", "1e30", "0"]),
    ("--momentum", &["0.9", "1"]),
    ("--weight-decay", &["0.1", "1e38"]),
    ("--l1", &["0.1"]),
    ("--l2", &["0.1"]),
    ("--dropout", &["0.5", "1"]),
    ("--batch-size", &["1", "16", "1000000"]),
    ("--patience", &["1", "0"]),
    ("--set", &["train.epochs=1", "optimizer.kind=adam", "layers.0.linear=3", "a.b.c=", "=", "data.source=xor"]),
    ("--seed", &["7", "18446744073709551615"]),
    ("--reproducible", &[]),
    ("--format", &["json", "text"]),
    ("--threshold", &["0.3", "auto"]),
    ("--from", &["run", "run/last.safetensors", "t.csv"]),
    ("--hidden", &["8", "4,4", "0", ""]),
    ("--folds", &["2", "3"]),
    ("--seeds", &["2"]),
    ("--resume", &["run", "none"]),
    ("--checkpoint-every", &["1step", "1epochs", "0s"]),
    ("--out", &["out", "run", "t.csv", "a/b/c", "t.anygrad", ""]),
    ("--on-divergence", &["stop", "rollback"]),
];

/// Values that hardly any flag takes.
const ODD: [&str; 18] = [
    "",
    " ",
    "-1",
    "0",
    "nan",
    "inf",
    "1e999",
    "99999999999999999999",
    "-",
    "--",
    "ünïcödé",
    "a\nb",
    "\u{1b}[31m",
    "null",
    ",",
    "=",
    "../../etc/none",
    "{}",
];

/// Command lines that ended in a panic once.
const FOUND: [&str; 1] = ["train t.csv --test-fraction 0.999 --missing mean --activation gelu --device cpu --epochs 1"];

fn arguments(chance: &mut Chance) -> Vec<String> {
    let mut words = vec![VERBS[chance.below(VERBS.len())].to_string()];
    if chance.below(4) > 0 {
        words.push(SUBJECTS[chance.below(SUBJECTS.len())].into());
    }
    for _ in 0..chance.below(4) {
        let (flag, values) = FLAGS[chance.below(FLAGS.len())];
        words.push(flag.into());
        let value = match chance.below(20) {
            0 => ODD[chance.below(ODD.len())].to_string(),
            1 => ["x", "9"][chance.below(2)].repeat(20_000),
            2 => continue,
            _ if values.is_empty() => continue,
            _ => values[chance.below(values.len())].to_string(),
        };
        words.push(value);
    }
    let is_known = ["train", "plan", "eval", "predict", "explain", "gradcheck"].contains(&&words[0][..]);
    if is_known {
        words.extend(["--device".into(), "cpu".into()]);
    }
    if ["train", "plan"].contains(&&words[0][..]) {
        words.extend(["--epochs".into(), "1".into()]);
    }
    words
}

/// All files below a folder, with their sizes.
fn listing(folder: &Path) -> Vec<String> {
    let output = std::process::Command::new("find").arg(folder).args(["-printf", "%p %s %T@\n"]).output();
    let mut lines: Vec<String> =
        output.map(|o| String::from_utf8_lossy(&o.stdout).lines().map(String::from).collect()).unwrap_or_default();
    lines.sort();
    lines
}

#[test]
fn random_command_lines_end_as_documented() {
    let outer = folder("random-commands");
    let (inside, beside) = (outer.join("inside"), outer.join("beside"));
    for folder in [&inside, &beside] {
        std::fs::create_dir(folder).expect("a folder");
    }
    let row = |i: usize| format!("{},{},{},{}\n", i * 37 % 11, i * 5 % 7, ["oak", "elm", ""][i % 3], ["p", "q"][i % 2]);
    std::fs::write(inside.join("t.csv"), format!("a,b,kind,y\n{}", (0..40).map(row).collect::<String>()))
        .expect("a file");
    std::fs::write(inside.join("empty.csv"), "").expect("a file");
    std::fs::write(inside.join("c.toml"), "[data]\nsource = \"xor\"\n").expect("a file");
    std::fs::write(inside.join("x.png"), [0x89, b'P', b'N', b'G', 0]).expect("a file");
    succeed(&inside, &["train", "t.csv", "--epochs", "2", "--device", "cpu", "--out", "run"]);
    let before = listing(&beside);
    let count: u32 = std::env::var("ANYGRAD_COMMANDS").map_or(1000, |n| n.parse().expect("a number"));
    let mut codes = std::collections::BTreeMap::new();
    for number in 0..count {
        let words = match FOUND.get(number as usize) {
            Some(line) => line.split(' ').map(String::from).collect(),
            None => arguments(&mut Chance::new(0x636F_6D6D, number)),
        };
        let shown: Vec<String> = words.iter().map(|word| word.chars().take(40).collect()).collect();
        let mut program = command(&inside, &words.iter().map(String::as_str).collect::<Vec<_>>());
        program.env("HOME", &inside).env("XDG_CACHE_HOME", inside.join("cache")).env("RUST_BACKTRACE", "0");
        let (out, err) = (outer.join("stdout"), outer.join("stderr"));
        let file = |path: &Path| std::fs::File::create(path).expect("a file");
        program.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
        let mut child = program.spawn().expect("it starts");
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break status;
            }
            if start.elapsed() > Duration::from_secs(30) {
                child.kill().expect("killed");
                panic!("{number}: no end after 30 s: {shown:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let message = String::from_utf8_lossy(&std::fs::read(&err).expect("a file")).into_owned();
        let code = status.code().unwrap_or_else(|| panic!("{number}: {status}: {shown:?}\n{message}"));
        *codes.entry(code).or_insert(0) += 1;
        assert!((0..=4).contains(&code), "{number}: exit code {code}: {shown:?}\n{message}");
        assert!(!message.contains("panicked"), "{number}: {shown:?}\n{message}");
        let errors = message.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, usize::from(code != 0), "{number}: code {code}: {shown:?}\n{message}");
        assert!(message.len() < 20_000, "{number}: {} bytes of messages: {shown:?}", message.len());
    }
    println!("exit codes {codes:?}");
    assert_eq!(listing(&beside), before, "something beside the folder was written");
    assert!(codes.len() >= 3 && codes.contains_key(&0), "{codes:?}");
}
