//! A model's file: layers, tensors, how its rows are prepared, how it was trained; of another program's file the tensors.

use super::super::columns::{layers, settings};
use super::super::output::significant;
use super::{Found, about};
use anygrad::Result;
use anygrad::data::{Encoding, Preprocessing};
use anygrad::model::{Model, Stored, StoredTensor, Target, stored};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Most features that are listed.
const MOST: usize = 200;

/// Reads a safetensors file.
pub fn look(path: &Path) -> Result<Found> {
    let Stored { tensors, metadata } = stored(path)?;
    let Some(description) = metadata.get("anygrad") else {
        let mut found = about(path, "tensors of another program (safetensors)");
        found.insert("description".into(), json!("none: neither layers nor preprocessing are in the file"));
        let texts: Map<String, Value> = metadata.into_iter().map(|(key, text)| (key, json!(text))).collect();
        if !texts.is_empty() {
            found.insert("metadata".into(), Value::Object(texts));
        }
        found.insert("elements".into(), json!(tensors.iter().map(elements).sum::<usize>()));
        found.insert("tensors".into(), json!(tensors.iter().map(row).collect::<Vec<_>>()));
        return Ok(found);
    };
    // All checks of a model that is used: hashes, shapes, numbers.
    let model = Model::load(path)?;
    let description: Value = serde_json::from_str(description).unwrap_or_default();
    let mut found = about(path, "a model");
    let mut put = |name: &str, value: Value| found.insert(name.into(), value);
    put("format", description.get("format").cloned().unwrap_or_default());
    put("layers", json!(model.architecture.to_string()));
    put("parameters", json!(model.architecture.parameter_count()?));
    put("loss", json!(model.loss.to_string()));
    match &model.target {
        Target::Classes { name, classes } => {
            put("target", json!(name));
            put("classes", json!(classes));
        }
        Target::Values { names } => {
            put("target", json!(names.join(", ")));
        }
    }
    if let Some(threshold) = model.threshold {
        put("threshold", json!(threshold));
    }
    put("preprocessing", json!(in_words(&model.preprocessing)));
    if model.target_preprocessing != Preprocessing::None {
        put("target_preprocessing", json!(in_words(&model.target_preprocessing)));
    }
    put("data_hash", json!(model.data_hash));
    put("weights_hash", json!(model.weights_hash()));
    put("hashes_checked", json!(true));
    put("metrics", model.metrics.clone());
    put("recipe", recipe(&model.recipe));
    let features = features(&model);
    let left_out = features.len().saturating_sub(MOST);
    put("features", json!(features.into_iter().take(MOST).collect::<Vec<_>>()));
    if left_out > 0 {
        put("features_not_listed", json!(left_out));
    }
    put("tensors", json!(tensors.iter().map(row).collect::<Vec<_>>()));
    Ok(found)
}

/// A recipe by its dotted keys.
pub fn recipe(recipe: &anygrad::train::Recipe) -> Value {
    let mut fields = Map::from_iter([("model".to_string(), json!(layers(&recipe.layers)))]);
    fields.extend(settings(recipe).into_iter().filter(|(key, _)| !key.starts_with("layers.")));
    Value::Object(fields)
}

fn in_words(preprocessing: &Preprocessing) -> String {
    match preprocessing {
        Preprocessing::None => "none".into(),
        Preprocessing::Scale { factor } => format!("times {factor}"),
        Preprocessing::Affine { centers, .. } => format!("(x − center) / scale of each of {}", centers.len()),
    }
}

/// A row for each column of the table that it was trained on, or for each feature.
fn features(model: &Model) -> Vec<Value> {
    let moments = |at: usize| match &model.preprocessing {
        Preprocessing::Affine { centers, scales } => Some((*centers.get(at)?, *scales.get(at)?)),
        _ => None,
    };
    let with = |mut row: Map<String, Value>, at: usize| {
        if let Some((center, scale)) = moments(at) {
            row.insert("center".into(), json!(center));
            row.insert("scale".into(), json!(scale));
        }
        Value::Object(row)
    };
    let Some(encoder) = &model.encoder else {
        let named = |(at, name): (usize, &String)| with(Map::from_iter([("feature".to_string(), json!(name))]), at);
        // Of pixels the names tell nothing.
        let tells = moments(0).is_some() || model.feature_names.len() <= 20;
        return if tells { model.feature_names.iter().enumerate().map(named).collect() } else { Vec::new() };
    };
    let mut at = 0;
    let mut rows = Vec::new();
    for column in &encoder.columns {
        let (kind, missing) = match &column.encoding {
            Encoding::Number { fill, .. } => ("number".to_string(), significant(*fill)),
            Encoding::YesNo { fill } => ("yes or no".into(), if *fill { "yes" } else { "no" }.into()),
            Encoding::Category { levels, others, fill } => {
                let more = if *others { " and others" } else { "" };
                (format!("{} categories{more}", levels.len()), levels.get(*fill).cloned().unwrap_or("others".into()))
            }
            Encoding::Time { parts, fill, .. } => (format!("time, {} parts", parts.len()), fill.to_string()),
        };
        let mut row = Map::from_iter([("column".to_string(), json!(column.name)), ("kind".to_string(), json!(kind))]);
        row.insert("features".into(), json!(column.width()));
        row.insert("missing".into(), json!(if column.indicator { format!("{missing}, marked") } else { missing }));
        rows.push(match column.width() {
            1 => with(row, at),
            _ => Value::Object(row),
        });
        at += column.width();
    }
    rows
}

fn elements(tensor: &StoredTensor) -> usize {
    tensor.shape.iter().product()
}

fn row(tensor: &StoredTensor) -> Value {
    numbers(&tensor.name, &tensor.kind, &tensor.shape, tensor.data.as_deref())
}

/// A tensor in a line: kind, shape, range and mean.
pub fn numbers(name: &str, kind: &str, shape: &[usize], data: Option<&[f32]>) -> Value {
    let shape = shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
    let mut row =
        json!({ "tensor": name, "kind": kind, "shape": if shape.is_empty() { "single".into() } else { shape } });
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let (low, high) = data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
        let mean = data.iter().map(|&x| f64::from(x)).sum::<f64>() / data.len() as f64;
        row["least"] = json!(f64::from(low));
        row["mean"] = json!(mean);
        row["largest"] = json!(f64::from(high));
    }
    row
}
