//! The rows that `eval` and `predict` work on: any source, fitted to a model's features and classes.

use anygrad::data::packed::Packed;
use anygrad::data::{Dataset, Features, Source, Split, Table, Targets, cifar10, digits, generated, mnist};
use anygrad::model::{Model, Target};
use anygrad::train::{DataTable, Recipe};
use anygrad::{Error, Result};
use clap::ValueEnum;

/// Which rows of a source to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// MNIST, CIFAR-10 and what was packed split: their test set; everything else: all rows.
    #[default]
    Auto,
    /// The rows that `train` held back.
    Test,
    /// The rows that `train` trained on.
    Train,
    /// All rows.
    All,
}

/// Features and targets of a source, for `model`.
pub fn labelled(source: &Source, target: Option<&str>, part: Part, model: &Model) -> Result<Dataset> {
    let packed = if let Source::Packed(path) = source { Some(Packed::open(path)?) } else { None };
    let own_split = match (source, &packed) {
        (Source::Mnist(folder), _) => Some(mnist(folder)?),
        (Source::Cifar10(folder), _) => Some(cifar10(folder)?),
        (_, Some(packed)) => packed.own_split(),
        _ => None,
    };
    if let Some(Split { train, test, .. }) = own_split {
        return match part {
            Part::Auto | Part::Test => Ok(test),
            Part::Train => Ok(train),
            Part::All => Err(Error::option("part", "all", "this data comes as train and test: name one")),
        };
    }
    let data = match (source, packed) {
        (_, Some(packed)) => packed.dataset(),
        (Source::Generated(name), _) => generated(name, model.recipe.seed)?,
        (Source::Csv(path), _) => csv(&Table::read(path)?, target, model)?,
        (Source::Memory, _) => return Err(Source::unknown_rows()),
        _ => digits()?,
    };
    if matches!(part, Part::Auto | Part::All) {
        return Ok(data);
    }
    held_back(&data, part, model)
}

/// The part that the model was tested with, or trained on, if `data` is what it came from.
fn held_back(data: &Dataset, part: Part, model: &Model) -> Result<Dataset> {
    let name = if part == Part::Test { "test" } else { "train" };
    let unknown =
        |why: &str| Err(Error::option("part", name, &format!("{why}, so its split is unknown: use --part all")));
    let Recipe { seed, data: DataTable { source, test_fraction, validation_fraction, .. }, .. } = &model.recipe;
    if *source == Source::Memory {
        return unknown("the model was trained on rows that a program made");
    }
    let mut split = data.split(*test_fraction, *seed)?;
    if *validation_fraction != 0.0 {
        split = split.with_validation(*validation_fraction, *seed)?;
    }
    if model.data_hash.as_ref() != Some(&split.train.hash()) {
        return unknown("the data differs from what the model was trained on");
    }
    Ok(if part == Part::Test { split.test } else { split.train })
}

/// Features of a source, for `model`; a CSV needs no target column.
pub fn features(source: &Source, model: &Model) -> Result<Features> {
    match source {
        Source::Csv(path) => Table::read(path)?.floats(model.feature_names.iter().map(String::as_str)),
        source => Ok(labelled(source, None, Part::Auto, model)?.features),
    }
}

/// The model's features by name, and its target with the model's classes.
fn csv(table: &Table, target: Option<&str>, model: &Model) -> Result<Dataset> {
    let features = table.floats(model.feature_names.iter().map(String::as_str))?;
    let targets = match &model.target {
        Target::Classes { name, classes } => {
            let column = table.column(target.unwrap_or(name))?;
            let data = table.label_numbers(column, classes)?;
            Targets::Labels { name: name.clone(), classes: classes.clone(), data }
        }
        Target::Values { names } => {
            let given = target.map(|target| table.target_columns(target)).transpose()?;
            let columns: Vec<&str> = match &given {
                Some(columns) => columns.iter().map(|&column| table.columns[column].as_str()).collect(),
                None => names.iter().map(String::as_str).collect(),
            };
            match table.floats(columns)? {
                Features::F32 { data, .. } => Targets::Values { names: names.clone(), data },
                _ => return Err(Error::shape("csv", "a column of floats came as bytes")),
            }
        }
    };
    let mut data = Dataset::new("csv", features, targets)?;
    data.feature_names.clone_from(&model.feature_names);
    Ok(data)
}
