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
    /// To a file.
    File(FileSink),
}

/// A file, opened once.
pub struct FileSink {
    writer: BufWriter<File>,
    /// The file until it is whole; a pipe or a device has none.
    temporary: Option<PathBuf>,
    path: PathBuf,
}

impl Sink {
    /// A file, or stdout.
    pub fn open(path: Option<&Path>) -> Result<Sink> {
        match path {
            Some(path) => Ok(Sink::File(FileSink::open(path)?)),
            None => Ok(Sink::Stdout(BufWriter::new(std::io::stdout()))),
        }
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
            Sink::File(file) => file.line(line),
        }
    }

    /// Writes lines, each with its end.
    pub fn text(&mut self, lines: &str) -> Result<()> {
        match self {
            Sink::Stdout(writer) => {
                if !stdout_failed()
                    && let Err(error) = writer.write_all(lines.as_bytes())
                {
                    fail_output(&error);
                }
                Ok(())
            }
            Sink::File(file) => file.writer.write_all(lines.as_bytes()).map_err(|e| Error::io("write", &file.path, e)),
        }
    }

    /// Hands on to stdout what was written; a file comes whole in the end.
    pub fn flush(&mut self) {
        if let Sink::Stdout(writer) = self
            && !stdout_failed()
            && let Err(error) = writer.flush()
        {
            fail_output(&error);
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
            Sink::File(file) => file.finish(),
        }
    }
}

/// What exists is not overwritten.
pub fn taken(path: &Path) -> Error {
    Error::option("out", path.display(), "exists already, and nothing is overwritten: name another file, or remove it")
}

impl FileSink {
    /// Opens a file that does not exist: under another name until it is whole; a pipe or a device as it is.
    pub fn open(path: &Path) -> Result<FileSink> {
        let io = |e| Error::io("create", path, e);
        let path = path.to_path_buf();
        if path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir()) {
            let file = File::options().write(true).open(&path).map_err(io)?;
            return Ok(FileSink { writer: BufWriter::new(file), temporary: None, path });
        }
        if path.exists() {
            return Err(taken(&path));
        }
        let name = path.file_name().map_or("out".into(), |name| name.to_string_lossy().into_owned());
        let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let file = File::create(&temporary).map_err(io)?;
        Ok(FileSink { writer: BufWriter::new(file), temporary: Some(temporary), path })
    }

    /// Writes a line.
    pub fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self.writer, "{line}").map_err(|e| Error::io("write", &self.path, e))
    }

    /// Writes what is left, and gives the file its name.
    pub fn finish(mut self) -> Result<()> {
        let mut whole = || -> std::io::Result<()> {
            self.writer.flush()?;
            if let Some(temporary) = &self.temporary {
                self.writer.get_ref().sync_all()?;
                std::fs::rename(temporary, &self.path)?;
            }
            Ok(())
        };
        whole().map_err(|e| Error::io("write", &self.path, e))?;
        self.temporary = None;
        Ok(())
    }
}

impl Drop for FileSink {
    /// Nothing is left of a file that is not whole.
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = std::fs::remove_file(temporary);
        }
    }
}
