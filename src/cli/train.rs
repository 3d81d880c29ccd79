//! `anygrad train`

use super::cache::PipelineCacheOptions;
use super::options::{Format, TrainOptions};
use super::output::{note, print_line, significant};
use super::profile::Profile;
use super::progress::Progress;
use super::report;
use super::resolved::{config, environment, run_name};
use super::result::{Outcome, print_result, unfinished};
use super::run_sink::{RunSink, lock};
use super::several;
use super::signals;
use super::task::{Request, Task};
use super::tensorboard::EventFile;
use super::tuning::VariantOptions;
use anygrad::backend::{Choice, Device};
use anygrad::data::Split;
use anygrad::model::Model;
use anygrad::train::{Every, History, OnDeviceLoss, OnDivergence, Recipe, RunFolder, Snapshot, Threshold, Trainer};
use anygrad::tune::Variants;
use anygrad::{Error, Result};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The flags of `train`.
#[derive(Debug, Args)]
pub struct TrainVerbOptions {
    #[command(flatten)]
    pub train: TrainOptions,
    /// Cut the rows into K parts and train K times, each time testing on another part; prints means and deviations
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(2..), help_heading = "Several runs")]
    pub folds: Option<u32>,
    /// Train with N seeds, counted up from --seed; prints means and deviations
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Several runs")]
    pub seeds: Option<u32>,
    /// From which probability on a row is of the second of two classes: a number between 0 and 1, or what it shall be best for on the validation rows: f1, accuracy or balanced_accuracy [default: 0.5]
    #[arg(long, value_name = "T")]
    pub threshold: Option<Threshold>,
    /// Go on with an interrupted run from its last checkpoint, to the bits that it would have ended with
    #[arg(long, value_name = "RUN", conflicts_with_all = ["subject", "out", "from", "folds", "seeds"], help_heading = "Stopping and going on")]
    pub resume: Option<PathBuf>,
    /// How often a checkpoint is written: a number of seconds, steps or epochs, such as 60s, 500steps, 2epochs
    #[arg(long, value_name = "WHEN", default_value = "60s", help_heading = "Stopping and going on")]
    checkpoint_every: Every,
    /// What is done when a number becomes NaN or infinite: stop, or rollback to the end of the last epoch and on with half the learning rate [default: stop]
    #[arg(long, value_name = "CHOICE", help_heading = "Stopping and going on")]
    pub on_divergence: Option<OnDivergence>,
    /// What is done when the device is lost: retry on the device opened anew, to the same bits, or stop
    #[arg(long, value_name = "CHOICE", default_value = "retry", help_heading = "Stopping and going on")]
    on_device_loss: OnDeviceLoss,
    /// Write report.html into the run's folder at the end: curves, mistakes, what each feature matters, the time of each kernel, how to repeat it
    #[arg(long, help_heading = "What is written")]
    report: bool,
    /// Write the figures of each epoch as an event file of TensorBoard into the run's folder
    #[arg(long, help_heading = "What is written")]
    tensorboard: bool,
    /// Measure when the run is over where the time of its steps goes, kernel by kernel: a table, and profile.json in its folder
    #[arg(long, help_heading = "What is written")]
    profile: bool,
    #[command(flatten)]
    variants: VariantOptions,
    #[command(flatten)]
    cache: PipelineCacheOptions,
}

/// Where a run goes, how far, and how much of it is told.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Its folder; the first free one if none is named.
    pub out: Option<PathBuf>,
    /// The run that it goes on with, in that folder.
    pub resume: Option<PathBuf>,
    /// Epochs after which it ends, if those are not all of its recipe.
    pub until: Option<u64>,
    /// Whether somebody else tells of it.
    pub is_quiet: bool,
}

/// What config file and flags ask for, those of `train` alone included.
pub fn request(options: &TrainVerbOptions, flags: &TrainOptions) -> Result<Request> {
    let mut request = Task::read(flags)?;
    request.set(|recipe| recipe.data.folds = options.folds.or(recipe.data.folds));
    request.set(|recipe| recipe.train.threshold = options.threshold.or(recipe.train.threshold));
    request.set(|recipe| recipe.train.on_divergence = options.on_divergence.unwrap_or(recipe.train.on_divergence));
    Ok(request)
}

