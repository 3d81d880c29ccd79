//! Tables as rows to train on, to watch and to test with: columns understood, rows held back, cells encoded.

mod any;
mod cells;
mod report;

use super::columns::{self, Encoder, Encoding, Known, LEFT_OUT, Roles, Unusual, encode, infer, names_of};
use super::hold_back::{By, fold, hold_back};
use super::options::DataOptions;
use super::source::{ColumnGroup, Loading};
use super::table::{Lines, ReadOptions, Table, Want};
use super::{Dataset, Features, Fitted, HeldFiles, Parts, Preprocessing, Split, Targets};
use crate::error::{Error, Result, shown};
use crate::random::{Purpose, stream_key};
pub(super) use any::read_any;
pub(super) use cells::weights;
use cells::{groups, times};
pub(super) use report::{columns_lines, missing_line, unusual_line};
use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The parts that rows belong to.
const TRAIN: u8 = 0;
const VALIDATION: u8 = 1;
const TEST: u8 = 2;

/// Where the tables of a run lie.
pub(super) struct Paths<'a> {
    pub train: &'a Path,
    pub validation: Option<&'a Path>,
    pub test: Option<&'a Path>,
}

impl<'a> Paths<'a> {
    /// The table to train on, and those that the options name beside it.
    pub fn of(train: &'a Path, options: &'a DataOptions) -> Result<Paths<'a>> {
        let validation = options.validation_data.as_ref().map(|own| own.table("validation_data")).transpose()?;
        Ok(Paths { train, validation, test: options.test_data.as_ref().map(|own| own.table("test_data")).transpose()? })
    }
}

/// What reading a table needs to know of the options, with what is wanted of its columns.
pub(super) fn read_options<'a>(options: &DataOptions, wants: &'a dyn Fn(&[String]) -> Vec<Want>) -> ReadOptions<'a> {
    let mut read = ReadOptions {
        header: options.header,
        separator: options.separator.map(|c| c as u8),
        decimal: options.decimal.map(|c| c as u8),
        encoding: options.encoding.clone(),
        wants,
        ..ReadOptions::default()
    };
    if let Some(missing) = &options.missing_values {
        read.missing.clone_from(missing);
    }
    read
}

/// How many columns may be features.
pub(super) fn candidates(path: &Path, options: &DataOptions) -> Result<usize> {
    let found = Cell::new(0);
    let wants = |names: &[String]| {
        found.set(Roles::of(names, options).map_or(0, |roles| roles.candidates.len()));
        vec![Want::Skip; names.len()]
    };
    read_any(path, &read_options(options, &wants), None)?;
    Ok(found.get())
}

/// Reads a table for the roles that the options name, its features for an encoder if there is one.
fn read(path: &Path, options: &DataOptions, encoder: Option<&Encoder>, loading: Loading<'_>) -> Result<Parts<Table>> {
    let roles = |names: &[String]| Ok::<_, Error>(Roles::of(names, options)?.only(loading.columns));
    let wants = |names: &[String]| match (roles(names), encoder) {
        (Ok(roles), None) => roles.wants(names.len()),
        (Ok(roles), Some(encoder)) => wants_of(names, &roles, encoder),
        // The table is not worth reading; the reason is found again below.
        (Err(_), _) => vec![Want::Skip; names.len()],
    };
    let parts =
        read_any(path, &ReadOptions { progress: loading.progress, ..read_options(options, &wants) }, loading.files)?;
    match Roles::of(&names_of(&parts.train), options) {
        Ok(_) => Ok(parts),
        Err(error) => Err(error.in_file(&parts.train.path)),
    }
}

/// What is wanted of each column for an encoder, a target and a split.
fn wants_of(names: &[String], roles: &Roles, encoder: &Encoder) -> Vec<Want> {
    let target: Vec<&str> = roles.target.iter().map(|&column| names[column].as_str()).collect();
    let numbers: Vec<&str> = [roles.weights, roles.time].into_iter().flatten().map(|at| names[at].as_str()).collect();
    let known = encoder.by_name();
    let want = |(column, name): (usize, &String)| match roles.groups == Some(column) {
        true => Want::EverySpelling,
        false => want_of(name, &known, &target, &numbers),
    };
    names.iter().enumerate().map(want).collect()
}

