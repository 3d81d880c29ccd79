//! What a column of features is: numbers, categories, yes and no, times, or nothing to learn from.

use super::names::Roles;
use super::words::{are_yes_and_no, number, odd_number};
use crate::data::table::{Cells, Column, MISSING_TEXT, MISSING_TIME, MOST_TEXTS, Table};
use crate::error::{Error, Result};

/// What a column of features is.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::data) enum Kind {
    Number,
    Category,
    YesNo,
    Time,
    /// It tells nothing about the target, for this reason.
    LeftOut(String),
}

/// With more different texts than this a column that is mostly numbers is one of numbers with mistakes in it.
const MOST_ODD_CATEGORIES: usize = 20;
/// Characters of a cell from which on many different texts are sentences, and no names.
const SENTENCE: f64 = 40.0;

/// The kind of each candidate, in their order.
///
/// # Errors
/// [`Error::Data`] for a column that cannot be used, with what can be done about it.
pub(in crate::data) fn infer(table: &Table, roles: &Roles) -> Result<Vec<(usize, Kind)>> {
    let mut kinds = Vec::new();
    for &column in &roles.candidates {
        kinds.push((column, kind(table, roles, column)?));
    }
    if roles.is_part {
        return Ok(kinds);
    }
    let is_left_out = |kind: &Kind| matches!(kind, Kind::LeftOut(_));
    if kinds.iter().all(|(_, kind)| is_left_out(kind)) {
        // The only column counts rows, and may be a time.
        for (column, kind) in &mut kinds {
            if let Cells::Numbers { values, .. } = &table.columns[*column].cells
                && spread(values).is_some_and(|(low, high)| low < high)
                && !roles.drop.contains(column)
            {
                *kind = Kind::Number;
            }
        }
    }
    match kinds.iter().find(|(_, kind)| !is_left_out(kind)) {
        Some(_) => Ok(kinds),
        None => {
            let reasons: Vec<String> = kinds
                .iter()
                .take(3)
                .map(|(column, kind)| match kind {
                    Kind::LeftOut(reason) => format!("`{}` {reason}", shown(&table.columns[*column].name)),
                    _ => String::new(),
                })
                .collect();
            let reason = format!("no column is left to learn from: {}", reasons.join("; "));
            Err(Error::data(&table.path, "", reason, "add a column, or name it by --features"))
        }
    }
}

fn shown(name: &str) -> String {
    crate::error::shown(name)
}

fn kind(table: &Table, roles: &Roles, at: usize) -> Result<Kind> {
    let column = &table.columns[at];
    let is_asked_for = roles.features_are_named || roles.numeric.contains(&at) || roles.categorical.contains(&at);
    if roles.categorical.contains(&at) {
        return match &column.cells {
            Cells::Texts { levels, .. } if !levels.is_empty() => Ok(Kind::Category),
            Cells::Texts { .. } => Ok(Kind::LeftOut("has no values".into())),
            _ => {
                let reason = format!("has more than {MOST_TEXTS} different cells, too many for categories");
                Err(refuse(table, at, &reason, "name it by --numeric or leave it out by --drop"))
            }
        };
    }
    let kind = match &column.cells {
        Cells::Numbers { .. } => numbers(table, at, is_asked_for)?,
        Cells::Times { seconds, .. } => times(seconds),
        Cells::Texts { codes, levels } => texts(table, at, codes, levels, is_asked_for)?,
        Cells::Various { mean_length } => various(table, at, *mean_length)?,
        Cells::Skipped => Kind::LeftOut("was not read".into()),
    };
    if roles.numeric.contains(&at) && !matches!(kind, Kind::Number | Kind::LeftOut(_)) {
        let (place, what) = match &column.odd {
            Some(odd) => (table.place(odd.row, at), format!("`{}` is not a number", shown(&odd.text))),
            None => (format!(", column `{}`", shown(&column.name)), "its cells are no numbers".into()),
        };
        let remedy = "mend the cell, or take the column out of --numeric";
        return Err(Error::data(&table.path, place, what, remedy));
    }
    Ok(kind)
}

fn refuse(table: &Table, at: usize, reason: &str, remedy: &str) -> Error {
    Error::data(&table.path, format!(", column `{}`", shown(&table.columns[at].name)), reason, remedy)
}

