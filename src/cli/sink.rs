//! Where lines of data go: to stdout, or whole or not at all into a file.

use super::output::{fail_output, stdout_failed};
use anygrad::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

/// A stream of lines.
pub enum Sink {
    /// To stdout; a closed pipe ends the output, not the program.
    Stdout(BufWriter<Stdout>),
    /// Into a temporary file that gets its name when it is whole.
    File {
        /// The temporary file.
        writer: BufWriter<File>,
        /// Its path.
        temporary: PathBuf,
        /// Its name in the end.
        path: PathBuf,
    },
}

impl Sink {
    /// A file, or stdout.
    pub fn open(path: Option<&Path>) -> Result<Sink> {
        let Some(path) = path else { return Ok(Sink::Stdout(BufWriter::new(std::io::stdout()))) };
        let name = path.file_name().map_or("out".into(), |name| name.to_string_lossy().into_owned());
        let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let file = File::create(&temporary).map_err(|e| Error::io("create", path, e))?;
        Ok(Sink::File { writer: BufWriter::new(file), temporary, path: path.into() })
    }

    /// Writes a line.
    pub fn line(&mut self, line: &str) -> Result<()> {
        match self {
            Sink::Stdout(writer) => {
                if !stdout_failed()
                    && let Err(error) = writeln!(writer, "{line}")
                {
                    fail_output(&error);
                }
                Ok(())
            }
            Sink::File { writer, path, .. } => writeln!(writer, "{line}").map_err(|e| Error::io("write", path, e)),
        }
    }

    /// Writes what is left, and gives the file its name.
    pub fn finish(self) -> Result<()> {
        match self {
            Sink::Stdout(mut writer) => {
                if !stdout_failed()
                    && let Err(error) = writer.flush()
                {
                    fail_output(&error);
                }
                Ok(())
            }
            Sink::File { mut writer, temporary, path } => {
                let mut whole = || -> std::io::Result<()> {
                    writer.flush()?;
                    writer.get_ref().sync_all()?;
                    std::fs::rename(&temporary, &path)
                };
                whole().map_err(|e| {
                    let _ = std::fs::remove_file(&temporary);
                    Error::io("write", &path, e)
                })
            }
        }
    }
}
