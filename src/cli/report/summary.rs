//! What a run came to, in a sentence and in figures, beside what simple models reach.

use super::gather::{Judged, Report};
use super::parts::{Item, Section, Tile};
use crate::cli::output::{significant, thousands};
use crate::cli::result::short_name;
use anygrad::error::shown;
use anygrad::model::{Evaluation, Model, Target};
use serde_json::Value;

/// What the run was about, in one or two sentences.
pub fn lead(report: &Report<'_>) -> String {
    let source = report.record.recipe.data.source.to_string();
    let source = source.rsplit('/').next().unwrap_or(&source);
    let Some(model) = &report.model else { return format!("A run on {}.", shown(source)) };
    let (what, of) = match &model.target {
        Target::Classes { name, classes } => (shown(name), format!(" ({} classes)", classes.len())),
        Target::Values { names } if model.loss.takes_labels() => {
            ("labels".into(), format!(" ({} of them)", names.len()))
        }
        Target::Values { names } => {
            (names.iter().take(3).map(|name| shown(name)).collect::<Vec<_>>().join(", "), String::new())
        }
    };
    let columns = model.encoder.as_ref().map_or(model.feature_names.len(), |encoder| encoder.columns.len());
    let from = if model.encoder.is_some() { "columns" } else { "numbers" };
    let mut text =
        format!("A neural network that predicts {what}{of} from {columns} {from} of each row of {}.", shown(source));
    if let Some(judged) = &report.judged {
        text.push_str(&verdict(judged, model));
    }
    text
}

/// How good it is, in a sentence.
fn verdict(judged: &Judged<'_>, model: &Model) -> String {
    let (evaluation, rows) = (&judged.evaluation, thousands(judged.evaluation.rows as f64));
    let which = match judged.part {
        "training" => "it was trained on these; no others were held back".to_string(),
        part => format!("{part} rows, which it did not learn from"),
    };
    match (evaluation.accuracy, evaluation.r_squared) {
        (Some(accuracy), _) => {
            let what = if model.loss.takes_labels() && evaluation.classes.is_none() { "labels" } else { "rows" };
            format!(" Of {rows} rows ({which}) it predicts {:.1} % of the {what} right.", 100.0 * accuracy)
        }
        (None, Some(share)) => {
            format!(" On {rows} rows ({which}) it explains {:.1} % of the variance.", 100.0 * share)
        }
        (None, None) => format!(" It was judged on {rows} rows ({which})."),
    }
}

/// Names and meanings of figures by their names in JSON.
const MEANINGS: [(&str, &str, &str); 9] = [
    ("accuracy", "Accuracy", "share predicted right, 0 to 1"),
    ("r_squared", "R²", "share of the variance explained, at most 1"),
    ("mean_absolute_error", "Mean absolute error", "in the target's unit"),
    ("root_mean_squared_error", "Root mean squared error", "in the target's unit; large errors count more"),
    ("roc_auc", "ROC AUC", "how well the classes are told apart: 0.5 by chance, 1 perfect"),
    ("average_precision", "Average precision", "mean share of finds that are right, 0 to 1"),
    ("log_loss", "Log loss", "how wrong the probabilities are, in nats; 0 is best"),
    ("brier", "Brier score", "mean squared error of the probability; 0 is best"),
    ("loss", "Loss", "what training made small, per row"),
];

/// The figures of an evaluation by their names in JSON.
fn figures(evaluation: &Evaluation) -> Vec<(&'static str, f64)> {
    let all = [
        evaluation.accuracy,
        evaluation.r_squared,
        evaluation.mean_absolute_error,
        evaluation.root_mean_squared_error,
        evaluation.roc_auc,
        evaluation.average_precision,
        evaluation.log_loss,
        evaluation.brier,
        Some(evaluation.loss),
    ];
    MEANINGS.iter().zip(all).filter_map(|((name, _, _), value)| Some((*name, value?))).collect()
}

