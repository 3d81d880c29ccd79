//! A table as rows for a model that is trained already: its columns found by name, encoded as in training.

use super::columns::{self, EncodedColumn, Encoder, Encoding, Known, TimePart, Unusual, encode, names_of, position};
use super::options::{DataOptions, Missing};
use super::table::{Cells, Column, Lines, MISSING_TIME, ReadOptions, Table, Want};
use super::tables::{positions, read_options, unusual_line, want_of};
use super::{Dataset, Features, Preprocessing, Targets};
use crate::error::{Error, Result, shown};
use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

/// What is read of a table for a model.
#[derive(Clone, Copy, Debug)]
pub struct Application<'a> {
    /// How its columns become features.
    pub encoder: &'a Encoder,
    /// How features become inputs; a row that does not fit is an error.
    pub preprocessing: &'a Preprocessing,
    /// How the file is read.
    pub options: &'a DataOptions,
    /// The columns with the true answers, if they are to be read, and the classes if they are classes.
    pub target: Option<(&'a [String], Option<&'a [String]>)>,
    /// The column with the weights of rows.
    pub weights: Option<&'a str>,
    /// Columns to carry along as they are spelled.
    pub keep: &'a [String],
}

/// Rows of a table for a model.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Their features.
    pub features: Features,
    /// Their true answers, if asked for.
    pub targets: Option<Targets>,
    /// Their weights, if asked for.
    pub weights: Option<Vec<f32>>,
    /// The columns that are carried along, of all rows.
    pub kept: Vec<Column>,
    /// For each row its number in the table, counted from 0: those without an answer are left out.
    pub rows: Vec<usize>,
    /// In which lines of the table its rows stand.
    pub lines: Lines,
    /// What was taken for what, a sentence each.
    pub decisions: Vec<String>,
}

impl Encoder {
    /// The encoding of rows whose features are numbers in columns of these names; none may be missing.
    ///
    /// ```
    /// let encoder = anygrad::data::Encoder::of_numbers(&["x".to_string(), "y".to_string()]);
    /// assert_eq!((encoder.width(), encoder.feature_names()), (2, vec!["x".to_string(), "y".to_string()]));
    /// ```
    pub fn of_numbers(names: &[String]) -> Encoder {
        let column = |name: &String| EncodedColumn {
            name: name.clone(),
            had_missing: false,
            indicator: false,
            encoding: Encoding::Number { offset: 0.0, fill: 0.0 },
        };
        Encoder {
            columns: names.iter().map(column).collect(),
            missing: Missing::Refuse,
            missing_values: super::table::MISSING.map(String::from).to_vec(),
        }
    }
}

/// Reads a table and encodes it for a model. Columns may come in any order and be more than the model's; a column of the
/// model may be absent if training rows had missing cells in it.
///
/// # Errors
/// [`Error::Io`] or [`Error::Data`] if the file cannot be read, a cell does not fit its column or is missing where that is
/// refused, a class is not known, or a number is too far from those of training; [`Error::UnknownName`] if a column is
/// absent.
pub fn apply(path: &Path, application: &Application<'_>) -> Result<Applied> {
    let table = application.read(|options| Ok(super::tables::read_any(path, options, None)?.train))?;
    Ok(applied(table, application)?.0)
}

/// [`apply`] for a table of text that a reader brings; errors call it `path`.
///
/// # Errors
/// Fails as [`apply`] does.
pub fn apply_stream(stream: Box<dyn Read>, path: &Path, application: &Application<'_>) -> Result<Applied> {
    let table = application.read(|options| Table::read_stream(stream, path, options))?;
    Ok(applied(table, application)?.0)
}

impl Application<'_> {
    /// What is wanted of the columns of these names.
    pub(super) fn wants(&self, names: &[String]) -> Vec<Want> {
        let Application { encoder, target, weights, keep, .. } = *self;
        let target_names: &[String] = target.map_or(&[], |(names, _)| names);
        let spelled: Vec<&str> = target_names.iter().map(String::as_str).collect();
        let known = encoder.by_name();
        let want = |name: &String| {
            let own = want_of(name, &known, &spelled, weights.as_slice());
            // A time is spelled again from its parts.
            let is_time = known.get(name.as_str()).is_some_and(|c| matches!(c.encoding, Encoding::Time { .. }));
            if keep.contains(name) && !is_time { Want::EverySpelling } else { own }
        };
        names.iter().map(want).collect()
    }

    fn read(&self, read: impl FnOnce(&ReadOptions<'_>) -> Result<Table>) -> Result<Table> {
        let (wants, hints) = (|names: &[String]| self.wants(names), |names: &[String]| self.encoder.hints(names));
        let options = read_options(self.options, &wants);
        read(&ReadOptions { missing: self.encoder.missing_values.clone(), hints: &hints, ..options })
    }
}

