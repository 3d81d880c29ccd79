//! How well scores tell classes apart, and whether probabilities mean what they say: ROC, precision and recall, calibration.

use super::gather::Judged;
use super::parts::Section;
use crate::cli::output::significant;
use crate::cli::picture::{Axis, Chart, Ink, Series, Style};
use anygrad::Result;
use anygrad::data::Targets;
use anygrad::model::quality::{BinaryScores, Calibration};
use anygrad::model::{Model, probabilities};
use std::borrow::Cow;

/// Most classes with a curve of their own.
const MOST: usize = 8;

/// A class against the others: its score in each row, and whether the row is of it.
struct Versus<'a> {
    name: Cow<'a, str>,
    scores: Vec<f64>,
    positive: Vec<bool>,
}

impl Versus<'_> {
    fn rows(&self) -> usize {
        self.positive.iter().filter(|positive| **positive).count()
    }
}

/// The classes that have curves, at most [`MOST`] of those with the most rows, and how many there are.
fn versus<'a>(judged: &'a Judged<'_>, model: &Model) -> (Vec<Versus<'a>>, usize) {
    let rows = || judged.outputs.chunks_exact(judged.width);
    let has_probabilities = model.loss.has_probabilities();
    let mut all: Vec<Versus<'a>> = match &judged.rows.targets {
        Targets::Labels { classes, data, .. } if classes.len() == 2 => {
            let score = |row: &[f32]| match row {
                _ if has_probabilities => probabilities(row)[1],
                [only] => f64::from(*only),
                row => f64::from(row[1]) - f64::from(row[0]),
            };
            let positive = data.iter().map(|&label| label == 1).collect();
            vec![Versus { name: (&classes[1]).into(), scores: rows().map(score).collect(), positive }]
        }
        Targets::Labels { classes, data, .. } if has_probabilities => {
            let mut counts = vec![0usize; classes.len()];
            data.iter().for_each(|&label| counts[label as usize] += 1);
            let mut order: Vec<usize> = (0..classes.len()).collect();
            order.sort_by_key(|&class| std::cmp::Reverse(counts[class]));
            order.truncate(MOST);
            order.sort_unstable();
            let of = |class: usize| Versus {
                name: (&classes[class]).into(),
                scores: rows().map(|row| probabilities(row)[class]).collect(),
                positive: data.iter().map(|&label| label as usize == class).collect(),
            };
            let found = order.into_iter().map(of).collect();
            return (found, classes.len());
        }
        Targets::Values { names, data } if model.loss.takes_labels() => {
            let width = names.len();
            let of = |(at, name): (usize, &'a String)| Versus {
                name: name.into(),
                scores: rows().map(|row| probabilities(&[row[at]])[1]).collect(),
                positive: data.iter().skip(at).step_by(width).map(|&y| y > 0.5).collect(),
            };
            names.iter().enumerate().map(of).collect()
        }
        _ => Vec::new(),
    };
    let count = all.len();
    all.sort_by_key(|versus| std::cmp::Reverse(versus.rows()));
    all.truncate(MOST);
    (all, count)
}

