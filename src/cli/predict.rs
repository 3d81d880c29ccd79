//! `anygrad predict`

use super::answers::Answers;
use super::cache::PipelineCacheOptions;
use super::options::Format;
use super::output::note;
use super::pipe;
use super::rows::Reading;
use super::sink::Sink;
use super::subject::Subject;
use anygrad::backend::{Device, Request, Work};
use anygrad::data::{Applied, Source};
use anygrad::model::{Model, Target};
use anygrad::{Error, Result};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The flags of `predict`.
#[derive(Debug, Args)]
pub struct PredictOptions {
    /// A model file that `train` wrote, or a run folder
    #[arg(value_name = "MODEL|RUN")]
    model: PathBuf,
    /// A table with the model's feature columns, - for rows from standard input (CSV or JSON lines, answered one by one), digits, mnist:DIR (or fashion-mnist, kmnist, emnist, cifar10, cifar100), images:DIR, spiral, circles, moons, blobs, xor, and, sine, or FILE.anygrad
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
    /// With --data -, for a row that the model cannot take: stop, or continue with its error in the place of its answer
    #[arg(long, value_name = "CHOICE", value_enum, default_value_t = OnError::Stop, hide_possible_values = true)]
    on_error: OnError,
    /// text (CSV) or json [default: as the rows come: CSV, for JSON lines json]
    #[arg(long, value_enum, hide_possible_values = true)]
    format: Option<Format>,
}

/// What is done about a row that the model cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// The answers before it are written, and nothing more.
    Stop,
    /// Its error is written in the place of its answer.
    Continue,
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
    let answers = Answers {
        model: &model,
        keep: &options.keep,
        format: options.format.unwrap_or_default(),
        errors_only: options.errors_only,
        has_errors: options.on_error == OnError::Continue,
    };
    // The truth of rows is compared in a table.
    let is_stream = options.data == Source::Table("-".into()) && !options.errors_only;
    if !is_stream && answers.has_errors {
        let expected = "is for rows that are answered one by one: use it with --data - and without --errors-only";
        return Err(Error::option("on-error", "continue", expected));
    }
    let choice = pollster::block_on(Device::choose(&options.device, Work::default()))?;
    options.cache.apply(&choice.device);
    let sink = Sink::open(options.out.as_deref())?;
    if is_stream {
        return pipe::run(&reading, answers, options.format, &choice.device, sink);
    }
    let rows = reading.rows(&options.data, &model)?;
    whole(&rows, &answers, &choice.device, sink)
}

/// Answers rows that are all there.
pub fn whole(rows: &Applied, answers: &Answers<'_>, device: &Device, mut sink: Sink) -> Result<()> {
    rows.decisions.iter().for_each(|decision| note(decision));
    let outputs = pollster::block_on(answers.model.outputs(&rows.features, device))?;
    answers.header().map_or(Ok(()), |header| sink.line(&header))?;
    answers.each(rows, &outputs, |line| sink.line(&line))?;
    sink.finish()
}
