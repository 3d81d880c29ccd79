//! What a report is about: the folder of a run, its model, and what the model makes of rows that it was judged by.

use super::boundary::Boundary;
use super::kernels::Profile;
use crate::cli::record::Record;
use crate::cli::rows::{Part, labelled};
use crate::cli::subject::Subject;
use anygrad::backend::Device;
use anygrad::data::{Dataset, Encoder, Source, Split};
use anygrad::model::quality::{Importance, PermutationImportance};
use anygrad::model::{Evaluation, Model};
use anygrad::{Error, Result};
use std::path::Path;

/// All that a report shows.
pub struct Report<'a> {
    pub record: Record,
    pub model: Option<Model>,
    /// The rows and what the model makes of them, if both are there.
    pub judged: Option<Judged<'a>>,
    /// Why there is nothing of them.
    pub missing: Option<String>,
    pub profile: Option<Profile>,
}

/// Rows, and what a model makes of them.
pub struct Judged<'a> {
    /// `test`, `validation` or `training`.
    pub part: &'static str,
    pub rows: &'a Dataset,
    /// Row-major, `width` for each row.
    pub outputs: Vec<f32>,
    pub width: usize,
    pub evaluation: Evaluation,
    /// What each feature matters, measured on so many of the rows, and how often each was shuffled.
    pub importance: Option<(Importance, usize, usize)>,
    pub boundary: Option<Boundary>,
}

/// Rows to judge a model by, and what they are.
pub struct Rows<T> {
    pub part: &'static str,
    pub rows: T,
}

impl Rows<Dataset> {
    /// The rows, borrowed.
    pub fn borrowed(&self) -> Rows<&Dataset> {
        Rows { part: self.part, rows: &self.rows }
    }
}

/// Multiplications of the forward passes that importance may take: a fraction of a second.
const IMPORTANCE_BUDGET: f64 = 1e10;
/// Most rows that it is measured on.
const IMPORTANCE_ROWS: usize = 2000;
/// Fewer would tell nothing.
const FEWEST_ROWS: usize = 50;

impl<'a> Report<'a> {
    /// A report on a folder and on rows, or without rows for a reason.
    pub fn new(
        record: Record,
        model: Result<Model>,
        rows: std::result::Result<Rows<&'a Dataset>, String>,
        device: &Device,
    ) -> Report<'a> {
        let profile = Profile::read(&record);
        let (model, mut missing) = match model {
            Ok(model) => (Some(model), None),
            Err(error) => (None, Some(format!("There is no model to judge: {error}."))),
        };
        let judge = |model: &Model| match rows {
            Ok(Rows { part, rows }) => Judged::of(part, rows, model, device)
                .map_err(|error| format!("The model could not be judged: {error}.")),
            Err(reason) => Err(reason),
        };
        let judged = match model.as_ref().map(judge) {
            Some(Ok(judged)) => Some(judged),
            Some(Err(reason)) => {
                missing = Some(reason);
                None
            }
            None => None,
        };
        Report { record, model, judged, missing, profile }
    }

    /// The loss by its name.
    pub fn loss_name(&self) -> String {
        let own = self.model.as_ref().map(|model| model.loss.name());
        own.or(self.record.recipe.loss.as_ref().map(|loss| loss.name())).unwrap_or("loss").replace('_', " ")
    }
}

impl<'a> Judged<'a> {
    fn of(part: &'static str, rows: &'a Dataset, model: &Model, device: &Device) -> Result<Judged<'a>> {
        let evaluation = model.evaluate_blocking(rows, device)?;
        let outputs = model.outputs_blocking(&rows.features, device)?;
        let width = model.architecture.output_width()?;
        let importance = importance(rows, model, device)?;
        let boundary = Boundary::of(rows, model, device)?;
        Ok(Judged { part, rows, outputs, width, evaluation, importance, boundary })
    }

    /// The outputs of a row.
    pub fn output(&self, row: usize) -> &[f32] {
        &self.outputs[row * self.width..][..self.width]
    }

    /// `test rows`
    pub fn rows_name(&self) -> String {
        format!("{} rows", self.part)
    }
}

/// What each feature matters, on as many rows and as often as the budget allows; nothing if that is too little.
fn importance(rows: &Dataset, model: &Model, device: &Device) -> Result<Option<(Importance, usize, usize)>> {
    let groups = model.encoder.as_ref().map(Encoder::groups).unwrap_or_default();
    let groups: Vec<_> = groups.into_iter().filter(|(_, range)| !range.is_empty()).collect();
    let count = if groups.is_empty() { rows.features.width() } else { groups.len() };
    let cost = |repeats: usize| (count * repeats) as f64 * model.architecture.parameter_count().unwrap_or(1) as f64;
    let affordable = |repeats: &usize| IMPORTANCE_BUDGET / cost(*repeats).max(1.0) >= rows.rows().min(300) as f64;
    let repeats = [5, 3, 2].into_iter().find(affordable).unwrap_or(1);
    let most = ((IMPORTANCE_BUDGET / cost(repeats).max(1.0)) as usize).min(IMPORTANCE_ROWS).min(rows.rows());
    if most < FEWEST_ROWS.min(rows.rows()) {
        return Ok(None);
    }
    // Evenly taken: rows may be sorted.
    let some: Vec<usize> = (0..most).map(|i| i * rows.rows() / most).collect();
    let how = PermutationImportance { groups, repeats, ..PermutationImportance::default() };
    match model.importance_blocking(&rows.select(&some), &how, device) {
        Ok(importance) => Ok(Some((importance, most, repeats))),
        // A score that is undefined on these rows.
        Err(Error::Shape { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The rows that a run is judged by, of those that it has in memory.
pub fn of_split(split: &Split) -> Rows<&Dataset> {
    let (part, rows) = match &split.validation {
        _ if split.test.rows() > 0 => ("test", &split.test),
        Some(validation) => ("validation", validation),
        None => ("training", &split.train),
    };
    Rows { part, rows }
}

/// The model of a folder.
pub fn model_of(folder: &Path) -> Result<Model> {
    Model::load(Subject::model(folder)?)
}

/// The rows that a run was judged by, read again; or why not, in a sentence.
pub fn read_rows(record: &Record, model: &Model) -> std::result::Result<Rows<Dataset>, String> {
    let source = &record.recipe.data.source;
    if *source == Source::Memory || source.is_read_once() {
        return Err("The rows are not to be had any more: the run read them from a program or from a pipe.".into());
    }
    let mut model = model.clone();
    // A path that stands in a model is not followed, the user's own config file is.
    model.recipe.data = record.recipe.data.clone();
    let mut parts = vec![(Part::Test, "test"), (Part::Validation, "validation"), (Part::Train, "training")];
    if record.done.is_some() {
        let has = |part: &str| record.figure(&format!("{part}_loss")).is_some();
        parts.retain(|(_, name)| *name == "training" || has(name));
    }
    let mut first = None;
    for (part, name) in parts {
        match labelled(source, None, part, &model) {
            Ok((rows, _)) => return Ok(Rows { part: name, rows }),
            Err(error) => first = first.or(Some(error)),
        }
    }
    let reason = first.map_or(String::new(), |error| format!(": {error}"));
    Err(format!("The rows of the run could not be read again, so this page shows what its folder holds{reason}."))
}