/// Lowest and highest of the numbers that are there.
fn spread(values: &[f32]) -> Option<(f32, f32)> {
    // A missing number is neither below nor above anything.
    let wider = |(low, high): (f32, f32), &x: &f32| (if x < low { x } else { low }, if x > high { x } else { high });
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), wider);
    (low <= high).then_some((low, high))
}

fn numbers(table: &Table, at: usize, is_asked_for: bool) -> Result<Kind> {
    let column = &table.columns[at];
    let Cells::Numbers { offset, values } = &column.cells else { return Ok(Kind::Number) };
    if let Some(odd) = &column.odd {
        let reason = format!("`{}` {}", shown(&odd.text), odd_number(&odd.text));
        let remedy = "mend the cell, scale the column, or leave it out by --drop";
        return Err(Error::data(&table.path, table.place(odd.row, at), reason, remedy));
    }
    let Some((low, high)) = spread(values) else { return Ok(Kind::LeftOut("has no values".into())) };
    if low == high {
        return Ok(Kind::LeftOut(format!("is {} in every row", offset + f64::from(low))));
    }
    if !is_asked_for && is_noise(*offset, values, (low, high)) {
        return Ok(Kind::LeftOut(format!("is {} in every row, but for rounding", offset + f64::from(low))));
    }
    let distance = f64::from(high) - f64::from(low);
    if distance < f64::from(f32::MIN_POSITIVE) * 1e3 || distance > f64::from(f32::MAX) {
        let reason = format!("numbers from {low:e} to {high:e} go beyond what 32-bit floats tell apart");
        return Err(refuse(table, at, &reason, "scale the column, or leave it out by --drop"));
    }
    if is_asked_for {
        return Ok(Kind::Number);
    }
    let counts = values.len() > 2 && values.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
    if counts {
        return Ok(Kind::LeftOut("counts rows".into()));
    }
    if holds_row_names(table, at) {
        return Ok(Kind::LeftOut("has no name, as the row names that pandas and R write".into()));
    }
    if is_identifier_name(&column.name) && are_whole_and_different(values) {
        return Ok(Kind::LeftOut("is an identifier: whole numbers, each of them once".into()));
    }
    Ok(Kind::Number)
}

/// Whether numbers differ by no more than rounding does: that of 64-bit floats, or a few steps of 32-bit floats.
fn is_noise(offset: f64, values: &[f32], (low, high): (f32, f32)) -> bool {
    const MOST_STEPS: usize = 4;
    let exact = |x: f32| offset + f64::from(x);
    let (distance, magnitude) = (f64::from(high) - f64::from(low), exact(low).abs().max(exact(high).abs()));
    if values.iter().all(|&x| x.is_nan() || exact(x).fract() == 0.0) {
        return false;
    }
    let is_wider = distance > MOST_STEPS as f64 * f64::from(f32::EPSILON) * magnitude;
    if is_wider || distance <= 1e-13 * magnitude {
        return !is_wider;
    }
    let mut different = std::collections::BTreeSet::new();
    values.iter().filter(|x| !x.is_nan()).all(|x| {
        different.insert(x.to_bits());
        different.len() <= MOST_STEPS + 1
    })
}

/// Whether a column is the first and has no name though others do, as pandas and R write the names of rows.
fn holds_row_names(table: &Table, at: usize) -> bool {
    at == 0 && !table.columns[0].is_named && table.columns.iter().any(|column| column.is_named)
}

/// `id`, `ID`, `customer_id`, `PassengerId`, `index`, `rownames`.
fn is_identifier_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let ends = ["_id", "-id", " id", ".id", "_key", "_number", "_no"].iter().any(|end| lower.ends_with(end));
    let camel = name.ends_with("Id") || (name.ends_with("ID") && name.len() > 2);
    let whole = ["id", "key", "index", "idx", "uuid", "guid", "rownames", "row", "rowid", "rownum", "case", "no"];
    ends || camel || whole.contains(&lower.as_str()) || lower.starts_with("unnamed: ")
}

fn are_whole_and_different(values: &[f32]) -> bool {
    let mut bits: Vec<u32> = values.iter().filter(|x| !x.is_nan()).map(|x| x.to_bits()).collect();
    let all_whole = values.iter().all(|x| x.is_nan() || x.fract() == 0.0);
    bits.sort_unstable();
    all_whole && bits.windows(2).all(|pair| pair[0] != pair[1])
}

