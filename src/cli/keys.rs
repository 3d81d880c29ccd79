//! `anygrad keys`: the reference of all keys of a config file, of which docs/keys.md is a copy.

use super::output::print_line;
use anygrad::Result;
use anygrad::nn::{Init, Loss};
use anygrad::ops::activation::Activation;
use anygrad::optim::{Optimizer, Schedule};
use clap::Args;

/// The flags of `keys`.
#[derive(Debug, Args)]
pub struct KeysOptions {
    /// Only keys with this in their name, such as `optimizer` or `patience`
    word: Option<String>,
}

/// A table of a config file, with its keys: name, values with the default, meaning.
pub struct KeyTable {
    /// `[data]`; of tables with kinds also the kind: `[optimizer] kind = "adam"`.
    pub title: &'static str,
    /// A table that says as little as possible, for a key to be put in: `[optimizer]\nkind = "adam"\n`.
    pub start: &'static str,
    pub keys: &'static [(&'static str, &'static str, &'static str)],
}

/// All keys.
pub const TABLES: &[KeyTable] = &[
    KeyTable {
        title: "at the top",
        start: "",
        keys: &[
            ("seed", "0", "decides split, initial weights, row order and dropout"),
            ("device", "\"auto\"", "auto, cpu, gpu, an index of `anygrad devices`, or a part of a name"),
            (
                "reproducible",
                "false",
                "whether the run ends with the same bits on every machine; then it is on the CPU",
            ),
            ("from", "none", "the file of a model, or a run's folder, to go on with; or of weights alone"),
            ("data", "a table", "where rows come from: see below"),
            ("layers", "a list of tables", "a hidden layer of ReLU and the outputs, if not given: see below"),
            ("loss", "a table", "what is minimized; what fits the target, if not given: see below"),
            ("optimizer", "a table", "how weights change: see below"),
            ("schedule", "a table", "how the learning rate changes: see below"),
            ("regularization", "a table", "penalties on weights and limits on gradients: see below"),
            ("train", "a table", "how long to train, on how many rows at once: see below"),
        ],
    },
    KeyTable {
        title: "[data]",
        start: "[data]\n",
        keys: &[
            ("source", "\"digits\"", "a table's file, digits, mnist:DIR, cifar10:DIR, or the name of a generated set"),
            ("test_data", "none", "a file with test rows"),
            ("validation_data", "none", "a file with validation rows"),
            ("target", "the last column", "the column to predict, or several with commas between"),
            ("task", "what cells look like", "classes, values, or labels (several columns of 0 and 1)"),
            ("features", "all others", "the columns to learn from, as a list"),
            ("drop", "[]", "columns to leave out"),
            ("categorical", "[]", "columns of categories, whatever they look like"),
            ("numeric", "[]", "columns of numbers, whatever they look like"),
            ("weights", "none", "the column with the weight of each row"),
            ("groups", "none", "the column whose equal cells no split tears apart"),
            ("time", "none", "the column by which the latest rows are held back"),
            ("missing", "\"indicator\"", "indicator, mean, median or refuse"),
            ("missing_values", "NA, NaN, N/A, null, none, ?", "cells that are missing beside empty ones, as a list"),
            ("scaling", "\"standard\"", "standard, min_max, robust or none"),
            ("most_categories", "50", "most categories of a column with a feature of their own"),
            ("header", "found out", "whether the first line names the columns: true or false"),
            ("separator", "found out", "between cells: \",\", \";\", \"\\t\" or \"|\""),
            ("decimal", "found out", "before the decimals of a number: \".\" or \",\""),
            ("encoding", "found out", "of a text file, such as \"latin1\""),
            ("image_size", "their own, or [32, 32]", "height and width in pixels of the images of a folder"),
            ("image_color", "\"grey\" if all are", "grey or rgb: the channels of the images of a folder"),
            ("test_fraction", "0.2", "share of the rows held back for testing, 0 for none"),
            (
                "validation_fraction",
                "0.1 where something decides, else 0",
                "share of the training rows held back to decide by",
            ),
            ("folds", "none", "parts of all rows, each tested on once, in runs of their own"),
            ("fold", "all in turn", "the part that is tested on, from 1"),
        ],
    },
    KeyTable {
        title: "[[layers]] each has one of the first five",
        start: "[[layers]]\n",
        keys: &[
            ("linear", "none", "number of outputs"),
            ("activation", "none", "ACTIVATIONS"),
            ("dropout", "none", "probability of dropping, at least 0 and below 1"),
            ("residual", "none", "a list of layers, whose outputs are added to their inputs"),
            ("sequential", "none", "a list of layers that are counted by themselves"),
            ("custom", "none", "the name of a layer that only code can build"),
            ("init", "\"pytorch\"", "of linear: INITS"),
            ("bias", "true", "of linear: whether a bias is added"),
            ("mode", "\"inverted\"", "of dropout: inverted or vanilla"),
        ],
    },
    KeyTable {
        title: "[loss]",
        start: "[loss]\nkind = \"cross_entropy\"\n",
        keys: &[
            ("kind", "what fits the target", "LOSSES"),
            ("reduction", "\"mean\"", "mean or sum over the rows of a batch"),
            ("class_weights", "all 1", "\"balanced\", or a list of numbers: weights of the classes"),
            ("label_smoothing", "0", "of cross_entropy: share of the target spread over all classes"),
        ],
    },
    KeyTable {
        title: "[loss] kind = \"huber\"",
        start: "[loss]\nkind = \"huber\"\n",
        keys: &[("delta", "1", "the error at which the loss goes from quadratic to linear")],
    },
    KeyTable {
        title: "[loss] kind = \"hinge\"",
        start: "[loss]\nkind = \"hinge\"\n",
        keys: &[("margin", "1", "how far the true class must lie above the others")],
    },
    KeyTable {
        title: "[optimizer] kind = \"sgd\"",
        start: "[optimizer]\nkind = \"sgd\"\nlearning_rate = 0.1\n",
        keys: &[
            ("kind", "OPTIMIZER", "OPTIMIZERS"),
            ("learning_rate", "none", "step length"),
            ("momentum", "0", "share of the velocity kept from step to step"),
            ("dampening", "0", "share of the gradient withheld from the velocity"),
            ("nesterov", "false", "whether to look ahead along the velocity"),
            ("weight_decay", "0", "added to the gradient as weight_decay · w"),
        ],
    },
    KeyTable {
        title: "[optimizer] kind = \"adam\" or \"adamw\"",
        start: "[optimizer]\nkind = \"adam\"\n",
        keys: &[
            ("learning_rate", "0.001", "step length"),
            ("beta1", "0.9", "share of the first moment kept"),
            ("beta2", "0.999", "share of the second moment kept"),
            ("epsilon", "1e-8", "added to the root of the second moment"),
            ("weight_decay", "0; adamw 0.01", "of adam added to the gradient, of adamw taken from the weight"),
        ],
    },
    KeyTable {
        title: "[optimizer] kind = \"rmsprop\"",
        start: "[optimizer]\nkind = \"rmsprop\"\n",
        keys: &[
            ("learning_rate", "0.01", "step length"),
            ("alpha", "0.99", "share of the mean square kept"),
            ("epsilon", "1e-8", "added to the root of the mean square"),
            ("momentum", "0", "share of the velocity kept from step to step"),
            ("weight_decay", "0", "added to the gradient as weight_decay · w"),
        ],
    },
    KeyTable {
        title: "[optimizer] kind = \"adagrad\"",
        start: "[optimizer]\nkind = \"adagrad\"\n",
        keys: &[
            ("learning_rate", "0.01", "step length"),
            ("rate_decay", "0", "the learning rate is divided by 1 + rate_decay · steps"),
            ("epsilon", "1e-10", "added to the root of the sum of squares"),
            ("weight_decay", "0", "added to the gradient as weight_decay · w"),
        ],
    },
    KeyTable {
        title: "[schedule] kind = \"step\"",
        start: "[schedule]\nkind = \"step\"\nperiod = 2\n",
        keys: &[
            ("kind", "\"cosine\"", "SCHEDULES"),
            ("period", "none", "epochs or steps between two changes"),
            ("gamma", "0.1", "the factor of a change"),
            ("per", "\"epoch\"", "epoch or step"),
        ],
    },
    KeyTable {
        title: "[schedule] kind = \"exponential\"",
        start: "[schedule]\nkind = \"exponential\"\ngamma = 0.9\n",
        keys: &[("gamma", "none", "the factor of each epoch or step"), ("per", "\"epoch\"", "epoch or step")],
    },
    KeyTable {
        title: "[schedule] kind = \"cosine\"",
        start: "[schedule]\nkind = \"cosine\"\n",
        keys: &[
            ("period", "the whole run", "epochs or steps of the way down"),
            ("minimum", "0", "the learning rate at the end"),
            ("per", "\"epoch\"", "epoch or step"),
        ],
    },
    KeyTable {
        title: "[schedule] kind = \"linear\"",
        start: "[schedule]\nkind = \"linear\"\n",
        keys: &[
            ("start", "1/3", "factor at the beginning"),
            ("end", "1", "factor at the end"),
            ("period", "5", "epochs or steps of the line"),
            ("per", "\"epoch\"", "epoch or step"),
        ],
    },
    KeyTable {
        title: "[schedule] kind = \"reduce_on_plateau\"",
        start: "[schedule]\nkind = \"reduce_on_plateau\"\n",
        keys: &[
            ("factor", "0.1", "by which the learning rate is multiplied when the validation loss no longer falls"),
            ("patience", "10", "epochs without improvement that are allowed"),
            ("threshold", "1e-4", "share by which a loss must beat the best so far to count"),
            ("cooldown", "0", "epochs after a change that do not count"),
            ("minimum", "0", "the learning rate never falls below this"),
        ],
    },
    KeyTable {
        title: "[regularization]",
        start: "[regularization]\n",
        keys: &[
            ("l1", "0", "λ of the penalty λ · Σ|w|"),
            ("l2", "0", "λ of the penalty λ · Σw²"),
            ("max_grad_norm", "none", "largest norm of all gradients together"),
            ("max_grad_value", "none", "largest magnitude of an element of a gradient"),
        ],
    },
    KeyTable {
        title: "[train]",
        start: "[train]\n",
        keys: &[
            ("epochs", "100, fewer for more than 100,000 rows", "passes over the training rows"),
            ("batch_size", "64", "rows of a step, or \"full\""),
            ("shuffle", "true", "whether rows come in a new random order each epoch"),
            ("drop_last", "false", "whether the last, smaller batch of an epoch is left out"),
            ("resident_bytes", "as many as it can bind", "most bytes of rows that the device holds at one time"),
            ("frozen", "[]", "layers that are not trained, by their positions, such as [\"0\", \"2\"]"),
            ("early_stopping", "none", "a table: see below"),
            (
                "threshold",
                "none",
                "of two classes: a probability, or what it shall be best for: f1, accuracy, balanced_accuracy",
            ),
            (
                "on_divergence",
                "\"stop\"",
                "what is done about NaN and infinity: stop, or rollback (with half the rate)",
            ),
        ],
    },
    KeyTable {
        title: "[train.early_stopping]",
        start: "[train.early_stopping]\n",
        keys: &[
            ("monitor", "\"validation_loss\"", "validation_loss, validation_accuracy or train_loss"),
            ("patience", "PATIENCE", "epochs without improvement after which training ends"),
            ("min_delta", "0", "by how much a result must be better to count"),
            ("restore_best", "true", "whether the model gets the weights of the best epoch"),
        ],
    },
];

