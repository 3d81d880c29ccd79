//! What a run is, written down before it begins: its name, its recipe as a config file, the machine.

use anygrad::backend::{Choice, Device};
use anygrad::data::{Dataset, Source, Split};
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What a run folder is named after.
pub fn run_name(source: &Source) -> String {
    match source {
        Source::Collection(collection, _) => collection.to_string(),
        Source::Images(folder) => {
            folder.file_name().map_or("images".into(), |name| name.to_string_lossy().into_owned())
        }
        Source::Memory => "memory".into(),
        Source::Table(path) if source.is_read_once() => path
            .file_name()
            .filter(|name| *name != "-")
            .map_or("stdin".into(), |name| name.to_string_lossy().into_owned()),
        Source::Table(path) | Source::Packed(path) => {
            path.file_stem().map_or("table".into(), |stem| stem.to_string_lossy().into_owned())
        }
        other => other.to_string(),
    }
}

/// The resolved recipe as a config file in a folder. Whether it says the same when it is read again is tried.
pub fn config(recipe: &Recipe, folder: &Path) -> Result<String> {
    let recipe = relocated(recipe, |path| seen_from(path, folder));
    let refused = |why: String| Error::option("config", "of this run", &why);
    let text = toml::to_string(&recipe).map_err(|e| refused(e.to_string()))?;
    match toml::from_str::<Recipe>(&text) {
        Ok(again) if again == recipe => Ok(text),
        Ok(_) => Err(refused("would not be read as it was written: use smaller numbers".into())),
        Err(error) => Err(refused(format!("could not be read again: {}; use smaller numbers", error.message()))),
    }
}

/// A recipe with its files under other names.
pub fn relocated(recipe: &Recipe, name: impl Fn(&Path) -> PathBuf) -> Recipe {
    let mut recipe = recipe.clone();
    recipe.from = recipe.from.map(|path| name(&path));
    let data = &mut recipe.data;
    for source in [Some(&mut data.source), data.test_data.as_mut(), data.validation_data.as_mut()].into_iter().flatten()
    {
        source.relocate(&name);
    }
    recipe
}

/// A relative path as it is seen from a folder; absolute ones stay.
pub fn seen_from(path: &Path, folder: &Path) -> PathBuf {
    let (Ok(target), Ok(from)) = (path.canonicalize(), folder.canonicalize()) else { return path.into() };
    if path.is_absolute() {
        return path.into();
    }
    let shared = target.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| std::path::Component::ParentDir);
    // The path as given ends in the same names, if no link leads elsewhere.
    up.chain(target.components().skip(shared)).collect()
}

/// The machine that a run is on, and the rows that it has: which those are that judge it tells whether two runs compare.
pub fn environment(choice: &Choice, recipe: &Recipe, data: &Split) -> serde_json::Value {
    let driver = match &choice.device {
        Device::Gpu(gpu) => gpu.adapter().driver(),
        Device::Cpu => String::new(),
    };
    json!({
        "anygrad": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "device": choice.device.device_name(),
        "backend": choice.device.name(),
        "driver": driver,
        "device_reason": choice.reason,
        "reproducible": recipe.reproducible,
        "data": {
            "features": data.train.features.width(),
            "training_rows": data.train.rows(),
            "validation_rows": data.validation.as_ref().map_or(0, Dataset::rows),
            "test_rows": data.test.rows(),
            "validation_hash": data.validation.as_ref().map(Dataset::hash),
            "test_hash": (data.test.rows() > 0).then(|| data.test.hash()),
        },
    })
}
