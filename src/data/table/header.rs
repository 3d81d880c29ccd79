//! Whether the first row names the columns, and the names.

use super::cells::{self, Cell, Shape};
use super::columns::Stats;
use super::dialect::{Dialect, for_each_row};
use super::missing::Missing;
use super::{numbers, times};
use crate::error::{Error, Result, shown};
use std::collections::HashSet;
use std::path::Path;

/// Rows among which the cells of the first are looked for.
const ROWS: usize = 1000;

/// Whether the first row is a header, and how that was decided if one may doubt it. `below`: the cells under it, at the
/// beginning of the file.
pub(super) fn is_header(
    first: &[Cell<'_>],
    below: &[Stats],
    text_below: &str,
    dialect: &Dialect,
    missing: &Missing,
) -> (bool, Option<String>) {
    let line = dialect.start_lines + 1;
    let is_missing = |text: &str| text.is_empty() || missing.has(text);
    let is_number = |text: &str| {
        numbers::plain(text, dialect.decimal).is_some() || numbers::grouped(text, dialect.decimal).is_some()
    };
    let (mut speaks_for, mut speaks_against) = (false, false);
    for (cell, below) in first.iter().zip(below) {
        let text = &*cell.text;
        let numbers_below = below.numbers > 0 && below.style(dialect.decimal, dialect.knows_decimal).is_some();
        let times_below = below.times(false).is_some();
        if !(numbers_below || times_below) || is_missing(text) {
            continue;
        }
        match (is_number(text), times::parse(text).is_some()) {
            (true, _) => speaks_against |= numbers_below,
            (_, true) => speaks_against |= times_below,
            _ => speaks_for = true,
        }
    }
    let none = |why: &str| (false, Some(format!("header  none ({why}): the columns are `column 1` and so on")));
    if speaks_for || is_counted(first) {
        return (true, None);
    }
    if speaks_against {
        return none(&format!("line {line} is like the lines below it"));
    }
    if text_below.is_empty() {
        let is_data = first.iter().any(|cell| is_number(&cell.text) || times::parse(&cell.text).is_some());
        return if is_data { none("the only line has numbers or times") } else { (true, None) };
    }
    let mut seen = HashSet::new();
    let are_distinct = first.iter().filter(|cell| !cell.text.is_empty()).all(|cell| seen.insert(&*cell.text));
    let mut come_again = false;
    for_each_row(text_below, dialect.shape, ROWS, |cells| {
        let again = |(cell, other): (&Cell<'_>, &Cell<'_>)| !cell.text.is_empty() && cell.text == other.text;
        come_again |= first.iter().zip(cells).any(again);
    });
    if are_distinct && !come_again && !seen.is_empty() {
        let said = format!("header  line {line} (its cells are all different and do not come again below)");
        (true, Some(said))
    } else {
        none(&format!("cells of line {line} come again"))
    }
}

/// Whether the cells are those that pandas writes above columns that have no names and above their row numbers: nothing, 0,
/// 1, 2 and so on.
fn is_counted(first: &[Cell<'_>]) -> bool {
    let counts =
        |(i, cell): (usize, &Cell<'_>)| if i == 0 { cell.text.is_empty() } else { cell.text == (i - 1).to_string() };
    first.len() > 2 && first.iter().enumerate().all(counts)
}

/// The names of the columns, and whether each stands in the file.
pub(super) fn names(first: &[Cell<'_>], has_header: bool) -> Vec<(String, bool)> {
    let name = |(i, cell): (usize, &Cell<'_>)| match &*cell.text {
        text if has_header && !text.is_empty() => (text.to_string(), true),
        _ => (format!("column {}", i + 1), false),
    };
    first.iter().enumerate().map(name).collect()
}

/// Refuses two columns of one name.
pub(super) fn check_names(path: &Path, names: &[(String, bool)], line: u64) -> Result<()> {
    let mut seen = HashSet::with_capacity(names.len());
    match names.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        Some((name, _)) => {
            let reason = format!("two columns are called `{}`", shown(name));
            Err(Error::data(path, format!(":{line}"), reason, "rename one"))
        }
        None => Ok(()),
    }
}

/// Whether each of the first rows below the header ends with a separator and nothing behind it, while the header does not.
pub(super) fn rows_end_with_separator(columns: usize, text_below: &str, shape: Shape) -> bool {
    let (mut rows, mut do_all) = (0, true);
    for_each_row(text_below, shape, ROWS, |cells| {
        rows += 1;
        do_all &= cells.len() == columns + 1 && cells[columns].text.is_empty();
    });
    rows > 0 && do_all
}

/// The first row, and where and how many lines further on the next begins.
pub(super) fn first_row(text: &str, shape: Shape) -> (Vec<Cell<'_>>, usize, u64) {
    let (cells, end) = cells::row(text, 0, shape);
    let lines = 1 + cells.iter().map(|cell| cell.lines).sum::<u64>();
    (cells, end, lines)
}
