//! The rows that `eval` and `predict` work on: any source, fitted to a model's features and classes.

use anygrad::data::table::{Cells, Column, Lines};
use anygrad::data::{
    Application, Applied, DataOptions, Dataset, Encoder, ImageOptions, Source, Split, apply, image_rows, images, load,
};
use anygrad::model::{Model, Target};
use anygrad::{Error, Result};
use clap::ValueEnum;
use std::path::Path;

/// Which rows of a source to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Sources with test rows of their own, as MNIST and what was packed split: these; everything else: all rows.
    #[default]
    Auto,
    /// The rows that `train` held back for testing.
    Test,
    /// The rows that `train` held back for validation.
    Validation,
    /// The rows that `train` trained on.
    Train,
    /// All rows.
    All,
}

impl Part {
    /// Whether it is what the source itself holds back, or all of it, whatever a model was trained on.
    pub fn is_whole(self) -> bool {
        matches!(self, Part::Auto | Part::All)
    }

    /// As the flag names it.
    pub fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().into())
    }
}

/// Features and targets of a source, for `model`, and what was taken for what.
pub fn labelled(source: &Source, target: Option<&str>, part: Part, model: &Model) -> Result<(Dataset, Vec<String>)> {
    // What a source itself holds back, it holds back from any model.
    if !matches!(source, Source::Table(_) | Source::Memory) {
        let Split { train, validation, test, decisions } = whole(source, model)?;
        if test.rows() > 0 {
            return match (part, validation) {
                (Part::Auto | Part::Test, _) => Ok((test, decisions)),
                (Part::Train, _) => Ok((train, decisions)),
                (Part::Validation, Some(validation)) => Ok((validation, decisions)),
                (Part::Validation, None) => Ok((held_back(source, part, model)?, decisions)),
                (Part::All, _) => Err(Error::option("part", "all", "this data comes as train and test: name one")),
            };
        }
        if part.is_whole() {
            return Ok((train, decisions));
        }
    }
    match (source, part) {
        (_, Part::Test | Part::Validation | Part::Train) => {
            if let Some(target) = target {
                let expected = "names another column than the model's, whose split is known: use --part all";
                return Err(Error::option("target", target, expected));
            }
            Ok((held_back(source, part, model)?, Vec::new()))
        }
        (Source::Table(path), _) => {
            let application = Reading::new(model).with_target(target);
            let mut applied = apply(path, &application.application(model))?;
            let decisions = std::mem::take(&mut applied.decisions);
            let name = path.file_name().map_or("table".into(), |name| name.to_string_lossy().into_owned());
            let mut data = applied.into_dataset(&name)?;
            data.feature_names.clone_from(&model.feature_names);
            Ok((data, decisions))
        }
        _ => Err(Source::unknown_rows()),
    }
}

/// All rows of a source that is no table, with the classes that the model knows.
fn whole(source: &Source, model: &Model) -> Result<Split> {
    let mut split = as_it_is(source, model)?;
    if let Target::Classes { classes, .. } = &model.target {
        split.train = split.train.with_classes(classes)?;
        split.test = split.test.with_classes(classes)?;
        split.validation = split.validation.map(|part| part.with_classes(classes)).transpose()?;
    }
    Ok(split)
}

fn as_it_is(source: &Source, model: &Model) -> Result<Split> {
    if let Source::Images(folder) = source {
        let classes = match &model.target {
            Target::Classes { classes, .. } => Some(classes.clone()),
            Target::Values { .. } => None,
        };
        let found = images(folder, &ImageOptions { classes, ..image_options(model) })?;
        let test = found.parts.test.unwrap_or_else(|| found.parts.train.select(&[]));
        return Ok(Split { decisions: found.decisions, ..Split::new(found.parts.train, test) });
    }
    let options = DataOptions { source: source.clone(), test_fraction: 0.0, ..DataOptions::default() };
    load(&options, model.recipe.seed)
}

/// The size and the colors of the images that a model was trained on.
fn image_options(model: &Model) -> ImageOptions {
    ImageOptions::of_features(&model.feature_names).unwrap_or_default()
}

