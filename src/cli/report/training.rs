//! How the training went: loss, accuracy and learning rate by epoch, and what else happened.

use super::gather::Report;
use super::kernels::cut;
use super::parts::{Item, Section};
use crate::cli::output::significant;
use crate::cli::picture::{Axis, Chart, Ink, Series, Style};
use crate::cli::record::Fields;
use serde_json::Value;

/// The curves of a run.
pub fn section(report: &Report<'_>) -> Section {
    let mut section = Section::new("training", "How the training went");
    let record = &report.record;
    if record.epochs.is_empty() {
        section.say("No epoch was trained: the model has its initial weights.");
        return section;
    }
    section.say(length(report));
    if let Some(scene) = curves(report, "loss", &format!("loss ({})", report.loss_name())) {
        let caption = "The lower the better. An epoch is one pass over all training rows. Where the training line keeps \
                       falling while the other rises, the model learns its rows by heart.";
        section.show("loss", scene.scene(), caption);
    }
    if let Some(scene) = curves(report, "accuracy", "share of rows classified right") {
        let caption = "The higher the better: 1 is all rows. The training line is measured while the model still learns, \
                       the other after each epoch on rows that it does not learn from.";
        section.show("accuracy", scene.scene(), caption);
    }
    let rates = record.curve("learning_rate");
    if rates.windows(2).any(|pair| pair[0].1 != pair[1].1) {
        let chart = Chart {
            title: "Learning rate".into(),
            x: Axis::new("epoch").whole(),
            y: Axis::new("learning rate (step length)").log_if_wide(rates.iter().map(|rate| rate.1)),
            series: vec![Series::new("", Style::Line, 0, rates)],
            ..Chart::default()
        };
        section.show("learning-rate", chart.scene(), "How long the steps were that each epoch ended with.");
    }
    let events: Vec<String> = record.events.iter().filter_map(event).take(20).collect();
    if !events.is_empty() {
        section.items.push(Item::List(events));
    }
    section
}

/// How long it took, and why it ended.
fn length(report: &Report<'_>) -> String {
    let (epochs, record) = (report.record.epochs.len(), &report.record);
    let Some(done) = &record.done else {
        return format!("The run was stopped before its end, after {epochs} epochs.");
    };
    let number = |name: &str| done.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let kept = number("model_epoch") as usize;
    let (steps, seconds) = (number("steps"), significant(number("seconds")));
    let mut text = format!("{epochs} epochs, {steps} steps, {seconds} seconds.");
    if done.get("stopped_early").and_then(Value::as_bool) == Some(true) {
        text.push_str(&format!(
            " It stopped early, because the results no longer got better; the model is that of epoch {kept}."
        ));
    } else if kept != epochs {
        text.push_str(&format!(" The model is that of epoch {kept}, the best."));
    }
    text
}

/// A figure of the training rows and of others by epoch; none if no rows have it.
fn curves(report: &Report<'_>, figure: &str, name: &str) -> Option<Chart> {
    let record = &report.record;
    let parts = [("training rows", "train"), ("validation rows", "validation"), ("test rows", "test")];
    let mut series = Vec::new();
    for (at, (title, part)) in parts.into_iter().enumerate() {
        let points = record.curve(&format!("{part}_{figure}"));
        if !points.is_empty() {
            series.push(Series::new(title, Style::Line, at, points));
        }
    }
    let kept = record.done.as_ref().and_then(|done| done.get("model_epoch")?.as_f64());
    let last = series.last()?.points.clone();
    if let Some(at) = kept.filter(|kept| *kept < record.epochs.len() as f64) {
        let points = last.into_iter().filter(|point| point.0 == at).collect();
        let name = format!("epoch {at}, kept");
        series.push(Series { name, points, style: Style::Dots, ink: Ink::Text });
    }
    let title = if figure == "loss" { "Loss by epoch" } else { "Accuracy by epoch" };
    let mut y = Axis::new(name);
    if figure == "loss" {
        y = y.log_if_wide(series.iter().flat_map(|series| &series.points).map(|point| point.1));
        if y.log {
            y.name.push_str(", log scale");
        }
    }
    Some(Chart { title: title.into(), x: Axis::new("epoch").whole(), y, series, ..Chart::default() })
}

/// What happened beside the epochs.
fn event(line: &Fields) -> Option<String> {
    let text = |name: &str| line.get(name).map(|value| value.as_str().map_or(value.to_string(), String::from));
    match line.get("event")?.as_str()? {
        "device_lost" => Some(format!("The device was lost ({}) and opened anew.", cut(&text("reason")?))),
        "rolled_back" => {
            let (reason, epoch, rate) = (text("reason")?, text("epoch")?, text("learning_rate")?);
            Some(format!("{}: back to the end of epoch {epoch}, on with a learning rate of {rate}.", cut(&reason)))
        }
        _ => None,
    }
}
