//! Test rows decide nothing: whatever a recipe lets the results decide, other test answers give the same weights.

use anygrad::data::{DataOptions, Dataset, Features, Missing, Scaling, Source, Split, Targets, load};
use anygrad::optim::{Optimizer, Schedule};
use anygrad::train::{EarlyStopping, History, Monitor, Recipe, Trainer};

/// The same rows with the test answers in reverse order.
fn with_other_answers(mut data: Split) -> Split {
    match &mut data.test.targets {
        Targets::Labels { data, .. } => data.reverse(),
        Targets::Values { data, .. } => data.reverse(),
    }
    data
}

fn train(recipe: &Recipe, data: &Split) -> (String, History) {
    let mut trainer = Trainer::of(recipe.clone(), data).expect("a trainer");
    let history = trainer.fit_blocking(data).expect("a run");
    (trainer.model().expect("a model").weights_hash(), history)
}

fn schedules() -> Vec<Schedule> {
    let from = |json: &str| serde_json::from_str::<Schedule>(json).expect(json);
    vec![
        Schedule::Constant,
        from(r#"{ "kind": "step", "period": 2 }"#),
        from(r#"{ "kind": "exponential", "gamma": 0.9 }"#),
        Schedule::cosine(),
        from(r#"{ "kind": "linear" }"#),
        from(r#"{ "kind": "reduce_on_plateau", "patience": 0, "factor": 0.5, "threshold": 0.05 }"#),
    ]
}

fn rules() -> Vec<Option<EarlyStopping>> {
    let rule = |monitor, restore_best| {
        Some(EarlyStopping { monitor, restore_best, min_delta: 0.01, ..EarlyStopping::patience(1) })
    };
    vec![
        None,
        rule(Monitor::ValidationLoss, true),
        rule(Monitor::ValidationLoss, false),
        rule(Monitor::ValidationAccuracy, true),
        rule(Monitor::TrainLoss, true),
    ]
}

#[test]
fn other_test_answers_give_the_same_weights() {
    let (mut runs, mut decided) = (0, 0);
    for source in ["moons", "sine"] {
        for schedule in schedules() {
            for rule in rules() {
                for (name, epochs) in Optimizer::NAMES.iter().zip([Some(6), None, Some(4), Some(5), Some(3)]) {
                    let mut recipe = Recipe { schedule, ..Recipe::default() };
                    recipe.data.source = source.parse().expect("a source");
                    recipe.optimizer = Optimizer::named(name).expect("an optimizer");
                    recipe.train.epochs = epochs;
                    recipe.train.early_stopping = rule;
                    let is_classes = source == "moons";
                    if rule.is_some_and(|rule| rule.monitor == Monitor::ValidationAccuracy) && !is_classes {
                        continue;
                    }
                    let data = recipe.load().expect("rows");
                    let decides = recipe.data.source.to_string() + &format!(" {schedule:?} {rule:?} {name}");
                    let (hash, history) = train(&recipe, &data);
                    let (other, again) = train(&recipe, &with_other_answers(data));
                    assert_eq!(hash, other, "{decides}");
                    assert_eq!(history.model_epoch, again.model_epoch, "{decides}");
                    runs += 1;
                    decided += usize::from(history.stopped_early);
                }
            }
        }
    }
    assert!(runs > 250 && decided > 30, "{decided} of {runs} runs were stopped");
}

#[test]
fn a_rule_that_names_test_rows_is_refused_with_the_reason() {
    for monitor in ["test_loss", "test_accuracy"] {
        let text = format!(r#"{{ "train": {{ "early_stopping": {{ "monitor": "{monitor}" }} }} }}"#);
        let recipe: Recipe = serde_json::from_str(&text).expect("a recipe");
        let data = recipe.load().expect("rows");
        let error = Trainer::of(recipe, &data).expect_err(monitor).to_string();
        assert!(error.contains("test rows decide nothing") && error.contains("use validation_"), "{error}");
    }
}

#[test]
fn what_decides_gets_validation_rows_of_the_training_rows() {
    let mut recipe = Recipe::default();
    recipe.data.source = "moons".parse().expect("a source");
    recipe.train.epochs = Some(5);
    assert!(recipe.load().expect("rows").validation.is_none(), "nothing decides");
    recipe.schedule = schedules().pop().expect("a schedule");
    let data = recipe.load().expect("rows");
    assert_eq!(data.validation.as_ref().map(|rows| rows.rows()), Some(data.train.rows() / 9));
    // A program that has no validation rows is told so.
    let without = Split { validation: None, ..data };
    recipe.train.early_stopping = Some(EarlyStopping::patience(3));
    let error = Trainer::of(recipe.clone(), &without).expect_err("no rows to decide by").to_string();
    assert!(error.contains("with_validation"), "{error}");
}

/// A table of columns of every kind. In rows that are held back everything is another: far numbers, other words and times,
/// nothing missing.
fn table(rows: std::ops::Range<usize>, is_other: bool) -> String {
    let row = |i: usize| {
        let (number, kind) = ((i * 37 % 101) as f64 / 8.0, ["oak", "elm", "ash", "fir"][i * i % 4]);
        let (is, answer) = (["yes", "no"][i % 2], (i * 7 % 23) as f64 / 4.0);
        let time = format!("2024-02-{:02}", 1 + i % 28);
        match (is_other, i % 9) {
            (true, _) => format!("{},yew,yes,1980-12-31,{}\n", 1000.0 + number, answer - 500.0),
            (false, 3) => format!(",{kind},{is},{time},{answer}\n"),
            (false, 5) => format!("{number},,{is},{time},{answer}\n"),
            (false, _) => format!("{number},{kind},{is},{time},{answer}\n"),
        }
    };
    rows.map(row).collect()
}

#[test]
fn nothing_is_fitted_to_rows_that_are_held_back() {
    let folder = std::env::temp_dir().join(format!("anygrad-decisions-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let source = |name: &str, rows: String| -> Source {
        let path = folder.join(name);
        std::fs::write(&path, format!("number,kind,is,day,answer\n{rows}")).expect("a file");
        path.to_str().expect("UTF-8").parse().expect("a table")
    };
    let mut compared = 0;
    for scaling in [Scaling::Standard, Scaling::MinMax, Scaling::Robust] {
        for missing in [Missing::Indicator, Missing::Mean, Missing::Median] {
            // Rows of the same file: the latest are held back.
            let split = |is_other| {
                let rows = table(0..160, false) + &table(160..200, is_other);
                let timed: String = rows.lines().enumerate().map(|(i, row)| format!("{row},{i}\n")).collect();
                let path = folder.join("one.csv");
                std::fs::write(&path, format!("number,kind,is,day,answer,when\n{timed}")).expect("a file");
                let source = path.to_str().expect("UTF-8").parse().expect("a table");
                let (target, time) = (Some("answer".into()), Some("when".into()));
                let options = DataOptions { source, scaling, missing, target, time, ..DataOptions::default() };
                load(&options, 0).expect("rows")
            };
            // Files of their own.
            let files = |is_other| {
                let options = DataOptions {
                    source: source("train.csv", table(0..160, false)),
                    validation_data: Some(source("validation.csv", table(160..180, is_other))),
                    test_data: Some(source("test.csv", table(180..200, is_other))),
                    scaling,
                    missing,
                    ..DataOptions::default()
                };
                load(&options, 0).expect("rows")
            };
            for (own, other) in [(split(false), split(true)), (files(false), files(true))] {
                assert_ne!(own.test.features, other.test.features);
                assert_eq!(own.train, other.train, "{scaling:?} {missing:?}");
                compared += 1;
            }
        }
    }
    std::fs::remove_dir_all(folder).expect("removed");
    // Rows that a program has made.
    let rows = |factor: f32| {
        let values = |rows: usize, factor: f32| (0..rows * 2).map(|i| factor * (i * 7 % 13) as f32).collect::<Vec<_>>();
        let part = |rows, factor| {
            let targets = Targets::Values { names: vec!["y".into()], data: values(rows, factor)[..rows].to_vec() };
            Dataset::new("made", Features::F32 { width: 2, data: values(rows, factor) }, targets).expect("rows")
        };
        Split::new(part(30, 1.0), part(10, factor)).standardized()
    };
    assert_eq!(rows(1.0).train, rows(100.0).train);
    assert_eq!(compared, 18);
}
