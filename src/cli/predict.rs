//! `anygrad predict`

use super::cache::PipelineCacheOptions;
use super::options::Format;
use super::output::print_line;
use super::rows;
use anygrad::Result;
use anygrad::backend::{Device, Request, Work};
use anygrad::data::Source;
use anygrad::model::{Model, Target, probabilities};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The flags of `predict`.
#[derive(Debug, Args)]
pub struct PredictOptions {
    /// A model file that `train` wrote.
    model: PathBuf,
    /// digits, mnist:DIR (or fashion-mnist, kmnist, emnist, cifar10, cifar100), images:DIR, spiral, circles, moons, blobs, xor, and, sine, or a CSV file with the model's feature columns
    #[arg(long, value_name = "SPEC")]
    data: Source,
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
    let model = Model::load(&options.model)?;
    let features = rows::features(&options.data, &model)?;
    let choice = pollster::block_on(Device::choose(&options.device, Work::default()))?;
    options.cache.apply(&choice.device);
    let outputs = pollster::block_on(model.outputs(&features, &choice.device))?;
    let width = model.architecture.output_width()?;
    match options.format {
        Format::Text => print_line(&header(&model)),
        Format::Json => {}
    }
    for row in outputs.chunks_exact(width) {
        match options.format {
            Format::Text => print_line(&csv_line(&model, row)),
            Format::Json => print_line(&json_line(&model, row).to_string()),
        }
    }
    Ok(())
}

/// The most likely class and the probabilities of all.
fn classify(classes: &[String], logits: &[f32]) -> (String, Vec<f64>) {
    let class = anygrad::ops::correct_rows::predicted_class(logits);
    let name = classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    (name, probabilities(logits))
}

/// The outputs of a row of numbers: probabilities, if each is a logit of its own.
fn values(model: &Model, row: &[f32]) -> Vec<f64> {
    if model.loss.takes_labels() {
        row.iter().map(|&logit| probabilities(&[logit])[1]).collect()
    } else {
        // By way of text, so that an f32 of 0.1 is written as 0.1.
        row.iter().map(|x| x.to_string().parse().unwrap_or(f64::from(*x))).collect()
    }
}

fn header(model: &Model) -> String {
    match &model.target {
        Target::Classes { name, classes } => {
            let probabilities = classes.iter().map(|class| quoted(&format!("p({class})")));
            std::iter::once(quoted(name)).chain(probabilities).collect::<Vec<_>>().join(",")
        }
        Target::Values { names } if model.loss.takes_labels() => {
            names.iter().map(|name| quoted(&format!("p({name})"))).collect::<Vec<_>>().join(",")
        }
        Target::Values { names } => names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(","),
    }
}

fn csv_line(model: &Model, row: &[f32]) -> String {
    match &model.target {
        Target::Classes { classes, .. } => {
            let (class, probabilities) = classify(classes, row);
            let probabilities = probabilities.iter().take(classes.len()).map(|p| format!("{p:.6}"));
            std::iter::once(quoted(&class)).chain(probabilities).collect::<Vec<_>>().join(",")
        }
        Target::Values { .. } if model.loss.takes_labels() => {
            values(model, row).iter().map(|p| format!("{p:.6}")).collect::<Vec<_>>().join(",")
        }
        Target::Values { .. } => row.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    }
}

fn json_line(model: &Model, row: &[f32]) -> Value {
    match &model.target {
        Target::Classes { classes, .. } => {
            let (class, probabilities) = classify(classes, row);
            let by_class: Map<String, Value> =
                classes.iter().cloned().zip(probabilities.into_iter().map(Value::from)).collect();
            json!({ "class": class, "probabilities": by_class })
        }
        Target::Values { names } => {
            let by_name: Map<String, Value> =
                names.iter().cloned().zip(values(model, row).into_iter().map(Value::from)).collect();
            if model.loss.takes_labels() { json!({ "probabilities": by_name }) } else { Value::Object(by_name) }
        }
    }
}

/// A cell as CSV writes it.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.into() }
}
