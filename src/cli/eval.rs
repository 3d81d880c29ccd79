//! `anygrad eval`

use super::cache::PipelineCacheOptions;
use super::options::Format;
use super::output::{note, print_line};
use super::quality::{self, Report};
use super::rows::{Part, labelled};
use super::subject::Subject;
use anygrad::backend::{Device, Request, Work};
use anygrad::data::{DataOptions, Encoder, Source};
use anygrad::model::baseline::Baseline;
use anygrad::model::quality::PermutationImportance;
use anygrad::model::{Model, TOP_K};
use anygrad::{Error, Result};
use clap::Args;
use std::path::PathBuf;

/// The flags of `eval`.
#[derive(Debug, Args)]
pub struct EvalOptions {
    /// A model file that `train` wrote, or a run folder
    #[arg(value_name = "MODEL|RUN")]
    model: PathBuf,
    /// A table with the model's columns, digits, mnist:DIR (or fashion-mnist, kmnist, emnist, cifar10, cifar100), images:DIR, spiral, circles, moons, blobs, xor, and, sine, or FILE.anygrad
    #[arg(long, value_name = "SPEC")]
    data: Source,
    /// The column with the true answer [default: the model's]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Which rows: test or validation (held back by `train`), train, all, or auto: MNIST's test set, else all
    #[arg(long, value_enum, default_value_t)]
    part: Part,
    /// Count a row as found if its class is among the K with the largest outputs
    #[arg(long, value_name = "K", default_value_t = TOP_K)]
    top_k: usize,
    /// From which probability on a row is of the second of two classes, between 0 and 1 [default: the model's, else 0.5]
    #[arg(long, value_name = "T")]
    threshold: Option<f64>,
    /// Also measure what each feature matters: how far accuracy or R² falls when its values are shuffled among the rows
    #[arg(long)]
    importance: bool,
    /// Also print how often rows are of the second of two classes, by its probability
    #[arg(long)]
    calibration: bool,
    /// cpu, gpu, an index of `anygrad devices`, or a part of a name
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Request,
    #[command(flatten)]
    cache: PipelineCacheOptions,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// Whether the rows are those of the table that a model was trained on.
fn is_known(source: &Source, model: &Model) -> bool {
    let path = |source: &Source| match source {
        Source::Table(path) => path.canonicalize().ok(),
        _ => None,
    };
    path(source).is_some_and(|own| Some(own) == path(&model.recipe.data.source))
}

/// Puts the files of the run folder, if it is one that is named, in place of those in the model, whose paths are not followed.
fn follow(data: &mut DataOptions, options: &EvalOptions) -> Result<()> {
    if let Some(own) = Subject::recipe(&options.model)? {
        (data.test_data, data.validation_data) = (own.data.test_data, own.data.validation_data);
    } else if let Some(named) = data.test_data.as_ref().or(data.validation_data.as_ref()) {
        let expected = format!(
            "is a part of the rows in {named}, a path in the model, and such are not followed: name the run's folder, or \
             that file with --part all"
        );
        return Err(Error::option("part", options.part.name(), &expected));
    }
    Ok(())
}

/// Evaluates a model.
pub fn run(options: &EvalOptions) -> Result<()> {
    let mut model = Model::load(Subject::model(&options.model)?)?;
    if let Some(threshold) = options.threshold {
        model = model.with_threshold(threshold)?;
    }
    if !options.part.is_whole() {
        follow(&mut model.recipe.data, options)?;
    }
    let target = options.target.as_deref();
    let (data, decisions) = labelled(&options.data, target, options.part, &model)?;
    decisions.iter().for_each(|decision| note(decision));
    if options.part.is_whole() && is_known(&options.data, &model) {
        note("rows    some of these were trained on: --part test evaluates the others");
    }
    let choice = pollster::block_on(Device::choose(&options.device, Work::default()))?;
    options.cache.apply(&choice.device);
    let evaluation = pollster::block_on(model.evaluate_top_k(&data, options.top_k, &choice.device))?;
    // Only of the rows that `train` held back is it known which others the model was trained on.
    let baseline = if options.part == Part::Test {
        let (train, _) = labelled(&options.data, target, Part::Train, &model)?;
        Some(Baseline::of(&train, &data, &model.loss)?)
    } else {
        None
    };
    // The features of a column of a table are shuffled together.
    let groups = model.encoder.as_ref().map(Encoder::groups).unwrap_or_default();
    let groups = groups.into_iter().filter(|(_, range)| !range.is_empty()).collect();
    let how = PermutationImportance { groups, ..PermutationImportance::default() };
    let importance = options.importance.then(|| model.importance_blocking(&data, &how, &choice.device)).transpose()?;
    let report = Report { evaluation, baseline, importance };
    match options.format {
        Format::Json => print_line(&report.json(&choice.device.device_name()).to_string()),
        Format::Text => quality::print(&report, options.calibration),
    }
    Ok(())
}
