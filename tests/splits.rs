//! Rows that are held back from a table: files of their own, groups, times, folds, none at all.
#![cfg(feature = "cli")]

mod common;

use anygrad::data::{DataOptions, Features, Split, Targets, load};
use common::program::{anygrad, fail, folder, json_lines, stderr, succeed};
use std::collections::BTreeSet;
use std::path::Path;

/// 120 rows of 24 people and 60 days; `x` numbers the rows.
fn table() -> String {
    let mut text = String::from("x,person,day,a,y\n");
    for i in 0..120usize {
        let y = if (i * 7) % 11 < 5 { "yes" } else { "no" };
        let day = 1 + (i / 2) % 28;
        text.push_str(&format!("{}.5,p{},2020-{:02}-{day:02},{},{y}\n", i * 3, i % 24, 1 + i / 56, (i * 5) % 13));
    }
    text
}

fn options(folder: &Path, change: impl FnOnce(&mut DataOptions)) -> DataOptions {
    std::fs::write(folder.join("t.csv"), table()).expect("a file");
    let source = folder.join("t.csv").to_str().expect("UTF-8").parse().expect("a table");
    let mut options = DataOptions { source, ..DataOptions::default() };
    change(&mut options);
    options
}

/// The numbers of the rows of each part: training, validation, test.
fn rows(split: &Split) -> [Vec<usize>; 3] {
    let x = |data: Option<&anygrad::data::Dataset>| match data.map(|data| (&data.features, &data.feature_names)) {
        Some((Features::F32 { width, data }, names)) => {
            let at = names.iter().position(|name| name == "x").expect("the column");
            data.iter().skip(at).step_by(*width).map(|x| ((x - 0.5) / 3.0).round() as usize).collect()
        }
        _ => Vec::new(),
    };
    [x(Some(&split.train)), x(split.validation.as_ref()), x(Some(&split.test))]
}

#[test]
fn groups_stay_together() {
    let folder = folder("groups");
    let options = options(&folder, |options| {
        options.groups = Some("person".into());
        options.validation_fraction = 0.2;
    });
    let [train, validation, test] = rows(&load(&options, 3).expect("rows"));
    assert_eq!(train.len() + validation.len() + test.len(), 120);
    let people = |rows: &[usize]| rows.iter().map(|row| row % 24).collect::<BTreeSet<_>>();
    let all = [people(&train), people(&validation), people(&test)];
    assert!(all.iter().all(|people| !people.is_empty()));
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert!(all[a].is_disjoint(&all[b]), "{all:?}");
    }
    let error = load(&DataOptions { groups: Some("persons".into()), ..options }, 3).unwrap_err().to_string();
    assert!(error.contains("did you mean `person`?"), "{error}");
}

#[test]
fn the_latest_are_held_back() {
    let folder = folder("times");
    let options = options(&folder, |options| {
        options.time = Some("day".into());
        options.validation_fraction = 0.25;
    });
    let split = load(&options, 0).expect("rows");
    let [train, validation, test] = rows(&split);
    let date = |row: &usize| (1 + row / 56, 1 + (row / 2) % 28);
    let last = |rows: &[usize]| rows.iter().map(date).max().expect("rows");
    let first = |rows: &[usize]| rows.iter().map(date).min().expect("rows");
    assert!(last(&train) < first(&validation) && last(&validation) < first(&test), "{train:?} {validation:?} {test:?}");
    assert!((24..=26).contains(&test.len()), "{}", test.len());
    // A time is a feature as well, by its parts.
    assert!(split.train.feature_names.contains(&"day.month".to_string()), "{:?}", split.train.feature_names);
}

