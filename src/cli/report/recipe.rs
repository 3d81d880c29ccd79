//! How a run came about: what was decided about its data, its recipe, and how to repeat it.

use super::gather::Report;
use super::kernels::cut;
use super::parts::{Item, Section, Table};
use serde_json::Value;
use std::io::Read;

/// Most lines of what was decided.
const MOST_LINES: usize = 60;
/// Most signs of a config file that is shown.
const MOST_SIGNS: usize = 12_000;

/// What was decided about the data.
pub fn data(report: &Report<'_>) -> Section {
    let mut section = Section::new("data", "What was decided about the data");
    let (data, decisions) = (&report.record.recipe.data, &report.record.decisions);
    section.say(format!("The rows come from {}.", cut(&data.source.to_string())));
    let lines: Vec<String> = decisions.iter().take(MOST_LINES).map(|line| cut(line)).collect();
    match lines.is_empty() {
        true => section.say("Nothing had to be decided about the columns."),
        false => section.items.push(Item::List(lines)),
    }
    if decisions.len() > MOST_LINES {
        section.say(format!("And {} lines more in decisions.txt.", decisions.len() - MOST_LINES));
    }
    section
}

/// Layers, loss, optimizer, and the whole config file.
pub fn recipe(report: &Report<'_>) -> Section {
    let mut section = Section::new("recipe", "The recipe");
    let recipe = &report.record.recipe;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |name: &str, value: String| rows.push(vec![name.into(), cut(&value)]);
    if let Some(model) = &report.model {
        let parameters = model.architecture.parameter_count().unwrap_or(0);
        add("Layers", model.architecture.to_string());
        add("Parameters", crate::cli::output::thousands(parameters as f64));
    }
    add("Loss", report.loss_name());
    add("Optimizer", format!("{}, learning rate {}", recipe.optimizer.name(), recipe.optimizer.learning_rate()));
    add("Batch size", format!("{} rows a step", recipe.train.batch_size));
    add("Epochs", format!("at most {}", recipe.epochs()));
    add("Seed", recipe.seed.to_string());
    section.items.push(Item::Table(Table { head: Vec::new(), rows, is_words: true }));
    let mut text = String::new();
    let file = std::fs::File::open(report.record.path.join("config.toml"));
    if file.and_then(|file| file.take(1 << 16).read_to_string(&mut text)).is_ok() {
        if text.chars().nth(MOST_SIGNS).is_some() {
            text = text.chars().take(MOST_SIGNS).collect::<String>() + "\n… (the rest stands in config.toml)";
        }
        section.items.push(Item::Code { title: "All settings: config.toml", text, is_open: false });
    }
    section
}

/// The commands that repeat the run and use the model.
pub fn repeat(report: &Report<'_>) -> Section {
    let mut section = Section::new("repeat", "How to repeat it");
    let run = report.record.path.display();
    section.say("The same seed on the same device gives the same bits. From the folder that the run was started in:");
    let source = &report.record.recipe.data.source;
    let mut text = format!("anygrad train {run}        # trains again with these settings\n");
    text.push_str(&format!("anygrad verify {run}       # repeats it and compares the weights of each epoch\n"));
    text.push_str(&format!("anygrad eval {run} --data {source} --part test\n"));
    text.push_str(&format!("anygrad predict {run} --data FILE   # predicts other rows\n"));
    text.push_str(&format!("anygrad report {run}       # makes this page"));
    section.items.push(Item::Code { title: "Commands", text: text.chars().take(MOST_SIGNS).collect(), is_open: true });
    let mut rows = Vec::new();
    let done = report.record.done.as_ref();
    let hash = done.and_then(|done| done.get("weights_hash")).and_then(Value::as_str).map(String::from);
    let hash = hash.or(report.model.as_ref().map(|model| model.weights_hash()));
    let model = report.model.as_ref();
    let version = report.record.environment.get("anygrad").and_then(Value::as_str);
    for (name, value) in [
        ("Hash of the weights", hash),
        ("Hash of the training rows", model.and_then(|model| model.data_hash.clone())),
        ("Version of anygrad", version.map(String::from)),
    ] {
        rows.extend(value.map(|value| vec![name.to_string(), cut(&value)]));
    }
    section.items.push(Item::Table(Table { head: Vec::new(), rows, is_words: true }));
    section
}
