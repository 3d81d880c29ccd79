//! What the model gets most wrong: rows of classes by how sure it was, values by how far off it was.

use super::gather::Judged;
use super::images::Shape;
use super::parts::{Card, Item, Section};
use crate::cli::output::significant;
use anygrad::Result;
use anygrad::data::{Encoding, Targets};
use anygrad::error::shown;
use anygrad::model::{Model, probabilities};

/// Most mistakes in a table, and as pictures.
const MOST: usize = 20;
const MOST_PICTURES: usize = 16;
/// Most columns of a row that are shown.
const MOST_COLUMNS: usize = 6;

/// A row that is wrong.
struct Mistake {
    row: usize,
    /// By what it is sorted.
    badness: f64,
    truth: String,
    predicted: String,
    /// How sure the model was, or by how much it is off.
    measure: String,
}

/// The worst mistakes.
pub fn section(judged: &Judged<'_>, model: &Model) -> Result<Section> {
    let mut section = Section::new("mistakes", "The worst mistakes");
    let (mut all, measure) = mistakes(judged, model);
    let rows = judged.rows.rows();
    if all.is_empty() {
        section.say(format!("There is none: all {rows} {} are right.", judged.rows_name()));
        return Ok(section);
    }
    all.sort_by(|a, b| b.badness.total_cmp(&a.badness).then(a.row.cmp(&b.row)));
    let shape = Shape::of(&judged.rows.feature_names);
    let most = if shape.is_some() { MOST_PICTURES } else { MOST };
    let (count, shown_count) = (all.len(), all.len().min(most));
    section.say(match &judged.rows.targets {
        Targets::Labels { .. } => format!(
            "{count} of {rows} {} are predicted wrongly. These {shown_count} are those that the model was surest of: often rows \
             that are hard to tell, or whose given answer is wrong.",
            judged.rows_name()
        ),
        Targets::Values { .. } if model.loss.takes_labels() => {
            format!("{count} labels of {rows} {} are wrong. These {shown_count} are those that the model was surest of.", judged.rows_name())
        }
        Targets::Values { .. } => format!("The {shown_count} of {rows} {} that are farthest off.", judged.rows_name()),
    });
    all.truncate(most);
    match shape {
        Some(shape) => {
            let card = |mistake: &Mistake| -> Result<Card> {
                let lines = vec![
                    format!("true: {}", mistake.truth),
                    format!("predicted: {}", mistake.predicted),
                    format!("{measure}: {}", mistake.measure),
                    format!("row {}", mistake.row + 1),
                ];
                Ok(Card { image: shape.png(judged.rows, mistake.row)?, lines })
            };
            section.items.push(Item::Cards(all.iter().map(card).collect::<Result<_>>()?));
        }
        None => put_table(&mut section, judged, model, &all, measure)?,
    }
    section.say(format!("Rows are counted from 1 within the {}.", judged.rows_name()));
    Ok(section)
}

fn put_table(
    section: &mut Section,
    judged: &Judged<'_>,
    model: &Model,
    mistakes: &[Mistake],
    measure: &str,
) -> Result<()> {
    let mut columns = Vec::new();
    let mut lines = Vec::new();
    for mistake in mistakes {
        let cells = columns_of(judged, model, mistake.row)?;
        columns = cells.iter().map(|(name, _)| shown(name)).collect();
        let own =
            [(mistake.row + 1).to_string(), mistake.truth.clone(), mistake.predicted.clone(), mistake.measure.clone()];
        lines.push(own.into_iter().chain(cells.into_iter().map(|(_, value)| value)).collect());
    }
    let head = ["row", "true", "predicted", measure].map(String::from);
    section.list(head.into_iter().chain(columns), lines);
    let width = model.encoder.as_ref().map_or(judged.rows.features.width(), |encoder| encoder.columns.len());
    if width > MOST_COLUMNS {
        section.say(format!("Beside them the first {MOST_COLUMNS} of {width} columns."));
    }
    Ok(())
}

