//! Rows for a model that is trained already, as they come: each encoded as soon as it is whole.

use super::apply::{Application, Applied, applied};
use super::columns::{EncodedColumn, Encoding, Unusual};
use super::options::Missing;
use super::table::stream::{Expected, Kind, Piece, Settings, Stream, Wanted};
use super::table::{Column, Table};
use super::tables::{positions, unusual_line};
use crate::error::{Error, Result, shown};
use std::path::{Path, PathBuf};

/// Rows of text that come one after the other, for a model: cells in lines below their names, as in a table, or a JSON
/// object in each line. Nothing of them is kept once they are given.
///
/// They are read by the rules for tables, so that a row becomes what it would be in a file; only what a file shows further
/// below cannot be known: whether decimals follow a comma is what the rows so far show, the order of day and month what they
/// show or else that of the training rows.
///
/// ```
/// use anygrad::data::{Application, DataOptions, Encoder, Incoming, IncomingRows, Preprocessing};
/// let (encoder, options) = (Encoder::of_numbers(&["x".into(), "y".into()]), DataOptions::default());
/// let preprocessing = Preprocessing::None;
/// let (encoder, preprocessing) = (&encoder, &preprocessing);
/// let keep = &[];
/// let application = Application { encoder, preprocessing, options: &options, target: None, weights: None, keep };
/// let mut incoming = Incoming::new("a pipe".as_ref(), application);
/// incoming.feed(b"y,x\n1,");
/// assert!(incoming.form()?.is_some() && incoming.next()?.is_none());
/// incoming.feed(b"2\n");
/// let Some(IncomingRows::Rows(rows)) = incoming.next()? else { panic!("a row") };
/// assert_eq!(rows.features, anygrad::data::Features::F32 { width: 2, data: vec![2.0, 1.0] });
/// # Ok::<(), anygrad::Error>(())
/// ```
pub struct Incoming<'a> {
    application: Application<'a>,
    path: PathBuf,
    stream: Stream,
    is_checked: bool,
    unusual: Unusual,
    said: Vec<String>,
}

/// How rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncomingForm {
    /// Cells in lines.
    Table,
    /// A JSON object in each line.
    Objects,
    /// What can be read as a whole only, if at all: it is compressed, in another encoding, or a single line.
    Other,
}

/// The next of what came.
#[derive(Debug)]
pub enum IncomingRows {
    /// Rows, in their order.
    Rows(Applied),
    /// A row that the model cannot take.
    Bad {
        /// Its line, counted from 1.
        line: u64,
        /// Why.
        error: Error,
    },
}

impl<'a> Incoming<'a> {
    /// Rows that errors say to come from `path`. What an application asks for beside features and columns to carry along is
    /// not read.
    pub fn new(path: &Path, application: Application<'a>) -> Incoming<'a> {
        let application = Application { target: None, weights: None, ..application };
        let Application { encoder, keep, options, .. } = application;
        let of_feature = |column: &EncodedColumn| Wanted {
            name: column.name.clone(),
            expected: match column.encoding {
                Encoding::Time { day_first, .. } => Expected::Time { day_first },
                Encoding::Number { offset, .. } if !keep.contains(&column.name) => Expected::Number { offset },
                _ => Expected::Text,
            },
            may_lack: column.had_missing && encoder.missing != Missing::Refuse,
        };
        let mut wanted: Vec<Wanted> = encoder.columns.iter().map(of_feature).collect();
        let features = wanted.len();
        let further = keep.iter().filter(|name| encoder.columns.iter().all(|column| column.name != **name));
        let carried = |name: &String| Wanted { name: name.clone(), expected: Expected::Text, may_lack: true };
        wanted.extend(further.map(carried));
        let settings = Settings {
            header: options.header,
            separator: options.separator.map(|c| c as u8),
            decimal: options.decimal.map(|c| c as u8),
            encoding: options.encoding.clone(),
            missing: encoder.missing_values.clone(),
        };
        let stream = Stream::new(path, wanted, features, settings);
        Incoming {
            application,
            path: path.into(),
            stream,
            is_checked: false,
            unusual: Unusual::default(),
            said: Vec::new(),
        }
    }

    /// Takes what came next.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.stream.feed(bytes);
    }

    /// Says that nothing more comes.
    pub fn end(&mut self) {
        self.stream.end();
    }

    /// How rows come, as soon as that is known: for cells in lines, once their names are there.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::UnknownName`] if the names are not those that the model needs.
    pub fn form(&mut self) -> Result<Option<IncomingForm>> {
        let Some(kind) = self.stream.kind()? else { return Ok(None) };
        if let (Some(names), false) = (self.stream.names(), std::mem::replace(&mut self.is_checked, true)) {
            let column = |name: &String| Column {
                name: name.clone(),
                is_named: true,
                cells: super::table::Cells::Skipped,
                numbers: 0,
                odd: None,
            };
            let table =
                Table { path: self.path.clone(), columns: names.iter().map(column).collect(), ..Table::default() };
            let encoder = self.application.encoder;
            let absent = positions(encoder, &table)?;
            let absent = encoder.columns.iter().zip(absent).filter(|(_, at)| at.is_none());
            let say = |name| format!("missing there is no column `{}`: filled in each row", shown(name));
            self.said.extend(absent.map(|(column, _)| say(&column.name)));
            for name in self.application.keep {
                table.column(name).map_err(|error| error.in_file(&table.path))?;
            }
        }
        Ok(Some(match kind {
            Kind::Table => IncomingForm::Table,
            Kind::Objects => IncomingForm::Objects,
            Kind::Other => IncomingForm::Other,
        }))
    }

    /// All that came, of what is to be read as a whole.
    pub fn into_bytes(self) -> Vec<u8> {
        self.stream.into_bytes()
    }

    /// The next rows that are whole; nothing if more must come.
    ///
    /// # Errors
    /// [`Error::Data`] where no further row can be found: one has no end.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<IncomingRows>> {
        let application = &self.application;
        Ok(self.stream.next(|table| applied(table, application))?.map(|piece| match piece {
            Piece::Rows((applied, Unusual { filled, unseen })) => {
                self.unusual.filled += filled;
                self.unusual.unseen += unseen;
                IncomingRows::Rows(applied)
            }
            Piece::Bad { line, error } => IncomingRows::Bad { line, error },
        }))
    }

    /// What was taken for what since the last call, a sentence each.
    pub fn take_decisions(&mut self) -> Vec<String> {
        let mut said = self.stream.take_said();
        said.append(&mut self.said);
        said
    }

    /// What was out of the ordinary in all rows, if anything was.
    pub fn unusual(&self) -> Option<String> {
        unusual_line(self.unusual)
    }
}

impl std::fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("unusual", &self.unusual).finish_non_exhaustive()
    }
}
