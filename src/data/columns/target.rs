//! What the columns to predict are: classes, values, or labels of yes and no; and which rows have them.
//!
//! The rule, where no task is named: texts are classes, and so are whole numbers of which at most 20 differ, if each
//! comes five times in the mean or there are two; other numbers are values. Spellings of one number are one class.

use super::words::{are_yes_and_no, canonical, is_whole, number, odd_number, yes_or_no};
use crate::data::Targets;
use crate::data::options::Task;
use crate::data::table::{Cells, MISSING_TEXT, Table};
use crate::error::{Error, Result, shown};
use std::collections::BTreeMap;

/// With more different whole numbers than this, a target is taken as values.
const MOST_NUMBERED_CLASSES: usize = 20;
/// Rows that each of several whole numbers has in the mean, if they are classes.
const ROWS_OF_A_NUMBERED_CLASS: usize = 5;
/// Rows of a class in the mean, below which it is said that they are few.
const ROWS_OF_A_CLASS: usize = 5;

/// What a target is known to be before its cells are looked at.
#[derive(Clone, Copy, Debug)]
pub(in crate::data) enum Known<'a> {
    /// Nothing, or a task.
    Task(Option<Task>),
    /// These classes, of a model or of the training rows.
    Classes(&'a [String]),
    /// Numbers, of a model or of the training rows.
    Values,
}

/// The target of the rows that have one.
#[derive(Clone, Debug)]
pub(in crate::data) struct Found {
    /// For each row of the table its target.
    pub targets: Targets,
    /// Whether each row has a target.
    pub there: Vec<bool>,
    /// What was taken for what, for the report.
    pub decision: String,
}

/// Whether two names of classes mean the same: they are spelled the same, or are the same number.
///
/// ```
/// use anygrad::data::same_value;
/// assert!(same_value("1", "1.0") && same_value("-0", "0") && !same_value("1", "one"));
/// ```
pub fn same_value(a: &str, b: &str) -> bool {
    a == b || canonical(a).is_some_and(|a| canonical(b) == Some(a))
}

/// The targets in these columns of a table.
///
/// # Errors
/// [`Error::Data`] if they are neither clearly classes nor clearly numbers, or not what the task says.
pub(in crate::data) fn targets(table: &Table, columns: &[usize], known: Known<'_>) -> Result<Found> {
    if let [column] = columns {
        match (known, &table.columns[*column].cells) {
            (Known::Classes(classes), _) => return known_classes(table, *column, classes),
            (Known::Task(Some(Task::Classes)), _) => return classes(table, *column, "as asked for"),
            (Known::Task(None), Cells::Texts { codes, levels }) => {
                let rows = codes.iter().filter(|&&code| code != MISSING_TEXT).count();
                if let Some(why) = looks_like_classes(table, *column, levels, rows)? {
                    return classes(table, *column, &why);
                }
            }
            _ => {}
        }
    } else if let Known::Classes(_) | Known::Task(Some(Task::Classes)) = known {
        let names = columns.iter().map(|&c| shown(&table.columns[c].name)).collect::<Vec<_>>().join(",");
        let expected = "classes take one column; several take --task labels or values";
        return Err(Error::option("target", names, expected));
    }
    values(table, columns, known)
}

