//! The model file: safetensors with PyTorch's names and layout, and one JSON entry with all that `predict` needs.

use super::description::in_a_row;
use super::quality::check_threshold;
use super::weights_file::check_header;
use super::{ClassWeights, Form, LayerDescription, Loss, Model, Sequential, Target, Tensor, TensorSpec};
use crate::data::{DataOptions, Encoder, Preprocessing, Source};
use crate::error::{Error, Result};
use crate::files::{Fnv, json, write_whole};
use crate::optim::Schedule;
use crate::train::{Recipe, Regularization, TrainTable};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// Key of the JSON entry in the file's metadata.
pub(super) const KEY: &str = "anygrad";
/// Key of the JSON entry's checksum. The weights have theirs inside.
const CHECKSUM: &str = "anygrad_checksum";
/// What errors name in place of a path.
const IN_MEMORY: &str = "the model's bytes";
/// Newest version of the JSON entry. A reader accepts this one and older ones; a file states the oldest version whose
/// readers do right by it. Version 2 has a threshold, without which a reader of version 1 would predict other classes.
const FORMAT: u32 = 2;

/// The JSON entry.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Description {
    format: u32,
    input: usize,
    layers: Vec<LayerDescription>,
    loss: Loss,
    preprocessing: Preprocessing,
    #[serde(default)]
    target_preprocessing: Preprocessing,
    feature_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoder: Option<Encoder>,
    target: Target,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    recipe: Recorded,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_hash: Option<String>,
    metrics: serde_json::Value,
    weights_hash: String,
}

/// The JSON entry's version, read before the rest.
#[derive(serde::Deserialize)]
struct Version {
    format: u64,
}

/// How a model was trained.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(untagged, from = "serde_json::Value")]
enum Recorded {
    /// As a whole.
    Recipe(Box<Recipe>),
    /// As files said it before there was a type for it.
    Parts(serde_json::Value),
}

impl From<serde_json::Value> for Recorded {
    fn from(parts: serde_json::Value) -> Recorded {
        match Recipe::deserialize(&parts) {
            Ok(recipe) => Recorded::Recipe(Box::new(recipe)),
            Err(_) => Recorded::Parts(parts),
        }
    }
}

impl Recorded {
    /// The recipe as far as it is known, and the hash of the data that only the older form has.
    fn resolve(self) -> (Recipe, Option<String>) {
        let parts = match self {
            Recorded::Recipe(recipe) => return (*recipe, None),
            Recorded::Parts(parts) => parts,
        };
        let hash = part(&parts, "data_hash");
        if let Some(recipe) = part(&parts, "config") {
            return (recipe, hash);
        }
        let whole = Recipe::default();
        let regularization = Regularization {
            l1: part(&parts, "l1").unwrap_or_default(),
            l2: part(&parts, "l2").unwrap_or_default(),
            max_grad_norm: part(&parts, "max_grad_norm"),
            max_grad_value: part(&parts, "max_grad_value"),
        };
        let train = TrainTable {
            epochs: Some(part(&parts, "epochs").unwrap_or(30)),
            batch_size: part(&parts, "batch_size").unwrap_or(whole.train.batch_size),
            shuffle: part(&parts, "shuffle").unwrap_or(whole.train.shuffle),
            drop_last: part(&parts, "drop_last").unwrap_or(whole.train.drop_last),
            ..TrainTable::default()
        };
        let recipe = Recipe {
            seed: part(&parts, "seed").unwrap_or_default(),
            data: DataOptions { source: Source::Memory, ..DataOptions::default() },
            optimizer: part(&parts, "optimizer").unwrap_or_default(),
            schedule: part(&parts, "schedule").unwrap_or(Schedule::Constant),
            regularization,
            train,
            ..whole
        };
        (recipe, hash)
    }
}

/// An entry of an object, if it is there and of this type.
fn part<T: for<'de> Deserialize<'de>>(parts: &serde_json::Value, key: &str) -> Option<T> {
    T::deserialize(parts.get(key)?).ok()
}

