//! What a run starts from: new weights, a model that it goes on with, or weights that another program wrote.

use super::{Recipe, Trainer};
use crate::data::{DataOptions, HeldFiles, Split};
use crate::error::{Error, Result};
use crate::files::ON_DISK;
use crate::model::{Model, is_model, read_tensors};

impl Recipe {
    /// Takes from the model that the run goes on with what remains the model's: the layers, the loss, which columns are
    /// features and how they are prepared. Returns the model; none if the recipe names none, or a file of weights alone.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if the recipe says otherwise than the model; as [`Model::load`].
    pub fn adopt(&mut self) -> Result<Option<Model>> {
        self.adopt_from(None)
    }

    pub(super) fn adopt_from(&mut self, files: Option<&HeldFiles>) -> Result<Option<Model>> {
        let Some(path) = &self.from else { return Ok(None) };
        let model = match files.and_then(|files| files.get(path)) {
            Some(bytes) => Model::from_bytes(bytes)?,
            None if !ON_DISK => {
                let expected = "the page was not given this file: open it there";
                return Err(Error::option("from", path.display(), expected));
            }
            None if is_model(path)? => Model::load(path)?,
            None => return Ok(None),
        };
        let layers = model.architecture.description();
        if !self.layers.is_empty() && self.layers != layers {
            let expected = format!("they are the model's, {}: leave them out", model.architecture);
            return Err(Error::option("layers", "others than the model's", &expected));
        }
        self.layers = layers;
        let of_model = model.recipe.loss.as_ref().unwrap_or(&model.loss);
        let loss = self.loss.get_or_insert_with(|| of_model.clone());
        if loss.form != of_model.form {
            let expected = format!("the model was trained for {of_model}, and goes on with it: leave the loss out");
            return Err(Error::option("loss", loss.name(), &expected));
        }
        adopt_columns(&mut self.data, &model.recipe.data)?;
        Ok(Some(model))
    }

    /// The error of starting from weights without layers.
    pub(super) fn check_layers(&self) -> Result<()> {
        match &self.from {
            Some(path) if self.layers.is_empty() => {
                let expected = "holds weights without their layers: list these in a config file, or give --hidden";
                Err(Error::option("from", path.display(), expected))
            }
            _ => Ok(()),
        }
    }
}

/// Takes over how columns are chosen and prepared, which the model's encoder has settled.
fn adopt_columns(own: &mut DataOptions, model: &DataOptions) -> Result<()> {
    fn take<T: Clone + PartialEq>(name: &str, own: &mut T, model: &T, default: &T, text: String) -> Result<()> {
        if own != default && own != model {
            return Err(Error::option(name, text, "columns are prepared as the model's were: leave it out"));
        }
        own.clone_from(model);
        Ok(())
    }
    let default = DataOptions::default();
    let DataOptions { features, drop, categorical, numeric, missing, missing_values, scaling, most_categories, .. } =
        own;
    let lists = [
        ("features", features, &model.features),
        ("drop", drop, &model.drop),
        ("categorical", categorical, &model.categorical),
        ("numeric", numeric, &model.numeric),
    ];
    for (name, own, model) in lists {
        let text = own.join(",");
        take(name, own, model, &Vec::new(), text)?;
    }
    let text = missing_values.iter().flatten().cloned().collect::<Vec<_>>().join(",");
    take("missing_values", missing_values, &model.missing_values, &None, text)?;
    let text = missing.to_string();
    take("missing", missing, &model.missing, &default.missing, text)?;
    let text = scaling.to_string();
    take("scaling", scaling, &model.scaling, &default.scaling, text)?;
    let text = most_categories.to_string();
    take("most_categories", most_categories, &model.most_categories, &default.most_categories, text)
}

impl Trainer {
    /// A trainer by a recipe, which is completed by what it is to be trained on, on the CPU: the recipe's wish for a
    /// device is for [`Device::choose`](crate::backend::Device::choose). It starts from the weights that the recipe names.
    ///
    /// # Errors
    /// Fails as [`Recipe::complete`], [`Model::load`] and [`read_tensors`] do.
    pub fn of(recipe: Recipe, data: &Split) -> Result<Trainer> {
        Trainer::of_files(recipe, data, None)
    }

    /// [`Trainer::of`] where some of the files are in memory.
    ///
    /// # Errors
    /// Fails as [`Trainer::of`] does.
    pub fn of_held(recipe: Recipe, data: &Split, files: &HeldFiles) -> Result<Trainer> {
        Trainer::of_files(recipe, data, Some(files))
    }

    fn of_files(mut recipe: Recipe, data: &Split, files: Option<&HeldFiles>) -> Result<Trainer> {
        let model = recipe.adopt_from(files)?;
        let architecture = recipe.complete_from(data, files)?;
        let initial = match (&model, &recipe.from) {
            (Some(model), _) => Some(model.tensors.clone()),
            (None, Some(path)) if ON_DISK => Some(read_tensors(path, &architecture)?),
            (None, _) => None,
        };
        let threshold = model.and_then(|model| model.threshold);
        Ok(Trainer { initial, threshold, ..Trainer::with(recipe, architecture) })
    }

    /// A trainer that goes on with a model: with its layers, its loss, its weights and its threshold, and by its recipe as
    /// far as nothing else is said. What an optimizer keeps starts anew. The rows must be prepared as the model's were,
    /// which [`Split::like`] or [`load_like`](crate::data::load_like) sees to.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let layers = Sequential::new(2).linear(8).relu().linear(2);
    /// let first = data::moons(200, 0.2, 0)?.split(0.2, 0)?.standardized();
    /// let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.2).momentum(0.9)).epochs(20);
    /// trainer.fit_blocking(&first)?;
    /// let model = trainer.model()?.clone();
    ///
    /// // More rows, and of the model only the last layer.
    /// let more = data::moons(200, 0.2, 1)?.split(0.2, 0)?.like(&model.fitted())?;
    /// let mut trainer = Trainer::continuing(&model).freeze(["0"]).epochs(5);
    /// trainer.fit_blocking(&more)?;
    /// let tuned = trainer.model()?;
    /// assert_eq!(tuned.preprocessing, model.preprocessing);
    /// assert_eq!(tuned.tensors[0], model.tensors[0]);
    /// assert_ne!(tuned.tensors[2], model.tensors[2]);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn continuing(model: &Model) -> Trainer {
        let mut recipe = Recipe { from: None, layers: model.architecture.description(), ..model.recipe.clone() };
        recipe.loss.get_or_insert_with(|| model.loss.clone());
        recipe.train.frozen.clear();
        let trainer = Trainer::with(recipe, model.architecture.clone());
        Trainer { initial: Some(model.tensors.clone()), threshold: model.threshold, ..trainer }
    }

    /// Leaves layers as they are, by their positions as tensors are named: `0` for `0.weight` and `0.bias`, `1.0` for a
    /// layer in one that holds others. They get neither gradients nor steps of the optimizer.
    pub fn freeze<S: Into<String>>(mut self, layers: impl IntoIterator<Item = S>) -> Trainer {
        self.recipe.train.frozen = layers.into_iter().map(Into::into).collect();
        self
    }

    /// Changes the optimizer.
    pub fn optimizer(mut self, optimizer: impl Into<crate::optim::Optimizer>) -> Trainer {
        self.recipe.optimizer = optimizer.into();
        self
    }
}
