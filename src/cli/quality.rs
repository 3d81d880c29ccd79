//! Figures of quality on the screen: a model's, beside those of simple models, by class, target, probability and feature.

use super::output::{note, print_line, print_table, significant};
use anygrad::error::shown;
use anygrad::model::baseline::{Baseline, BaselineFigures};
use anygrad::model::quality::{Calibration, Importance, TargetMetrics};
use anygrad::model::{ClassMetrics, Evaluation};
use serde_json::{Value, json};

/// What `eval` found out.
pub struct Report {
    /// The model's figures.
    pub evaluation: Evaluation,
    /// Those of simple models, if the training rows are known.
    pub baseline: Option<Baseline>,
    /// What each feature matters, if asked for.
    pub importance: Option<Importance>,
}

impl Report {
    /// One flat object, with the baseline and the importance inside.
    pub fn json(&self, device: &str) -> Value {
        let mut object = json!({ "event": "eval", "device": device });
        if let (Value::Object(object), Ok(Value::Object(fields))) =
            (&mut object, serde_json::to_value(&self.evaluation))
        {
            object.extend(fields);
        }
        if let Some(baseline) = &self.baseline {
            object["baseline"] = json!(baseline);
        }
        if let Some(importance) = &self.importance {
            object["importance"] = json!(importance);
        }
        object
    }
}

/// Prints a report for people.
pub fn print(report: &Report, with_calibration: bool) {
    let evaluation = &report.evaluation;
    print_figures(evaluation);
    if let Some(baseline) = &report.baseline {
        print_line("");
        print_baseline(baseline, evaluation);
    }
    if let Some(targets) = evaluation.per_target.as_ref().filter(|targets| targets.len() > 1) {
        print_targets(targets);
    }
    if let Some(per_class) = &evaluation.per_class {
        print_classes(per_class, evaluation);
    }
    if let (Some(confusion), Some(classes)) = (&evaluation.confusion, &evaluation.classes) {
        print_confusion(confusion, classes);
    }
    if let (true, Some(calibration), Some([_, positive])) =
        (with_calibration, &evaluation.calibration, evaluation.classes.as_deref())
    {
        print_calibration(calibration, positive);
    } else if with_calibration {
        note("calibration is measured for models of two classes with probabilities: there is none here");
    }
    if let Some(importance) = &report.importance {
        print_importance(importance);
    }
}

/// A figure as text.
pub fn figure(x: f64) -> String {
    significant(x)
}

fn or_none(x: Option<f64>) -> String {
    x.map_or("-".into(), figure)
}

/// One figure per line.
fn print_figures(evaluation: &Evaluation) {
    let mut lines = vec![("rows".to_string(), evaluation.rows.to_string()), ("loss".into(), figure(evaluation.loss))];
    let mut add = |name: &str, value: Option<f64>| lines.extend(value.map(|value| (name.to_string(), figure(value))));
    if evaluation.subset_accuracy.is_some() {
        add("label accuracy", evaluation.accuracy);
        add("all labels right", evaluation.subset_accuracy);
    } else {
        add("accuracy", evaluation.accuracy);
    }
    if let Some(top) = evaluation.top_k {
        add(&format!("top {}", top.k), Some(top.accuracy));
    }
    add("log loss", evaluation.log_loss);
    add("ROC AUC", evaluation.roc_auc);
    add("average precision", evaluation.average_precision);
    add("Brier score", evaluation.brier);
    add("calibration error", evaluation.calibration.as_ref().map(|table| table.expected_calibration_error));
    let several = evaluation.per_target.as_ref().is_some_and(|targets| targets.len() > 1);
    add(if several { "mean R²" } else { "R²" }, evaluation.r_squared);
    add("MAE", evaluation.mean_absolute_error);
    add("RMSE", evaluation.root_mean_squared_error);
    if let (Some([_, positive]), Some(_)) = (evaluation.classes.as_deref(), evaluation.roc_auc) {
        lines.push(("positive class".into(), shown(positive)));
    }
    if let Some(threshold) = evaluation.threshold {
        lines.push(("threshold".into(), figure(threshold)));
    }
    for (name, value) in lines {
        print_line(&format!("{name:<18} {value}"));
    }
}

/// A model's figures in the form that simple models have.
fn own_figures(evaluation: &Evaluation) -> BaselineFigures {
    BaselineFigures {
        model: "this model",
        accuracy: evaluation.accuracy,
        subset_accuracy: evaluation.subset_accuracy,
        roc_auc: evaluation.roc_auc,
        average_precision: evaluation.average_precision,
        log_loss: evaluation.log_loss,
        brier: evaluation.brier,
        r_squared: evaluation.r_squared,
        per_target: evaluation.per_target.clone(),
    }
}