impl Model {
    /// Writes the model to a file, whole or not at all: to a temporary file first, then flushed and renamed.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        write_whole(path, &self.serialize().map_err(|reason| unusable(path, reason))?)
    }

    /// The content of the model's file.
    ///
    /// # Errors
    /// [`Error::ModelFile`] if the tensors do not have the sizes that their shapes say.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.serialize().map_err(|reason| unusable(Path::new(IN_MEMORY), reason))
    }

    fn serialize(&self) -> std::result::Result<Vec<u8>, String> {
        let description = Description {
            format: if self.threshold.is_some() { FORMAT } else { 1 },
            input: self.architecture.input_width(),
            layers: self.architecture.description(),
            loss: self.loss.clone(),
            preprocessing: self.preprocessing.clone(),
            target_preprocessing: self.target_preprocessing.clone(),
            feature_names: self.feature_names.clone(),
            encoder: self.encoder.clone(),
            target: self.target.clone(),
            threshold: self.threshold,
            recipe: Recorded::Recipe(Box::new(self.recipe.clone())),
            data_hash: self.data_hash.clone(),
            metrics: self.metrics.clone(),
            weights_hash: self.weights_hash(),
        };
        let json = serde_json::to_string(&description).map_err(|e| e.to_string())?;
        let bytes: Vec<Vec<u8>> =
            self.tensors.iter().map(|t| t.data.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let views = self
            .tensors
            .iter()
            .zip(&bytes)
            .map(|(t, bytes)| Ok((t.name.as_str(), TensorView::new(Dtype::F32, t.shape.clone(), bytes)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| e.to_string())?;
        let sum = checksum(&json);
        let metadata = HashMap::from([(KEY.to_string(), json), (CHECKSUM.to_string(), sum)]);
        safetensors::serialize(views, Some(metadata)).map_err(|e| e.to_string())
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::ModelFile`] if it is damaged, not from anygrad, of a newer format,
    /// or its tensors do not fit its layers, or has layers that only code can build: see [`Model::load_into`].
    pub fn load(path: impl AsRef<Path>) -> Result<Model> {
        read(path.as_ref(), None)
    }

    /// Reads the content of a model file.
    ///
    /// ```
    /// # use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// use anygrad::model::Model;
    /// # let layers = Sequential::new(64).linear(10);
    /// # let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.1)).epochs(0);
    /// # trainer.fit_blocking(&data::digits()?.split(0.2, 0)?)?;
    /// # let model = trainer.model()?;
    /// let bytes = model.to_bytes()?;
    /// assert_eq!(Model::from_bytes(&bytes)?.weights_hash(), model.weights_hash());
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails as [`Model::load`] does, but for [`Error::Io`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
        parse(bytes, None).map_err(|reason| unusable(Path::new(IN_MEMORY), reason))
    }

    /// Reads a model file into layers that the program builds: the way to load a model with layers of one's own.
    ///
    /// # Errors
    /// Fails as [`Model::load`] does; [`Error::ModelFile`] if the file names other layers than `architecture` has.
    pub fn load_into(path: impl AsRef<Path>, architecture: Sequential) -> Result<Model> {
        read(path.as_ref(), Some(architecture))
    }

    /// Reads the content of a model file into layers that the program builds.
    ///
    /// # Errors
    /// Fails as [`Model::load_into`] does, but for [`Error::Io`].
    pub fn from_bytes_into(bytes: &[u8], architecture: Sequential) -> Result<Model> {
        parse(bytes, Some(architecture)).map_err(|reason| unusable(Path::new(IN_MEMORY), reason))
    }
}

fn read(path: &Path, architecture: Option<Sequential>) -> Result<Model> {
    let bytes = crate::files::read(path).map_err(|e| Error::io("read", path, e))?;
    parse(&bytes, architecture).map_err(|reason| unusable(path, reason))
}

pub(super) fn unusable(path: &Path, reason: String) -> Error {
    Error::ModelFile { path: path.into(), reason }
}

fn parse(bytes: &[u8], architecture: Option<Sequential>) -> std::result::Result<Model, String> {
    let damaged = |e: safetensors::SafeTensorError| {
        format!("not a whole safetensors file ({e}); use a file that `anygrad train` wrote")
    };
    check_header(bytes)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let text = metadata.metadata().as_ref().and_then(|m| m.get(KEY));
    let text = text.ok_or("its metadata has no entry `anygrad`; use a file that `anygrad train` wrote")?;
    let stated = metadata.metadata().as_ref().and_then(|m| m.get(CHECKSUM));
    if stated.is_some_and(|stated| *stated != checksum(text)) {
        return Err("its description differs from its checksum: the file is damaged or was edited".into());
    }
    let format = serde_json::from_str::<Version>(text).ok().map(|version| version.format);
    if format.is_none_or(|format| format > u64::from(FORMAT)) {
        let found = format.map_or("unknown".into(), |f| f.to_string());
        return Err(format!("its format is {found}, this program reads up to {FORMAT}; use a newer anygrad"));
    }
    let mut value: serde_json::Value = json::parse(text.as_bytes()).map_err(|e| format!("its description: {e}"))?;
    // A constant learning rate went without saying once.
    if let Some(serde_json::Value::Object(recipe)) = value.get_mut("recipe")
        && recipe.contains_key("train")
    {
        recipe.entry("schedule").or_insert_with(|| serde_json::json!({ "kind": "constant" }));
    }
    let description = Description::deserialize(&value).map_err(|e| format!("its description: {e}"))?;
    let architecture = match architecture {
        Some(built) => same_layers(built, &description)?,
        None => Sequential::from_description(description.input, &description.layers).map_err(|e| e.to_string())?,
    };

    let mut tensors = Vec::new();
    for TensorSpec { path: name, shape, .. } in architecture.tensor_specs().map_err(|e| e.to_string())? {
        let shape = shape.dims().to_vec();
        let view = file.tensor(&name).map_err(|_| format!("the tensor `{name}` is missing"))?;
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            let found = format!("{:?} {:?}", view.dtype(), view.shape());
            return Err(format!("the tensor `{name}` is {found}, the layers need F32 {shape:?}"));
        }
        let data: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        tensors.push(Tensor { name, shape, data });
    }
    let (mut recipe, hash) = description.recipe.resolve();
    if recipe.layers.is_empty() {
        recipe.layers = architecture.description();
    }
    recipe.loss.get_or_insert_with(|| description.loss.clone());
    let model = Model {
        architecture,
        tensors,
        loss: description.loss,
        preprocessing: description.preprocessing,
        target_preprocessing: description.target_preprocessing,
        feature_names: description.feature_names,
        encoder: description.encoder,
        target: description.target,
        threshold: description.threshold,
        recipe,
        data_hash: description.data_hash.or(hash),
        metrics: description.metrics,
    };
    check(&model, &description.weights_hash)?;
    Ok(model)
}

fn checksum(json: &str) -> String {
    let mut hash = Fnv::default();
    hash.feed(json.as_bytes());
    hash.digits()
}

/// The given layers, if the file says the same about its own.
fn same_layers(built: Sequential, file: &Description) -> std::result::Result<Sequential, String> {
    if (built.input_width(), built.description()) == (file.input, file.layers.clone()) {
        return Ok(built);
    }
    let layers = in_a_row(&file.layers);
    Err(format!("its layers are {} → {layers}, those to load it into are {built}", file.input))
}

fn check(model: &Model, expected_hash: &str) -> std::result::Result<(), String> {
    if model.weights_hash() != expected_hash {
        return Err("its weights differ from their checksum: the file is damaged or was edited".into());
    }
    if let Some(tensor) = model.tensors.iter().find(|tensor| tensor.data.iter().any(|x| !x.is_finite())) {
        return Err(format!(
            "the tensor `{}` holds NaN or infinity: train again, with a lower learning rate",
            tensor.name
        ));
    }
    let outputs = model.architecture.output_width().map_err(|e| e.to_string())?;
    let (named, fits) = match &model.target {
        Target::Classes { classes, .. } if outputs == 1 => {
            (classes.len(), classes.len() == 2 && model.loss.form == Form::BinaryCrossEntropy)
        }
        Target::Classes { classes, .. } => (classes.len(), classes.len() <= outputs),
        Target::Values { names } => (names.len(), names.len() == outputs),
    };
    if !fits {
        return Err(format!("it names {named} targets for {outputs} outputs"));
    }
    if let Some(threshold) = model.threshold {
        check_threshold(threshold).map_err(|e| e.to_string())?;
        if !model.takes_threshold().map_err(|e| e.to_string())? {
            return Err("it has a threshold, but not the probabilities of two classes".into());
        }
    }
    if let Some(ClassWeights::Given(weights)) = &model.loss.class_weights
        && weights.len() != named
    {
        return Err(format!("it has {} class weights for {named} classes", weights.len()));
    }
    let width = model.architecture.input_width();
    let prepared = model.preprocessing.is_sound(width) && model.target_preprocessing.is_sound(outputs);
    let encoded = model.encoder.as_ref().is_none_or(|encoder| encoder.width() == width);
    if width == 0 || model.feature_names.len() != width || !prepared || !encoded {
        return Err(format!("its features do not fit its input of {width}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::BatchSize;
    use serde_json::json;

    fn resolve(recipe: serde_json::Value) -> (Recipe, Option<String>) {
        serde_json::from_value::<Recorded>(recipe).unwrap().resolve()
    }

    #[test]
    fn recipes_of_earlier_files_are_read_as_far_as_they_say() {
        let parts = json!({
            "data": "digits", "data_hash": "12ab", "optimizer": { "kind": "adam", "learning_rate": 0.05 },
            "l1": 0.0, "l2": 0.01, "max_grad_norm": null, "max_grad_value": 0.5, "schedule": { "kind": "cosine" },
            "batch_size": "full", "epochs": 7, "seed": 3, "shuffle": true, "drop_last": true,
        });
        let (recipe, hash) = resolve(parts.clone());
        assert_eq!(hash.as_deref(), Some("12ab"));
        assert_eq!((recipe.seed, recipe.data.source, recipe.optimizer.name()), (3, Source::Memory, "adam"));
        assert_eq!((recipe.regularization.l2, recipe.regularization.max_grad_value), (0.01, Some(0.5)));
        assert_eq!(recipe.schedule, crate::optim::Schedule::cosine());
        assert_eq!((recipe.train.epochs, recipe.train.batch_size), (Some(7), BatchSize::Full));
        assert!(recipe.train.drop_last);

        let mut parts = parts;
        parts["config"] =
            json!({ "seed": 5, "data": { "source": "xor", "test_fraction": 0.25 }, "train": { "epochs": 2 } });
        let (recipe, hash) = resolve(parts);
        assert_eq!(hash.as_deref(), Some("12ab"));
        assert_eq!((recipe.seed, recipe.data.test_fraction, recipe.train.epochs), (5, 0.25, Some(2)));
        assert_eq!(recipe.data.source, Source::Generated("xor".into()));
        assert_eq!(resolve(json!(null)).0.data.source, Source::Memory);
    }

    #[test]
    fn a_recipe_is_read_as_it_was_written() {
        let mut recipe = Recipe::new(Loss::cross_entropy(), crate::optim::Adam::new(0.05));
        recipe.train.shuffle = false;
        recipe.regularization.l2 = 0.1;
        let text = serde_json::to_string(&Recorded::Recipe(Box::new(recipe.clone()))).unwrap();
        assert_eq!(serde_json::from_str::<Recorded>(&text).unwrap().resolve(), (recipe, None));
    }
}