/// The first columns of a row, by name.
fn columns_of(judged: &Judged<'_>, model: &Model, row: usize) -> Result<Vec<(String, String)>> {
    let mut features = vec![0.0; judged.rows.features.width()];
    judged.rows.features.copy_floats(|_| row, &mut features)?;
    let number = |x: f64| if x.fract() == 0.0 && x.abs() < 1e9 { format!("{x}") } else { significant(x) };
    let Some(encoder) = &model.encoder else {
        let names = judged.rows.feature_names.iter().take(MOST_COLUMNS);
        return Ok(names.zip(&features).map(|(name, &x)| (name.clone(), number(f64::from(x)))).collect());
    };
    let mut cells = Vec::new();
    for (column, (name, range)) in encoder.columns.iter().zip(encoder.groups()).take(MOST_COLUMNS) {
        let own = &features[range];
        let text = match &column.encoding {
            _ if own.is_empty() => String::new(),
            Encoding::Number { offset, .. } => number(f64::from(own[0]) + offset),
            Encoding::YesNo { .. } => if own[0] > 0.5 { "yes" } else { "no" }.into(),
            Encoding::Category { levels, .. } => {
                let level = own.iter().position(|&x| x > 0.5).and_then(|at| levels.get(at));
                level.map_or("others".into(), |level| shown(level))
            }
            Encoding::Time { .. } => own.iter().map(|&x| number(f64::from(x))).collect::<Vec<_>>().join(" "),
        };
        cells.push((name, text));
    }
    Ok(cells)
}

/// All that is wrong, and what its measure is called.
fn mistakes(judged: &Judged<'_>, model: &Model) -> (Vec<Mistake>, &'static str) {
    let rows = 0..judged.rows.rows();
    match &judged.rows.targets {
        Targets::Labels { classes, data, .. } => {
            let name = |class: usize| classes.get(class).map_or_else(|| class.to_string(), |class| shown(class));
            let has_probabilities = model.loss.has_probabilities();
            let wrong = |row: usize| {
                let (outputs, truth) = (judged.output(row), data[row] as usize);
                let class = model.class_of(outputs);
                let sure = match has_probabilities {
                    true => probabilities(outputs).get(class).copied().unwrap_or(0.0),
                    false => f64::from(outputs.get(class).copied().unwrap_or(outputs[0]).abs()),
                };
                let (truth_name, predicted) = (name(truth), name(class));
                (class != truth).then(|| Mistake {
                    row,
                    badness: sure,
                    truth: truth_name,
                    predicted,
                    measure: if has_probabilities { percent(sure) } else { significant(sure) },
                })
            };
            (rows.filter_map(wrong).collect(), if has_probabilities { "sure by" } else { "score" })
        }
        Targets::Values { names, data } if model.loss.takes_labels() => {
            let label = |i: usize| {
                let (p, is_true) = (probabilities(&[judged.outputs[i]])[1], data[i] > 0.5);
                let (is_said, name) = (judged.outputs[i] > 0.0, shown(&names[i % names.len()]));
                let sure = if is_said { p } else { 1.0 - p };
                let said = |is: bool| if is { name.clone() } else { format!("not {name}") };
                let (truth, predicted, measure) = (said(is_true), said(is_said), percent(sure));
                (is_said != is_true).then_some(Mistake {
                    row: i / names.len(),
                    badness: sure,
                    truth,
                    predicted,
                    measure,
                })
            };
            ((0..data.len()).filter_map(label).collect(), "sure by")
        }
        Targets::Values { names, data } => {
            let width = names.len();
            // Targets of different units are compared by their own mean errors.
            let unit = |at: usize| {
                let own = judged.evaluation.per_target.as_ref().and_then(|targets| targets.get(at));
                own.map_or(1.0, |target| target.root_mean_squared_error.max(f64::MIN_POSITIVE))
            };
            let value = |i: usize| {
                let (y, p) = (f64::from(data[i]), f64::from(judged.outputs[i]));
                let name = if width > 1 { format!("{}: ", shown(&names[i % width])) } else { String::new() };
                Mistake {
                    row: i / width,
                    badness: (y - p).abs() / unit(i % width),
                    truth: format!("{name}{}", significant(y)),
                    predicted: significant(p),
                    measure: significant(y - p),
                }
            };
            ((0..data.len()).map(value).collect(), "true minus predicted")
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
