//! The one error type: every variant says what went wrong, where, and what to do about it.

mod divergence;
mod text;

pub use divergence::Divergence;
pub use text::{escaped, shown};

use std::path::{Path, PathBuf};

/// The result of every fallible function of the crate.
///
/// ```
/// fn rows() -> anygrad::Result<usize> {
///     Ok(anygrad::data::xor(8, 0)?.rows())
/// }
/// assert_eq!(rows()?, 8);
/// # Ok::<(), anygrad::Error>(())
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong. The message of each variant is one line: the thing, the place, the remedy.
///
/// ```
/// use anygrad::{Error, optim::Optimizer};
/// match Optimizer::named("sdg") {
///     Err(error @ Error::UnknownName { .. }) => {
///         assert_eq!(error.to_string(), "unknown optimizer `sdg`; did you mean `sgd`?");
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shapes that do not fit together.
    #[error("{place}: {detail}")]
    Shape {
        /// The op, layer or call that was given the shapes.
        place: String,
        /// Which shapes, and which were expected.
        detail: String,
    },
    /// A setting outside its range, from code, a flag or a config file.
    #[error("{name} = {value}: {expected}")]
    InvalidOption {
        /// The setting's name.
        name: String,
        /// The value that was given.
        value: String,
        /// What it must be.
        expected: String,
    },
    /// A name that is not known, with the nearest that is.
    #[error("unknown {kind} `{name}`{hint}")]
    UnknownName {
        /// What kind of thing was named (activation, data source, column, …).
        kind: &'static str,
        /// The name as given.
        name: String,
        /// `; did you mean …` or the list of known names.
        hint: String,
    },
    /// What is wrong with a layer of a model.
    #[error("layer {}: {error}", path.iter().map(usize::to_string).collect::<Vec<_>>().join("."))]
    Layer {
        /// Its position, in a layer that contains others followed by the position there.
        path: Vec<usize>,
        /// What is wrong.
        error: Box<Error>,
    },
    /// An error with the line of the config file that it comes from.
    #[error("{place}: {error}")]
    At {
        /// File and line, as `net.toml:12`.
        place: String,
        /// What is wrong.
        error: Box<Error>,
    },
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}{}", path.display(), io_remedy(source))]
    Io {
        /// What was tried: `read`, `write`, `create`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A data file whose content is not what its format promises.
    #[error("{}{place}: {reason}; {remedy}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// Where in the file, as `:line` or `, byte 16`; may be empty.
        place: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A model file that cannot be used.
    #[error("{}: not a usable model: {reason}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A snapshot that this run cannot go on from.
    #[error("not a usable snapshot: {reason}")]
    Snapshot {
        /// What is wrong with it.
        reason: String,
    },
    /// No adapter fits what was asked for.
    #[error("no usable device for `{asked}`: {reason}")]
    NoDevice {
        /// The request.
        asked: String,
        /// What was found and how to get what was asked for.
        reason: String,
    },
    /// A plan needs more than the device grants; known before anything runs.
    #[error("{what} needs {needed}, the device grants {granted}; {remedy}")]
    Limit {
        /// What exceeds the limit.
        what: String,
        /// How much is needed.
        needed: u64,
        /// How much the device has.
        granted: u64,
        /// What to do.
        remedy: String,
    },
    /// The device ran out of memory.
    #[error("the device is out of memory ({context}); {}", memory_remedy(*fits))]
    OutOfMemory {
        /// What was being allocated or run.
        context: String,
        /// Bytes that were had before, if that is known.
        allocated: Option<u64>,
        /// A batch size whose buffers take no more than that.
        fits: Option<usize>,
    },
    /// The device disappeared: its driver was reset, it was unplugged or destroyed.
    #[error("the device was lost ({reason}); run again, or use --device cpu")]
    DeviceLost {
        /// The driver's reason.
        reason: String,
    },
    /// The device did not answer in time.
    #[error("the device did not finish {context} within {seconds} s; use a smaller batch_size or --device cpu")]
    Timeout {
        /// What was waited for.
        context: String,
        /// How long.
        seconds: u64,
    },
    /// The graphics API reported an error: a defect of anygrad or of the driver.
    #[error("GPU error in {context}: {message}; please report it together with the output of `anygrad devices`")]
    Gpu {
        /// The kernel, buffer or submission.
        context: String,
        /// The API's message.
        message: String,
    },
    /// Gradients that differ from what they are compared with, or could not be compared.
    #[error("gradient check failed for {tensors}: {detail}")]
    GradientCheck {
        /// The parameters, such as `0.weight, 0.bias`.
        tensors: String,
        /// The worst element of the one nearest to the loss, and what to do.
        detail: String,
    },
    /// An op that does not do what it states.
    #[error("the op {kernel} is wrong: {detail}")]
    Operation {
        /// Its kernel.
        kernel: String,
        /// What is wrong, and where.
        detail: String,
    },
    /// No variant of a kernel computes what its twin does.
    #[error("no variant of {kernel} is right on this device: {struck_off}; use another --device, and please report it")]
    NoVariant {
        /// The kernel and its shape.
        kernel: String,
        /// Each variant with the reason.
        struck_off: String,
    },
    /// A run that does not come to what it recorded when it is repeated.
    #[error("{} does not repeat itself: {detail}; compare its environment.json with this machine, device and driver", run.display())]
    Unrepeated {
        /// The folder of the run.
        run: PathBuf,
        /// Where it differs first, and how.
        detail: String,
    },
    /// Training produced NaN or infinity.
    #[error("training diverged: {0}")]
    Diverged(Box<Divergence>),
}