/// The rows of a table with their target and what decides their part.
struct Rows {
    table: Table,
    targets: Targets,
    weights: Option<Vec<f32>>,
    /// The part of each row.
    part_of: Vec<u8>,
}

impl Rows {
    fn of(table: Table, roles: &Roles, known: Known<'_>, part: u8, decisions: &mut Vec<String>) -> Result<Rows> {
        let found = columns::targets(&table, &roles.target, known)?;
        let absent = found.there.iter().filter(|there| !**there).count();
        if absent == table.rows {
            let reason = "the target is missing in every row";
            return Err(Error::data(&table.path, "", reason, "name another column by --target"));
        }
        if absent > 0 {
            decisions.push(format!("rows    {absent} of {} left out: their target is missing", table.rows));
        }
        if part == TRAIN {
            let which = if roles.target_is_named { "" } else { " (the last column; --target names another)" };
            decisions.push(format!("target  {}{which}", found.decision));
        }
        let weights = roles.weights.map(|column| weights(&table, column)).transpose()?;
        if let (TRAIN, Some(column)) = (part, roles.weights) {
            let name = shown(&table.columns[column].name);
            decisions.push(format!("weights by `{name}`: loss and figures count each row by it"));
        }
        let part_of = found.there.iter().map(|there| if *there { part } else { LEFT_OUT }).collect();
        Ok(Rows { table, targets: found.targets, weights, part_of })
    }

    fn members(&self, part: u8) -> Vec<usize> {
        (0..self.part_of.len()).filter(|&row| self.part_of[row] == part).collect()
    }

    fn put(&mut self, rows: &[usize], part: u8) {
        rows.iter().for_each(|&row| self.part_of[row] = part);
    }

    /// Holds back rows for testing and for validation.
    fn hold_back(
        &mut self,
        roles: &Roles,
        options: &DataOptions,
        seed: u64,
        decisions: &mut Vec<String>,
    ) -> Result<()> {
        let groups = roles.groups.map(|column| groups(&self.table, column)).transpose()?;
        let times = roles.time.map(|column| times(&self.table, column)).transpose()?;
        let labels = match &self.targets {
            Targets::Labels { data, .. } => Some(data.clone()),
            Targets::Values { .. } => None,
        };
        let by = match (&groups, &times, &labels) {
            (Some(groups), _, _) => By::Group(groups),
            (_, Some(times), _) => By::Time(times),
            (_, _, Some(labels)) => By::Class(labels),
            _ => By::Chance,
        };
        let key = |id| stream_key(seed, Purpose::Split, id);
        if let (Some(folds), Some(at)) = (options.folds, options.fold) {
            let all = self.members(TRAIN);
            // The folds of one seed do not overlap.
            let (test, train) = fold(&all, by, (at as usize - 1, folds as usize), key(2))?;
            self.put(&all, LEFT_OUT);
            self.put(&train, TRAIN);
            self.put(&test, TEST);
        } else if options.test_data.is_none() && options.test_fraction > 0.0 {
            let test = hold_back(&self.members(TRAIN), by, options.test_fraction, key(0))?;
            self.put(&test, TEST);
        }
        if options.validation_data.is_none() && options.validation_fraction > 0.0 {
            let validation = hold_back(&self.members(TRAIN), by, options.validation_fraction, key(1))?;
            self.put(&validation, VALIDATION);
        }
        let name = |column: usize| shown(&self.table.columns[column].name);
        if let Some(column) = roles.groups {
            decisions.push(format!("split   by `{}`: its rows of one group stay together", name(column)));
        }
        if let Some(column) = roles.time {
            decisions.push(format!("split   by `{}`: the latest rows are held back", name(column)));
        }
        Ok(())
    }
}

/// Where the rows of a table come from, for errors.
struct Origin {
    path: PathBuf,
    lines: Lines,
    part_of: Vec<u8>,
}

impl Origin {
    fn of(rows: &Rows) -> Origin {
        Origin { path: rows.table.path.clone(), lines: rows.table.lines.clone(), part_of: rows.part_of.clone() }
    }

    /// The place of a row of a part, if the part comes from here.
    fn place(&self, part: u8, row: usize) -> Option<String> {
        let (row, _) = self.part_of.iter().enumerate().filter(|(_, own)| **own == part).nth(row)?;
        Some(self.lines.of(row).map_or_else(|| format!(", row {}", row + 1), |line| format!(":{line}")))
    }
}