/// The part that the model was tested with, or trained on, if the source is what it came from.
fn held_back(source: &Source, part: Part, model: &Model) -> Result<Dataset> {
    let unknown =
        |why: &str| Err(Error::option("part", part.name(), &format!("{why}, so its split is unknown: use --part all")));
    let mut recipe = model.recipe.clone();
    if recipe.data.source == Source::Memory {
        return unknown("the model was trained on rows that a program made");
    }
    recipe.data.source = source.clone();
    let split = recipe.load()?;
    if model.data_hash.as_ref() != Some(&split.train.hash()) {
        return unknown("the data differs from what the model was trained on");
    }
    let data = match part {
        Part::Validation => match split.validation {
            Some(validation) => validation,
            None => return unknown("the model was trained without validation rows"),
        },
        Part::Train => split.train,
        _ => split.test,
    };
    if data.rows() == 0 {
        return Err(Error::option("part", part.name(), "the model was trained without such rows: use --part all"));
    }
    Ok(data)
}

/// What is read of a table for a model.
pub struct Reading {
    encoder: Encoder,
    target: Vec<String>,
    reads_target: bool,
    keep: Vec<String>,
}

impl Reading {
    /// The features alone.
    pub fn new(model: &Model) -> Reading {
        let encoder = model.encoder.clone().unwrap_or_else(|| Encoder::of_numbers(&model.feature_names));
        let target = match &model.target {
            Target::Classes { name, .. } => vec![name.clone()],
            Target::Values { names } => names.clone(),
        };
        Reading { encoder, target, reads_target: false, keep: Vec::new() }
    }

    /// The true answers as well, from the model's columns or from those that are named.
    pub fn with_target(mut self, target: Option<&str>) -> Reading {
        self.reads_target = true;
        if let Some(target) = target {
            self.target = match self.target[..] {
                [_] => vec![target.into()],
                _ => target.split(',').map(|name| name.trim().into()).collect(),
            };
        }
        self
    }

    /// Columns to carry along.
    pub fn keeping(mut self, keep: &[String]) -> Reading {
        self.keep = keep.to_vec();
        self
    }

    /// These as they are applied to a table.
    pub fn application<'a>(&'a self, model: &'a Model) -> Application<'a> {
        let classes = match &model.target {
            Target::Classes { classes, .. } => Some(&classes[..]),
            Target::Values { .. } => None,
        };
        Application {
            encoder: &self.encoder,
            preprocessing: &model.preprocessing,
            options: &model.recipe.data,
            target: self.reads_target.then_some((&self.target[..], classes)),
            weights: self.reads_target.then_some(model.recipe.data.weights.as_deref()).flatten(),
            keep: &self.keep,
        }
    }

    /// Rows of a table.
    pub fn table(&self, path: &Path, model: &Model) -> Result<Applied> {
        apply(path, &self.application(model))
    }

    /// Rows of any source.
    pub fn rows(&self, source: &Source, model: &Model) -> Result<Applied> {
        if let Source::Table(path) = source {
            return self.table(path, model);
        }
        if let Some(name) = self.keep.first() {
            return Err(Error::option("keep", name, "only tables have columns to carry along"));
        }
        if let (Source::Images(folder), false) = (source, self.reads_target) {
            let (features, files) = image_rows(folder, &image_options(model))?;
            let rows = (0..features.rows()).collect();
            let levels: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            let cells = Cells::Texts { codes: (0..levels.len() as u32).collect(), levels };
            // Which image a prediction is of.
            let kept = vec![Column { name: "file".into(), is_named: true, cells, numbers: 0, odd: None }];
            return Ok(Applied {
                features,
                targets: None,
                weights: None,
                kept,
                rows,
                lines: Lines::default(),
                decisions: Vec::new(),
            });
        }
        let (data, decisions) = if self.reads_target {
            labelled(source, None, Part::Auto, model)?
        } else {
            let Split { train, test, decisions, .. } = as_it_is(source, model)?;
            (if test.rows() > 0 { test } else { train }, decisions)
        };
        let rows = (0..data.rows()).collect();
        let targets = self.reads_target.then_some(data.targets);
        Ok(Applied {
            features: data.features,
            targets,
            weights: None,
            kept: Vec::new(),
            rows,
            lines: Lines::default(),
            decisions,
        })
    }
}
