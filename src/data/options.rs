//! What a config file's table `[data]` says: where rows come from, what their columns are, which are held back.

use super::{Color, ImageOptions, Source};
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The table `[data]` of a config file. Columns are named for tables only; of other sources the names are known.
///
/// ```
/// use anygrad::data::{DataOptions, load};
/// let options = DataOptions { source: "xor".parse()?, test_fraction: 0.25, ..DataOptions::default() };
/// let split = load(&options, 0)?;
/// assert_eq!((split.train.rows(), split.test.rows()), (300, 100));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataOptions {
    /// Where rows come from; the flag `--data`.
    pub source: Source,
    /// Where test rows come from, if not from the source; the flag `--test-data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_data: Option<Source>,
    /// Where validation rows come from, if not from the training rows; the flag `--validation-data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_data: Option<Source>,
    /// The columns to predict, separated by commas, the last if none is named; the flag `--target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What the target is, if not what its cells look like; the flag `--task`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The columns to learn from; all but the target if none are named; the flag `--features`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Columns to leave out; the flag `--drop`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// Columns of categories, whatever they look like; the flag `--categorical`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categorical: Vec<String>,
    /// Columns of numbers, whatever they look like; the flag `--numeric`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numeric: Vec<String>,
    /// The column with the weight of each row in loss and metrics; the flag `--weights`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// The column whose equal cells are never torn apart by a split; the flag `--groups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<String>,
    /// The column by which rows are split: the latest are held back; the flag `--time`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What is done about missing cells of features; the flag `--missing`.
    #[serde(skip_serializing_if = "is_default")]
    pub missing: Missing,
    /// Cells that count as missing beside empty ones, in place of NA, NaN, N/A, null, none and ?.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_values: Option<Vec<String>>,
    /// How numbers are brought to one scale; the flag `--scaling`.
    #[serde(skip_serializing_if = "is_default")]
    pub scaling: Scaling,
    /// Most categories of a column that get a feature of their own; the others share one.
    #[serde(skip_serializing_if = "is_most_categories")]
    pub most_categories: usize,
    /// Whether the first line names the columns, if it is not to be found out; the flag `--header`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Between cells, if it is not to be found out: `,`, `;`, `|` or a tab.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// Before the decimals of a number, if it is not to be found out: `.` or `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// The encoding of a text file, such as `latin1`, if it is not to be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Height and width in pixels that the images of a folder are brought to; the flag `--image-size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<[usize; 2]>,
    /// The channels of the images of a folder; the flag `--image-color`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_color: Option<Color>,
    /// Share of the rows held back for testing, 0 for none; the flag `--test-fraction`.
    pub test_fraction: f32,
    /// Share of the training rows to watch while training, 0 for none; the flag `--validation-fraction`.
    pub validation_fraction: f32,
    /// Parts that all rows are cut into, of which each is tested on once, in runs of their own; the flag `--folds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<u32>,
    /// Which of the parts is tested on, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<u32>,
}

/// With more categories than this, the rarest share a feature.
pub const MOST_CATEGORIES: usize = 50;

impl Default for DataOptions {
    fn default() -> Self {
        DataOptions {
            source: Source::Digits,
            test_data: None,
            validation_data: None,
            target: None,
            task: None,
            features: Vec::new(),
            drop: Vec::new(),
            categorical: Vec::new(),
            numeric: Vec::new(),
            weights: None,
            groups: None,
            time: None,
            missing: Missing::default(),
            missing_values: None,
            scaling: Scaling::default(),
            most_categories: MOST_CATEGORIES,
            header: None,
            separator: None,
            decimal: None,
            encoding: None,
            image_size: None,
            image_color: None,
            test_fraction: 0.2,
            validation_fraction: 0.0,
            folds: None,
            fold: None,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_most_categories(most: &usize) -> bool {
    *most == MOST_CATEGORIES
}

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of several classes for each row.
    Classes,
    /// Numbers.
    Values,
    /// Several answers of yes or no, each a column of its own.
    Labels,
}

/// What is done about missing cells of features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The mean or the most frequent category takes their place, and a further feature says where: 1 for missing.
    #[default]
    Indicator,
    /// The mean or the most frequent category takes their place.
    Mean,
    /// The median or the most frequent category takes their place.
    Median,
    /// They are an error.
    Refuse,
}

/// How the numbers of a feature are brought to one scale, by the training rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// (x − mean) / standard deviation (divisor N).
    #[default]
    Standard,
    /// (x − lowest) / (highest − lowest).
    MinMax,
    /// (x − median) / (third quartile − first quartile).
    Robust,
    /// As they are.
    None,
}

/// Names in flags and files, with the parsing and printing that belongs to them.
macro_rules! named {
    ($type:ty, $kind:literal, [$($name:literal => $value:expr),+ $(,)?]) => {
        impl FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($name => Ok($value),)+
                    _ => Err(Error::unknown($kind, text, [$($name),+])),
                }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(if *self == $value { return f.write_str($name); })+
                Ok(())
            }
        }
    };
}

