//! A run as named values: its settings as `--set` takes them, its figures, and what it is; for tables, filters and comparisons.

use super::keys::{TABLES, filled_in};
use super::record::Record;
use anygrad::data::Source;
use anygrad::nn::LayerDescription;
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use serde_json::{Value, json};
use std::path::{Component, PathBuf};

/// Named values of a run.
pub type Columns = Vec<(String, Value)>;

/// The settings of a recipe that it names, by their dotted keys.
pub fn settings(recipe: &Recipe) -> Columns {
    // By way of text, in which 0.003 is 0.003.
    let text = toml::to_string(recipe).unwrap_or_default();
    let mut columns = Columns::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        flatten("", &toml::Value::Table(table), &mut columns);
    }
    columns
}

fn flatten(path: &str, value: &toml::Value, columns: &mut Columns) {
    let below = |key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(key, value)| flatten(&below(key), value, columns)),
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            list.iter().enumerate().for_each(|(at, value)| flatten(&below(&at.to_string()), value, columns));
        }
        value => columns.push((path.into(), serde_json::to_value(value).unwrap_or_default())),
    }
}

/// The default of a key that a recipe with these settings does not name; none if it has no such key.
pub fn default_of(key: &str, settings: &Columns) -> Option<String> {
    let kind = |table: &str| settings.iter().find(|(own, _)| *own == format!("{table}.kind"));
    let table = key.split('.').next().unwrap_or(key);
    let applies = |title: &str| match (title.contains("kind = "), kind(table)) {
        (true, Some((_, kind))) => title.contains(&kind.to_string()),
        (true, None) => false,
        (false, _) => true,
    };
    let known = TABLES.iter().filter(|table| applies(table.title));
    let entry = known.flat_map(|table| table.keys.iter().map(|entry| (table.path(entry.0), entry.1)));
    let default = entry.into_iter().find(|(path, _)| path == key)?.1;
    Some(filled_in(default).trim_matches('"').to_string())
}

/// Layers in short: `64-relu-10`.
pub fn layers(layers: &[LayerDescription]) -> String {
    let name = |layer: &LayerDescription| match layer {
        LayerDescription::Linear { outputs, .. } => outputs.to_string(),
        LayerDescription::Activation(activation) => activation.to_string(),
        LayerDescription::Dropout { rate, .. } => format!("drop{rate}"),
        LayerDescription::Residual(own) => format!("+({})", self::layers(own)),
        LayerDescription::Sequential(own) => format!("({})", self::layers(own)),
        LayerDescription::Custom(name) => name.clone(),
    };
    layers.iter().map(name).collect::<Vec<_>>().join("-")
}

/// A source as it is seen from here: without the way into a folder and out again, which config files of runs have.
pub fn source(source: &Source) -> String {
    let mut short = source.clone();
    short.relocate(|path| {
        let mut parts: Vec<Component<'_>> = Vec::new();
        for part in path.components() {
            match (part, parts.last()) {
                (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
                _ => parts.push(part),
            }
        }
        let short: PathBuf = parts.iter().collect();
        // A link on the way leads elsewhere.
        if short.canonicalize().ok() == path.canonicalize().ok() { short } else { path.into() }
    });
    short.to_string()
}

/// All that a run is known by.
pub fn columns(name: &str, record: &Record) -> Columns {
    let recipe = &record.recipe;
    let end = record.end();
    let mut columns: Columns = vec![
        ("run".into(), json!(name)),
        ("state".into(), json!(record.state())),
        ("data".into(), json!(source(&recipe.data.source))),
        ("model".into(), json!(layers(&recipe.layers))),
        ("device".into(), json!(record.device().map_or_else(|| recipe.device.to_string(), String::from))),
    ];
    columns.extend(settings(recipe).into_iter().filter(|(key, _)| key != "device"));
    let told = end.into_iter().flatten().filter(|(name, value)| {
        (value.is_number() || value.is_boolean() || value.is_string())
            && !["event", "run", "device", "reproducible", "learning_rate"].contains(&&name[..])
    });
    columns.extend(told.map(|(name, value)| (name.clone(), value.clone())));
    if !columns.iter().any(|(name, _)| name == "epochs") {
        columns.push(("epochs".into(), json!(record.epochs.len())));
    }
    columns
}

/// The full name of a column that somebody names, by its last part if that is enough.
pub fn resolve(name: &str, known: &[&str]) -> Result<String> {
    if known.contains(&name) {
        return Ok(name.into());
    }
    let ends: Vec<&&str> = known.iter().filter(|own| own.rsplit('.').next() == Some(name)).collect();
    match ends[..] {
        [only] => Ok((*only).into()),
        [] => Err(Error::unknown("column", name, known.iter().copied())),
        [first, ..] => {
            let expected = format!("stands for several columns: name one, such as {first}");
            Err(Error::option("column", name, &expected))
        }
    }
}

/// A value as text: a string without quotes.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}
