//! Flags that several verbs share.

use super::data_options::DataFlags;
use anygrad::backend::Request;
use anygrad::nn::{ClassWeights, Loss};
use anygrad::ops::activation::Activation;
use anygrad::optim::Optimizer;
use anygrad::train::BatchSize;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The flags of `train`. Each replaces what the config file says.
#[derive(Clone, Debug, Default, Args)]
pub struct TrainOptions {
    /// A table to learn from, a config file (TOML), or a run folder, whose recipe is taken.
    #[arg(value_name = "FILE|RUN")]
    pub subject: Option<PathBuf>,
    #[command(flatten)]
    pub data: DataFlags,
    /// Go on with a model: its layers, loss, classes and preparation of columns are kept, its recipe holds where neither flags nor a config file say. Or start from weights that another program wrote, for layers of a config file
    #[arg(long, value_name = "MODEL|RUN", help_heading = "Model and training")]
    pub from: Option<PathBuf>,
    /// Layers to leave as they are, by their positions in the names of tensors, such as 0,2
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    pub freeze: Vec<String>,
    /// Widths of the hidden layers, such as 128,64; `none` for none [default: 64]
    #[arg(long, value_name = "WIDTHS", help_heading = "Model and training")]
    pub hidden: Option<Hidden>,
    // Its help names all activations.
    #[arg(long, value_name = "NAME", help = activations())]
    pub activation: Option<Activation>,
    // Its help names all losses.
    #[arg(long, value_name = "NAME", help = losses())]
    pub loss: Option<Loss>,
    /// Weights of the classes in the loss: balanced (in inverse proportion to their rows), or a list such as 1,2.5
    #[arg(long, value_name = "WEIGHTS")]
    pub class_weights: Option<ClassWeights>,
    // Its help names all optimizers.
    #[arg(long, value_name = "NAME", help = optimizers())]
    pub optimizer: Option<NamedOptimizer>,
    // Its help names those of all optimizers.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, help = learning_rates())]
    pub learning_rate: Option<f32>,
    /// Share of the velocity kept from step to step, for sgd and rmsprop [default: sgd 0.9, rmsprop 0]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub momentum: Option<f32>,
    /// Nesterov's form of momentum, for sgd
    #[arg(long)]
    pub nesterov: bool,
    /// PyTorch's weight decay [default: 0; adamw 0.1]
    #[arg(long, value_name = "D", allow_negative_numbers = true)]
    pub weight_decay: Option<f32>,
    /// Adds L1 · Σ|w| over all weights to the loss [default: 0]
    #[arg(long, value_name = "L1", allow_negative_numbers = true)]
    pub l1: Option<f32>,
    /// Adds L2 · Σw² over all weights to the loss [default: 0]
    #[arg(long, value_name = "L2", allow_negative_numbers = true)]
    pub l2: Option<f32>,
    /// Probability of dropping a hidden unit in training [default: 0]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub dropout: Option<f32>,
    /// Rows per step, or `full` [default: 64]
    #[arg(long, value_name = "ROWS")]
    pub batch_size: Option<BatchSize>,
    /// Passes over the training rows; 0 writes the initial model [default: 100, fewer for more than 100,000 rows]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u64>,
    /// Stop after this many epochs without a lower validation loss, and keep the best epoch's weights
    #[arg(long, value_name = "EPOCHS")]
    pub patience: Option<u64>,
    /// Sets any key of the config file, such as schedule.kind=cosine or layers.0.linear=32; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Decides split, initial weights, row order and dropout [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// auto, cpu, gpu, an index of `anygrad devices`, or a part of a name [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<Request>,
    /// End with the same bits on every machine, whatever its processor; free on x86-64 with AVX2, slower elsewhere, on the CPU only
    #[arg(long)]
    pub reproducible: bool,
    /// Folder of the run [default: the first free runs/NAME-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,
}

/// Widths of the hidden layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden(pub Vec<usize>);

impl std::str::FromStr for Hidden {
    type Err = String;

    fn from_str(text: &str) -> Result<Hidden, String> {
        if text == "none" {
            return Ok(Hidden(Vec::new()));
        }
        let widths = text.split(',').map(|width| match width.trim().parse() {
            Ok(0) | Err(_) => Err(format!("`{width}` is not a width: give numbers from 1, such as 128,64, or none")),
            Ok(width) => Ok(width),
        });
        widths.collect::<Result<_, _>>().map(Hidden)
    }
}

/// An optimizer by name, with its defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NamedOptimizer(pub Optimizer);

impl std::str::FromStr for NamedOptimizer {
    type Err = anygrad::Error;

    fn from_str(name: &str) -> Result<NamedOptimizer, anygrad::Error> {
        Optimizer::named(name).map(NamedOptimizer)
    }
}

/// `a, b or c`
fn one_of<S: AsRef<str>>(names: impl Iterator<Item = S>) -> String {
    let names: Vec<S> = names.collect();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, [])) => last.to_string(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

fn activations() -> String {
    // With its default parameter where it takes one, such as `elu:1`.
    let names = one_of(Activation::ALL.iter().map(Activation::to_string));
    format!("Activation of the hidden layers: {names} [default: relu]")
}

fn losses() -> String {
    format!("{} [default: what fits the target]", one_of(Loss::all().map(|loss| loss.name())))
}

fn learning_rates() -> String {
    let own = Optimizer::default();
    let named = |name: &str| if name == own.name() { Ok(own) } else { Optimizer::named(name) };
    let default = |name: &str| named(name).map_or(0.0, |optimizer| optimizer.learning_rate());
    let all: Vec<String> = Optimizer::NAMES.iter().map(|name| format!("{name} {}", default(name))).collect();
    format!("Step length [default: {}]", all.join(", "))
}

fn optimizers() -> String {
    let own = Optimizer::default().name();
    format!("{} [default: {own}]", one_of(Optimizer::NAMES.iter()))
}