named!(Task, "task", ["classes" => Task::Classes, "values" => Task::Values, "labels" => Task::Labels]);
named!(Missing, "policy for missing cells", [
    "indicator" => Missing::Indicator,
    "mean" => Missing::Mean,
    "median" => Missing::Median,
    "refuse" => Missing::Refuse,
]);
named!(Scaling, "scaling", [
    "standard" => Scaling::Standard,
    "min_max" => Scaling::MinMax,
    "robust" => Scaling::Robust,
    "none" => Scaling::None,
]);

named!(Color, "color", ["grey" => Color::Grey, "rgb" => Color::Rgb]);

impl DataOptions {
    /// How images are read, those of a folder.
    pub(super) fn images(&self) -> ImageOptions {
        ImageOptions { size: self.image_size, color: self.image_color, classes: None }
    }

    /// Whether any rows are held back to watch while training.
    pub fn validates(&self) -> bool {
        self.validation_data.is_some() || self.validation_fraction != 0.0
    }

    /// Refuses what only tables have, for a source of another kind.
    pub(super) fn refuse_columns(&self) -> Result<()> {
        let lists = [
            ("features", &self.features),
            ("drop", &self.drop),
            ("categorical", &self.categorical),
            ("numeric", &self.numeric),
        ];
        let names =
            [("target", &self.target), ("weights", &self.weights), ("groups", &self.groups), ("time", &self.time)];
        let named = names.into_iter().filter_map(|(option, name)| Some((option, name.clone()?)));
        let listed = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let columns = named.chain(listed.map(|(option, list)| (option, list.join(","))));
        let files = [("test_data", &self.test_data), ("validation_data", &self.validation_data)];
        let files = files.into_iter().filter_map(|(option, file)| Some((option, file.as_ref()?.to_string())));
        let rest = [("task", self.task.map(|task| task.to_string())), ("folds", self.folds.map(|n| n.to_string()))];
        let rest = rest.into_iter().filter_map(|(option, value)| Some((option, value?)));
        match columns.chain(files).chain(rest).next() {
            Some((option, value)) => {
                let expected = format!("{} is no table: only tables have it", self.source);
                Err(Error::option(option, value, &expected))
            }
            None => Ok(()),
        }
    }

    /// Refuses what only folders of images have, for a source of another kind.
    pub(super) fn refuse_images(&self) -> Result<()> {
        let size = self.image_size.map(|[height, width]| ("image_size", format!("{height}x{width}")));
        match size.or(self.image_color.map(|color| ("image_color", color.to_string()))) {
            Some((option, value)) => {
                let expected = format!("{} is no folder of images: only those have it", self.source);
                Err(Error::option(option, value, &expected))
            }
            None => Ok(()),
        }
    }

    /// Checks what does not depend on the rows.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the name of what is out of range, or of two that exclude each other.
    pub fn validate(&self) -> Result<()> {
        for (name, share) in [("test_fraction", self.test_fraction), ("validation_fraction", self.validation_fraction)]
        {
            if !(0.0..1.0).contains(&share) {
                let expected = "must be a share of the rows of at least 0 and below 1, such as 0.2";
                return Err(Error::option(name, share, expected));
            }
        }
        if let Some(separator) = self.separator.filter(|c| !matches!(c, ',' | ';' | '\t' | '|')) {
            return Err(Error::option("separator", separator, "must be a comma, a semicolon, a tab or |"));
        }
        if let Some(decimal) = self.decimal.filter(|c| !matches!(c, '.' | ',')) {
            return Err(Error::option("decimal", decimal, "must be a point or a comma"));
        }
        if self.most_categories == 0 {
            return Err(Error::option("most_categories", 0, "must be at least 1"));
        }
        if let (Some(_), Some(time)) = (&self.groups, &self.time) {
            return Err(Error::option("time", time, "cannot be combined with groups: choose one of the two"));
        }
        let folds = match (self.folds, self.fold) {
            (None, None) => return Ok(()),
            (Some(folds), _) if folds < 2 => return Err(Error::option("folds", folds, "must be at least 2")),
            (Some(folds), fold) => (folds, fold),
            (None, Some(fold)) => return Err(Error::option("fold", fold, "needs folds, the number of parts")),
        };
        if let (folds, Some(fold)) = folds
            && !(1..=folds).contains(&fold)
        {
            return Err(Error::option("fold", fold, &format!("must be one of 1 to {folds}")));
        }
        if let Some(source) = &self.test_data {
            let expected =
                "cannot be combined with folds, which test on parts of the training rows: name one of the two";
            return Err(Error::option("test_data", source, expected));
        }
        Ok(())
    }
}
