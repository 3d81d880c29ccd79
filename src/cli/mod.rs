//! The command line: one file per verb. Data goes to stdout, progress and messages to stderr.

mod answers;
mod bench;
mod cache;
mod columns;
mod compare;
mod config;
mod data_options;
mod devices;
mod doctor;
mod eval;
mod explain;
mod export;
mod from;
mod gradcheck;
mod inspect;
mod keys;
mod machine;
pub mod memory;
mod options;
mod output;
mod overlay;
mod pack;
mod picture;
mod pipe;
mod plan;
mod predict;
mod profile;
mod progress;
mod quality;
mod record;
mod report;
mod resolved;
mod result;
mod rows;
mod run_sink;
mod runs;
mod screen;
mod several;
mod signals;
mod sink;
mod subject;
mod sweep;
mod task;
mod tensorboard;
mod train;
mod tune;
mod tuning;
mod verify;

use anygrad::Error;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use output::{note, note_error, output_failure};
use std::path::PathBuf;
use std::process::ExitCode;
use subject::Subject;

/// Neural-network training on any GPU through WebGPU, and on the CPU where there is none.
#[derive(Debug, Parser)]
#[command(name = "anygrad", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Most memory for what a file's length does not bound: lines of a table, images, pipes (8GiB) [default: each reader's own]
    #[arg(long, global = true, value_name = "SIZE", value_parser = bytes, hide_short_help = true)]
    max_bytes: Option<u64>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Train a model; without arguments on the embedded handwritten digits.
    ///
    /// `anygrad train iris.csv` trains on a table. `anygrad train --from runs/iris-1 more.csv --freeze 0` goes on with what
    /// came of it on more rows, and leaves the first layer as it is.
    #[command(allow_negative_numbers = true, after_help = "Example: anygrad train digits --epochs 20 --seeds 3")]
    Train(Box<train::TrainVerbOptions>),
    /// Loss, accuracy and confusion matrix of a model on data.
    #[command(after_help = "Example: anygrad eval runs/digits-1 --data digits --part test")]
    Eval(eval::EvalOptions),
    /// The class and its probabilities, or the values, for each row of data.
    ///
    /// With `--data -` it reads rows from standard input and answers each at once, so that any program can use it as a pipe:
    /// CSV, whose first line names the columns, or a JSON object {"column": cell} in each line.
    #[command(after_help = "Example: anygrad predict runs/digits-1 --data digits --out answers.csv")]
    Predict(predict::PredictOptions),
    /// Write a model for other programs, with its preprocessing inside.
    ///
    /// onnx: one file for ONNX Runtime. c, rust, javascript: sources without dependencies. html: a page that predicts by itself.
    /// safetensors: the model's own file, and the Python that loads it into PyTorch.
    #[command(after_help = "Example: anygrad export runs/digits-1 --to html --out digits.html")]
    Export(export::ExportOptions),
    /// Write a page about a run: curves, mistakes, what each feature matters, the device, how to repeat it.
    ///
    /// The page is one file that needs no network and no script. The rows that the run tested with are read again; without
    /// them the page says so and shows what the folder holds.
    #[command(after_help = "Example: anygrad report runs/digits-1 --pictures pictures")]
    Report(report::ReportOptions),
    /// Write data into a packed file, from which runs take rows as they need them.
    ///
    /// `train --data FILE.anygrad` then starts at once, with the same results, and takes no memory for the features. The file
    /// keeps the split and the preprocessing.
    #[command(after_help = "Example: anygrad pack digits --out digits.anygrad")]
    Pack(Box<pack::PackOptions>),
    /// Compare the gradients of a step with difference quotients in f64, and CPU and GPU in f32 with f64.
    ///
    /// It takes the flags of `train` that decide model, loss and data, and checks the first 8 training rows, or as many as
    /// --batch-size says. Without arguments: the digits, 64-64-10. Exit code 1 if a gradient is out of its bounds.
    #[command(allow_negative_numbers = true)]
    #[command(after_help = "Example: anygrad gradcheck --hidden 32,16 --activation tanh")]
    Gradcheck(Box<gradcheck::GradcheckOptions>),
    /// Show one row through one training step: values, local derivatives, gradients, update, with formulas.
    ///
    /// It takes the flags of `train`. Without a config file or --data it takes a net small enough to follow by hand:
    /// exclusive or, three hidden units, plain descent with learning rate 0.1.
    #[command(allow_negative_numbers = true)]
    #[command(after_help = "Example: anygrad explain --data digits --row 3")]
    Explain(Box<explain::ExplainOptions>),
    /// Show what a run would do, without running it: kernels, memory, steps per submission, limits, device.
    ///
    /// It takes the flags of `train`, and says what a run with them sees.
    #[command(allow_negative_numbers = true)]
    #[command(after_help = "Example: anygrad plan --hidden 128 --batch-size 32")]
    Plan(Box<plan::PlanOptions>),
    /// Measure training steps, CPU against GPU, on the same nets.
    ///
    /// ReLU, cross-entropy, SGD 0.01, random rows resident on the device. Figures are medians over submissions.
    #[command(allow_negative_numbers = true)]
    #[command(after_help = "Example: anygrad bench --nets 784-128-10@64 --device cpu")]
    Bench(Box<bench::BenchOptions>),
    /// Measure the variants of each kernel on the shapes of a run, and keep the fastest for `--tune` of other verbs.
    ///
    /// Each variant is first compared with its definition on the shape; a wrong one is struck off and named. `default` is
    /// what runs take without tuning. Shares are of the fastest in a second measurement, made after the choice.
    #[command(after_help = "Example: anygrad tune --nets 64-32-10@32")]
    Tune(Box<tune::TuneVerbOptions>),
    /// List the devices that can be used.
    #[command(after_help = "Example: anygrad devices --format json")]
    Devices(devices::DevicesOptions),
    /// Say what is wrong with this machine and how to mend it, or prove that a GPU computes right.
    ///
    /// Exit code 3 if there is no adapter that can be trained on. `--verify` runs every kernel in every variant against its
    /// definition, and exits with 1 if one is wrong.
    #[command(after_help = "Example: anygrad doctor --verify gpu --out receipt.json")]
    Doctor(doctor::DoctorOptions),
    /// Train one recipe with many settings, judge them by validation rows, and name the best.
    ///
    /// It takes the flags of `train`; a `--set` with several values, or a range, varies. `KEY=A,B,C` lists values,
    /// `KEY=LOW..HIGH:5` takes five points, and with --random `KEY=LOW..HIGH` is drawn from: by ratios where it spans a factor
    /// of ten or more, which `:log` and `:linear` overrule. Each recipe is a run folder in one folder, with sweep.toml and
    /// results.csv. Whatever interrupts a sweep, --resume goes on to the same table.
    #[command(allow_negative_numbers = true)]
    #[command(after_help = "Example: anygrad sweep digits --epochs 20 --set optimizer.learning_rate=0.001,0.003,0.01")]
    Sweep(Box<sweep::SweepOptions>),
    /// Show what is in a file that anygrad wrote, or in the folder of a run or a sweep.
    ///
    /// Models, checkpoints, packed rows, configs, metrics, tuned and compiled kernels, receipts; what a file is, its content
    /// tells. Of a safetensors file of another program it shows the tensors.
    #[command(after_help = "Example: anygrad inspect runs/digits-1/last.safetensors")]
    Inspect(inspect::InspectOptions),
    /// List runs with their recipes and results.
    ///
    /// A setting is named as `--set` takes it, or by its last part; a figure as the last line of a run names it.
    #[command(after_help = "Example: anygrad runs --where data=digits --sort -test_accuracy")]
    Runs(runs::RunsOptions),
    /// Show what differs between runs: recipe, data, results; and whether they compare at all.
    #[command(after_help = "Example: anygrad compare runs/digits-2/seed-0 runs/digits-2/seed-1 --plot both.svg")]
    Compare(compare::CompareOptions),
    /// Repeat a run, and name the first epoch whose weights are others than those that it recorded.
    #[command(after_help = "Example: anygrad verify runs/digits-1")]
    Verify(verify::VerifyOptions),
    /// List the keys of a config file, with defaults and meanings.
    #[command(after_help = "Example: anygrad keys optimizer")]
    Keys(keys::KeysOptions),
}

