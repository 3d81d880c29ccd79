//! Where data comes from, as flags and config files name it: `digits`, `mnist:DIR`, `images:DIR`, `spiral`, `iris.csv`.

use super::packed::Packed;
use super::{
    Collection, DataOptions, Fitted, GENERATED, HeldFiles, ImageOptions, Parts, Split, digits, generated, images,
    tables,
};
use crate::error::{Error, Result};
use crate::files::ON_DISK;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A source of data, parsed from the text that a flag or a config file gives.
///
/// ```
/// use anygrad::data::{Collection, Source};
/// let source: Source = "mnist:downloads".parse()?;
/// assert_eq!(source, Source::Collection(Collection::Mnist, "downloads".into()));
/// assert_eq!("iris.csv".parse::<Source>()?.to_string(), "iris.csv");
/// // A folder holds images; its name may be given alone.
/// # let folder = std::env::temp_dir();
/// assert_eq!(folder.display().to_string().parse::<Source>()?, Source::Images(folder));
/// let error = "spirall".parse::<Source>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown data source `spirall`; did you mean `spiral`?");
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// The embedded handwritten digits: `digits`.
    Digits,
    /// A well-known set of images in its official files in a folder: `mnist:DIR`, `cifar100:DIR`.
    Collection(Collection, PathBuf),
    /// A folder of images by class: `images:DIR`, or `DIR` alone.
    Images(PathBuf),
    /// A dataset generated from the seed, by one of the names in [`GENERATED`].
    Generated(String),
    /// A file with a table, or `-` for standard input.
    Table(PathBuf),
    /// Rows that were packed: a file whose name ends in `.anygrad`.
    Packed(PathBuf),
    /// Rows that a program made, and no file tells where from.
    Memory,
}

/// What the digits are called among the files that a program holds in memory: to be had without those in the program.
const DIGITS: &str = "digits.csv";

/// Why a file cannot be read where there are none.
const NO_FILES: &str = "a browser has no files: give it a table, or train on digits or generated points";

/// How a file holds a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Lines of text with separators, perhaps compressed.
    Text,
    /// An array of NumPy.
    Npy,
    /// Several arrays of NumPy.
    Npz,
    /// Apache Parquet.
    Parquet,
    /// A file of Arrow's interprocess format, also called Feather.
    Arrow,
}

/// Formats by the ending of a file's name.
const ENDINGS: [(&str, TableFormat); 12] = [
    ("csv", TableFormat::Text),
    ("tsv", TableFormat::Text),
    ("txt", TableFormat::Text),
    ("data", TableFormat::Text),
    ("tab", TableFormat::Text),
    ("psv", TableFormat::Text),
    ("npy", TableFormat::Npy),
    ("npz", TableFormat::Npz),
    ("parquet", TableFormat::Parquet),
    ("arrow", TableFormat::Arrow),
    ("feather", TableFormat::Arrow),
    ("ipc", TableFormat::Arrow),
];

impl TableFormat {
    /// The format that a file's name tells, in whatever case; text may be compressed (`.gz`, `.zst`) and is what `-`,
    /// standard input, holds.
    ///
    /// ```
    /// use anygrad::data::TableFormat;
    /// assert_eq!(TableFormat::of("Iris.TSV.gz".as_ref()), Some(TableFormat::Text));
    /// assert_eq!(TableFormat::of("iris.parquet".as_ref()), Some(TableFormat::Parquet));
    /// assert_eq!(TableFormat::of("iris.parquet.gz".as_ref()), None);
    /// ```
    pub fn of(path: &Path) -> Option<TableFormat> {
        if path == Path::new("-") {
            return Some(TableFormat::Text);
        }
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let plain = [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending));
        let (_, ending) = plain.unwrap_or(&name).rsplit_once('.')?;
        let (_, format) = ENDINGS.iter().find(|(own, _)| *own == ending)?;
        (plain.is_none() || *format == TableFormat::Text).then_some(*format)
    }
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Source> {
        match text {
            "digits" => return Ok(Source::Digits),
            "memory" => return Ok(Source::Memory),
            generated if GENERATED.contains(&generated) => return Ok(Source::Generated(text.into())),
            _ => {}
        }
        // Without a folder, the one of the set's own name.
        let (kind, folder) = text.split_once(':').unwrap_or((text, text));
        if let Ok(collection) = kind.parse() {
            return Ok(Source::Collection(collection, folder.into()));
        }
        if kind == "images" {
            return Ok(Source::Images(folder.into()));
        }
        if Path::new(text).extension().is_some_and(|e| e.eq_ignore_ascii_case("anygrad")) {
            return Ok(Source::Packed(text.into()));
        }
        if TableFormat::of(text.as_ref()).is_some() {
            return Ok(Source::Table(text.into()));
        }
        if Path::new(text).is_dir() {
            return Ok(Source::Images(text.into()));
        }
        let ending = Path::new(text).extension().unwrap_or_default().to_ascii_lowercase();
        if ["png", "jpg", "jpeg"].iter().any(|image| ending == *image) {
            return Ok(Source::Images(text.into()));
        }
        // A pipe has no ending: `train <(zcat …)`.
        if Path::new(text).metadata().is_ok_and(|about| !about.is_file()) {
            return Ok(Source::Table(text.into()));
        }
        let sets = Collection::ALL.map(|(_, name)| format!("{name}:DIR"));
        let known = sets
            .iter()
            .map(String::as_str)
            .chain(["digits", "images:DIR", "FILE.csv", "FILE.anygrad"])
            .chain(GENERATED);
        let shortened = text.split_once(':').map_or(text.into(), |(kind, _)| format!("{kind}:DIR"));
        Err(match Error::unknown("data source", &shortened, known) {
            Error::UnknownName { kind, hint, .. } => Error::UnknownName { kind, name: text.into(), hint },
            error => error,
        })
    }
}