/// The message, so that a `main` that returns an error prints its sentence.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// An [`Error::Shape`] at `place`.
    ///
    /// ```
    /// use anygrad::Error;
    /// assert_eq!(Error::shape("matmul", "A is [2, 3], B is [4, 5]").to_string(), "matmul: A is [2, 3], B is [4, 5]");
    /// ```
    pub fn shape(place: impl Into<String>, detail: impl Into<String>) -> Self {
        Error::Shape { place: place.into(), detail: detail.into() }
    }

    /// An [`Error::InvalidOption`]: a setting outside its range.
    ///
    /// ```
    /// use anygrad::Error;
    /// let error = Error::option("dropout", 1.5, "must be at least 0 and below 1");
    /// assert_eq!(error.to_string(), "dropout = 1.5: must be at least 0 and below 1");
    /// ```
    pub fn option(name: &str, value: impl ToString, expected: &str) -> Self {
        Error::InvalidOption { name: name.into(), value: value.to_string(), expected: expected.into() }
    }

    /// An [`Error::Layer`]: what is wrong with the layer at a position.
    ///
    /// ```
    /// use anygrad::Error;
    /// let error = Error::option("dropout", 1.5, "must be at least 0 and below 1");
    /// let error = error.in_layer(1).in_layer(2);
    /// assert_eq!(error.to_string(), "layer 2.1: dropout = 1.5: must be at least 0 and below 1");
    /// ```
    #[must_use]
    pub fn in_layer(self, layer: usize) -> Self {
        match self {
            Error::Layer { path, error } => Error::Layer { path: [vec![layer], path].concat(), error },
            error => Error::Layer { path: vec![layer], error: Box::new(error) },
        }
    }

    /// The error with what it means for the user in front.
    #[must_use]
    pub fn in_addition(self, meaning: &str) -> Self {
        Error::At { place: meaning.into(), error: Box::new(self) }
    }

    /// The error with the file that it is about in front.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Error::At { place: path.display().to_string(), error: Box::new(self) }
    }

    /// An [`Error::Io`]: a failed file operation.
    ///
    /// ```
    /// use anygrad::Error;
    /// use std::{fs::File, path::Path};
    /// let path = Path::new("no/such/file.csv");
    /// let error = File::open(path).map_err(|e| Error::io("read", path, e)).unwrap_err();
    /// assert!(error.to_string().starts_with("cannot read no/such/file.csv"));
    /// assert!(error.to_string().ends_with("; check the path"));
    /// ```
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Io { action, path: path.into(), source }
    }

    /// An [`Error::OutOfMemory`] of which no more is known than what it was for.
    pub(crate) fn memory(context: impl Into<String>) -> Self {
        Error::OutOfMemory { context: context.into(), allocated: None, fits: None }
    }

    /// An [`Error::Data`]: malformed content of a data file. `place` follows the path, such as `:12` for a line.
    ///
    /// ```
    /// use anygrad::Error;
    /// let error = Error::data("iris.csv".as_ref(), ":12", "the cell is empty", "fill or remove the row");
    /// assert_eq!(error.to_string(), "iris.csv:12: the cell is empty; fill or remove the row");
    /// ```
    pub fn data(path: &Path, place: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Error::Data { path: path.into(), place: place.into(), reason: reason.into(), remedy: remedy.into() }
    }

    /// An [`Error::UnknownName`]: a name that is not among `known`. It suggests the nearest known name, or lists the
    /// first of them if none is near. The message stays short, however long the names and however many are known.
    ///
    /// ```
    /// use anygrad::Error;
    /// let error = Error::unknown("activation", "rellu", ["relu", "tanh"]);
    /// assert_eq!(error.to_string(), "unknown activation `rellu`; did you mean `relu`?");
    /// ```
    pub fn unknown<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        Error::UnknownName { kind, name: shown(name), hint: text::hint(name, &known) }
    }
}

fn memory_remedy(fits: Option<usize>) -> String {
    match fits {
        Some(batch_size) => format!("with --batch-size {batch_size} it fits"),
        None => "use a smaller batch_size or another --device".into(),
    }
}

fn io_remedy(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::NotFound => "; check the path",
        std::io::ErrorKind::PermissionDenied => "; check the permissions",
        std::io::ErrorKind::OutOfMemory => "; read fewer rows or columns, or use a machine with more memory",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_suggests_the_nearest_name_or_lists_all() {
        let near = Error::unknown("activation", "rellu", ["relu", "tanh"]).to_string();
        assert!(near.ends_with("did you mean `relu`?"), "{near}");
        let first = Error::unknown("column", "ab", ["ac", "ab2", "ad"]).to_string();
        assert!(first.ends_with("did you mean `ac`?"), "{first}");
        let far = Error::unknown("activation", "zzzzzzzz", ["relu", "tanh"]).to_string();
        assert!(far.ends_with("known: relu, tanh"), "{far}");
    }

    #[test]
    fn unknown_stays_short_and_quick() {
        let long = "x".repeat(100_000);
        let known: Vec<String> = (0..10_000).map(|i| format!("{i}{long}")).collect();
        let message = Error::unknown("column", &long, known.iter().map(String::as_str)).to_string();
        assert!(message.len() < 200, "{} bytes", message.len());
        let message = Error::unknown("column", "y", known.iter().map(String::as_str)).to_string();
        assert!(message.len() < 1500 && message.ends_with(" and 9988 more"), "{message}");
    }
}