#[test]
fn folds_take_each_row_once_and_a_run_each() {
    let folder = folder("folds");
    let mut seen = Vec::new();
    for fold in 1..=5 {
        let options = options(&folder, |options| (options.folds, options.fold) = (Some(5), Some(fold)));
        let split = load(&options, 1).expect("rows");
        let [train, _, test] = rows(&split);
        assert_eq!(train.len() + test.len(), 120);
        let Targets::Labels { data, .. } = &split.test.targets else { panic!("classes") };
        assert!((12..=14).contains(&data.iter().filter(|label| **label == 0).count()), "{data:?}");
        seen.extend(test);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..120).collect::<Vec<_>>());

    let train = ["train", "t.csv", "--folds", "3", "--seeds", "2", "--epochs", "3", "--out", "all", "--format", "json"];
    let lines = json_lines(&succeed(&folder, &train));
    let done: Vec<_> = lines.iter().filter(|line| line["event"] == "done").collect();
    assert_eq!(done.len(), 6);
    let summary = lines.last().expect("a line");
    let values: Vec<f64> = done.iter().map(|line| line["test_accuracy"].as_f64().expect("a share")).collect();
    let mean = values.iter().sum::<f64>() / 6.0;
    assert!((summary["test_accuracy"]["mean"].as_f64().expect("a mean") - mean).abs() < 1e-12, "{summary}");
    // Each run can be repeated from its folder.
    let again = ["train", "all/seed-1-fold-2/config.toml", "--format", "json", "--out", "again"];
    let again = json_lines(&succeed(&folder, &again));
    let of_run = done.iter().find(|line| line["run"] == "all/seed-1-fold-2").expect("the run");
    assert_eq!(again.last().expect("a line")["weights_hash"], of_run["weights_hash"]);
}

#[test]
fn test_and_validation_rows_may_have_files_of_their_own() {
    let folder = folder("files");
    let all = table();
    let lines: Vec<&str> = all.lines().collect();
    let part = |rows: &[&str]| format!("{}\n{}\n", lines[0], rows.join("\n"));
    std::fs::write(folder.join("train.csv"), part(&lines[1..81])).expect("a file");
    std::fs::write(folder.join("validation.csv"), part(&lines[81..101])).expect("a file");
    std::fs::write(folder.join("test.csv"), part(&lines[101..])).expect("a file");
    let train = ["train", "train.csv", "--validation-data", "validation.csv", "--test-data", "test.csv"];
    succeed(&folder, &[&train[..], &["--out", "run", "--epochs", "2"]].concat());
    let eval = |part: &str| {
        let eval = ["eval", "run", "--data", "train.csv", "--part", part, "--format", "json"];
        json_lines(&succeed(&folder, &eval))[0]["rows"].clone()
    };
    assert_eq!((eval("train"), eval("validation"), eval("test")), (80.into(), 20.into(), 20.into()));
    // Its config says where the files are; a path in the model alone is not followed.
    let alone = ["eval", "run/last.safetensors", "--data", "train.csv", "--part", "test"];
    let error = stderr(&anygrad(&folder, &alone));
    assert!(["test.csv", "not followed", "--part all"].iter().all(|part| error.contains(part)), "{error}");
    // A run folder lies elsewhere than its data.
    let again = ["train", "run", "--out", "again", "--format", "json"];
    assert!(json_lines(&succeed(&folder, &again)).last().expect("a line")["test_accuracy"].is_f64());

    std::fs::remove_dir_all(folder.join("run")).expect("removed");
    std::fs::remove_dir_all(folder.join("again")).expect("removed");
    std::fs::write(folder.join("other.csv"), "x,person,day,a,y\n1,p1,2020-01-01,2,maybe\n").expect("a file");
    let unknown = ["train", "train.csv", "--test-data", "other.csv"];
    fail(&folder, &unknown, 2, &["other.csv:2", "unknown class `maybe`", "no, yes"]);
    std::fs::write(folder.join("other.csv"), "x,person,day,y\n1,p1,2020-01-01,yes\n").expect("a file");
    fail(&folder, &unknown, 2, &["other.csv", "unknown column `a`"]);
}