/// The rows of a table that was read as an application wants it, and what was out of the ordinary.
pub(super) fn applied(mut table: Table, application: &Application<'_>) -> Result<(Applied, Unusual)> {
    let Application { encoder, target, weights, keep, .. } = *application;
    let mut decisions = std::mem::take(&mut table.decisions);
    let (names, path) = (names_of(&table), table.path.clone());
    let find = |name: &String| position(&names, name).map_err(|error| error.in_file(&path));
    let at = positions(encoder, &table)?;
    for (column, _) in encoder.columns.iter().zip(&at).filter(|(_, at)| at.is_none()) {
        decisions.push(format!("missing there is no column `{}`: filled in each row", shown(&column.name)));
    }

    let mut there = vec![true; table.rows];
    let mut targets = None;
    if let Some((target, classes)) = target {
        let columns: Vec<usize> = target.iter().map(find).collect::<Result<_>>()?;
        let known = classes.map_or(Known::Values, Known::Classes);
        let found = columns::targets(&table, &columns, known)?;
        there = found.there;
        targets = Some(found.targets);
        let absent = there.iter().filter(|there| !**there).count();
        if absent == table.rows {
            return Err(Error::data(&path, "", "the target is missing in every row", "name its column by --target"));
        }
        if absent > 0 {
            decisions.push(format!("rows    {absent} of {} left out: their target is missing", table.rows));
        }
    }
    let weights = weights.map(|name| super::tables::weights(&table, find(&name.to_string())?)).transpose()?;
    let kept = keep
        .iter()
        .map(|name| {
            let at = find(name)?;
            if keep.iter().filter(|other| *other == name).count() > 1 {
                return Err(Error::option("keep", name, "is named twice"));
            }
            let kept = table.columns[at].clone();
            // A column may be a feature as well as carried along.
            let of_column = |column: &&EncodedColumn| column.name == *name;
            if let Some(Encoding::Number { offset, .. }) = encoder.columns.iter().find(of_column).map(|c| &c.encoding)
                && let Some(cells) = as_numbers(&kept.cells, *offset)
            {
                table.columns[at].cells = cells;
                table.columns[at].odd = None;
            }
            Ok(kept)
        })
        .collect::<Result<Vec<_>>>()?;
    let rows: Vec<usize> = (0..table.rows).filter(|&row| there[row]).collect();
    let part_of: Vec<u8> = there.iter().map(|there| if *there { 0 } else { columns::LEFT_OUT }).collect();
    let places = table.lines.clone();
    let (mut features, unusual) = encode(encoder, table, &at, &part_of, 1)?;
    decisions.extend(unusual_line(unusual));
    let features = Features::F32 { width: encoder.width(), data: features.pop().unwrap_or_default() };
    if let Some((row, feature, value)) = application.preprocessing.first_unfit(&features)? {
        let place = places.of(rows[row]).map_or_else(|| format!(", row {}", rows[row] + 1), |line| format!(":{line}"));
        let name = encoder.feature_names().swap_remove(feature);
        let reason = format!("`{}` is {value}, too far from the training rows for 32-bit floats", shown(&name));
        return Err(Error::data(&path, place, reason, "mend or leave out the row"));
    }
    let applied = Applied {
        features,
        targets: targets.map(|targets| targets.select(&rows)),
        weights: weights.map(|weights| rows.iter().map(|&row| weights[row]).collect()),
        kept,
        rows,
        lines: places,
        decisions,
    };
    Ok((applied, unusual))
}

/// Spelled cells as numbers, if all are.
fn as_numbers(cells: &Cells, offset: f64) -> Option<Cells> {
    let Cells::Texts { codes, levels } = cells else { return None };
    let number = |level: &String| level.parse::<f64>().ok().map(|x| (x - offset) as f32).filter(|x| x.is_finite());
    let numbers: Vec<f32> = levels.iter().map(number).collect::<Option<_>>()?;
    let value = |&code: &u32| numbers.get(code as usize).copied().unwrap_or(f32::NAN);
    Some(Cells::Numbers { offset, values: codes.iter().map(value).collect() })
}

/// A time as ISO 8601 spells it.
fn spell_time(seconds: i64, has_clock: bool) -> String {
    let [year, month, day, _, hour, minute, second] = TimePart::ALL.map(|part| part.of(seconds));
    let date = format!("{year:04}-{month:02}-{day:02}");
    if has_clock { format!("{date} {hour:02}:{minute:02}:{second:02}") } else { date }
}

impl Applied {
    /// The spelling of a cell that is carried along; empty where it is missing.
    pub fn spelling(&self, kept: usize, row: usize) -> Cow<'_, str> {
        let row = self.rows[row];
        match &self.kept[kept].cells {
            Cells::Texts { codes, levels } => levels.get(codes[row] as usize).map_or("", String::as_str).into(),
            Cells::Times { seconds, has_clock, .. } if seconds[row] != MISSING_TIME => {
                spell_time(seconds[row], *has_clock).into()
            }
            _ => "".into(),
        }
    }

    /// The rows as a dataset, named after where they come from.
    ///
    /// # Errors
    /// [`Error::Shape`] if the answers were not asked for.
    pub fn into_dataset(self, name: &str) -> Result<Dataset> {
        let targets = self.targets.ok_or_else(|| Error::shape("data", "the true answers were not read"))?;
        let mut data = Dataset::new(name, self.features, targets)?;
        data.weights = self.weights;
        Ok(data)
    }
}
