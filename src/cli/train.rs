//! `anygrad train`

use super::cache::PipelineCacheOptions;
use super::options::{Format, TrainOptions};
use super::output::{Progress, note, print_line};
use super::task::Task;
use super::tuning::VariantOptions;
use anygrad::backend::{Choice, Device};
use anygrad::data::{Source, Split, Targets};
use anygrad::model::Model;
use anygrad::train::{History, RunFolder, Trainer};
use anygrad::tune::Variants;
use anygrad::{Error, Result};
use clap::Args;
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The flags of `train`.
#[derive(Debug, Args)]
pub struct TrainVerbOptions {
    #[command(flatten)]
    pub train: TrainOptions,
    #[command(flatten)]
    variants: VariantOptions,
    #[command(flatten)]
    cache: PipelineCacheOptions,
}

/// Trains, evaluates, writes the run folder.
pub fn run(TrainVerbOptions { train: options, variants, cache }: &TrainVerbOptions) -> Result<()> {
    let task = Task::new(options)?;
    let choice = task.choose()?;
    announce(&task, &choice);
    let Task { trainer, data } = task;
    let trainer = trainer.on(choice.device.clone());
    let plan = |trainer: &Trainer| trainer.plan(&data.train, Some(data.held_out()));
    let chosen = variants.choose(&choice.device, || plan(&trainer))?;
    // Of the variants that tuning tries, only the chosen ones are worth keeping.
    cache.apply(&choice.device);
    let trainer = trainer.variants(chosen);
    // On the CPU there is nothing to record.
    let records = variants.any() && matches!(choice.device, Device::Gpu(_));
    let used = if records { Some(Variants::of(&plan(&trainer)?)) } else { None };

    let mut folder = RunFolder::create(options.out.as_deref(), &run_name(&trainer.recipe().data.source))?;
    let config = toml::to_string(trainer.recipe()).map_err(|e| Error::option("config", "", &e.to_string()))?;
    folder.write("config.toml", &config)?;
    folder.write("environment.json", &format!("{:#}\n", environment(&choice)))?;
    if let Some(used) = used {
        folder.write("variants.json", &used.to_json())?;
        let entries: serde_json::Map<_, _> = used.iter().map(|(key, name)| (key.into(), name.into())).collect();
        let object = json!({ "event": "variants", "variants": entries });
        folder.append_metrics(&object.to_string())?;
        if options.format == Format::Json {
            print_line(&object.to_string());
        }
    }

    let sink = Arc::new(Mutex::new(Sink {
        progress: Progress::new(options.format, trainer.recipe().train.epochs),
        folder,
        failure: None,
    }));
    let observed = sink.clone();
    let mut trainer = trainer.observe(move |event| lock(&observed).take(event));
    let start = Instant::now();
    let outcome = trainer.fit_blocking(&data);
    let seconds = start.elapsed().as_secs_f64();
    let mut sink = lock(&sink);
    sink.progress.finish();
    let history = outcome?;
    if let Some(failure) = sink.failure.take() {
        return Err(failure);
    }
    let trained = trainer.model()?;
    sink.folder.save_model(trained)?;
    finish(options.format, trained, &history, &choice, seconds, &data, &mut sink)
}

fn announce(task: &Task, choice: &Choice) {
    let (data, model) = (&task.data, task.trainer.architecture());
    let parameters = model.parameter_count().unwrap_or(0);
    let validation = data.validation.as_ref().map_or(String::new(), |v| format!(", {} validation", v.rows()));
    let (source, train, test) = (&task.trainer.recipe().data.source, data.train.rows(), data.test.rows());
    note(&format!("data    {source}, {train} training{validation} and {test} test rows"));
    let target = match &data.train.targets {
        Targets::Labels { name, classes, .. } => format!("{name}, {} classes", classes.len()),
        Targets::Values { names, .. } => format!("{}, as numbers", names.join(", ")),
    };
    note(&format!("target  {target}"));
    note(&format!("model   {model}, {parameters} parameters"));
    note(&format!("device  {} ({}): {}", choice.device.device_name(), choice.device.name(), choice.reason));
}

/// What a run folder is named after.
fn run_name(source: &Source) -> String {
    match source {
        Source::Collection(collection, _) => collection.to_string(),
        Source::Images(folder) => {
            folder.file_name().map_or("images".into(), |name| name.to_string_lossy().into_owned())
        }
        Source::Memory => "memory".into(),
        Source::Table(path) => path.file_stem().map_or("table".into(), |stem| stem.to_string_lossy().into_owned()),
        other => other.to_string(),
    }
}

fn environment(choice: &Choice) -> serde_json::Value {
    let driver = match &choice.device {
        Device::Gpu(gpu) => gpu.adapter().driver(),
        Device::Cpu => String::new(),
    };
    json!({
        "anygrad": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "device": choice.device.device_name(),
        "backend": choice.device.name(),
        "driver": driver,
        "device_reason": choice.reason,
    })
}

/// Where events go: the screen and the run folder. The first failure to write is kept for the end.
struct Sink {
    progress: Progress,
    folder: RunFolder,
    failure: Option<Error>,
}

impl Sink {
    fn take(&mut self, event: &anygrad::train::Event) {
        if let Some(object) = self.progress.show(event)
            && let Err(error) = self.folder.append_metrics(&object.to_string())
        {
            self.failure.get_or_insert(error);
        }
    }
}

fn lock(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

#[allow(clippy::too_many_arguments)]
fn finish(
    format: Format,
    model: &Model,
    history: &History,
    choice: &Choice,
    seconds: f64,
    data: &Split,
    sink: &mut Sink,
) -> Result<()> {
    // Without an epoch, or with validation rows, the test rows have not been looked at yet.
    let (test_loss, test_accuracy) = match history.of_model() {
        Some(report) if report.test_loss.is_some() => (report.test_loss, report.test_accuracy),
        _ => {
            let evaluation = model.evaluate_blocking(&data.test, &choice.device)?;
            (Some(evaluation.loss), evaluation.accuracy)
        }
    };
    let rows = history.epochs.len() as f64 * data.train.rows() as f64;
    let folder = sink.folder.path().display().to_string();
    let done = json!({
        "event": "done",
        "device": choice.device.device_name(),
        "backend": choice.device.name(),
        "parameters": model.architecture.parameter_count()?,
        "steps": history.step_losses.len(),
        "seconds": seconds,
        "samples_per_second": (rows / seconds.max(1e-9)).round(),
        "test_loss": test_loss,
        "test_accuracy": test_accuracy,
        "weights_hash": model.weights_hash(),
        "run": folder,
    });
    sink.folder.append_metrics(&done.to_string())?;
    if format == Format::Json {
        print_line(&done.to_string());
        return Ok(());
    }
    let number = |name: &str, value: Option<f64>| value.map(|v| print_line(&format!("{name:<14} {v:.4}")));
    number("test accuracy", test_accuracy);
    number("test loss", test_loss);
    print_line(&format!("{:<14} {} in {seconds:.2} s", "steps", history.step_losses.len()));
    print_line(&format!("{:<14} {}", "weights hash", model.weights_hash()));
    print_line(&format!("{:<14} {folder}", "run"));
    Ok(())
}