/// Trains, evaluates, writes the run folder; several times if folds or seeds are asked for.
pub fn run(options: &TrainVerbOptions) -> Result<()> {
    let mut flags = options.train.clone();
    if let Some(run) = &options.resume {
        if !run.join("config.toml").is_file() {
            return Err(Error::option("resume", run.display(), "must be the folder of a run"));
        }
        flags.subject = Some(run.clone());
    }
    let recipe = request(options, &flags)?;
    let runs = several::runs(recipe.recipe(), options.seeds);
    several::check(recipe.recipe(), &runs, options.seeds)?;
    if let [_] = runs[..] {
        let place = Place { out: options.train.out.clone(), resume: options.resume.clone(), ..Place::default() };
        let Some(outcome) = train(recipe.load()?, options, &place)? else { return Ok(()) };
        print_result(options.train.format, &outcome);
        return outcome.failure.map_or(Ok(()), Err);
    }
    let name = run_name(&recipe.recipe().data.source);
    let group = RunFolder::create_group(options.train.out.as_deref(), &name)?;
    let mut outcomes = Vec::new();
    for run in runs {
        note(&format!("\nrun     {}", run.name));
        let mut own = recipe.clone();
        own.set(|recipe| (recipe.seed, recipe.data.fold) = (run.seed, run.fold));
        let place = Place { out: Some(group.join(&run.name)), ..Place::default() };
        let Some(outcome) = train(own.load()?, options, &place)? else { return Ok(()) };
        match (options.train.format, &outcome.profile) {
            (Format::Json, _) => print_result(Format::Json, &outcome),
            (Format::Text, profile) => profile.iter().for_each(Profile::print),
        }
        outcomes.push((run.name, outcome));
    }
    several::print_summary(options.train.format, &outcomes, &group);
    outcomes.into_iter().find_map(|(_, outcome)| outcome.failure).map_or(Ok(()), Err)
}

