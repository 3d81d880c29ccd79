//! Test rows decide nothing: whatever a recipe lets the results decide, other test answers give the same weights.

use anygrad::data::{Split, Targets};
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
