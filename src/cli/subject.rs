//! What a path on the command line is: a table, a config file, a run folder, a model.

use super::config::{Config, Given};
use super::options::TrainOptions;
use anygrad::data::Source;
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use std::path::{Path, PathBuf};

/// What `train` and its like are given.
pub struct Subject;

impl Subject {
    /// The config file that a path stands for, if it does: itself, or that of a run folder.
    pub fn config(path: &Path) -> Option<PathBuf> {
        let of_run = path.join("config.toml");
        if of_run.is_file() {
            return Some(of_run);
        }
        let is_config = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
        is_config.then(|| path.to_path_buf())
    }

    /// The recipe in the config file of a run folder, if the path is one. It names files as they are seen from there, and
    /// those are the user's own; a path that stands in a model is never followed.
    pub fn recipe(path: &Path) -> Result<Option<Recipe>> {
        let config = Subject::config(path).filter(|_| path.is_dir());
        config.map(|config| Config::read(Some(&config))?.recipe(&[], &Given::default())).transpose()
    }

    /// The config file, and the flags with the table that the path may be.
    pub fn resolve(options: &TrainOptions) -> Result<(Config, TrainOptions)> {
        let mut options = options.clone();
        let Some(path) = options.subject.take() else { return Ok((Config::default(), options)) };
        if let Some(config) = Subject::config(&path) {
            return Ok((Config::read(Some(&config))?, options));
        }
        let below = std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path());
        if let Some(run) = below.filter(|folder| folder.join("config.toml").is_file()).min() {
            let expected = format!("holds several runs: name one, such as {}", run.display());
            return Err(Error::option("train", path.display(), &expected));
        }
        let text = path.to_string_lossy();
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors")) {
            let expected = "is a model: name a table or a config file";
            return Err(Error::option("train", text, expected));
        }
        match text.parse::<Source>() {
            Ok(source) if options.data.data.is_none() => options.data.data = Some(source),
            Ok(_) => return Err(Error::option("data", text, "is named twice: as the first word and by --data")),
            // Whatever is there may be a config file of another name.
            Err(_) if path.is_file() => match Config::read(Some(&path)) {
                Ok(config) if config.is_sound() => return Ok((config, options)),
                _ => {
                    let reason =
                        "it is neither a table by its ending (.csv, .tsv, .txt, .npz, .parquet …) nor a config file";
                    return Err(Error::data(&path, "", reason, "save it as CSV, or name it so"));
                }
            },
            Err(error) if path.exists() || !text.contains(['/', '.']) => return Err(error),
            Err(error) => return Err(path.metadata().err().map_or(error, |e| Error::io("read", &path, e))),
        }
        Ok((Config::default(), options))
    }

    /// The model that a path stands for: itself, or that of a run folder.
    pub fn model(path: &Path) -> Result<PathBuf> {
        if !path.is_dir() {
            return Ok(path.to_path_buf());
        }
        let model = |folder: &Path| {
            let known = ["best.safetensors", "last.safetensors"].map(|name| folder.join(name));
            known.into_iter().find(|path| path.is_file())
        };
        model(path).ok_or_else(|| {
            // The folder of several runs holds a folder for each.
            let below = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
            let reason = match below.filter(|folder| model(folder).is_some()).min() {
                Some(run) => format!("it holds several runs: name one, such as {}", run.display()),
                None => "there is neither best.safetensors nor last.safetensors in the folder".into(),
            };
            Error::ModelFile { path: path.into(), reason }
        })
    }
}