/// One run, into a folder of its own, or that of the run that it goes on with. Without an outcome if a signal stops it.
pub fn train(task: Task, verb: &TrainVerbOptions, place: &Place) -> Result<Option<Outcome>> {
    let (TrainVerbOptions { train: options, cache, .. }, Place { out, resume, until, is_quiet }) = (verb, place);
    let variants = &resume.as_deref().map_or_else(|| verb.variants.clone(), |run| verb.variants.of_run(run));
    if let Some(threshold) = task.trainer.recipe().train.threshold {
        threshold.check(task.trainer.recipe().loss()?, &task.data)?;
    }
    let choice = task.choose()?;
    if !is_quiet {
        announce(&task, &choice);
    }
    let Task { trainer, data } = task;
    let trainer = trainer.on(choice.device.clone());
    let plan = |trainer: &Trainer| trainer.plan(&data.train, data.held_out());
    let chosen = variants.choose(&choice.device, || plan(&trainer))?;
    // Of the variants that tuning tries, only the chosen ones are worth keeping.
    cache.apply(&choice.device);
    let trainer = trainer.variants(chosen);
    // On the CPU there is nothing to record.
    let records = variants.any() && matches!(choice.device, Device::Gpu(_));
    let used = if records { Some(Variants::of(&plan(&trainer)?)) } else { None };

    let (mut folder, snapshot) = match resume {
        Some(run) => {
            let (folder, snapshot, fault) = RunFolder::resume(run)?;
            fault.iter().for_each(|fault| note(fault));
            if !is_quiet {
                note(&format!("resumes {} behind step {}", run.display(), snapshot.step()));
            }
            warn_of_device(run, &choice);
            (folder, Some(snapshot))
        }
        None => (RunFolder::create(out.as_deref(), &run_name(&trainer.recipe().data.source))?, None),
    };
    if snapshot.is_none() {
        describe(&mut folder, trainer.recipe(), &choice, &data, used, options.format)?;
    }

    // A run that goes on writes what it wrote before.
    let wrote = |file: &str| resume.is_some() && folder.holds(file);
    let writes_report = verb.report || wrote(report::FILE);
    let events = (verb.tensorboard || wrote(RunFolder::EVENTS))
        .then(|| EventFile::create(&folder, snapshot.as_ref().map_or(0, Snapshot::epochs_done)))
        .transpose()?;
    let sink = Arc::new(Mutex::new(RunSink {
        progress: Progress::new(options.format, trainer.recipe().epochs()).quiet(*is_quiet),
        folder,
        events,
        failure: None,
    }));
    let (observed, keeps) = (sink.clone(), sink.clone());
    let trainer = trainer.observe(move |event| lock(&observed).take(event)).stop_when(signals::stop());
    let trainer = trainer.on_device_loss(verb.on_device_loss).hash_weights(true);
    let mut trainer = trainer.checkpoints(verb.checkpoint_every, move |snapshot| lock(&keeps).keep(snapshot));
    if let Some(snapshot) = snapshot {
        trainer = trainer.resume(snapshot);
    }
    if let Some(epochs) = until {
        trainer = trainer.until(*epochs);
    }
    let start = Instant::now();
    let fitted = trainer.fit_blocking(&data);
    let seconds = start.elapsed().as_secs_f64();
    let mut sink = lock(&sink);
    sink.progress.finish();
    let history = fitted.map_err(|error| left_behind(error, &trainer, &mut sink))?;
    // A new one, if the device was lost.
    let choice = Choice { device: trainer.device().clone(), ..choice };
    let model = trainer.model()?.clone();
    if history.is_interrupted {
        sink.folder.save_model(&model)?;
        tell_interrupted(&history, &model, &choice.device, &mut sink)?;
        if writes_report {
            let path = report::of_run(sink.folder.path(), &model, &data, &choice.device)?;
            if !is_quiet {
                note(&format!("report  {}", path.display()));
            }
        }
        return Ok(None);
    }
    if let (Some(Threshold::Best(criterion)), Some(threshold)) = (trainer.recipe().train.threshold, model.threshold) {
        note(&format!("threshold {}: the best for {criterion} on the validation rows", significant(threshold)));
    }
    // Whatever else fails, the model is there.
    sink.folder.save_model(&model)?;
    let of = |choice: &Choice| Outcome::of(&model, &history, choice, seconds, &data, sink.folder.path());
    let mut outcome = match of(&choice) {
        Err(Error::DeviceLost { .. } | Error::Timeout { .. }) if verb.on_device_loss == OnDeviceLoss::Retry => {
            of(&Choice { device: pollster::block_on(choice.device.reopen())?, ..choice })?
        }
        outcome => outcome?,
    };
    sink.write(&outcome.json());
    sink.tell_result(&outcome, history.model_epoch);
    if let Err(error) = sink.folder.check_metrics() {
        sink.failure.get_or_insert(error);
    }
    outcome.failure = sink.failure.take().map(|error| error.in_addition(INCOMPLETE));
    // A report shows it, too; of each run of a sweep it would take longer than the run.
    if verb.profile || (writes_report && !is_quiet) {
        let profile = Profile::measure(trainer.on(choice.device.clone()), &data);
        let written = profile.and_then(|profile| {
            sink.folder.write("profile.json", &format!("{:#}\n", profile.json()))?;
            outcome.profile = verb.profile.then_some(profile);
            Ok(())
        });
        let failed = written.err().filter(|_| verb.profile).map(|error| error.in_addition("the model is saved"));
        outcome.failure = outcome.failure.or(failed);
    }
    if writes_report {
        match report::of_run(sink.folder.path(), &model, &data, &choice.device) {
            Ok(path) if !is_quiet => note(&format!("report  {}", path.display())),
            Ok(_) => {}
            Err(error) => {
                outcome.failure.get_or_insert(error.in_addition("the run is complete, its report is missing"));
            }
        }
    }
    Ok(Some(outcome))
}

