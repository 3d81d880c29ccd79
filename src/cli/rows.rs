//! The rows that `eval` and `predict` work on: any source, fitted to a model's features and classes.

use anygrad::data::{
    Dataset, Features, ImageOptions, Parts, Source, Table, Targets, digits, generated, image_rows, images,
};
use anygrad::model::{Model, Target};
use anygrad::train::{DataTable, Recipe};
use anygrad::{Error, Result};
use clap::ValueEnum;

/// Which rows of a source to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The test rows of a source that has its own, such as MNIST; of everything else all rows.
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
    match source {
        Source::Collection(collection, folder) => parted(collection.read(folder)?.parts, part, model),
        Source::Images(folder) => {
            let classes =
                if let Target::Classes { classes, .. } = &model.target { Some(classes.clone()) } else { None };
            // At the size and in the colors of the images that the model was trained on.
            let options = ImageOptions::of_features(&model.feature_names).unwrap_or_default();
            parted(images(folder, &ImageOptions { classes, ..options })?.parts, part, model)
        }
        Source::Digits => held_back(digits()?, part, model),
        Source::Generated(name) => held_back(generated(name, model.recipe.seed)?, part, model),
        Source::Memory => Err(Source::unknown_rows()),
        Source::Table(path) => held_back(csv(&Table::read(path)?, target, model)?, part, model),
    }
}

/// A part that the source names itself; of a source without test rows what the model's run held back.
fn parted(parts: Parts<Dataset>, part: Part, model: &Model) -> Result<Dataset> {
    match (parts, part) {
        (Parts { test: Some(test), .. }, Part::Auto | Part::Test) => Ok(test),
        (Parts { test: Some(_), train, .. }, Part::Train) => Ok(train),
        (Parts { test: Some(_), .. }, Part::All) => {
            Err(Error::option("part", "all", "this data comes as train and test: name one"))
        }
        (Parts { test: None, train, .. }, part) => held_back(train, part, model),
    }
}

/// The part that the model was tested with, or trained on, if `data` is what it came from; or all rows.
fn held_back(data: Dataset, part: Part, model: &Model) -> Result<Dataset> {
    if matches!(part, Part::Auto | Part::All) {
        return Ok(data);
    }
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
        Source::Images(folder) => {
            Ok(image_rows(folder, &ImageOptions::of_features(&model.feature_names).unwrap_or_default())?.0)
        }
        Source::Table(path) => Table::read(path)?.floats(model.feature_names.iter().map(String::as_str)),
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
                Features::U8 { .. } => return Err(Error::shape("csv", "a column of floats came as bytes")),
            }
        }
    };
    let mut data = Dataset::new("csv", features, targets)?;
    data.feature_names.clone_from(&model.feature_names);
    Ok(data)
}
