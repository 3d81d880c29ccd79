//! What a path on the command line is: a table, a config file, a run folder, a model.

use super::config::Config;
use super::options::TrainOptions;
use anygrad::data::Source;
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

    /// The config file, and the flags with the table that the path may be.
    pub fn resolve(options: &TrainOptions) -> Result<(Config, TrainOptions)> {
        let mut options = options.clone();
        let Some(path) = options.subject.take() else { return Ok((Config::default(), options)) };
        if let Some(config) = Subject::config(&path) {
            return Ok((Config::read(Some(&config))?, options));
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
            Err(_) if path.is_file() => return Ok((Config::read(Some(&path))?, options)),
            Err(error) if path.exists() => return Err(error),
            Err(_) => {
                let error = std::io::Error::from(std::io::ErrorKind::NotFound);
                return Err(Error::io("read", &path, error));
            }
        }
        Ok((Config::default(), options))
    }

    /// The model that a path stands for: itself, or that of a run folder.
    pub fn model(path: &Path) -> Result<PathBuf> {
        if !path.is_dir() {
            return Ok(path.to_path_buf());
        }
        let known = ["best.safetensors", "last.safetensors"].map(|name| path.join(name));
        known.into_iter().find(|path| path.is_file()).ok_or_else(|| {
            let reason = "there is neither best.safetensors nor last.safetensors in the folder";
            Error::ModelFile { path: path.into(), reason: reason.into() }
        })
    }
}
