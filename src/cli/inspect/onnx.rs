//! An ONNX file: who wrote it, what it takes and gives, its operators and constants.

use super::{Found, about};
use anygrad::export::onnx::read;
use anygrad::export::onnx::schema::{DataType, Extent, ValueInfoProto};
use anygrad::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Most constants that are listed.
const MOST: usize = 200;

/// Reads an ONNX file.
pub fn look(path: &Path) -> Result<Found> {
    let model = read(path)?;
    let mut found = about(path, "an ONNX file");
    let mut put = |name: &str, value: Value| found.insert(name.into(), value);
    put("written_by", json!(format!("{} {}", model.producer_name, model.producer_version)));
    put("format", json!(model.ir_version));
    let set = |domain: &Option<String>| match domain.as_deref() {
        None | Some("") => "ai.onnx".to_string(),
        Some(domain) => domain.into(),
    };
    let sets = model.opset_import.iter().map(|set_of| format!("{} {}", set(&set_of.domain), set_of.version));
    put("operators_of", json!(sets.collect::<Vec<_>>().join(", ")));
    for entry in &model.metadata_props {
        let name = entry.key.strip_prefix("anygrad.").unwrap_or(&entry.key);
        put(name, serde_json::from_str(&entry.value).unwrap_or_else(|_| json!(entry.value)));
    }
    let Some(graph) = model.graph else {
        return Err(Error::data(path, "", "it is an ONNX file without a graph", "export the model again"));
    };
    put("takes", json!(graph.input.iter().map(value).collect::<Vec<_>>()));
    put("gives", json!(graph.output.iter().map(value).collect::<Vec<_>>()));
    let mut operators: BTreeMap<&str, usize> = BTreeMap::new();
    graph.node.iter().for_each(|node| *operators.entry(&node.op_type).or_default() += 1);
    put("operators", json!(operators));
    let constants = graph.initializer.iter().take(MOST).map(|tensor| {
        let kind = DataType::try_from(tensor.data_type).unwrap_or(DataType::Undefined);
        json!({ "name": tensor.name, "type": format!("{kind:?}").to_lowercase(), "shape": tensor.dims })
    });
    put("constants", json!(constants.collect::<Vec<_>>()));
    if graph.initializer.len() > MOST {
        put("constants_not_listed", json!(graph.initializer.len() - MOST));
    }
    Ok(found)
}

/// An input or an output in one row.
fn value(value: &ValueInfoProto) -> Value {
    let kind = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let element = kind.map_or(DataType::Undefined, |kind| kind.elem_type());
    let dims = kind.and_then(|kind| kind.shape.as_ref()).map(|shape| &shape.dim[..]).unwrap_or_default();
    let extent = |value: &Option<Extent>| match value {
        Some(Extent::Value(extent)) => extent.to_string(),
        Some(Extent::Parameter(name)) => name.clone(),
        None => "?".into(),
    };
    let shape: Vec<String> = dims.iter().map(|dim| extent(&dim.value)).collect();
    let fields = [
        ("name", json!(value.name)),
        ("type", json!(format!("{element:?}").to_lowercase())),
        ("shape", json!(format!("[{}]", shape.join(", ")))),
        ("what", json!(value.doc_string)),
    ];
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect::<Map<_, _>>())
}
