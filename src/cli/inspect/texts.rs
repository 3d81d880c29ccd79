//! Text files of runs: configs, metrics, environments, and the JSON files of tuning, verification and benchmarks.

use super::super::columns::settings;
use super::super::sweep::Plan;
use super::{Found, about};
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes of a text that are looked at.
const MOST_BYTES: u64 = 256 << 20;

/// JSON documents by two names that they have: what each is.
const DOCUMENTS: [(&str, &str, &str); 8] = [
    ("device_reason", "anygrad", "the environment of a run"),
    ("comparisons", "largest_share", "a receipt of `doctor --verify`"),
    ("choices", "format", "choices of tuning"),
    ("variants", "format", "the kernel variants of a run"),
    ("results", "anygrad", "a measurement of `bench`"),
    ("goes_on", "judged_by", "a decision of a sweep by halving"),
    ("kernels", "step_seconds", "where the time of a run's steps goes"),
    ("finding", "event", "a line of `doctor`"),
];

/// Reads a text.
pub fn look(path: &Path, name: &str, ending: &str) -> Result<Found> {
    let io = |error| Error::io("read", path, error);
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(MOST_BYTES).read_to_end(&mut bytes).map_err(io)?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(unknown(path, "it is neither a text nor a file of ours"));
    };
    let start = text.trim_start();
    if start.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype")) || start.starts_with("<html") {
        return Ok(about(path, "a page (HTML): open it in a browser"));
    }
    if start.starts_with("<svg") || start.starts_with("<?xml") {
        return Ok(about(path, "a picture (SVG): open it in a browser"));
    }
    if start.starts_with('{') {
        return match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(document) => known(path, document),
            Err(_) => lines(path, &text),
        };
    }
    if ending == "toml" {
        return config(path, name, &text);
    }
    match name {
        "decisions.txt" => {
            let mut found = about(path, "what was taken for what when the rows of a run were read");
            let numbered = text.lines().enumerate().map(|(at, line)| ((at + 1).to_string(), json!(line)));
            found.extend(numbered);
            Ok(found)
        }
        "results.csv" if start.starts_with("run,") => {
            let mut found = about(path, "the table of a sweep");
            found.insert("recipes".into(), json!(text.lines().count().saturating_sub(1)));
            found.insert("columns".into(), json!(text.lines().next().unwrap_or_default()));
            Ok(found)
        }
        _ => Err(unknown(path, "it is a text, but none that anygrad writes beside a run")),
    }
}

fn unknown(path: &Path, reason: &str) -> Error {
    let remedy =
        "name a model, a checkpoint, packed rows, a config, metrics, a file of tuning or of doctor, or a run's folder";
    Error::data(path, "", reason, remedy)
}

/// A config, or the plan of a sweep.
fn config(path: &Path, name: &str, text: &str) -> Result<Found> {
    if name == "sweep.toml" {
        return plan(path.parent().unwrap_or(Path::new(".")), path);
    }
    let recipe: Recipe = toml::from_str(text).map_err(|error| {
        let line =
            error.span().map_or(String::new(), |span| format!(":{}", text[..span.start].matches('\n').count() + 1));
        Error::data(path, line, error.message().replace('\n', " "), "`anygrad keys` lists all keys (docs/keys.md)")
    })?;
    let mut found = about(path, "a config");
    found.extend(settings(&recipe));
    Ok(found)
}

/// The plan of a sweep in a folder.
pub fn plan(folder: &Path, path: &Path) -> Result<Found> {
    let plan = Plan::read(folder)?;
    let mut found = about(path, "the plan of a sweep");
    found.insert("rule".into(), json!(plan.rule));
    found.insert("judged_by".into(), json!(plan.by));
    found.insert("halving".into(), json!(plan.halving));
    let row = |entry: &super::super::sweep::Entry| {
        let mut row = Map::from_iter([("run".to_string(), json!(entry.name))]);
        row.extend(plan.keys.iter().cloned().zip(entry.values.iter().map(|value| json!(value))));
        Value::Object(row)
    };
    found.insert("recipes".into(), json!(plan.recipes.iter().map(row).collect::<Vec<_>>()));
    Ok(found)
}

/// A JSON document.
fn known(path: &Path, document: Map<String, Value>) -> Result<Found> {
    if document.get("event").is_some_and(Value::is_string) {
        return lines(path, &Value::Object(document).to_string());
    }
    let has = |name: &str| document.contains_key(name);
    let Some((_, _, what)) = DOCUMENTS.iter().find(|(a, b, _)| has(a) && has(b)) else {
        return Err(unknown(path, "it is JSON, but has none of the names that anygrad writes"));
    };
    let mut found = about(path, what);
    found.extend(document);
    Ok(found)
}

/// Metrics, or any lines that the program printed with `--format json`: how many of each kind, and the last of each.
fn lines(path: &Path, text: &str) -> Result<Found> {
    let mut kinds: Vec<(String, u64, Value)> = Vec::new();
    let all: Vec<&str> = text.lines().collect();
    let mut torn = false;
    for (at, line) in all.iter().enumerate() {
        let event = serde_json::from_str::<Value>(line)
            .ok()
            .and_then(|line| Some((line.get("event")?.as_str()?.to_string(), line)));
        match event {
            Some((event, line)) => match kinds.iter_mut().find(|(own, ..)| *own == event) {
                Some(known) => (known.1, known.2) = (known.1 + 1, line),
                None => kinds.push((event, 1, line)),
            },
            // A crash leaves half a line.
            None if at + 1 == all.len() && at > 0 => torn = true,
            None => {
                let place = format!(":{}", at + 1);
                return Err(Error::data(
                    path,
                    place,
                    "the line is not one of results in JSON",
                    "name a file that anygrad wrote",
                ));
            }
        }
    }
    let mut found = about(path, "lines of results");
    found.insert("lines".into(), json!(all.len()));
    if torn {
        found.insert("last_line".into(), json!("is not whole: the program was stopped while it wrote"));
    }
    for (event, count, last) in kinds {
        let mut fields = Map::from_iter([("lines".to_string(), json!(count))]);
        let own = last.as_object().into_iter().flatten().filter(|(name, value)| *name != "event" && !value.is_object());
        fields.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        found.insert(format!("last_{event}"), Value::Object(fields));
    }
    Ok(found)
}
