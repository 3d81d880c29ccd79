//! What a model can be exported to, by name, and the files that it becomes.

use super::{C, RowProgram, c, html, javascript, pytorch, rust};
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::model::Model;
use std::fmt;
use std::path::{Path, PathBuf};

/// What a model can be exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An ONNX file, for ONNX Runtime and what it runs in.
    Onnx,
    /// C99: a source and its header.
    C,
    /// A Rust source that needs no operating system.
    Rust,
    /// An ES module, for browsers and Node.
    Javascript,
    /// A page that predicts by itself.
    Html,
    /// The model's own file, and the Python that loads it into PyTorch.
    Safetensors,
}

impl Target {
    /// All targets.
    pub const ALL: [Target; 6] =
        [Target::Onnx, Target::C, Target::Rust, Target::Javascript, Target::Html, Target::Safetensors];

    /// Its name in flags.
    pub fn name(self) -> &'static str {
        match self {
            Target::Onnx => "onnx",
            Target::C => "c",
            Target::Rust => "rust",
            Target::Javascript => "javascript",
            Target::Html => "html",
            Target::Safetensors => "safetensors",
        }
    }

    /// How the names of its files end.
    pub fn ending(self) -> &'static str {
        match self {
            Target::Onnx => "onnx",
            Target::C => "c",
            Target::Rust => "rs",
            Target::Javascript => "mjs",
            Target::Html => "html",
            Target::Safetensors => "safetensors",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Target {
    type Err = Error;

    fn from_str(name: &str) -> Result<Target> {
        let found = Target::ALL.into_iter().find(|target| target.name() == name);
        found.ok_or_else(|| Error::unknown("export target", name, Target::ALL.map(Target::name)))
    }
}

impl Model {
    /// The files that the model becomes for a target, if the first of them is called `path`: names and contents.
    ///
    /// # Errors
    /// [`Error::Shape`] if a layer cannot be exported; [`Error::ModelFile`] as [`Model::to_bytes`].
    pub fn exported(&self, target: Target, path: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let program = RowProgram::of(self)?;
        let name = path.file_stem().map_or("model".into(), |stem| stem.to_string_lossy().into_owned());
        let first = |content: Vec<u8>| (path.to_path_buf(), content);
        Ok(match target {
            Target::Onnx => vec![first(onnx(&program)?)],
            Target::C => {
                let C { header, source } = c(&program, &name);
                vec![first(source.into()), (path.with_extension("h"), header.into())]
            }
            Target::Rust => vec![first(rust(&program).into())],
            Target::Javascript => vec![first(javascript(&program).into())],
            Target::Html => vec![first(html(&program, &name).into())],
            Target::Safetensors => {
                let file =
                    path.file_name().map_or("model.safetensors".into(), |name| name.to_string_lossy().into_owned());
                vec![first(self.to_bytes()?), (path.with_extension("py"), pytorch(&program, &file).into())]
            }
        })
    }

    /// Writes the model for another program and returns the names of the files, of which the first is `path`.
    ///
    /// ```
    /// use anygrad::{data, export::Target, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let data = data::xor(64, 0)?.split(0.25, 0)?;
    /// let model = Sequential::new(2).linear(4).tanh().linear(2);
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).epochs(1);
    /// trainer.fit_blocking(&data)?;
    /// let path = std::env::temp_dir().join("xor.c");
    /// let files = trainer.model()?.export(Target::C, &path)?;
    /// assert_eq!(files, [path.clone(), path.with_extension("h")]);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails as [`Model::exported`] does; [`Error::Io`] if a file cannot be written.
    pub fn export(&self, target: Target, path: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        write(self.exported(target, path.as_ref())?)
    }
}

/// Writes files, each whole or not at all, and returns their names.
///
/// # Errors
/// [`Error::Io`] if one cannot be written.
pub fn write(files: Vec<(PathBuf, Vec<u8>)>) -> Result<Vec<PathBuf>> {
    files.iter().try_for_each(|(path, content)| write_whole(path, content))?;
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

#[cfg(feature = "onnx")]
fn onnx(program: &RowProgram<'_>) -> Result<Vec<u8>> {
    Ok(super::onnx::onnx(program))
}

#[cfg(not(feature = "onnx"))]
fn onnx(_: &RowProgram<'_>) -> Result<Vec<u8>> {
    Err(Error::option("to", "onnx", "needs anygrad built with the feature `onnx`"))
}
