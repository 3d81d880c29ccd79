//! The curves of several runs in one picture: loss and accuracy by epoch.

use super::super::picture::{Axis, Chart, Colors, Scene, Series, Style};
use super::super::record::Record;

/// What is drawn of each run: the first of these that all have, else that it has itself.
const LOSSES: [&str; 3] = ["validation_loss", "test_loss", "train_loss"];
const ACCURACIES: [&str; 3] = ["validation_accuracy", "test_accuracy", "train_accuracy"];

/// The picture as SVG.
pub fn curves(names: &[String], records: &[Record]) -> String {
    let panels = [chart("loss", &LOSSES, names, records), chart("accuracy", &ACCURACIES, names, records)];
    Scene::beside("runs compared", panels.into_iter().flatten().collect()).svg(Colors::Fixed)
}

/// A line for each run; none if no run has such a figure.
fn chart(title: &str, figures: &[&str], names: &[String], records: &[Record]) -> Option<Scene> {
    let common = figures.iter().find(|name| records.iter().all(|record| !record.curve(name).is_empty()));
    let title = common.map_or(title.to_string(), |name| name.replace('_', " "));
    let mut series = Vec::new();
    for (n, (name, record)) in names.iter().zip(records).enumerate() {
        let own = || figures.iter().find(|figure| !record.curve(figure).is_empty());
        let Some(figure) = common.or_else(own) else { continue };
        let name = if common.is_some() { name.clone() } else { format!("{name}: {}", figure.replace('_', " ")) };
        // There are eight colours: the second eight are dashed.
        let style = if n % 16 < 8 { Style::Line } else { Style::Dashed };
        series.push(Series::new(&name, style, n, record.curve(figure)));
    }
    let values: Vec<f64> = series.iter().flat_map(|own| own.points.iter().map(|point| point.1)).collect();
    let y = if figures == LOSSES { Axis::new("").log_if_wide(values.iter().copied()) } else { Axis::new("") };
    let chart = Chart { title, x: Axis::new("epoch"), y, series, ..Chart::default() };
    (!chart.series.is_empty()).then(|| chart.scene())
}