impl Source {
    /// Changes the path, if it has one.
    pub fn relocate(&mut self, change: impl Fn(&Path) -> PathBuf) {
        match self {
            Source::Table(path) if path == Path::new("-") => {}
            Source::Collection(_, path) | Source::Images(path) | Source::Table(path) | Source::Packed(path) => {
                *path = change(path);
            }
            Source::Digits | Source::Generated(_) | Source::Memory => {}
        }
    }

    /// The file or folder that it names, if it does.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Source::Table(path) if path == Path::new("-") => None,
            Source::Collection(_, path) | Source::Images(path) | Source::Table(path) | Source::Packed(path) => {
                Some(path)
            }
            Source::Digits | Source::Generated(_) | Source::Memory => None,
        }
    }

    /// Whether it can be read but once: standard input, or a pipe.
    pub fn is_read_once(&self) -> bool {
        match self {
            Source::Table(path) => path == Path::new("-") || path.metadata().is_ok_and(|about| !about.is_file()),
            _ => false,
        }
    }

    /// The path of a table; `option` is what names it.
    pub(super) fn table(&self, option: &str) -> Result<&Path> {
        match self {
            Source::Table(path) => Ok(path),
            other => Err(Error::option(option, other, "must be a file with a table, as the training rows are")),
        }
    }

    /// The error of asking for the rows of [`Source::Memory`].
    pub fn unknown_rows() -> Error {
        let expected =
            "the rows were made by a program, and only that has them: name a source such as digits or FILE.csv";
        Error::option("source", Source::Memory, expected)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Digits => f.write_str("digits"),
            Source::Collection(collection, folder) => write!(f, "{collection}:{}", folder.display()),
            Source::Images(folder) => write!(f, "images:{}", folder.display()),
            Source::Generated(name) => f.write_str(name),
            Source::Table(path) | Source::Packed(path) => write!(f, "{}", path.display()),
            Source::Memory => f.write_str("memory"),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = Error;
    fn try_from(text: String) -> Result<Source> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        source.to_string()
    }
}

/// Loads rows and splits them: into the source's own parts where it has some, everything else by what the options say and
/// `seed`. Tables are understood and encoded by the training rows, and their target values are
/// standardized. The features of a packed file stay in it.
///
/// ```
/// use anygrad::data::{DataOptions, load};
/// let options = DataOptions { source: "xor".parse()?, test_fraction: 0.25, ..DataOptions::default() };
/// let split = load(&options, 0)?;
/// assert_eq!((split.train.rows(), split.test.rows()), (300, 100));
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] or [`Error::Data`] if a file is missing or damaged; [`Error::InvalidOption`] if an option is out of
/// range, or names columns of a source without; [`Error::UnknownName`] if there is no such column.
pub fn load(options: &DataOptions, seed: u64) -> Result<Split> {
    load_with(options, seed, Loading::default())
}

/// Called while a table is read, with the bytes that are read and, if it is known, how many there are.
pub type ReadProgress<'a> = &'a (dyn Fn(u64, Option<u64>) + Sync);

