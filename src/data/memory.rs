//! Rows that a program has in memory, understood, split and encoded as those of a table's file are.

use super::apply::{Application, applied};
use super::columns::{self, Encoder, Encoding, Known, Roles, encode, infer, names_of};
use super::hold_back::{By, hold_back};
use super::matrix::NamedMatrix;
use super::options::{DataOptions, Task};
use super::table::{Cell, CellKind, ColumnBuilder, Table, Want};
use super::tables::{columns_lines, missing_line, positions, unusual_line, wants_for};
use super::{Dataset, Features, Fitted, Preprocessing, Split, Targets};
use crate::error::{Error, Result, shown};
use crate::random::{Purpose, stream_key};
use std::borrow::Cow;
use std::path::Path;

const TRAIN: u8 = 0;
const VALIDATION: u8 = 1;
const TEST: u8 = 2;

/// The columns of rows in memory, the target's not among them.
#[derive(Clone, Debug)]
pub enum MemoryColumns {
    /// Columns of numbers, times and texts.
    Table(Table),
    /// Numbers only, which are not copied before they are needed.
    Matrix(NamedMatrix),
}

/// Rows in memory with their target.
///
/// ```
/// use anygrad::data::table::{Cell, CellKind, ColumnBuilder, Table, Want};
/// use anygrad::data::{DataOptions, MemoryColumns, MemoryRows, target_values};
/// # let no_memory = |_| anygrad::Error::OutOfMemory { context: "rows".into(), allocated: None, fits: None };
/// let mut kind = ColumnBuilder::new("kind".into(), CellKind::Texts, Want::Cells, &[], 4).map_err(no_memory)?;
/// for text in ["oak", "ash", "oak", "ash"] {
///     kind.push(Cell::Text(text)).map_err(no_memory)?;
/// }
/// let table = Table { path: "trees".into(), columns: vec![kind.finish()], rows: 4, ..Table::default() };
/// let targets = target_values("trees", &["height".into()], &[20.0, 15.0, 21.0, 14.0])?;
/// let rows = MemoryRows { columns: MemoryColumns::Table(table), targets, weights: None };
/// let options = DataOptions { test_fraction: 0.0, ..DataOptions::default() };
/// let split = rows.split(None, &options, 0, None)?;
/// assert_eq!(split.train.feature_names, ["kind=ash", "kind=oak"]);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryRows {
    /// The columns to learn from.
    pub columns: MemoryColumns,
    /// The target of each row.
    pub targets: Targets,
    /// Weight of each row; all count the same without.
    pub weights: Option<Vec<f32>>,
}

impl MemoryColumns {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            MemoryColumns::Table(table) => table.rows,
            MemoryColumns::Matrix(own) => own.matrix.rows(),
        }
    }

    /// Names of the columns.
    pub fn names(&self) -> Cow<'_, [String]> {
        match self {
            MemoryColumns::Table(table) => names_of(table).into(),
            MemoryColumns::Matrix(own) => (&own.names).into(),
        }
    }

    /// What errors call the rows.
    fn path(&self) -> &Path {
        match self {
            MemoryColumns::Table(table) => &table.path,
            MemoryColumns::Matrix(own) => Path::new(&own.name),
        }
    }

    /// The columns as a table, if any of them is to be something else than a number.
    fn for_categories(self, are_asked_for: bool, encoder: Option<&Encoder>, roles: &Roles) -> Result<MemoryColumns> {
        let is_number = |encoding: &Encoding| matches!(encoding, Encoding::Number { .. });
        let has_others = encoder.is_some_and(|own| own.columns.iter().any(|column| !is_number(&column.encoding)));
        match self {
            MemoryColumns::Matrix(own) if are_asked_for || has_others => {
                let wants = match encoder {
                    Some(encoder) => wants_for(&own.names, encoder),
                    None => roles.wants(own.names.len()),
                };
                Ok(MemoryColumns::Table(own.table(&wants)?))
            }
            other => Ok(other),
        }
    }

    /// The features of these columns for a model that is trained already, with what was taken for what.
    ///
    /// # Errors
    /// [`Error::Data`] if a cell does not fit its column, is missing where that is refused, or is too far from those of
    /// training; [`Error::UnknownName`] if a column is absent.
    pub fn features_like(self, fitted: &Fitted) -> Result<(Features, Vec<String>)> {
        let encoder = fitted.encoder();
        match self.for_categories(false, Some(&encoder), &Roles::default())? {
            MemoryColumns::Matrix(own) => {
                let features = Features::Matrix(own.encode(&encoder)?);
                check_fit(&fitted.preprocessing, &features, &encoder.feature_names(), Path::new(&own.name))?;
                Ok((features, Vec::new()))
            }
            MemoryColumns::Table(table) => {
                let (options, preprocessing) = (&DataOptions::default(), &fitted.preprocessing);
                let application =
                    Application { encoder: &encoder, preprocessing, options, target: None, weights: None, keep: &[] };
                let (applied, _) = applied(table, &application)?;
                Ok((applied.features, applied.decisions))
            }
        }
    }
}