/// Reads, understands, splits and encodes tables. Targets that are values are standardized. What was fitted to other rows
/// before is taken as it is.
pub(super) fn split(paths: &Paths<'_>, options: &DataOptions, seed: u64, loading: Loading<'_>) -> Result<Split> {
    let Loading { fitted, columns: group, .. } = loading;
    let of_fitted = fitted.map(|fitted| (fitted.encoder(), fitted.options(options)));
    let (known_encoder, options) = match &of_fitted {
        Some((encoder, options)) => (Some(encoder), options),
        None => (None, options),
    };
    let Parts { train: table, validation, test } = read(paths.train, options, known_encoder, loading)?;
    let names = names_of(&table);
    let roles = Roles::of(&names, options)?.only(group);
    let mut decisions = table.decisions.clone();
    let known = fitted.map_or(Known::Task(options.task), Fitted::known);
    let mut train = Rows::of(table, &roles, known, TRAIN, &mut decisions)?;
    // What the file holds back itself is not taken from its training rows.
    let mut held_back = options.clone();
    held_back.test_fraction = if test.is_some() { 0.0 } else { options.test_fraction };
    held_back.validation_fraction = if validation.is_some() { 0.0 } else { options.validation_fraction };
    train.hold_back(&roles, &held_back, seed, &mut decisions)?;
    let encoder = match known_encoder {
        Some(encoder) => {
            decisions
                .push(format!("columns {}, prepared as the model's: nothing is fitted anew", encoder.columns.len()));
            encoder.clone()
        }
        None => {
            let kinds = infer(&train.table, &roles)?;
            refuse_default_target(&train.table, &roles, &train.targets)?;
            decisions.extend(columns_lines(&train.table, &kinds, &roles));
            let encoder = columns::fit(&train.table, &kinds, &train.part_of, TRAIN, options);
            decisions.extend(missing_line(&encoder));
            encoder
        }
    };

    if let Some(ColumnGroup { most_bytes, .. }) = group
        && train.part_of.len().saturating_mul(encoder.width() * size_of::<f32>()) > most_bytes
    {
        return Err(Error::io("encode", paths.train, std::io::ErrorKind::OutOfMemory.into()));
    }

    let classes = match &train.targets {
        Targets::Labels { classes, .. } => Some(classes.clone()),
        Targets::Values { .. } => None,
    };
    let mut datasets: [Option<Dataset>; 3] = [None, None, None];
    let mut origins = vec![Origin::of(&train)];
    let unusual = encode_rows(train, &encoder, &mut datasets)?;
    if fitted.is_some() {
        decisions.extend(unusual_line(unusual));
    }
    let targets: Vec<&str> = roles.target.iter().map(|&column| names[column].as_str()).collect();
    let weights = options.weights.as_deref();
    for (own, path, part) in [(validation, paths.validation, VALIDATION), (test, paths.test, TEST)] {
        let table = match (own, path) {
            (_, Some(path)) => read_like(path, options, &encoder, (&targets, weights.as_slice()), loading.files)?,
            (Some(own), None) => own,
            (None, None) => continue,
        };
        let known = classes.as_ref().map_or(Known::Values, |classes| Known::Classes(classes));
        decisions.extend(table.decisions.iter().cloned());
        let own = roles.in_table(&names, &table)?;
        let rows = Rows::of(table, &own, known, part, &mut decisions)?;
        origins.push(Origin::of(&rows));
        encode_rows(rows, &encoder, &mut datasets)?;
    }
    let [train, validation, test] = datasets;
    let train = train.ok_or_else(|| Error::shape("data", "there are no rows to train on"))?;
    let test = test.unwrap_or_else(|| train.select(&[]));
    let split = Split { train, validation, test, decisions }.prepared(fitted, options.scaling, &encoder)?;
    let parts = [(TRAIN, Some(&split.train)), (VALIDATION, split.validation.as_ref()), (TEST, Some(&split.test))];
    for (part, data) in parts.into_iter().filter_map(|(part, data)| Some((part, data?))) {
        if let Some((row, feature, value)) = data.preprocessing.first_unfit(&data.features)? {
            let name = shown(&data.feature_names[feature]);
            let reason = format!("`{name}` is {value}, too far from the training rows for 32-bit floats");
            let place = origins.iter().find_map(|origin| Some((&origin.path, origin.place(part, row)?)));
            let (path, place) = place.map_or((paths.train, String::new()), |(path, place)| (&**path, place));
            return Err(Error::data(path, place, reason, "mend or leave out the row"));
        }
    }
    Ok(split)
}