#[test]
fn all_rows_can_be_trained_on() {
    let folder = folder("all-rows");
    std::fs::write(folder.join("t.csv"), table()).expect("a file");
    let train = ["train", "t.csv", "--test-fraction", "0", "--epochs", "2", "--format", "json", "--out", "run"];
    let done = json_lines(&succeed(&folder, &train)).pop().expect("a line");
    assert!(done.get("test_loss").is_none() && done["weights_hash"].is_string(), "{done}");
    let eval = ["eval", "run", "--data", "t.csv", "--part", "train", "--format", "json"];
    assert_eq!(json_lines(&succeed(&folder, &eval))[0]["rows"], 120);
    // With a rule of stopping, validation rows are what is left to judge by.
    let stopped = ["train", "t.csv", "--test-fraction", "0", "--patience", "5", "--format", "json"];
    let stopped = json_lines(&succeed(&folder, &stopped));
    assert!(stopped.last().expect("a line")["validation_accuracy"].is_f64());
    let other = common::program::folder("all-rows-refused");
    std::fs::write(other.join("t.csv"), table()).expect("a file");
    fail(&other, &["train", "t.csv", "--test-fraction", "1"], 2, &["at least 0 and below 1"]);
}

#[test]
fn validation_rows_are_none_of_those_trained_on() {
    let data = anygrad::data::moons(100, 0.1, 0).expect("moons");
    let split = data.split(0.2, 1).expect("a split").with_validation(0.25, 1).expect("a split");
    let rows = |data: &anygrad::data::Dataset| match &data.features {
        Features::F32 { data, .. } => data.chunks(2).map(|row| [row[0].to_bits(), row[1].to_bits()]).collect(),
        _ => Vec::new(),
    };
    let parts = [rows(&split.train), rows(split.validation.as_ref().expect("rows")), rows(&split.test)];
    assert_eq!([parts[0].len(), parts[1].len(), parts[2].len()], [60, 20, 20]);
    assert_eq!(parts.concat().into_iter().collect::<BTreeSet<_>>().len(), 100, "each row is in one part");
}

#[test]
fn the_seed_decides_which_rows_are_held_back() {
    let folder = folder("seeds");
    let options = options(&folder, |options| options.validation_fraction = 0.2);
    let of = |seed| rows(&load(&options, seed).expect("rows"));
    assert_eq!(of(1), of(1));
    let (one, two) = (of(1), of(2));
    assert!((0..3).all(|part| one[part] != two[part]), "{one:?} {two:?}");
}

#[test]
fn rows_keep_their_weights_when_they_are_split() {
    let folder = folder("split-weights");
    let mut options = options(&folder, |options| options.validation_fraction = 0.2);
    let weighted: String = table()
        .lines()
        .enumerate()
        .map(|(i, line)| match i {
            0 => format!("w,{line}\n"),
            i => format!("{i},{line}\n"),
        })
        .collect();
    std::fs::write(folder.join("t.csv"), weighted).expect("a file");
    options.weights = Some("w".into());
    let split = load(&options, 0).expect("rows");
    let numbers = rows(&split);
    for (part, numbers) in [Some(&split.train), split.validation.as_ref(), Some(&split.test)].into_iter().zip(numbers) {
        let expected: Vec<f32> = numbers.iter().map(|row| (row + 1) as f32).collect();
        assert_eq!(part.expect("rows").weights.as_ref(), Some(&expected));
    }
}

#[test]
fn a_column_may_have_its_values_in_the_test_rows_alone() {
    let folder = folder("late");
    let row = |i: usize| format!("{i},{},{}\n", if i < 35 { "" } else { ["u", "v"][i % 2] }, ["a", "b"][i % 2]);
    std::fs::write(folder.join("t.csv"), format!("x,c,y\n{}", (0..40).map(row).collect::<String>())).expect("a file");
    for missing in ["mean", "median", "indicator"] {
        let columns = ["train", "t.csv", "--numeric", "x", "--categorical", "c", "--time", "x"];
        let run = ["--missing", missing, "--epochs", "1", "--device", "cpu", "--out", missing];
        succeed(&folder, &[&columns[..], &run].concat());
    }
}
