//! `anygrad predict`

use super::cache::PipelineCacheOptions;
use super::options::Format;
use super::output::note;
use super::rows::Reading;
use super::sink::Sink;
use super::subject::Subject;
use anygrad::backend::{Device, Request, Work};
use anygrad::data::{Applied, Source, Targets};
use anygrad::model::{Model, Target, probabilities};
use anygrad::{Error, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The flags of `predict`.
#[derive(Debug, Args)]
pub struct PredictOptions {
    /// A model file that `train` wrote, or a run folder
    #[arg(value_name = "MODEL|RUN")]
    model: PathBuf,
    /// A table with the model's feature columns, digits, mnist:DIR (or fashion-mnist, kmnist, emnist, cifar10, cifar100), images:DIR, spiral, circles, moons, blobs, xor, and, sine, or FILE.anygrad
    #[arg(long, value_name = "SPEC")]
    data: Source,
    /// Columns of the table to carry along, such as id,name
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    keep: Vec<String>,
    /// Only rows whose class is predicted wrongly, with the true one; the data must have it
    #[arg(long)]
    errors_only: bool,
    /// Write to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// cpu, gpu, an index of `anygrad devices`, or a part of a name
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Request,
    #[command(flatten)]
    cache: PipelineCacheOptions,
    /// text (CSV) or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// Predicts each row.
pub fn run(options: &PredictOptions) -> Result<()> {
    let model = Model::load(Subject::model(&options.model)?)?;
    if options.errors_only && matches!(model.target, Target::Values { .. }) {
        let what = if model.loss.takes_labels() { "several labels, each with a probability" } else { "numbers" };
        let reason = format!("works for models of classes, this one predicts {what}: compare them by `anygrad eval`");
        return Err(Error::option("errors-only", "yes", &reason));
    }
    let mut reading = Reading::new(&model).keeping(&options.keep);
    if options.errors_only {
        reading = reading.with_target(None);
    }
    let rows = reading.rows(&options.data, &model)?;
    rows.decisions.iter().for_each(|decision| note(decision));
    let choice = pollster::block_on(Device::choose(&options.device, Work::default()))?;
    options.cache.apply(&choice.device);
    let outputs = pollster::block_on(model.outputs(&rows.features, &choice.device))?;
    let width = model.architecture.output_width()?;
    let keep: Vec<String> = rows.kept.iter().map(|column| column.name.clone()).collect();
    let page = Page { model: &model, rows: &rows, keep: &keep, errors_only: options.errors_only };
    let mut sink = Sink::open(options.out.as_deref())?;
    if options.format == Format::Text {
        sink.line(&page.header())?;
    }
    for (row, outputs) in outputs.chunks_exact(width).enumerate().filter(|(row, outputs)| page.shows(*row, outputs)) {
        match options.format {
            Format::Text => sink.line(&page.csv_line(row, outputs))?,
            Format::Json => sink.line(&page.json_line(row, outputs).to_string())?,
        }
    }
    sink.finish()
}

/// What is printed of each row.
struct Page<'a> {
    model: &'a Model,
    rows: &'a Applied,
    keep: &'a [String],
    errors_only: bool,
}

impl Page<'_> {
    fn truth(&self, row: usize) -> Option<usize> {
        match &self.rows.targets {
            Some(Targets::Labels { data, .. }) => Some(data[row] as usize),
            _ => None,
        }
    }

    fn shows(&self, row: usize, outputs: &[f32]) -> bool {
        !self.errors_only || self.truth(row) != Some(self.model.class_of(outputs))
    }

    /// What the numbers beside a class are called: probabilities only where the model has them.
    fn call(&self, probability: &'static str, score: &'static str) -> &'static str {
        if self.model.loss.has_probabilities() { probability } else { score }
    }

    /// What a prediction is called: as the column, unless that is carried along.
    fn call_prediction(&self, name: &str) -> String {
        if self.keep.iter().any(|kept| kept == name) { format!("predicted {name}") } else { name.into() }
    }

    fn header(&self) -> String {
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
        csv(cells.iter().map(String::as_str))
    }

    fn csv_line(&self, row: usize, outputs: &[f32]) -> String {
        let mut cells: Vec<String> = Vec::new();
        if self.errors_only {
            cells.push((self.rows.rows[row] + 1).to_string());
        }
        cells.extend((0..self.keep.len()).map(|kept| self.rows.spelling(kept, row).to_string()));
        match &self.model.target {
            Target::Classes { classes, .. } => {
                if let (true, Some(truth)) = (self.errors_only, self.truth(row)) {
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
        csv(cells.iter().map(String::as_str))
    }

    fn json_line(&self, row: usize, outputs: &[f32]) -> Value {
        let mut object = Map::new();
        if self.errors_only {
            object.insert("row".into(), json!(self.rows.rows[row] + 1));
        }
        for (kept, name) in self.keep.iter().enumerate() {
            object.insert(name.clone(), self.rows.spelling(kept, row).into_owned().into());
        }
        match &self.model.target {
            Target::Classes { classes, .. } => {
                if let (true, Some(truth)) = (self.errors_only, self.truth(row)) {
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