/// Reads a table whose columns an encoder knows, with the spelling of some further columns and the numbers of others.
pub(super) fn read_like(
    path: &Path,
    options: &DataOptions,
    encoder: &Encoder,
    (spelled, numbers): (&[&str], &[&str]),
    files: Option<&HeldFiles>,
) -> Result<Table> {
    let known = encoder.by_name();
    let want = |name: &String| want_of(name, &known, spelled, numbers);
    let wants = |names: &[String]| names.iter().map(want).collect();
    let hints = |names: &[String]| encoder.hints(names);
    Ok(read_any(path, &ReadOptions { hints: &hints, ..read_options(options, &wants) }, files)?.train)
}

/// What an encoder wants of a column, beside columns of which the spelling or the numbers are wanted.
pub(super) fn want_of(
    name: &str,
    known: &HashMap<&str, &columns::EncodedColumn>,
    spelled: &[&str],
    numbers: &[&str],
) -> Want {
    if spelled.contains(&name) {
        return Want::Spelling;
    }
    match known.get(name).map(|column| &column.encoding) {
        Some(Encoding::Category { .. } | Encoding::YesNo { .. }) => Want::Spelling,
        Some(Encoding::Number { .. } | Encoding::Time { .. }) => Want::Cells,
        None if numbers.contains(&name) => Want::Cells,
        None => Want::Skip,
    }
}

/// What an encoder wants of the columns of these names.
pub(super) fn wants_for(names: &[String], encoder: &Encoder) -> Vec<Want> {
    let known = encoder.by_name();
    names.iter().map(|name| want_of(name, &known, &[], &[])).collect()
}

/// Encodes the rows of a table into the datasets of their parts.
fn encode_rows(rows: Rows, encoder: &Encoder, datasets: &mut [Option<Dataset>; 3]) -> Result<Unusual> {
    let Rows { table, targets, weights, part_of } = rows;
    let at = positions(encoder, &table)?;
    let name = table.path.file_name().map_or("table".into(), |name| name.to_string_lossy().into_owned());
    let members: Vec<Vec<usize>> =
        (0..3).map(|part| (0..part_of.len()).filter(|&row| part_of[row] == part).collect()).collect();
    let (features, unusual) = encode(encoder, table, &at, &part_of, 3)?;
    for ((part, data), rows) in datasets.iter_mut().zip(features).zip(members) {
        if rows.is_empty() {
            continue;
        }
        let weights = weights.as_ref().map(|weights| rows.iter().map(|&row| weights[row]).collect());
        *part = Some(Dataset {
            name: name.clone(),
            features: Features::F32 { width: encoder.width(), data },
            feature_names: encoder.feature_names(),
            targets: targets.select(&rows),
            weights,
            preprocessing: Preprocessing::None,
            target_preprocessing: Preprocessing::None,
            encoder: Some(encoder.clone()),
        });
    }
    Ok(unusual)
}

/// Where an encoder's columns stand in a table. A column may be absent if training rows had missing cells in it.
pub(super) fn positions(encoder: &Encoder, table: &Table) -> Result<Vec<Option<usize>>> {
    encoder.positions(&names_of(table)).map_err(|error| error.in_file(&table.path))
}

/// Refuses a target that nobody named and that counts or names rows.
fn refuse_default_target(table: &Table, roles: &Roles, targets: &Targets) -> Result<()> {
    let ([column], false, Targets::Values { data, .. }) = (&roles.target[..], roles.target_is_named, targets) else {
        return Ok(());
    };
    let counts = data.len() > 2 && data.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
    if !counts {
        return Ok(());
    }
    let place = format!(", column `{}`", shown(&table.columns[*column].name));
    let reason = "the last column, which is the target unless one is named, counts rows";
    Err(Error::data(&table.path, place, reason, "name the target by --target"))
}
