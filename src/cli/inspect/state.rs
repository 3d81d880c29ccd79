//! Binary files that are no models: checkpoints, packed rows, compiled kernels, events for TensorBoard.

use super::model::{numbers, recipe};
use super::{Found, about};
use anygrad::data::packed::Packed;
use anygrad::data::{Preprocessing, Targets};
use anygrad::model::{Tensor, weights_hash};
use anygrad::train::Snapshot;
use anygrad::{Error, Result};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// A checkpoint.
pub fn checkpoint(path: &Path) -> Result<Found> {
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let snapshot = Snapshot::from_bytes(&bytes).map_err(|error| match error {
        Error::Snapshot { reason } => {
            Error::data(path, "", reason, "the run can go on from checkpoint.previous.bin, if that is whole")
        }
        error => error,
    })?;
    // What an optimizer keeps for a parameter is named behind the parameter's name.
    let all = snapshot.tensors();
    let is_state = |tensor: &Tensor| all.iter().any(|other| tensor.name.starts_with(&format!("{}.", other.name)));
    let (states, parameters): (Vec<Tensor>, Vec<Tensor>) = all.iter().cloned().partition(is_state);
    let mut found = about(path, "a checkpoint");
    let mut put = |name: &str, value: Value| found.insert(name.into(), value);
    put("format", json!(Snapshot::VERSION));
    put("step", json!(snapshot.step()));
    put("epochs_done", json!(snapshot.epochs_done()));
    put("epochs", json!(snapshot.recipe().epochs()));
    put("learning_rate", json!(snapshot.learning_rate().to_string()));
    put("rollbacks", json!(snapshot.rollbacks()));
    put("keeps_best_epoch", json!(snapshot.keeps_best()));
    put("best_epoch", json!(snapshot.keeps_best().then_some(snapshot.history().model_epoch)));
    put("data_hash", json!(snapshot.data_hash()));
    put("weights_hash", json!(weights_hash(&parameters)));
    put("checksum_checked", json!(true));
    if let Some(report) = snapshot.history().last() {
        put("last_epoch", serde_json::to_value(report).unwrap_or_default());
    }
    put("recipe", recipe(snapshot.recipe()));
    let rows = |tensors: &[Tensor]| -> Vec<Value> {
        tensors.iter().map(|tensor| numbers(&tensor.name, "F32", &tensor.shape, Some(&tensor.data))).collect()
    };
    put("parameters", json!(rows(&parameters)));
    put("optimizer_state", json!(rows(&states)));
    Ok(found)
}

/// Packed rows.
pub fn packed(path: &Path) -> Result<Found> {
    let packed = Packed::open(path)?;
    let data = packed.dataset();
    let mut found = about(path, "packed rows");
    let mut put = |name: &str, value: Value| found.insert(name.into(), value);
    put("from", json!(data.name));
    put("rows", json!(data.rows()));
    put("features", json!(data.features.width()));
    put("kind", json!(if data.features.are_bytes() { "bytes" } else { "32-bit floats" }));
    match &data.targets {
        Targets::Labels { name, classes, .. } => {
            put("target", json!(name));
            put("classes", json!(classes));
        }
        Targets::Values { names, .. } => {
            put("target", json!(names.join(", ")));
        }
    }
    put("row_weights", json!(data.weights.is_some()));
    put("hash", json!(packed.hash()));
    put("header_checksum_checked", json!(true));
    let part = |(part, rows, hash): (_, usize, &str)| json!({ "part": part, "rows": rows, "hash": hash });
    put("parts", json!(packed.parts().into_iter().map(part).collect::<Vec<_>>()));
    let (means, deviations) = packed.moments();
    let affine = matches!(data.preprocessing, Preprocessing::Affine { .. });
    put("preprocessing", json!(if affine { "(x − center) / scale of each" } else { "none, or one factor for all" }));
    if data.feature_names.len() <= 100 {
        let column =
            |at: usize| json!({ "column": data.feature_names[at], "mean": means[at], "deviation": deviations[at] });
        put("columns", json!((0..means.len()).map(column).collect::<Vec<_>>()));
    }
    Ok(found)
}

/// Kernels that a driver compiled.
pub fn compiled(path: &Path) -> Result<Found> {
    let io = |error| Error::io("read", path, error);
    let mut file = File::open(path).map_err(io)?;
    let mut numbers = [0; 32];
    let remedy = "delete it: the next run writes it anew";
    file.read_exact(&mut numbers).map_err(|_| Error::data(path, "", "it is cut short", remedy))?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| numbers[at + i]));
    let (holds_for, stated) = (number(8), number(16));
    let actual = file.metadata().map_err(io)?.len() - 32;
    if stated != actual {
        return Err(Error::data(path, "", format!("it holds {actual} bytes, {stated} are stated"), remedy));
    }
    let mut found = about(path, "kernels that a driver compiled");
    found.insert("holds_for".into(), json!(format!("{holds_for:016x} (version, adapter and driver)")));
    found.insert("compiled_bytes".into(), json!(stated));
    Ok(found)
}

/// Events for TensorBoard: records of a length, its checksum, the data and theirs.
pub fn events(path: &Path) -> Result<Found> {
    let io = |error| Error::io("read", path, error);
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let (mut reader, mut records, mut at) = (BufReader::new(file), 0u64, 0u64);
    while at < length {
        let mut first = [0; 8];
        let read = reader.read_exact(&mut first);
        let end = at.checked_add(16).and_then(|at| at.checked_add(u64::from_le_bytes(first)));
        let Some(end) = end.filter(|end| read.is_ok() && *end <= length) else {
            let place = format!(", byte {at}");
            return Err(Error::data(path, place, "the record is cut short or damaged", "those before it can be read"));
        };
        reader.seek_relative((end - at - 8) as i64).map_err(io)?;
        (records, at) = (records + 1, end);
    }
    let mut found = about(path, "events for TensorBoard");
    found.insert("records".into(), json!(records));
    Ok(found)
}