impl Verb {
    /// The config file that the verb is given.
    fn config(&self) -> Option<PathBuf> {
        let subject = match self {
            Verb::Train(options) => options.train.subject.as_deref(),
            Verb::Sweep(options) => options.run.train.subject.as_deref(),
            Verb::Gradcheck(options) => options.train.subject.as_deref(),
            Verb::Explain(options) => options.train.subject.as_deref(),
            Verb::Plan(options) => options.train.subject.as_deref(),
            Verb::Tune(options) => options.config.as_deref(),
            Verb::Eval(_) | Verb::Predict(_) | Verb::Export(_) | Verb::Pack(_) | Verb::Report(_) => None,
            Verb::Bench(_) | Verb::Devices(_) | Verb::Keys(_) | Verb::Doctor(_) | Verb::Verify(_) => None,
            Verb::Runs(_) | Verb::Compare(_) | Verb::Inspect(_) => None,
        };
        subject.and_then(Subject::config)
    }
}

/// Exit codes: 0 done, 1 failed, 2 usage or bad input, 3 no usable device, 4 training diverged, 130 and 143 stopped by
/// SIGINT and SIGTERM.
pub fn run() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    cli.max_bytes.into_iter().for_each(anygrad::data::raise_limits);
    let config = cli.verb.config();
    let outcome = match cli.verb {
        Verb::Train(options) => train::run(&options),
        Verb::Eval(options) => eval::run(&options),
        Verb::Predict(options) => predict::run(&options),
        Verb::Export(options) => export::run(&options),
        Verb::Report(options) => report::run(&options),
        Verb::Pack(options) => pack::run(&options),
        Verb::Inspect(options) => inspect::run(&options),
        Verb::Runs(options) => runs::run(&options),
        Verb::Compare(options) => compare::run(&options),
        Verb::Sweep(options) => sweep::run(&options),
        Verb::Gradcheck(options) => gradcheck::run(&options),
        Verb::Explain(mut options) => explain::run(&mut options),
        Verb::Plan(options) => plan::run(&options),
        Verb::Bench(options) => bench::run(&options),
        Verb::Tune(options) => tune::run(&options),
        Verb::Devices(options) => devices::run(&options),
        Verb::Doctor(options) => doctor::run(&options),
        Verb::Verify(options) => verify::run(&options),
        Verb::Keys(options) => keys::run(&options),
    };
    match outcome {
        Ok(()) => match output_failure() {
            None => ExitCode::from(signals::stopped_by().unwrap_or(0)),
            Some(reason) => {
                note(&format!("error: cannot write the results to stdout: {reason}; free space or name another file"));
                ExitCode::from(1)
            }
        },
        Err(error) => {
            let error = config::located(config.as_deref(), error);
            note_error(&format!("error: {error}"));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// A number of bytes: `1000000`, `64MiB`, `8GiB`.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift =
        [("", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)].into_iter().find(|(name, _)| *name == unit);
    let bytes = shift.and_then(|(_, shift)| number.parse::<u64>().ok()?.checked_mul(1 << shift));
    bytes.filter(|&bytes| bytes > 0).ok_or("it must be a number of bytes, such as 1000000, 64MiB or 8GiB".into())
}

/// Parses the command line. Of the flags that verbs share with `train`, those that do nothing there are not in their help.
fn parse() -> Result<Cli, clap::Error> {
    let hide = |command: clap::Command, flags: &[&'static str]| {
        flags.iter().fold(command, |command, flag| command.mut_arg(flag, |arg| arg.hide(true)))
    };
    let command = Cli::command().mut_subcommand("gradcheck", |command| hide(command, &["out", "patience", "epochs"]));
    let command = command.mut_subcommand("explain", |command| {
        let command = hide(command, &["out", "patience", "epochs"]);
        command.mut_arg("data", |arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            arg.help(help.replace("[default: digits]", "[default: xor]"))
        })
    });
    let command = command.mut_subcommand("sweep", |command| {
        let command = hide(command, &["folds", "seeds"]);
        let command = command.mut_arg("resume", |arg| {
            arg.value_name("SWEEP").help("Go on with an interrupted sweep, to the table that it would have ended with")
        });
        let set = "Sets any key of the config file; with several values, 0.01,0.03, or a range, 0.001..0.1, it varies";
        command.mut_arg("set", |arg| arg.help(set))
    });
    let command = command.mut_subcommand("pack", |command| hide(command, &["data"]));
    Cli::from_arg_matches(&command.try_get_matches()?)
}

