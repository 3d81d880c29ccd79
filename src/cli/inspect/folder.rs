//! The folder of a run or of a sweep: what it is, what it reached, and what each of its files is.

use super::super::record::{Record, folders_below};
use super::super::sweep::FILE;
use super::model::recipe;
use super::{Found, look as look_at, texts};
use anygrad::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Looks at a folder.
pub fn look(path: &Path) -> Result<Found> {
    if path.join(FILE).is_file() {
        let mut found = Found::from_iter([("folder".to_string(), json!("a sweep"))]);
        found.extend(
            texts::plan(path, &path.join(FILE))?.into_iter().filter(|(name, _)| name != "file" && name != "bytes"),
        );
        return Ok(found);
    }
    if !path.join("config.toml").is_file() {
        let runs = folders_below(path)?;
        let expected = match runs.first() {
            Some(first) => {
                format!("holds {} runs, which `anygrad runs` lists: name one, such as {}", runs.len(), first.display())
            }
            None => "is neither the folder of a run nor of a sweep".into(),
        };
        return Err(Error::option("inspect", path.display(), &expected));
    }
    let record = Record::read(path, "inspect")?;
    let mut found = Found::from_iter([("folder".to_string(), json!("a run"))]);
    let mut put = |name: &str, value: Value| found.insert(name.into(), value);
    put("state", json!(record.state()));
    put("epochs", json!(format!("{} of {}", record.epochs.len(), record.recipe.epochs())));
    if let Some(end) = record.end() {
        let is_result = |name: &str| !["event", "run", "baseline", "epoch", "epochs"].contains(&name);
        let result: Map<String, Value> =
            end.iter().filter(|(name, _)| is_result(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        put("result", Value::Object(result));
    }
    put("recipe", recipe(&record.recipe));
    put("environment", Value::Object(record.environment.clone()));
    put("decisions", json!(record.decisions));
    put("files", json!(files(path)?));
    Ok(found)
}

/// Each file with what it is; of one that cannot be read, why.
fn files(folder: &Path) -> Result<Vec<Value>> {
    let io = |error| Error::io("read", folder, error);
    let mut paths = std::fs::read_dir(folder)
        .map_err(io)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    paths.retain(|path| path.is_file());
    paths.sort();
    let mut rows = Vec::new();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (what, is_whole) = match look_at(&path) {
            Ok(found) => (found.get("file").cloned().unwrap_or_default(), true),
            Err(error) => (json!(error.to_string()), false),
        };
        let bytes = path.metadata().map_or(0, |about| about.len());
        rows.push(json!({ "file": name, "bytes": bytes, "is": what, "whole": is_whole }));
    }
    Ok(rows)
}
