//! `anygrad verify`

use super::options::{Format, TrainOptions};
use super::output::{note, print_line};
use super::record::{Fields, Record};
use super::task::Task;
use super::tuning::VariantOptions;
use anygrad::backend::Request;
use anygrad::model::Model;
use anygrad::train::{Event, Flow};
use anygrad::{Error, Result};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The flags of `verify`.
#[derive(Debug, Args)]
pub struct VerifyOptions {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The device to repeat it on [default: the run's]
    #[arg(long, value_name = "DEVICE")]
    device: Option<Request>,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// What a run has recorded of its epochs: number and hash of the weights.
type Recorded = Vec<(u64, String)>;

/// An epoch as it was recorded, and as it is now.
type Difference<'a> = (&'a (u64, String), &'a (u64, String));

/// Repeats a run and compares the weights of each epoch.
pub fn run(options: &VerifyOptions) -> Result<()> {
    let folder = &options.run;
    let record = Record::read(folder, "verify")?;
    let (recorded, device) = (recorded(&record)?, record.device().map(String::from));
    let flags =
        TrainOptions { subject: Some(folder.clone()), device: options.device.clone(), ..TrainOptions::default() };
    let mut request = Task::read(&flags)?;
    if options.device.is_none() {
        // The device that was chosen then, not the one that would be chosen now.
        let chosen =
            device.as_deref().map(|name| if name == "CPU" { Request::Cpu } else { Request::Name(name.into()) });
        request.set(|recipe| recipe.device = chosen.unwrap_or(recipe.device.clone()));
    }
    let Task { trainer, data } = request.load()?;
    let choice = pollster::block_on(anygrad::backend::Device::choose(&trainer.recipe().device, Default::default()))?;
    let name = choice.device.device_name();
    if device.as_ref().is_some_and(|before| *before != name) {
        note(&format!("device  the run was on {}, this is {name}: its bits may be others", device.unwrap_or_default()));
    }
    let trainer = trainer.on(choice.device.clone());
    let variants = VariantOptions::default().of_run(folder);
    let chosen = variants.choose(&choice.device, || trainer.plan(&data.train, data.held_out()))?;

    let last = recorded.last().map_or(0, |epoch| epoch.0);
    let seen: Arc<Mutex<Recorded>> = Arc::default();
    let (adds, expected) = (seen.clone(), recorded.clone());
    let mut trainer = trainer.variants(chosen).hash_weights(true).observe(move |event| {
        if let Event::Epoch(report) = event {
            let hash = report.weights_hash.clone().unwrap_or_default();
            adds.lock().unwrap_or_else(PoisonError::into_inner).push((report.epoch, hash));
        }
    });
    // Behind the first difference all others follow.
    trainer = trainer.on_epoch(move |report| {
        let same = expected.contains(&(report.epoch, report.weights_hash.clone().unwrap_or_default()));
        if same && report.epoch < last { Flow::Continue } else { Flow::Stop }
    });
    trainer.fit_blocking(&data)?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let differs = recorded.iter().zip(&seen).find(|(before, now)| before != now);
    let own = trainer.model()?.weights_hash();
    let saved = if record.done.is_some() { Model::load(folder.join("last.safetensors")).ok() } else { None };
    let model = saved.map(|saved| (own, saved.weights_hash()));
    report(options, &recorded, differs, model, &name)
}

/// Says how a run compares.
fn report(
    options: &VerifyOptions,
    recorded: &Recorded,
    differs: Option<Difference<'_>>,
    model: Option<(String, String)>,
    device: &str,
) -> Result<()> {
    let same = differs.map_or(recorded.len() as u64, |(before, _)| before.0 - 1);
    if options.format == Format::Json {
        let difference =
            differs.map(|(before, now)| json!({ "epoch": before.0, "recorded": before.1, "found": now.1 }));
        let object = json!({
            "event": "verified", "run": options.run.display().to_string(), "device": device, "epochs": recorded.len(),
            "same_epochs": same, "first_difference": difference, "model_is_same": model.as_ref().map(|m| m.0 == m.1),
        });
        print_line(&object.to_string());
    }
    if let Some((before, now)) = differs {
        let what = format!("the weights after epoch {} are {}, the run recorded {}", before.0, now.1, before.1);
        return Err(different(&options.run, &what));
    }
    if let Some((now, before)) = model.filter(|(now, before)| now != before) {
        return Err(different(&options.run, &format!("the model has the weights {before}, its recipe gives {now}")));
    }
    if options.format == Format::Text {
        print_line(&format!("all {same} epochs have the weights that the run recorded"));
    }
    Ok(())
}

fn different(run: &Path, what: &str) -> Error {
    Error::Unrepeated { run: run.into(), detail: what.into() }
}

/// The epochs in the metrics of a run.
fn recorded(record: &Record) -> Result<Recorded> {
    let hash = |line: &Fields| Some((line.get("epoch")?.as_u64()?, line.get("weights_hash")?.as_str()?.to_string()));
    let epochs: Recorded = record.epochs.iter().filter_map(hash).collect();
    if epochs.is_empty() {
        let (path, reason) = (record.path.join("metrics.jsonl"), "it names no hash of weights");
        return Err(Error::data(&path, "", reason, "name the folder of a run of at least one epoch"));
    }
    Ok(epochs)
}