fn exit_code(error: &Error) -> u8 {
    match error {
        Error::At { error, .. } | Error::Layer { error, .. } => exit_code(error),
        Error::Io { action: "read", .. } | Error::Data { .. } | Error::ModelFile { .. } => 2,
        Error::InvalidOption { .. } | Error::UnknownName { .. } | Error::Shape { .. } => 2,
        Error::NoDevice { .. } | Error::Limit { .. } => 3,
        Error::Diverged { .. } => 4,
        _ => 1,
    }
}

/// Help and version as they are; anything else as one line with its remedy.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if is_help {
        // A closed pipe (`anygrad --help | head -1`) is no failure.
        let _ = error.print();
        let asked = error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        return ExitCode::from(if asked { 0 } else { 2 });
    }
    let text = error.to_string();
    let mut parts: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty() && !line.starts_with("tip: to pass"))
        .collect();
    if parts.is_empty() {
        parts.push("error: invalid usage");
    }
    let verbs: Vec<String> = Cli::command().get_subcommands().map(|c| c.get_name().to_string()).collect();
    let verb = std::env::args_os()
        .nth(1)
        .and_then(|arg| arg.into_string().ok())
        .filter(|arg| verbs.contains(arg))
        .map_or(String::new(), |v| format!(" {v}"));
    let line = parts.join("; ").replace(":;", ":");
    // The parser's words for what is no number.
    let line = line.replace("invalid digit found in string", "give a whole number of at least 0");
    let line = line.replace("invalid float literal", "give a number, such as 0.5");
    note_error(&format!("{line}; see `anygrad{verb} --help`"));
    ExitCode::from(2)
}
