//! The model file: safetensors with PyTorch's names and layout, and one JSON entry with all that `predict` needs.

use super::model::{Model, Target};
use crate::data::Preprocessing;
use crate::error::{Error, Result};
use crate::files::{Fnv, write_whole};
use crate::model::{ClassWeights, Form, LayerDescription, Loss, Sequential, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::path::Path;

/// Key of the JSON entry in the file's metadata.
const KEY: &str = "anygrad";
/// Key of the JSON entry's checksum. The weights have theirs inside.
const CHECKSUM: &str = "anygrad_checksum";
/// Version of the JSON entry. A reader accepts this one and older ones.
const FORMAT: u32 = 1;

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
    target: Target,
    recipe: serde_json::Value,
    metrics: serde_json::Value,
    weights_hash: String,
}

impl Model {
    /// Writes the model to a file, whole or not at all: to a temporary file first, then flushed and renamed.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        write_whole(path, &self.to_bytes(path)?)
    }

    fn to_bytes(&self, path: &Path) -> Result<Vec<u8>> {
        let description = Description {
            format: FORMAT,
            input: self.architecture.input_width(),
            layers: self.architecture.description(),
            loss: self.loss.clone(),
            preprocessing: self.preprocessing.clone(),
            target_preprocessing: self.target_preprocessing.clone(),
            feature_names: self.feature_names.clone(),
            target: self.target.clone(),
            recipe: self.recipe.clone(),
            metrics: self.metrics.clone(),
            weights_hash: self.weights_hash(),
        };
        let unusable = |reason: String| Error::ModelFile { path: path.into(), reason };
        let json = serde_json::to_string(&description).map_err(|e| unusable(e.to_string()))?;
        let bytes: Vec<Vec<u8>> =
            self.tensors.iter().map(|t| t.data.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let views = self
            .tensors
            .iter()
            .zip(&bytes)
            .map(|(t, bytes)| Ok((t.name.as_str(), TensorView::new(Dtype::F32, t.shape.clone(), bytes)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| unusable(e.to_string()))?;
        let sum = checksum(&json);
        let metadata = HashMap::from([(KEY.to_string(), json), (CHECKSUM.to_string(), sum)]);
        safetensors::serialize(views, Some(metadata)).map_err(|e| unusable(e.to_string()))
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::ModelFile`] if it is damaged, not from anygrad, of a newer format,
    /// or its tensors do not fit its layers.
    pub fn load(path: impl AsRef<Path>) -> Result<Model> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
        parse(&bytes).map_err(|reason| Error::ModelFile { path: path.into(), reason })
    }
}

fn parse(bytes: &[u8]) -> std::result::Result<Model, String> {
    let damaged = |e: safetensors::SafeTensorError| {
        format!("not a whole safetensors file ({e}); use a file that `anygrad train` wrote")
    };
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let json = metadata.metadata().as_ref().and_then(|m| m.get(KEY));
    let json = json.ok_or("its metadata has no entry `anygrad`; use a file that `anygrad train` wrote")?;
    let stated = metadata.metadata().as_ref().and_then(|m| m.get(CHECKSUM));
    if stated.is_some_and(|stated| *stated != checksum(json)) {
        return Err("its description differs from its checksum: the file is damaged or was edited".into());
    }
    let format = serde_json::from_str::<serde_json::Value>(json).ok().and_then(|v| v.get("format")?.as_u64());
    if format.is_none_or(|format| format > u64::from(FORMAT)) {
        let found = format.map_or("unknown".into(), |f| f.to_string());
        return Err(format!("its format is {found}, this program reads up to {FORMAT}; use a newer anygrad"));
    }
    let description: Description = serde_json::from_str(json).map_err(|e| format!("its description: {e}"))?;
    let architecture =
        Sequential::from_description(description.input, &description.layers).map_err(|e| e.to_string())?;

    let mut tensors = Vec::new();
    for (name, shape) in parameter_shapes(&architecture)? {
        let view = file.tensor(&name).map_err(|_| format!("the tensor `{name}` is missing"))?;
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            let found = format!("{:?} {:?}", view.dtype(), view.shape());
            return Err(format!("the tensor `{name}` is {found}, the layers need F32 {shape:?}"));
        }
        let data: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        tensors.push(Tensor { name, shape, data });
    }
    let model = Model {
        architecture,
        tensors,
        loss: description.loss,
        preprocessing: description.preprocessing,
        target_preprocessing: description.target_preprocessing,
        feature_names: description.feature_names,
        target: description.target,
        recipe: description.recipe,
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

/// Name and shape of each parameter.
fn parameter_shapes(architecture: &Sequential) -> std::result::Result<Vec<(String, Vec<usize>)>, String> {
    let widths = architecture.widths().map_err(|e| e.to_string())?;
    let layers = architecture.layers().iter().zip(&widths).enumerate();
    Ok(layers
        .flat_map(|(i, (layer, &width))| {
            layer.parameters(width).into_iter().map(move |p| (format!("{i}.{}", p.name), p.shape))
        })
        .collect())
}

fn check(model: &Model, expected_hash: &str) -> std::result::Result<(), String> {
    if model.weights_hash() != expected_hash {
        return Err("its weights differ from their checksum: the file is damaged or was edited".into());
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
    if let Some(ClassWeights::Given(weights)) = &model.loss.class_weights
        && weights.len() != named
    {
        return Err(format!("it has {} class weights for {named} classes", weights.len()));
    }
    let width = model.architecture.input_width();
    let prepared = model.preprocessing.is_sound(width) && model.target_preprocessing.is_sound(outputs);
    if width == 0 || model.feature_names.len() != width || !prepared {
        return Err(format!("its features do not fit its input of {width}"));
    }
    Ok(())
}