/// Figures and comparison.
pub fn section(report: &Report<'_>) -> Section {
    let mut section = Section::new("result", "The result");
    if let Some(reason) = &report.missing {
        section.items.push(Item::Notice(reason.clone()));
    }
    if let Some(warning) = report.record.done.as_ref().and_then(|done| done.get("warning")?.as_str()) {
        section.items.push(Item::Notice(warning.into()));
    }
    let Some(judged) = &report.judged else {
        recorded(&mut section, report);
        return section;
    };
    let tile = |(name, value): (&str, f64)| {
        let known = MEANINGS.iter().find(|(own, _, _)| *own == name);
        let (title, meaning) = known.map_or((name, ""), |(_, title, meaning)| (*title, *meaning));
        Tile { name: title.into(), value, text: significant(value), meaning: meaning.into() }
    };
    section.say(format!("On the {} {}:", thousands(judged.evaluation.rows as f64), judged.rows_name()));
    let mut tiles: Vec<Tile> = figures(&judged.evaluation).into_iter().map(tile).collect();
    if let Some(share) = judged.evaluation.subset_accuracy {
        let meaning = "share of rows whose labels are all right, 0 to 1".into();
        tiles.insert(1, Tile { name: "All labels right".into(), value: share, text: significant(share), meaning });
    }
    if let Some(top) = judged.evaluation.top_k {
        let meaning = format!("share of rows whose class is among the {} likeliest", top.k);
        tiles.push(Tile {
            name: format!("Top {}", top.k),
            value: top.accuracy,
            text: significant(top.accuracy),
            meaning,
        });
    }
    section.items.push(Item::Tiles(tiles));
    if let (Some(classes), Some(_)) = (judged.evaluation.classes.as_deref(), judged.evaluation.average_precision)
        && let [_, positive] = classes
    {
        let threshold = judged
            .evaluation
            .threshold
            .map_or(String::new(), |t| format!(" A row is taken for it from a probability of {} on.", significant(t)));
        section.say(format!("ROC AUC and average precision are those of the class {}.{threshold}", shown(positive)));
    }
    baseline(&mut section, report, judged);
    section
}

/// What the folder itself says, without rows to judge by.
fn recorded(section: &mut Section, report: &Report<'_>) {
    let Some(fields) = report.record.done.as_ref().or(report.record.epochs.last()) else { return };
    let mut tiles = Vec::new();
    for (name, value) in fields {
        let Some((part, figure)) = name.split_once('_') else { continue };
        let known = MEANINGS.iter().find(|(own, _, _)| *own == figure);
        if let (true, Some((_, title, meaning)), Some(value)) =
            (["train", "validation", "test"].contains(&part), known, value.as_f64())
        {
            let name = format!("{title}, {part} rows");
            tiles.push(Tile { name, value, text: significant(value), meaning: meaning.to_string() });
        }
    }
    if !tiles.is_empty() {
        section.say("As the run recorded them:");
        section.items.push(Item::Tiles(tiles));
    }
}

/// The figures of simple models on the same rows, as the run recorded them.
fn baseline(section: &mut Section, report: &Report<'_>, judged: &Judged<'_>) {
    let baseline = report.record.done.as_ref().and_then(|done| done.get("baseline"));
    let (Some(baseline), "test") = (baseline, judged.part) else { return };
    let own: Vec<(&str, f64)> = figures(&judged.evaluation);
    let models: Vec<&Value> =
        ["linear", "constant"].iter().filter_map(|name| baseline.get(name)).filter(|model| model.is_object()).collect();
    let has = |name: &str| models.iter().any(|model| model.get(name).is_some_and(Value::is_number));
    let shown_figures: Vec<&(&str, f64)> = own.iter().filter(|(name, _)| has(name)).collect();
    if shown_figures.is_empty() {
        return;
    }
    let cells = shown_figures.iter().map(|(_, value)| significant(*value));
    let mut rows = vec![std::iter::once("this model".to_string()).chain(cells).collect::<Vec<_>>()];
    for model in models {
        let name = model.get("model").and_then(Value::as_str).unwrap_or("");
        let number = |name: &str| model.get(name).and_then(Value::as_f64).map_or("–".into(), significant);
        rows.push(
            std::iter::once(name.to_string()).chain(shown_figures.iter().map(|(name, _)| number(name))).collect(),
        );
    }
    section.say("Beside simple models on the same rows: a network is worth its trouble where it is better than these.");
    let head = std::iter::once("model").chain(shown_figures.iter().map(|(name, _)| short_name(name)));
    section.list(head, rows);
    if let Some(note) = baseline.get("note").and_then(Value::as_str) {
        section.say(super::kernels::cut(note));
    }
}