/// Why a column of spelled cells is taken as classes, if it is.
fn looks_like_classes(table: &Table, column: usize, levels: &[String], rows: usize) -> Result<Option<String>> {
    let own = &table.columns[column];
    let different = levels
        .iter()
        .map(|l| canonical(l).unwrap_or_else(|| l.clone()))
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    if let Some(odd) = &own.odd {
        if 2 * own.numbers > rows {
            let reason = format!("`{}` is not a number, {} of {rows} cells are", shown(&odd.text), own.numbers);
            let remedy = "mend the cell, or take all as classes by --task classes";
            return Err(Error::data(&table.path, table.place(odd.row, column), reason, remedy));
        }
        if different > 2 && 2 * different > rows {
            let reason = format!("{different} different texts in {rows} rows are no classes");
            let place = format!(", column `{}`", shown(&own.name));
            let remedy = "name another column by --target, or insist by --task classes";
            return Err(Error::data(&table.path, place, reason, remedy));
        }
        return Ok(Some("text".into()));
    }
    let all_whole = levels.iter().all(|level| is_whole(level));
    let enough = different <= 2 || rows >= ROWS_OF_A_NUMBERED_CLASS * different;
    if all_whole && different <= MOST_NUMBERED_CLASSES && enough {
        return Ok(Some(format!("{different} different whole numbers; --task values takes them as numbers")));
    }
    Ok(None)
}

/// The column as classes that its cells make.
fn classes(table: &Table, column: usize, why: &str) -> Result<Found> {
    let name = table.columns[column].name.clone();
    let place = || format!(", column `{}`", shown(&name));
    let Cells::Texts { codes, levels } = &table.columns[column].cells else {
        let reason = match &table.columns[column].cells {
            Cells::Times { .. } => "times are no classes",
            _ => "has more than 10000 different cells, too many for classes",
        };
        return Err(Error::data(&table.path, place(), reason, "name another column by --target"));
    };
    let all_numbers = levels.iter().all(|level| number(level).is_some());
    // Spellings of one number share a class; it is called as they all spell it, else in the shortest way.
    let mut spellings: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (code, level) in levels.iter().enumerate() {
        let key = if all_numbers { canonical(level) } else { None };
        spellings.entry(key.unwrap_or_else(|| level.clone())).or_default().push(code);
    }
    let mut named: Vec<(String, Vec<usize>)> = spellings
        .into_iter()
        .map(|(key, codes)| (if let [code] = codes[..] { levels[code].clone() } else { key }, codes))
        .collect();
    if all_numbers {
        named.sort_by(|(a, _), (b, _)| compare_numbers(a, b));
    }
    if named.len() < 2 {
        let reason = match named.first() {
            Some((class, _)) => format!("the target `{}` has a single class `{}`", shown(&name), shown(class)),
            None => format!("the target `{}` has no values", shown(&name)),
        };
        return Err(Error::data(&table.path, "", reason, "name another column by --target"));
    }
    let mut label_of = vec![0u32; levels.len()];
    for (label, (_, codes)) in named.iter().enumerate() {
        codes.iter().for_each(|&code| label_of[code] = label as u32);
    }
    let there: Vec<bool> = codes.iter().map(|&code| code != MISSING_TEXT).collect();
    let data = codes.iter().map(|&code| if code == MISSING_TEXT { 0 } else { label_of[code as usize] }).collect();
    let classes: Vec<String> = named.into_iter().map(|(class, _)| class).collect();
    let rows = there.iter().filter(|there| **there).count();
    let rare = match classes.len() > 2 && rows < ROWS_OF_A_CLASS * classes.len() {
        true => format!("; only {:.1} rows each in the mean", rows as f64 / classes.len() as f64),
        false => String::new(),
    };
    let decision = format!("{}, {} classes ({why}){}{rare}", shown(&name), classes.len(), few_named(&classes));
    Ok(Found { targets: Targets::Labels { name, classes, data }, there, decision })
}

/// The names of classes that are no numbers, if they are few: `: ash, elm`.
fn few_named(classes: &[String]) -> String {
    let are_few = classes.len() <= 5 && classes.iter().any(|class| number(class).is_none());
    if are_few { format!(": {}", few(classes)) } else { String::new() }
}

/// By value; equal values, such as two long whole numbers beyond 2⁵³, by length and digits.
fn compare_numbers(a: &str, b: &str) -> std::cmp::Ordering {
    let value = |text: &str| number(text).unwrap_or(f64::NAN);
    let exact = |text: &str| canonical(text).unwrap_or_default();
    value(a).total_cmp(&value(b)).then_with(|| {
        let (a, b) = (exact(a), exact(b));
        let order = a.len().cmp(&b.len()).then_with(|| a.cmp(&b));
        if a.starts_with('-') { order.reverse() } else { order }
    })
}