impl KeyTable {
    /// A key as `--set` takes it: `optimizer.beta1`, `layers.0.linear`.
    pub fn path(&self, key: &str) -> String {
        let table = self.start.lines().next().unwrap_or_default();
        match table.trim_matches(['[', ']']) {
            "" => key.into(),
            name if table.starts_with("[[") => format!("{name}.0.{key}"),
            name => format!("{name}.{key}"),
        }
    }
}

/// A text of the tables with the names that other parts of anygrad know.
pub fn filled_in(text: &str) -> String {
    match text {
        "ACTIVATIONS" => Activation::ALL.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        "INITS" => format!("of linear: {}", Init::NAMES.join(", ")),
        "of linear: INITS" => format!("of linear: {}", Init::NAMES.join(", ")),
        "LOSSES" => Loss::all().map(|loss| loss.name()).collect::<Vec<_>>().join(", "),
        "OPTIMIZER" => format!("\"{}\"", Optimizer::default().name()),
        "OPTIMIZERS" => Optimizer::NAMES.join(", "),
        "SCHEDULES" => Schedule::NAMES.join(", "),
        "PATIENCE" => anygrad::train::EarlyStopping::default().patience.to_string(),
        other => other.into(),
    }
}

/// The reference as Markdown, of keys with a word in their name.
pub fn reference(word: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    if word.is_none() {
        lines.extend([
            "# Keys of a config file".to_string(),
            String::new(),
            "Named as `--set` takes them on the command line: `--set optimizer.beta1=0.8`. In a file the part before the last \
             point is the table. This page is what `anygrad keys` prints."
                .into(),
        ]);
    }
    for table in TABLES {
        let matches = |key: &str| word.is_none_or(|word| table.title.contains(word) || key.contains(word));
        let keys: Vec<_> = table.keys.iter().filter(|(key, ..)| matches(key)).collect();
        if keys.is_empty() {
            continue;
        }
        lines.extend([String::new(), format!("## {}", table.title), String::new()]);
        lines.extend(["| key | default | meaning |".to_string(), "|---|---|---|".into()]);
        for (key, default, meaning) in keys {
            lines.push(format!(
                "| `{}` | {} | {} |",
                table.path(key),
                filled_in(default),
                filled_in(meaning).replace('|', "\\|")
            ));
        }
    }
    lines
}