impl MemoryRows {
    /// Splits the rows, understands and encodes their columns by those to train on, and standardizes their target values:
    /// as [`load`](super::load) does with a table. With `fitted` they are prepared as the rows of a model. Of the options
    /// those count that say what columns are, how they are encoded and how many rows are held back.
    ///
    /// # Errors
    /// [`Error::Data`] if a column cannot be used; [`Error::Shape`] if targets, weights and columns differ in their
    /// number of rows; [`Error::InvalidOption`] and [`Error::UnknownName`] for options that do not fit.
    pub fn split(
        self,
        validation: Option<MemoryRows>,
        options: &DataOptions,
        seed: u64,
        fitted: Option<&Fitted>,
    ) -> Result<Split> {
        options.validate()?;
        self.check()?;
        let path = self.columns.path().to_path_buf();
        let part_of = self.parts(validation.is_some(), options, seed)?;
        let known = fitted.map(|fitted| fitted.encoder());
        let names = self.columns.names().into_owned();
        let roles = match known {
            Some(_) => Roles::default(),
            None => Roles::of_features(&names, options)?,
        };
        let columns = self.columns.for_categories(!options.categorical.is_empty(), known.as_ref(), &roles)?;
        let mut decisions = Vec::new();
        let encoder = match known {
            Some(encoder) => encoder,
            None => {
                let encoder = learn(&columns, &roles, &part_of, options, &mut decisions)?;
                decisions.extend(missing_line(&encoder));
                encoder
            }
        };
        let own = Rows { part_of, targets: self.targets, weights: self.weights };
        let [train, own_validation, test] = own.datasets(columns, &encoder, &mut decisions)?;
        let validation = match validation {
            Some(rows) => {
                rows.check()?;
                let columns = rows.columns.for_categories(false, Some(&encoder), &Roles::default())?;
                let part_of = vec![TRAIN; rows.targets.rows()];
                let rows = Rows { part_of, targets: rows.targets, weights: rows.weights };
                let [all, ..] = rows.datasets(columns, &encoder, &mut Vec::new())?;
                all
            }
            None => own_validation,
        };
        let train = train.ok_or_else(|| Error::shape("data", "there are no rows to train on"))?;
        let test = test.unwrap_or_else(|| train.select(&[]));
        let split = Split { train, validation, test, decisions }.prepared(fitted, options.scaling, &encoder)?;
        let parts = [Some(&split.train), split.validation.as_ref(), Some(&split.test)];
        for data in parts.into_iter().flatten() {
            check_fit(&data.preprocessing, &data.features, &data.feature_names, &path)?;
        }
        Ok(split)
    }

    fn check(&self) -> Result<()> {
        let (rows, targets) = (self.columns.rows(), self.targets.rows());
        if rows != targets {
            return Err(Error::shape("data", format!("{rows} rows of features, {targets} of targets")));
        }
        Ok(())
    }

    /// The part of each row.
    fn parts(&self, has_validation: bool, options: &DataOptions, seed: u64) -> Result<Vec<u8>> {
        let mut part_of = vec![TRAIN; self.targets.rows()];
        let by = match &self.targets {
            Targets::Labels { data, .. } => By::Class(data),
            Targets::Values { .. } => By::Chance,
        };
        let validation_fraction = if has_validation { 0.0 } else { options.validation_fraction };
        for (part, share, id) in [(TEST, options.test_fraction, 0), (VALIDATION, validation_fraction, 1)] {
            if share > 0.0 {
                let training: Vec<usize> = (0..part_of.len()).filter(|&row| part_of[row] == TRAIN).collect();
                let held_back = hold_back(&training, by, share, stream_key(seed, Purpose::Split, id))?;
                held_back.into_iter().for_each(|row| part_of[row] = part);
            }
        }
        Ok(part_of)
    }
}

/// What belongs to rows beside their columns.
struct Rows {
    part_of: Vec<u8>,
    targets: Targets,
    weights: Option<Vec<f32>>,
}

