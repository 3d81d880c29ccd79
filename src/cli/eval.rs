//! `anygrad eval`

use super::cache::PipelineCacheOptions;
use super::options::Format;
use super::output::print_line;
use super::rows::{Part, labelled};
use anygrad::Result;
use anygrad::backend::{Device, Request, Work};
use anygrad::data::Source;
use anygrad::model::{ClassMetrics, Evaluation, Model, TOP_K};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The flags of `eval`.
#[derive(Debug, Args)]
pub struct EvalOptions {
    /// A model file that `train` wrote.
    model: PathBuf,
    /// digits, mnist:DIR (or fashion-mnist, kmnist, emnist, cifar10, cifar100), images:DIR, spiral, circles, moons, blobs, xor, and, sine, or a CSV file with a header
    #[arg(long, value_name = "SPEC")]
    data: Source,
    /// The CSV column with the true answer [default: the model's]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Which rows: test (held back by `train`), train, all, or auto: MNIST's test set, else all
    #[arg(long, value_enum, default_value_t)]
    part: Part,
    /// Count a row as found if its class is among the K with the largest outputs
    #[arg(long, value_name = "K", default_value_t = TOP_K)]
    top_k: usize,
    /// cpu, gpu, an index of `anygrad devices`, or a part of a name
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Request,
    #[command(flatten)]
    cache: PipelineCacheOptions,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// Evaluates a model.
pub fn run(options: &EvalOptions) -> Result<()> {
    let model = Model::load(&options.model)?;
    let data = labelled(&options.data, options.target.as_deref(), options.part, &model)?;
    let choice = pollster::block_on(Device::choose(&options.device, Work::default()))?;
    options.cache.apply(&choice.device);
    let evaluation = pollster::block_on(model.evaluate_top_k(&data, options.top_k, &choice.device))?;
    match options.format {
        Format::Json => {
            let mut object = json!({ "event": "eval", "device": choice.device.device_name() });
            if let (Value::Object(object), Ok(Value::Object(fields))) = (&mut object, serde_json::to_value(&evaluation))
            {
                object.extend(fields);
            }
            print_line(&object.to_string());
        }
        Format::Text => print_text(&evaluation),
    }
    Ok(())
}

fn print_text(evaluation: &Evaluation) {
    print_line(&format!("rows      {}", evaluation.rows));
    print_line(&format!("loss      {:.4}", evaluation.loss));
    let numbers = [
        ("accuracy", evaluation.accuracy),
        ("R²", evaluation.r_squared),
        ("MAE", evaluation.mean_absolute_error),
        ("RMSE", evaluation.root_mean_squared_error),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            print_line(&format!("{name:<9} {value:.4}"));
        }
    }
    if let Some(top) = evaluation.top_k {
        print_line(&format!("{:<9} {:.4}", format!("top {}", top.k), top.accuracy));
    }
    if let Some(per_class) = &evaluation.per_class {
        print_classes(per_class);
    }
    if let (Some(confusion), Some(classes)) = (&evaluation.confusion, &evaluation.classes) {
        print_confusion(confusion, classes);
    }
}

/// Precision, recall and F1 of each class, and their means over the classes.
fn print_classes(classes: &[ClassMetrics]) {
    let width = classes.iter().map(|c| c.class.chars().count()).max().unwrap_or(1).max("class".len());
    print_line("");
    print_line(&format!("{:>width$}  precision  recall      F1    rows", "class"));
    let line = |name: &str, precision: f64, recall: f64, f1: f64, rows: u64| {
        print_line(&format!("{name:>width$}  {precision:>9.4}  {recall:>6.4}  {f1:>6.4}  {rows:>6}"));
    };
    for class in classes {
        line(&class.class, class.precision, class.recall, class.f1, class.rows);
    }
    let mean = |of: fn(&ClassMetrics) -> f64| classes.iter().map(of).sum::<f64>() / classes.len() as f64;
    let rows = classes.iter().map(|c| c.rows).sum();
    line("mean", mean(|c| c.precision), mean(|c| c.recall), mean(|c| c.f1), rows);
}

fn print_confusion(confusion: &[Vec<u64>], classes: &[String]) {
    let largest = confusion.iter().flatten().max().map_or(1, |n| n.to_string().len());
    let name_width = classes.iter().map(|c| c.chars().count()).max().unwrap_or(1);
    let width = largest.max(name_width) + 2;
    print_line("");
    print_line("true class (rows) by predicted class (columns)");
    let header: String = classes.iter().map(|c| format!("{c:>width$}")).collect();
    print_line(&format!("{:name_width$}{header}", ""));
    for (row, class) in confusion.iter().zip(classes) {
        let cells: String = row.iter().take(classes.len()).map(|n| format!("{n:>width$}")).collect();
        print_line(&format!("{class:>name_width$}{cells}"));
    }
}