/// Prints the reference.
pub fn run(options: &KeysOptions) -> Result<()> {
    let lines = reference(options.word.as_deref());
    if let (true, Some(word)) = (lines.is_empty(), &options.word) {
        let known = TABLES.iter().flat_map(|table| table.keys.iter().map(|(key, ..)| *key));
        return Err(anygrad::Error::unknown("key", word, known));
    }
    lines.iter().skip_while(|line| line.is_empty()).for_each(|line| print_line(line));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anygrad::train::Recipe;
    use std::collections::BTreeSet;

    /// The keys that the parser says it knows, when it meets one that it does not.
    fn known_to_the_parser(start: &str) -> BTreeSet<String> {
        let message = toml::from_str::<Recipe>(&format!("{start}no_such_key = 1\n")).unwrap_err().message().to_string();
        let names: Vec<&str> = match message.split_once("known: ") {
            Some((_, list)) => list.trim().split(", ").collect(),
            None => message.split('`').skip(1).step_by(2).collect(),
        };
        names.into_iter().filter(|name| *name != "no_such_key").map(String::from).collect()
    }

    #[test]
    fn the_reference_names_the_keys_that_the_parser_knows() {
        for table in TABLES {
            let known = known_to_the_parser(table.start);
            let own: BTreeSet<String> = table.keys.iter().map(|(key, ..)| key.to_string()).collect();
            // Of a table with kinds, the parser tells the keys of the kind, and `kind` stands with the first of them.
            let of_kind: BTreeSet<String> = own.iter().filter(|key| *key != "kind").cloned().collect();
            let shared = ["reduction", "class_weights", "kind"].map(String::from);
            let known: BTreeSet<String> = match table.title.starts_with("[loss]") {
                true => known.iter().filter(|key| !shared.contains(key)).cloned().collect(),
                false => known.iter().filter(|key| *key != "kind").cloned().collect(),
            };
            let own: BTreeSet<String> = match table.title.starts_with("[loss]") {
                true => of_kind.iter().filter(|key| !shared.contains(key)).cloned().collect(),
                false => of_kind,
            };
            assert_eq!(own, known, "{}", table.title);
        }
    }

    #[test]
    fn the_page_is_what_the_program_prints() {
        let page = std::fs::read_to_string("docs/keys.md").expect("docs/keys.md");
        let printed: String = reference(None).iter().map(|line| format!("{line}\n")).collect();
        assert!(page == printed, "docs/keys.md is not what `anygrad keys` prints: run `anygrad keys > docs/keys.md`");
    }
}
