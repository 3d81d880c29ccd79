//! A trained model as JavaScript holds it.

use crate::answer::{json, message};
use crate::view;
use anygrad::Result;
use anygrad::backend::Device;
use anygrad::data::{Application, DataOptions, Encoder, Features, apply_stream};
use anygrad::nn::{LayerDescription, Model, Target, probabilities};
use anygrad::train::Recipe;
use js_sys::Array;
use serde::Serialize;
use std::io::Cursor;
use std::path::Path;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// What a model is.
#[derive(Serialize)]
struct Description<'a> {
    model: String,
    widths: Vec<usize>,
    layers: Vec<LayerDescription>,
    features: &'a [String],
    target: &'a Target,
    threshold: &'a Option<f64>,
    recipe: &'a Recipe,
    metrics: &'a serde_json::Value,
    weights_hash: String,
}

/// A prediction for one row.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'a> {
    Class {
        class: Option<&'a String>,
        #[serde(flatten)]
        numbers: Numbers<'a>,
    },
    Labels {
        probabilities: Vec<f64>,
    },
    Values(&'a [f32]),
}

/// Numbers beside a class, one for each class: scores where the loss leaves no probabilities.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Numbers<'a> {
    Probabilities(Vec<f64>),
    Scores(&'a [f32]),
}

/// A trained model, from the bytes of its file. It predicts on the processor.
#[wasm_bindgen]
pub struct TrainedModel(Model);

#[wasm_bindgen]
impl TrainedModel {
    /// Reads the content of a model's file.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8]) -> Result<TrainedModel, JsValue> {
        Model::from_bytes(bytes).map(TrainedModel).map_err(|error| message(&error))
    }

    /// What the model is, as JSON: layers, features, target, recipe, hash of the weights.
    pub fn describe(&self) -> Result<String, JsValue> {
        let Model { architecture, feature_names, target, threshold, recipe, metrics, .. } = &self.0;
        let description = architecture.widths().and_then(|widths| {
            let (model, layers) = (architecture.to_string(), architecture.description());
            let weights_hash = self.0.weights_hash();
            json(&Description {
                model,
                widths,
                layers,
                features: feature_names,
                target,
                threshold,
                recipe,
                metrics,
                weights_hash,
            })
        });
        description.map_err(|error| message(&error))
    }

    /// The content of the model's file.
    #[wasm_bindgen(js_name = toBytes)]
    pub fn to_bytes(&self) -> Result<Vec<u8>, JsValue> {
        self.0.to_bytes().map_err(|error| message(&error))
    }

    /// Predictions for rows of raw features, one row after the other, as JSON: of classes `{ class, probabilities }` for
    /// each row (`scores` where the loss leaves no probabilities), of several labels `{ probabilities }`, of values a list
    /// of numbers.
    pub async fn predict(&self, rows: Vec<f32>) -> Result<String, JsValue> {
        let features = Features::F32 { width: self.0.architecture.input_width(), data: rows };
        self.answers(&features).await.map_err(|error| message(&error))
    }

    /// Predictions for the rows of a table of text, which is read as the program's `predict` reads it.
    #[wasm_bindgen(js_name = predictTable)]
    pub async fn predict_table(&self, bytes: Vec<u8>, name: String) -> Result<String, JsValue> {
        let answers = async {
            let Model { encoder, feature_names, preprocessing, .. } = &self.0;
            let encoder = encoder.clone().unwrap_or_else(|| Encoder::of_numbers(feature_names));
            let application = Application {
                encoder: &encoder,
                preprocessing,
                options: &DataOptions::default(),
                target: None,
                weights: None,
                keep: &[],
            };
            let applied = apply_stream(Box::new(Cursor::new(bytes)), Path::new(&name), &application)?;
            self.answers(&applied.features).await
        };
        answers.await.map_err(|error| message(&error))
    }

    /// The outputs of each layer for rows of raw features, one `Float32Array` for each.
    pub async fn view(&self, rows: Vec<f32>) -> Result<Array, JsValue> {
        let layers = view::layers(&self.0, rows).await.map_err(|error| message(&error))?;
        Ok(layers.iter().map(|layer| crate::answer::floats(layer)).collect())
    }
}

impl TrainedModel {
    async fn answers(&self, features: &Features) -> Result<String> {
        let width = self.0.architecture.output_width()?;
        let outputs = self.0.outputs(features, &Device::Cpu).await?;
        let loss = &self.0.loss;
        let answer = |row| match &self.0.target {
            Target::Classes { classes, .. } => Answer::Class {
                class: classes.get(self.0.class_of(row)),
                numbers: match loss.has_probabilities() {
                    true => Numbers::Probabilities(probabilities(row)),
                    false => Numbers::Scores(row),
                },
            },
            Target::Values { .. } if loss.takes_labels() => {
                Answer::Labels { probabilities: row.iter().map(|&logit| probabilities(&[logit])[1]).collect() }
            }
            Target::Values { .. } => Answer::Values(row),
        };
        json(&outputs.chunks_exact(width.max(1)).map(answer).collect::<Vec<_>>())
    }
}