/// The column as classes that are known by name.
fn known_classes(table: &Table, column: usize, classes: &[String]) -> Result<Found> {
    let name = table.columns[column].name.clone();
    let Cells::Texts { codes, levels } = &table.columns[column].cells else {
        let place = format!(", column `{}`", shown(&name));
        let reason = "its cells are not the classes that the model knows";
        return Err(Error::data(&table.path, place, reason, format!("they are {}", few(classes))));
    };
    let label = |level: &String| classes.iter().position(|class| same_value(class, level)).map(|at| at as u32);
    let label_of: Vec<Option<u32>> = levels.iter().map(label).collect();
    let mut data = Vec::with_capacity(codes.len());
    for (row, &code) in codes.iter().enumerate() {
        let label = if code == MISSING_TEXT { Some(0) } else { label_of[code as usize] };
        data.push(label.ok_or_else(|| {
            let reason = format!("unknown class `{}`", shown(&levels[code as usize]));
            Error::data(
                &table.path,
                table.place(row, column),
                reason,
                format!("the known classes are {}", few(classes)),
            )
        })?);
    }
    let there = codes.iter().map(|&code| code != MISSING_TEXT).collect();
    let decision = format!("{}, {} classes", shown(&name), classes.len());
    Ok(Found { targets: Targets::Labels { name, classes: classes.to_vec(), data }, there, decision })
}

/// The first names of a list.
fn few(names: &[String]) -> String {
    let first: Vec<String> = names.iter().take(12).map(|name| shown(name)).collect();
    let rest = names.len().saturating_sub(first.len());
    if rest == 0 { first.join(", ") } else { format!("{} and {rest} more", first.join(", ")) }
}

/// The columns as numbers; words for yes and no are 1 and 0.
fn values(table: &Table, columns: &[usize], known: Known<'_>) -> Result<Found> {
    let mut there = vec![true; table.rows];
    let mut numbers = vec![0.0f32; table.rows * columns.len()];
    for (at, &column) in columns.iter().enumerate() {
        let own = one_column(table, column)?;
        if let Known::Task(_) = known {
            check_precision(table, column, &own)?;
        }
        for (row, value) in own.into_iter().enumerate() {
            there[row] &= !value.is_nan();
            numbers[row * columns.len() + at] = if value.is_nan() { 0.0 } else { value };
        }
    }
    let names: Vec<String> = columns.iter().map(|&column| table.columns[column].name.clone()).collect();
    let is_bit = |(i, y): (usize, &f32)| !there[i / columns.len()] || *y == 0.0 || *y == 1.0;
    let all_bits = numbers.iter().enumerate().all(is_bit);
    let (what, why) = match known {
        Known::Task(Some(Task::Labels)) if !all_bits => {
            let expected = "labels are columns of 0 and 1, or of yes and no: name --task values";
            return Err(Error::option("task", "labels", expected));
        }
        Known::Task(Some(task)) => (if task == Task::Labels { "labels" } else { "values" }, " (as asked for)"),
        Known::Task(None) if all_bits && columns.len() > 1 => {
            ("labels", " (0 and 1 only; --task values takes them as numbers)")
        }
        Known::Task(None) if columns.len() == 1 => ("values", " (numbers; --task classes takes each as a class)"),
        _ => ("values", ""),
    };
    let constant = match (known, numbers.first()) {
        (Known::Task(_), Some(first))
            if columns.len() == 1 && numbers.iter().zip(&there).all(|(y, t)| !t || y == first) =>
        {
            format!("; it is {first} in every row, so there is nothing to learn")
        }
        _ => String::new(),
    };
    let list: Vec<String> = names.iter().take(8).map(|name| shown(name)).collect();
    let more = if names.len() > 8 { format!(" and {} more", names.len() - 8) } else { String::new() };
    let decision = format!("{}{more}, {what}{why}{constant}", list.join(", "));
    Ok(Found { targets: Targets::Values { names, data: numbers }, there, decision })
}