fn times(seconds: &[i64]) -> Kind {
    let mut there = seconds.iter().filter(|&&s| s != MISSING_TIME);
    match there.next() {
        None => Kind::LeftOut("has no values".into()),
        Some(first) if there.all(|s| s == first) => Kind::LeftOut("is the same time in every row".into()),
        Some(_) => Kind::Time,
    }
}

fn texts(table: &Table, at: usize, codes: &[u32], levels: &[String], is_asked_for: bool) -> Result<Kind> {
    let column = &table.columns[at];
    let rows = codes.iter().filter(|&&code| code != MISSING_TEXT).count();
    let different = levels.len();
    match different {
        0 => return Ok(Kind::LeftOut("has no values".into())),
        1 => return Ok(Kind::LeftOut(format!("is `{}` in every row", shown(&levels[0])))),
        _ => {}
    }
    if let (true, Some(odd)) = (2 * column.numbers > rows && looks_mistaken(codes, levels), &column.odd) {
        let reason = format!("`{}` is not a number, {} of {rows} cells are", shown(&odd.text), column.numbers);
        let remedy = "mend the cell, name it in data.missing_values, or take the column as text by --categorical";
        return Err(Error::data(&table.path, table.place(odd.row, at), reason, remedy));
    }
    let names: Vec<&str> = levels.iter().map(String::as_str).collect();
    if are_yes_and_no(&names) {
        return Ok(Kind::YesNo);
    }
    if is_asked_for {
        return Ok(Kind::Category);
    }
    if holds_row_names(table, at) {
        return Ok(Kind::LeftOut("has no name, as the row names that pandas and R write".into()));
    }
    let few_repeat = if rows <= 20 { different == rows } else { 2 * different > rows };
    let mean_length = mean_length(codes, levels);
    if mean_length > SENTENCE && different > 20 && 10 * different > rows {
        return Err(free_text(table, at, different, rows));
    }
    if few_repeat {
        return Ok(Kind::LeftOut(format!("is an identifier: {different} different texts in {rows} rows")));
    }
    Ok(Kind::Category)
}

/// Whether texts among numbers are mistakes rather than categories such as `3+`: there are many numbers, or each of the
/// texts comes once.
fn looks_mistaken(codes: &[u32], levels: &[String]) -> bool {
    let mut counts = vec![0u64; levels.len()];
    codes.iter().filter(|&&code| code != MISSING_TEXT).for_each(|&code| counts[code as usize] += 1);
    let all_once = levels.iter().zip(counts).all(|(level, count)| number(level).is_some() || count == 1);
    levels.len() > MOST_ODD_CATEGORIES || all_once
}

fn mean_length(codes: &[u32], levels: &[String]) -> f64 {
    let lengths: Vec<usize> = levels.iter().map(|level| level.chars().count()).collect();
    let there = codes.iter().filter(|&&code| code != MISSING_TEXT);
    let (sum, count) = there.fold((0, 0), |(sum, count), &code| (sum + lengths[code as usize], count + 1));
    sum as f64 / f64::from(count.max(1))
}

fn various(table: &Table, at: usize, mean_length: f64) -> Result<Kind> {
    if mean_length > SENTENCE {
        return Err(free_text(table, at, MOST_TEXTS, table.rows));
    }
    Ok(Kind::LeftOut(format!("is an identifier: more than {MOST_TEXTS} different texts")))
}

fn free_text(table: &Table, at: usize, different: usize, rows: usize) -> Error {
    let name = shown(&table.columns[at].name);
    let reason =
        format!("text of free form, {different} different ones in {rows} rows, is nothing that anygrad learns from");
    refuse(
        table,
        at,
        &reason,
        &format!("leave it out by --drop {name}, or take it as categories by --categorical {name}"),
    )
}

/// What a column is, in the words of the report.
pub(in crate::data) fn describe(column: &Column, kind: &Kind) -> String {
    match kind {
        Kind::Number => "number".into(),
        Kind::Category => match &column.cells {
            Cells::Texts { levels, .. } => format!("{} categories", levels.len()),
            _ => "categories".into(),
        },
        Kind::YesNo => "yes or no".into(),
        Kind::Time => "time".into(),
        Kind::LeftOut(reason) => format!("left out: {reason}"),
    }
}
