//! The answers of `predict`: the class with its probabilities or the values of each row, as CSV or JSON lines.

use super::options::Format;
use anygrad::data::{Applied, Targets};
use anygrad::error::escaped;
use anygrad::model::{Model, Target, probabilities};
use anygrad::{Error, Result};
use serde_json::{Map, Value, json};

/// What is printed of each row.
#[derive(Clone, Copy)]
pub struct Answers<'a> {
    pub model: &'a Model,
    /// The columns that are carried along.
    pub keep: &'a [String],
    pub format: Format,
    /// Whether only rows are shown whose class is predicted wrongly, with the true one.
    pub errors_only: bool,
    /// Whether a row may have an error in the place of an answer.
    pub has_errors: bool,
}

impl Answers<'_> {
    /// Hands on the answers to rows, a line each.
    pub fn each(&self, rows: &Applied, outputs: &[f32], mut take: impl FnMut(String) -> Result<()>) -> Result<()> {
        let width = self.model.architecture.output_width()?;
        let answered = outputs.chunks_exact(width).enumerate();
        let mut shown = answered.filter(|(row, outputs)| self.shows(rows, *row, outputs));
        shown.try_for_each(|(row, outputs)| match self.format {
            Format::Text => take(self.csv_line(rows, row, outputs)),
            Format::Json => take(self.json_line(rows, row, outputs).to_string()),
        })
    }

    /// The line of a row that has an error in the place of an answer.
    pub fn error(&self, line: u64, error: &Error) -> String {
        let error = escaped(&error.to_string());
        match self.format {
            Format::Text => {
                let cells = vec![""; self.names().len() - 1];
                csv(cells.into_iter().chain([error.as_str()]))
            }
            Format::Json => json!({ "error": error, "line": line }).to_string(),
        }
    }

    fn truth(&self, rows: &Applied, row: usize) -> Option<usize> {
        match &rows.targets {
            Some(Targets::Labels { data, .. }) => Some(data[row] as usize),
            _ => None,
        }
    }

    fn shows(&self, rows: &Applied, row: usize, outputs: &[f32]) -> bool {
        !self.errors_only || self.truth(rows, row) != Some(self.model.class_of(outputs))
    }

    /// What the numbers beside a class are called: probabilities only where the model has them.
    fn call(&self, probability: &'static str, score: &'static str) -> &'static str {
        if self.model.loss.has_probabilities() { probability } else { score }
    }

    /// What a prediction is called: as the column, unless that is carried along.
    fn call_prediction(&self, name: &str) -> String {
        if self.keep.iter().any(|kept| kept == name) { format!("predicted {name}") } else { name.into() }
    }

    /// The first line, of a table.
    pub fn header(&self) -> Option<String> {
        (self.format == Format::Text).then(|| csv(self.names().iter().map(String::as_str)))
    }

    fn names(&self) -> Vec<String> {
        let mut cells: Vec<String> = Vec::new();
        if self.errors_only {
            cells.push("row".into());
        }
        cells.extend(self.keep.iter().cloned());
        match &self.model.target {
            Target::Classes { name, classes } => {
                if self.errors_only {
                    cells.push(format!("true {name}"));
                }
                cells.push(self.call_prediction(name));
                let what = self.call("p", "score");
                cells.extend(classes.iter().map(|class| format!("{what}({class})")));
            }
            Target::Values { names } if self.model.loss.takes_labels() => {
                cells.extend(names.iter().map(|name| format!("p({name})")));
            }
            Target::Values { names } => cells.extend(names.iter().map(|name| self.call_prediction(name))),
        }
        cells.extend(self.has_errors.then(|| "error".into()));
        cells
    }

    fn csv_line(&self, rows: &Applied, row: usize, outputs: &[f32]) -> String {
        let mut cells: Vec<String> = Vec::new();
        if self.errors_only {
            cells.push((rows.rows[row] + 1).to_string());
        }
        cells.extend((0..self.keep.len()).map(|kept| rows.spelling(kept, row).to_string()));
        match &self.model.target {
            Target::Classes { classes, .. } => {
                if let (true, Some(truth)) = (self.errors_only, self.truth(rows, row)) {
                    cells.push(classes[truth].clone());
                }
                let (class, numbers) = classify(self.model, classes, outputs);
                let is_score = !self.model.loss.has_probabilities();
                let each = numbers.iter().take(classes.len());
                cells.push(class);
                cells.extend(each.map(|x| if is_score { x.to_string() } else { format!("{x:.6}") }));
            }
            Target::Values { .. } if self.model.loss.takes_labels() => {
                cells.extend(values(self.model, outputs).iter().map(|p| format!("{p:.6}")));
            }
            Target::Values { .. } => cells.extend(outputs.iter().map(ToString::to_string)),
        }
        cells.extend(self.has_errors.then(String::new));
        csv(cells.iter().map(String::as_str))
    }

    fn json_line(&self, rows: &Applied, row: usize, outputs: &[f32]) -> Value {
        let mut object = Map::new();
        if self.errors_only {
            object.insert("row".into(), json!(rows.rows[row] + 1));
        }
        for (kept, name) in self.keep.iter().enumerate() {
            object.insert(name.clone(), rows.spelling(kept, row).into_owned().into());
        }
        match &self.model.target {
            Target::Classes { classes, .. } => {
                if let (true, Some(truth)) = (self.errors_only, self.truth(rows, row)) {
                    object.insert("true_class".into(), classes[truth].clone().into());
                }
                let (class, numbers) = classify(self.model, classes, outputs);
                let by_class = classes.iter().cloned().zip(numbers.into_iter().map(Value::from));
                object.insert(self.call_prediction("class"), class.into());
                object.insert(self.call("probabilities", "scores").into(), by_class.collect::<Map<_, _>>().into());
            }
            Target::Values { names } => {
                let by_name = names
                    .iter()
                    .map(|name| self.call_prediction(name))
                    .zip(values(self.model, outputs).into_iter().map(Value::from));
                if self.model.loss.takes_labels() {
                    object.insert("probabilities".into(), by_name.collect::<Map<_, _>>().into());
                } else {
                    object.extend(by_name);
                }
            }
        }
        Value::Object(object)
    }
}

/// The predicted class, and the probabilities of all; scores, if the model has no probabilities.
fn classify(model: &Model, classes: &[String], outputs: &[f32]) -> (String, Vec<f64>) {
    let class = model.class_of(outputs);
    let name = classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    (name, if model.loss.has_probabilities() { probabilities(outputs) } else { shortest(outputs) })
}

/// The outputs of a row of numbers: probabilities, if each is a logit of its own.
fn values(model: &Model, row: &[f32]) -> Vec<f64> {
    if model.loss.takes_labels() {
        row.iter().map(|&logit| probabilities(&[logit])[1]).collect()
    } else {
        shortest(row)
    }
}

/// By way of text, so that an f32 of 0.1 is written as 0.1.
fn shortest(row: &[f32]) -> Vec<f64> {
    row.iter().map(|x| x.to_string().parse().unwrap_or(f64::from(*x))).collect()
}

/// A line of cells as CSV writes it.
fn csv<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let quoted = |cell: &str| {
        let needs_quotes = cell.contains([',', '"', '\n', '\r']);
        if needs_quotes { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.into() }
    };
    cells.map(quoted).collect::<Vec<String>>().join(",")
}