/// What loading takes beside the options.
#[derive(Clone, Copy, Default)]
pub(crate) struct Loading<'a> {
    /// What was fitted to other rows before: see [`load_like`](super::load_like).
    pub fitted: Option<&'a Fitted>,
    /// Who is told how far reading a table is.
    pub progress: Option<ReadProgress<'a>>,
    /// Files that are in memory rather than on the disk.
    pub files: Option<&'a HeldFiles>,
    /// Of the columns that may be features, those to look at; all without it.
    pub columns: Option<ColumnGroup>,
}

/// Some of the columns that may be features: a range of their list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnGroup {
    pub first: usize,
    pub count: usize,
    /// Most bytes that their features may take; more is an error as if there were no memory.
    pub most_bytes: usize,
}

/// [`load`] or [`load_like`](super::load_like), with progress.
pub(crate) fn load_with(options: &DataOptions, seed: u64, loading: Loading<'_>) -> Result<Split> {
    let fitted = loading.fitted;
    options.validate()?;
    fitted.map_or(Ok(()), |fitted| fitted.check_task(options.task))?;
    if let (Some(folds), None) = (options.folds, options.fold) {
        return Err(Error::option("folds", folds, "makes a run of each part: name one by fold"));
    }
    let source = &options.source;
    if !matches!(source, Source::Images(_)) {
        options.refuse_images()?;
    }
    if let Source::Table(path) = source {
        return tables::split(&tables::Paths::of(path, options)?, options, seed, loading);
    }
    options.refuse_columns()?;
    if let (false, Some(path)) = (ON_DISK, source.path()) {
        return Err(Error::io("read", path, std::io::Error::new(std::io::ErrorKind::Unsupported, NO_FILES)));
    }
    let mut decisions = Vec::new();
    let mut say = |images: super::Images| {
        decisions = images.decisions;
        images.parts
    };
    let parts = match source {
        Source::Digits => Parts::whole(match loading.files.and_then(|files| files.get(Path::new(DIGITS))) {
            Some(bytes) => super::digits::read(&String::from_utf8_lossy(bytes))?,
            None => digits()?,
        }),
        // Where there are no files, the compiler leaves out the readers of these.
        Source::Collection(..) | Source::Images(_) | Source::Packed(_) if !ON_DISK => {
            return Err(Source::unknown_rows());
        }
        Source::Collection(collection, folder) => say(collection.read(folder)?),
        Source::Images(folder) => say(images(folder, &image_options(options, fitted))?),
        Source::Generated(name) => Parts::whole(generated(name, seed)?),
        Source::Packed(path) => {
            let split = Packed::open(path)?.split(options, seed)?;
            return match fitted {
                Some(fitted) => split.like(fitted),
                None => Ok(split),
            };
        }
        Source::Table(_) | Source::Memory => return Err(Source::unknown_rows()),
    };
    let split = Split { decisions, ..parts.split(options, seed)? };
    match fitted {
        Some(fitted) => split.like(fitted),
        None => Ok(split),
    }
}

/// How images are read: as the options say, or else in the size and the colors of others, and of known classes.
fn image_options(options: &DataOptions, fitted: Option<&Fitted>) -> ImageOptions {
    let own = options.images();
    let Some(fitted) = fitted else { return own };
    let known = ImageOptions::of_features(&fitted.feature_names).unwrap_or_default();
    ImageOptions { size: own.size.or(known.size), color: own.color.or(known.color), classes: fitted.classes.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_what_its_text_says_and_shows_it() {
        let known = Collection::ALL.map(|(collection, name)| {
            (format!("{name}:some/folder"), Source::Collection(collection, "some/folder".into()))
        });
        let tables = ["a.csv", "a.TSV", "b.txt.gz", "b.data.zst", "c.tab", "c.psv.GZ", "d.npy", "d.npz", "-"];
        let tables = tables.into_iter().chain(["e.parquet", "f.arrow", "f.feather", "a/f.ipc"]);
        let tables = tables.map(|name| (name.to_string(), Source::Table(name.into())));
        let images = ("images:C:/new".to_string(), Source::Images("C:/new".into()));
        for (text, source) in known.into_iter().chain(tables).chain([images]) {
            assert_eq!(text.parse::<Source>().unwrap(), source);
            assert_eq!(source.to_string(), text);
        }
        assert_eq!("mnist".parse::<Source>().unwrap().to_string(), "mnist:mnist");
        assert_eq!("fashion_mnist:x".parse::<Source>().unwrap().to_string(), "fashion-mnist:x");
        for (text, hint) in [
            ("minst:/a/long/folder/name", "`minst:/a/long/folder/name`; did you mean `mnist:DIR`?"),
            ("table.xlsx", "known: "),
            ("table.gz", "known: "),
            ("no/such/folder", "known: "),
        ] {
            let error = text.parse::<Source>().unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }
}