/// Adds the curves of classes.
pub fn put(section: &mut Section, judged: &Judged<'_>, model: &Model) -> Result<()> {
    let weights = judged.rows.weights.as_deref();
    let (all, count) = versus(judged, model);
    let (mut roc, mut precision) = (Vec::new(), Vec::new());
    for (at, versus) in all.iter().enumerate() {
        let rows = BinaryScores::new(&versus.scores, &versus.positive, weights)?;
        if let (Some(curve), Some(area)) = (rows.roc_curve(), rows.roc_auc()) {
            let points = curve.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
            roc.push(Series::new(&format!("{}: {}", versus.name, significant(area)), Style::Line, at, points));
        }
        if let (Some(curve), Some(average)) = (rows.precision_recall_curve(), rows.average_precision()) {
            let points = curve.iter().map(|p| (p.recall, p.precision)).collect();
            precision.push(Series::new(&format!("{}: {}", versus.name, significant(average)), Style::Line, at, points));
        }
    }
    if roc.is_empty() && precision.is_empty() {
        return Ok(());
    }
    if count > all.len() {
        section.say(format!("The curves are those of the {} classes with the most rows, of {count}.", all.len()));
    }
    let what = if all.len() == 1 { format!("class {}", all[0].name) } else { "each class".into() };
    let share = |name: &str| Axis::new(name).range(0.0, 1.0);
    if !roc.is_empty() {
        roc.push(diagonal("by chance: 0.5"));
        let chart = Chart {
            title: "ROC curve: area under it".into(),
            x: share("share of other rows that are taken for it"),
            y: share("share of the class that is found"),
            series: roc,
            ..Chart::default()
        };
        let caption = format!(
            "A point is a choice of how sure the model must be to say {what}. The nearer the line comes to the upper left \
             corner the better; an area of 1 is perfect."
        );
        section.show("roc", chart.scene(), caption);
    }
    if !precision.is_empty() {
        let chart = Chart {
            title: "Precision and recall: average precision".into(),
            x: share("recall: share of the class that is found"),
            y: share("precision: share of finds that are right"),
            series: precision,
            ..Chart::default()
        };
        let caption = "Finding more of a class costs wrong finds. The nearer the line comes to the upper right corner the \
                       better; an average of 1 is perfect.";
        section.show("precision-recall", chart.scene(), caption);
    }
    Ok(())
}

fn diagonal(name: &str) -> Series {
    Series { name: name.into(), points: vec![(0.0, 0.0), (1.0, 1.0)], style: Style::Dashed, ink: Ink::Faint }
}

/// Adds how often a probability comes true.
pub fn put_calibration(section: &mut Section, judged: &Judged<'_>, model: &Model) -> Result<()> {
    if !model.loss.has_probabilities() && !model.loss.takes_labels() {
        return Ok(());
    }
    let Some((table, what)) = calibration(judged, model)? else { return Ok(()) };
    let points = table.bins.iter().map(|bin| (bin.mean_probability, bin.positive_share)).collect();
    let chart = Chart {
        title: format!("Calibration, expected error {}", significant(table.expected_calibration_error)),
        x: Axis::new("probability that the model gives").range(0.0, 1.0),
        y: Axis::new("share of rows that came true").range(0.0, 1.0),
        series: vec![diagonal("as promised"), Series::new("this model", Style::Both, 0, points)],
        ..Chart::default()
    };
    let caption = format!(
        "Of the rows to which the model gives 70 % for {what}, 70 % should be so: points on the dashed line keep what they \
         promise, points below it promise too much. The expected error is the mean distance from it."
    );
    section.show("calibration", chart.scene(), caption);
    Ok(())
}

/// The reliability table of two classes; of several that of the predicted class; of labels that of all of them.
fn calibration(judged: &Judged<'_>, model: &Model) -> Result<Option<(Calibration, String)>> {
    let weights = judged.rows.weights.as_deref();
    let rows = || judged.outputs.chunks_exact(judged.width);
    match &judged.rows.targets {
        Targets::Labels { classes, .. } if classes.len() == 2 => {
            Ok(judged.evaluation.calibration.clone().map(|table| (table, classes[1].clone())))
        }
        Targets::Labels { data, .. } if model.loss.has_probabilities() => {
            let predicted = |row: &[f32]| probabilities(row).get(model.class_of(row)).copied().unwrap_or(0.0);
            let scores: Vec<f64> = rows().map(predicted).collect();
            let right: Vec<bool> =
                rows().zip(data).map(|(row, &label)| model.class_of(row) == label as usize).collect();
            let table = BinaryScores::new(&scores, &right, weights)?.calibration(10)?;
            Ok(Some((table, "the class that it predicts".into())))
        }
        Targets::Values { data, .. } if model.loss.takes_labels() => {
            let scores: Vec<f64> = judged.outputs.iter().map(|&logit| probabilities(&[logit])[1]).collect();
            let positive: Vec<bool> = data.iter().map(|&y| y > 0.5).collect();
            let table = BinaryScores::new(&scores, &positive, None)?.calibration(10)?;
            Ok(Some((table, "a label".into())))
        }
        _ => Ok(None),
    }
}
