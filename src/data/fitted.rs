//! Rows prepared as those were that a model was trained on: nothing is fitted to the new ones.

use super::columns::Known;
use super::source::{Loading, load_with};
use super::{DataOptions, Dataset, Encoder, Preprocessing, Split, Targets, Task, same_value};
use crate::error::{Error, Result};

/// How the rows of a model were prepared, and what it predicts: all that rows to go on with must share. A model tells it
/// by [`Model::fitted`](crate::model::Model::fitted).
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// How the columns of a table become features, if it was a table.
    pub encoder: Option<Encoder>,
    /// Names of the features, in order.
    pub feature_names: Vec<String>,
    /// How features become inputs.
    pub preprocessing: Preprocessing,
    /// How target values become what the model puts out.
    pub target_preprocessing: Preprocessing,
    /// Names of the target's columns.
    pub target: Vec<String>,
    /// Names of the classes, if the target is classes.
    pub classes: Option<Vec<String>>,
}

/// Loads rows and splits them, as [`load`](super::load) does, and prepares them as a model's.
///
/// ```
/// use anygrad::data::{DataOptions, Fitted, Preprocessing, load_like};
/// let fitted = Fitted {
///     encoder: None,
///     feature_names: vec!["x0".into(), "x1".into()],
///     preprocessing: Preprocessing::Scale { factor: 0.5 },
///     target_preprocessing: Preprocessing::None,
///     target: vec!["class".into()],
///     classes: Some(vec!["0".into(), "1".into()]),
/// };
/// let options = DataOptions { source: "xor".parse()?, ..DataOptions::default() };
/// let split = load_like(&options, 0, &fitted)?;
/// assert_eq!(split.train.preprocessing, fitted.preprocessing);
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// Fails as [`load`](super::load) does; [`Error::Data`] for a class that the model does not know, with file and line; as
/// [`Split::like`].
pub fn load_like(options: &DataOptions, seed: u64, fitted: &Fitted) -> Result<Split> {
    load_with(options, seed, Loading { fitted: Some(fitted), ..Loading::default() })
}

impl Split {
    /// The rows prepared as those of a model: with its preprocessing in the place of their own, and its classes.
    ///
    /// # Errors
    /// [`Error::Shape`] if features or targets are not the model's in number, name or encoding, or their own preprocessing
    /// says that they are pixels of another range; [`Error::UnknownName`] for a class that the model does not know.
    pub fn like(mut self, fitted: &Fitted) -> Result<Split> {
        for part in [Some(&mut self.train), Some(&mut self.test), self.validation.as_mut()].into_iter().flatten() {
            fitted.prepare(part)?;
        }
        Ok(self)
    }
}

impl Fitted {
    /// How the columns of a table become features: numbers, if the model was trained on another source.
    pub(super) fn encoder(&self) -> Encoder {
        self.encoder.clone().unwrap_or_else(|| Encoder::of_numbers(&self.feature_names))
    }

    /// Refuses a task that is not the model's.
    pub(super) fn check_task(&self, task: Option<Task>) -> Result<()> {
        match (task, &self.classes) {
            (Some(task @ (Task::Values | Task::Labels)), Some(_)) => {
                Err(Error::option("task", task, "the model's target is classes, and remains so"))
            }
            (Some(Task::Classes), None) => {
                Err(Error::option("task", Task::Classes, "the model's target is values, and remains so"))
            }
            _ => Ok(()),
        }
    }

    /// What is known of the target.
    pub(super) fn known(&self) -> Known<'_> {
        self.classes.as_ref().map_or(Known::Values, |classes| Known::Classes(classes))
    }

    /// The options of a table whose features an encoder finds.
    pub(super) fn options(&self, options: &DataOptions) -> DataOptions {
        DataOptions {
            target: Some(options.target.clone().unwrap_or_else(|| self.target.join(","))),
            features: Vec::new(),
            drop: Vec::new(),
            categorical: Vec::new(),
            numeric: Vec::new(),
            missing_values: Some(self.encoder().missing_values),
            ..options.clone()
        }
    }

    fn prepare(&self, data: &mut Dataset) -> Result<()> {
        let refused = |detail: String| Err(Error::shape(format!("dataset {}", data.name), detail));
        let (found, needed) = (data.features.width(), self.feature_names.len());
        if found != needed {
            return refused(format!("its rows have {found} features, the model takes {needed}"));
        }
        let is_unnamed = data.feature_names.iter().enumerate().all(|(i, name)| *name == format!("x{i}"));
        let pairs = || data.feature_names.iter().zip(&self.feature_names);
        if let Some((own, other)) = pairs().find(|(own, other)| own != other && !is_unnamed) {
            return refused(format!("it has a feature `{own}` where the model has `{other}`"));
        }
        if data.encoder.as_ref().is_some_and(|own| *own != self.encoder()) {
            return refused("its columns are encoded otherwise than the model's: take the table itself".into());
        }
        if matches!(data.preprocessing, Preprocessing::Scale { .. }) && data.preprocessing != self.preprocessing {
            return refused("its features are pixels of another range than the model's".into());
        }
        match (&mut data.targets, &self.classes) {
            (Targets::Labels { name, classes, data }, Some(known)) => {
                *data = relabelled(data, classes, known)?;
                classes.clone_from(known);
                name.clone_from(&self.target[0]);
            }
            (Targets::Values { names, .. }, None) if names.len() == self.target.len() => {
                names.clone_from(&self.target);
            }
            (Targets::Values { names, .. }, None) => {
                let (found, needed) = (names.len(), self.target.len());
                return refused(format!("its rows have {found} target values, the model has {needed}"));
            }
            (Targets::Labels { .. }, None) => return refused("its target is classes, the model's is values".into()),
            (Targets::Values { .. }, Some(_)) => return refused("its target is values, the model's is classes".into()),
        }
        data.feature_names.clone_from(&self.feature_names);
        data.encoder.clone_from(&self.encoder);
        data.preprocessing.clone_from(&self.preprocessing);
        data.target_preprocessing.clone_from(&self.target_preprocessing);
        Ok(())
    }
}

impl Dataset {
    /// The rows with their classes as positions in the list that a model knows. Numbers are left as they are.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for a class of a row that is not in the list.
    pub fn with_classes(mut self, known: &[String]) -> Result<Dataset> {
        if let Targets::Labels { classes, data, .. } = &mut self.targets {
            *data = relabelled(data, classes, known)?;
            *classes = known.to_vec();
        }
        Ok(self)
    }
}

/// Labels as positions in another list of classes. A class that no row has need not be there.
fn relabelled(labels: &[u32], own: &[String], known: &[String]) -> Result<Vec<u32>> {
    let place = |class: &String| known.iter().position(|other| same_value(other, class)).map(|at| at as u32);
    let places: Vec<Option<u32>> = own.iter().map(place).collect();
    let label = |&label: &u32| {
        let unknown = || Error::unknown("class", &own[label as usize], known.iter().map(String::as_str));
        places[label as usize].ok_or_else(unknown)
    };
    labels.iter().map(label).collect()
}