/// A model's figures above those of simple models on the same rows, and what has to be said about them.
pub fn print_baseline(baseline: &Baseline, evaluation: &Evaluation) {
    let own = own_figures(evaluation);
    let models: Vec<&BaselineFigures> =
        [&own].into_iter().chain(&baseline.linear).chain([&baseline.constant]).collect();
    let only = |figures: &BaselineFigures| match figures.per_target.as_deref() {
        Some([only]) => Some((only.mean_absolute_error, only.root_mean_squared_error)),
        _ => None,
    };
    type FigureOf<'a> = (&'a str, Box<dyn Fn(&BaselineFigures) -> Option<f64>>);
    let columns: [FigureOf<'_>; 9] = [
        ("accuracy", Box::new(|f| f.accuracy)),
        ("all labels right", Box::new(|f| f.subset_accuracy)),
        ("log loss", Box::new(|f| f.log_loss)),
        ("ROC AUC", Box::new(|f| f.roc_auc)),
        ("average precision", Box::new(|f| f.average_precision)),
        ("Brier score", Box::new(|f| f.brier)),
        ("R²", Box::new(|f| f.r_squared)),
        ("MAE", Box::new(move |f| only(f).map(|errors| errors.0))),
        ("RMSE", Box::new(move |f| only(f).map(|errors| errors.1))),
    ];
    let shown: Vec<&FigureOf<'_>> =
        columns.iter().filter(|(_, of)| models.iter().any(|figures| of(figures).is_some())).collect();
    let header = std::iter::once("on the same rows").chain(shown.iter().map(|(name, _)| *name));
    let mut table = vec![header.map(String::from).collect::<Vec<_>>()];
    for figures in &models {
        let cells = shown.iter().map(|(_, of)| or_none(of(figures)));
        table.push(std::iter::once(figures.model.to_string()).chain(cells).collect());
    }
    print_table(&table);
    match (&baseline.note, &baseline.linear) {
        (Some(note), Some(linear)) => print_line(&format!("({}: {note})", linear.model)),
        (Some(note), None) => print_line(&format!("(no linear model: {note})")),
        (None, _) => {}
    }
}

pub fn print_targets(targets: &[TargetMetrics]) {
    print_line("");
    let mut table = vec![["target", "R²", "MAE", "RMSE"].map(String::from).to_vec()];
    for target in targets {
        let errors = [target.mean_absolute_error, target.root_mean_squared_error].map(figure);
        table.push([vec![target.name.clone(), or_none(target.r_squared)], errors.to_vec()].concat());
    }
    print_table(&table);
}

/// Precision, recall and F1 of each class, and their means over the classes.
fn print_classes(classes: &[ClassMetrics], evaluation: &Evaluation) {
    print_line("");
    let mut table = vec![["class", "precision", "recall", "F1", "rows"].map(String::from).to_vec()];
    let mut line = |name: &str, figures: [f64; 3], rows: u64| {
        table.push([vec![name.to_string()], figures.map(figure).to_vec(), vec![rows.to_string()]].concat());
    };
    for class in classes {
        line(&class.class, [class.precision, class.recall, class.f1], class.rows);
    }
    let rows = classes.iter().map(|c| c.rows).sum();
    let Evaluation { macro_precision, macro_recall, macro_f1, .. } = evaluation;
    if let (Some(precision), Some(recall), Some(f1)) = (macro_precision, macro_recall, macro_f1) {
        line("mean", [*precision, *recall, *f1], rows);
    }
    print_table(&table);
}

fn print_confusion(confusion: &[Vec<u64>], classes: &[String]) {
    print_line("");
    print_line("true class (rows) by predicted class (columns)");
    let mut table = vec![std::iter::once(String::new()).chain(classes.iter().cloned()).collect::<Vec<_>>()];
    for (row, class) in confusion.iter().zip(classes) {
        let cells = row.iter().take(classes.len()).map(ToString::to_string);
        table.push(std::iter::once(class.clone()).chain(cells).collect());
    }
    print_table(&table);
}

fn print_calibration(calibration: &Calibration, positive: &str) {
    print_line("");
    let header = [format!("p({positive})"), "rows".into(), "mean p".into(), format!("share of {positive}")];
    let mut table = vec![header.to_vec()];
    for bin in &calibration.bins {
        let range = format!("{} to {}", figure_of_edge(bin.from), figure_of_edge(bin.to));
        let numbers = [bin.mean_probability, bin.positive_share].map(figure);
        table.push([vec![range, bin.rows.to_string()], numbers.to_vec()].concat());
    }
    print_table(&table);
}

/// The bound of a bin: 0.3, not 0.30000000000000004.
fn figure_of_edge(edge: f64) -> String {
    format!("{edge:.1}")
}

fn print_importance(importance: &Importance) {
    print_line("");
    let mut features: Vec<_> = importance.features.iter().collect();
    features.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    let metric = importance.metric.to_string().replace('_', " ");
    let mut table = vec![["feature".to_string(), format!("{metric} lost when shuffled"), "deviation".into()].to_vec()];
    for feature in features {
        table.push(vec![feature.name.clone(), figure(feature.mean), figure(feature.deviation)]);
    }
    print_table(&table);
}