/// Refuses values that 32-bit floats do not tell apart well enough.
fn check_precision(table: &Table, column: usize, values: &[f32]) -> Result<()> {
    let bounds = |(low, high): (f64, f64), &y: &f32| (low.min(f64::from(y)), high.max(f64::from(y)));
    let (low, high) = match &table.columns[column].cells {
        Cells::Texts { levels, .. } => {
            let numbers = levels.iter().filter_map(|level| number(level));
            numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)))
        }
        _ => values.iter().filter(|y| !y.is_nan()).fold((f64::INFINITY, f64::NEG_INFINITY), bounds),
    };
    let (distance, magnitude) = (high - low, low.abs().max(high.abs()));
    if distance.is_nan() || distance <= 0.0 {
        return Ok(());
    }
    let place = format!(", column `{}`", shown(&table.columns[column].name));
    if magnitude < 1e3 * f64::from(f32::MIN_POSITIVE) {
        let reason = format!("numbers from {low:e} to {high:e} are too small for 32-bit floats");
        return Err(Error::data(&table.path, place, reason, "scale the target"));
    }
    // A thousandth of the distance is what they must tell.
    if f64::from(f32::EPSILON) * magnitude > 1e-3 * distance {
        let reason = format!("numbers from {low} to {high} are too close together for 32-bit floats");
        return Err(Error::data(&table.path, place, reason, "subtract a constant from the target"));
    }
    Ok(())
}

/// One column of numbers; NaN where they are missing.
fn one_column(table: &Table, column: usize) -> Result<Vec<f32>> {
    let own = &table.columns[column];
    let remedy = "targets must be numbers or classes: mend the cell, name another column by --target, or take all as classes by --task classes";
    if let Some(odd) = &own.odd {
        let is_word = |level: &String| yes_or_no(level).is_some();
        let words = matches!(&own.cells, Cells::Texts { levels, .. } if levels.iter().all(is_word));
        if !words {
            let reason = format!("`{}` {}", shown(&odd.text), odd_number(&odd.text));
            return Err(Error::data(&table.path, table.place(odd.row, column), reason, remedy));
        }
    }
    match &own.cells {
        Cells::Numbers { offset, .. } if *offset != 0.0 => {
            let place = format!(", column `{}`", shown(&own.name));
            let reason = format!("numbers around {offset} are too close together for 32-bit floats");
            Err(Error::data(&table.path, place, reason, "subtract a constant from the target"))
        }
        Cells::Numbers { values, .. } => Ok(values.clone()),
        Cells::Texts { codes, levels } => {
            let names: Vec<&str> = levels.iter().map(String::as_str).collect();
            let pair = are_yes_and_no(&names) || levels.iter().all(|level| yes_or_no(level).is_some());
            let value = |level: &String| match yes_or_no(level) {
                Some(yes) if pair => f32::from(u8::from(yes)),
                _ => number(level).map_or(f32::NAN, |x| x as f32),
            };
            let values: Vec<f32> = levels.iter().map(value).collect();
            let of_code = |code: u32| if code == MISSING_TEXT { f32::NAN } else { values[code as usize] };
            Ok(codes.iter().map(|&code| of_code(code)).collect())
        }
        Cells::Times { .. } | Cells::Various { .. } | Cells::Skipped => {
            let place = format!(", column `{}`", shown(&own.name));
            let reason = if let Cells::Times { .. } = own.cells { "holds times" } else { "holds texts" };
            Err(Error::data(&table.path, place, format!("the target {reason}"), "name another column by --target"))
        }
    }
}