/// Saves the model that a run leaves whose numbers went bad, and says what is there.
fn left_behind(error: Error, trainer: &Trainer, sink: &mut RunSink) -> Error {
    let Error::Diverged(divergence) = &error else { return error };
    let (model, epochs) = (trainer.model().ok(), divergence.epoch.saturating_sub(1));
    let mut object = unfinished("diverged", model, trainer.device(), (epochs, divergence.step), sink.folder.path());
    object.insert("reason".into(), json!(error.to_string()));
    let saved = model.map(|model| sink.folder.save_model(model));
    sink.end(object);
    match saved {
        Some(Ok(path)) if !sink.progress.is_quiet() => {
            note(&format!("the model of epoch {epochs}, the last good one, is in {}", path.display()));
            let again = "to go on from it, name it by --from, with a lower --learning-rate or --set regularization.max_grad_norm=1";
            note(&format!("{again}; or let the run go back by itself: --on-divergence rollback"));
            error
        }
        Some(Err(failed)) => error.in_addition(&format!("the last good model could not be saved ({failed})")),
        Some(Ok(_)) | None => error,
    }
}

/// What is said where the model is there and something else is not.
const INCOMPLETE: &str = "the model is saved, lines of metrics.jsonl or checkpoints are missing";

/// Says that a run was stopped, and how to go on with it.
fn tell_interrupted(history: &History, model: &Model, device: &Device, sink: &mut RunSink) -> Result<()> {
    let (step, epochs, run) = (history.steps, history.epochs_done(), sink.folder.path().display().to_string());
    sink.end(unfinished("interrupted", Some(model), device, (epochs, step), sink.folder.path()));
    signals::set_interrupted();
    if sink.progress.is_for_people() {
        print_line(&format!("stopped    behind step {step}, {epochs} epochs are done; the model is saved"));
        print_line(&format!("to go on   anygrad train --resume {run}"));
    }
    sink.failure.take().map_or(Ok(()), |error| Err(error.in_addition(INCOMPLETE)))
}

/// The device that a run was on.
fn recorded_device(run: &Path) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Environment {
        device: Option<String>,
    }
    let text = std::fs::read_to_string(run.join("environment.json")).ok()?;
    serde_json::from_str::<Environment>(&text).ok()?.device
}

/// Says so where a run goes on on another device than it began on: then the bits are others.
fn warn_of_device(run: &Path, choice: &Choice) {
    let name = choice.device.device_name();
    if let Some(before) = recorded_device(run).filter(|before| *before != name) {
        note(&format!("device  the run began on {before}: on {name} it ends with other bits, though as good"));
    }
}

/// Writes what a run is, before it begins.
fn describe(
    folder: &mut RunFolder,
    recipe: &Recipe,
    choice: &Choice,
    data: &Split,
    used: Option<Variants>,
    format: Format,
) -> Result<()> {
    folder.write("config.toml", &config(recipe, folder.path())?)?;
    folder.write("environment.json", &format!("{:#}\n", environment(choice, recipe, data)))?;
    if !data.decisions.is_empty() {
        folder.write("decisions.txt", &format!("{}\n", data.decisions.join("\n")))?;
    }
    if let Some(used) = used {
        folder.write("variants.json", &used.to_json())?;
        let entries: serde_json::Map<_, _> = used.iter().map(|(key, name)| (key.into(), name.into())).collect();
        let object = json!({ "event": "variants", "variants": entries });
        folder.append_metrics(&object.to_string())?;
        if format == Format::Json {
            print_line(&object.to_string());
        }
    }
    Ok(())
}

/// Says what a run is about.
pub fn announce(task: &Task, choice: &Choice) {
    let (data, model) = (&task.data, task.trainer.architecture());
    data.decisions.iter().for_each(|decision| note(decision));
    let parameters = model.parameter_count().unwrap_or(0);
    let validation = data.validation.as_ref().map_or(String::new(), |v| format!(", {} validation", v.rows()));
    let (source, train, test) = (&task.trainer.recipe().data.source, data.train.rows(), data.test.rows());
    note(&format!("data    {source}, {train} training{validation} and {test} test rows"));
    if let Some(rule) = task.trainer.recipe().train.early_stopping
        && rule.monitor.is_of_validation()
    {
        note(&format!("stops   after {} epochs without a better result on the validation rows", rule.patience));
    }
    note(&format!("model   {model}, {parameters} parameters"));
    note(&format!("device  {} ({}): {}", choice.device.device_name(), choice.device.name(), choice.reason));
}