impl Rows {
    /// The rows of each part: to train on, for validation, for testing.
    fn datasets(
        self,
        columns: MemoryColumns,
        encoder: &Encoder,
        decisions: &mut Vec<String>,
    ) -> Result<[Option<Dataset>; 3]> {
        let name = columns.path().to_string_lossy().into_owned();
        let all = 0..self.part_of.len();
        let members = [TRAIN, VALIDATION, TEST]
            .map(|part| all.clone().filter(|&row| self.part_of[row] == part).collect::<Vec<_>>());
        let is_whole = members[0].len() == self.part_of.len();
        let features: Vec<Features> = match columns {
            MemoryColumns::Matrix(own) => {
                let rows = own.encode(encoder)?;
                let of_part = |members: &Vec<usize>| if is_whole { rows.clone() } else { rows.select(members) };
                members.iter().map(|members| Features::Matrix(of_part(members))).collect()
            }
            MemoryColumns::Table(table) => {
                let at = positions(encoder, &table)?;
                let (parts, unusual) = encode(encoder, table, &at, &self.part_of, members.len())?;
                decisions.extend(unusual_line(unusual));
                parts.into_iter().map(|data| Features::F32 { width: encoder.width(), data }).collect()
            }
        };
        let mut datasets = [None, None, None];
        for ((dataset, features), members) in datasets.iter_mut().zip(features).zip(&members) {
            if members.is_empty() {
                continue;
            }
            let weights = self.weights.as_ref().map(|weights| members.iter().map(|&row| weights[row]).collect());
            *dataset = Some(Dataset {
                name: name.clone(),
                features,
                feature_names: encoder.feature_names(),
                targets: self.targets.select(members),
                weights,
                preprocessing: Preprocessing::None,
                target_preprocessing: Preprocessing::None,
                encoder: Some(encoder.clone()),
            });
        }
        Ok(datasets)
    }
}

/// An encoder that is learnt from the rows to train on.
fn learn(
    columns: &MemoryColumns,
    roles: &Roles,
    part_of: &[u8],
    options: &DataOptions,
    decisions: &mut Vec<String>,
) -> Result<Encoder> {
    match columns {
        MemoryColumns::Table(table) => {
            let kinds = infer(table, roles)?;
            decisions.extend(table.decisions.iter().cloned().chain(columns_lines(table, &kinds, roles)));
            Ok(columns::fit(table, &kinds, part_of, TRAIN, options))
        }
        MemoryColumns::Matrix(own) => {
            let (encoder, kinds) = own.fit(roles, part_of, TRAIN, options)?;
            decisions.extend(columns_lines(&own.columns(&[])?, &kinds, roles));
            Ok(encoder)
        }
    }
}

/// Refuses rows that do not fit into 32-bit floats once they are prepared.
fn check_fit(preprocessing: &Preprocessing, features: &Features, names: &[String], path: &Path) -> Result<()> {
    let Some((row, feature, value)) = preprocessing.first_unfit(features)? else { return Ok(()) };
    let reason = format!("`{}` is {value}, too far from the training rows for 32-bit floats", shown(&names[feature]));
    let place = format!(", row {}", row + 1);
    Err(Error::data(path, place, reason, "mend or leave out the row"))
}

impl NamedMatrix {
    /// The numbers as a table, of which columns are spelled where that is wanted.
    fn table(&self, wants: &[Want]) -> Result<Table> {
        let rows = self.matrix.rows();
        let no_memory = || Error::memory(format!("{rows} rows of {} columns", self.names.len()));
        let builder = |(name, &want): (&String, &Want)| {
            ColumnBuilder::new(name.clone(), CellKind::Numbers, want, &[], rows).map_err(|_| no_memory())
        };
        let mut builders = self.names.iter().zip(wants).map(builder).collect::<Result<Vec<_>>>()?;
        let mut numbers = vec![0.0; self.names.len()];
        for row in 0..rows {
            self.matrix.copy(row, 0, &mut numbers);
            for (builder, &number) in builders.iter_mut().zip(&numbers) {
                builder.push(Cell::Double(number)).map_err(|_| no_memory())?;
            }
        }
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        Ok(Table { path: self.name.clone().into(), columns, rows, ..Table::default() })
    }
}

/// Target values from numbers in 64 bits, row after row, one for each name.
///
/// # Errors
/// [`Error::Data`] if 32-bit floats do not tell them apart, or one is missing or infinite; errors call the rows `path`.
pub fn target_values(path: impl AsRef<Path>, names: &[String], numbers: &[f64]) -> Result<Targets> {
    let (path, width) = (path.as_ref(), names.len().max(1));
    let rows = numbers.len() / width;
    let no_memory = |_| Error::memory(format!("{rows} target values"));
    let mut columns = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let mut column =
            ColumnBuilder::new(name.clone(), CellKind::Numbers, Want::Cells, &[], rows).map_err(no_memory)?;
        for row in numbers.chunks_exact(width) {
            column.push(Cell::Double(row[at])).map_err(no_memory)?;
        }
        columns.push(column.finish());
    }
    let largest = numbers.iter().fold(0.0f64, |largest, y| largest.max(y.abs()));
    if largest > 0.0 && largest < 1e3 * f64::from(f32::MIN_POSITIVE) {
        let reason = format!("numbers of at most {largest:e} are too small for 32-bit floats");
        return Err(Error::data(path, "", reason, "scale the target"));
    }
    let table = Table { path: path.into(), columns, rows, ..Table::default() };
    let at: Vec<usize> = (0..names.len()).collect();
    let found = columns::targets(&table, &at, Known::Task(Some(Task::Values)))?;
    match found.there.iter().position(|there| !there) {
        None => Ok(found.targets),
        Some(row) => Err(Error::data(path, format!(", row {}", row + 1), "the target is missing", "leave out the row")),
    }
}

#[cfg(test)]
mod tests;
