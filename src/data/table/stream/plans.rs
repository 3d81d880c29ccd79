//! What is gathered of a wanted column: of rows that are plain, and of one row by itself.

use super::super::columns::{Chunk, Plan, Stats};
use super::super::merge::Total;
use super::super::numbers::Style;
use super::super::{Column, Lines, Table};
use super::Expected;
use std::collections::TryReserveError;
use std::path::Path;

/// The sign before decimals, and whether that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    pub sign: u8,
    pub is_known: bool,
}

impl Decimal {
    fn plain(self) -> Style {
        Style { decimal: self.sign, group: None }
    }
}

/// What is gathered of rows of which none is out of the ordinary, with the order of day and month that is known by now.
pub(super) fn of_rows(expected: Expected, decimal: Decimal, order: Option<bool>) -> Plan {
    match expected {
        Expected::Time { day_first } => Plan::Times { day_first: order.unwrap_or(day_first) },
        _ => of_plain(expected, decimal),
    }
}

fn of_plain(expected: Expected, decimal: Decimal) -> Plan {
    match expected {
        Expected::Number { offset } => Plan::Numbers { style: decimal.plain(), offset },
        Expected::Time { day_first } => Plan::Times { day_first },
        Expected::Text => Plan::Texts { most: usize::MAX, style: decimal.plain(), offset: 0.0, with_numbers: false },
    }
}

/// Whether the cells are such that each would have become by itself what it became among the others.
pub(super) fn are_plain(plan: &Plan, stats: &Stats) -> bool {
    match plan {
        Plan::Numbers { .. } => {
            let is_infinite = stats.rare.as_ref().is_some_and(|rare| rare.infinite.is_some());
            stats.present == stats.numbers && !is_infinite && stats.vanishing().is_none()
        }
        Plan::Times { day_first } => {
            stats.present == 0
                || stats.rare.as_ref().is_some_and(|rare| {
                    // What shows the order that is known already changes nothing.
                    let is_told = if *day_first { !rare.never_day_first } else { !rare.never_month_first };
                    rare.times == stats.present && is_told && !(rare.has_date && rare.has_bare_clock)
                })
        }
        _ => true,
    }
}

/// What tells of a cell what it is.
pub(super) fn of_look(expected: Expected, decimal: Decimal) -> Plan {
    match expected {
        Expected::Text => of_plain(expected, decimal),
        _ => Plan::Numbers { style: decimal.plain(), offset: 0.0 },
    }
}

/// What is gathered of a single row, by what its cell is. `order` keeps for a column of times which order of day and month
/// the rows so far have shown.
pub(super) fn of_row(expected: Expected, stats: &Stats, decimal: Decimal, order: &mut Option<bool>) -> Plan {
    match expected {
        Expected::Number { offset } => {
            let style = stats.style(decimal.sign, decimal.is_known).unwrap_or(decimal.plain());
            Plan::Numbers { style, offset }
        }
        Expected::Time { day_first } => {
            if let Some(rare) = stats.rare.as_ref().filter(|rare| rare.never_month_first != rare.never_day_first) {
                *order = Some(rare.never_month_first);
            }
            match stats.times(order.unwrap_or(day_first)) {
                Some(day_first) => Plan::Times { day_first },
                None if stats.present == 0 => Plan::Times { day_first },
                // It is told as a text that is no time.
                None => of_plain(Expected::Text, decimal),
            }
        }
        Expected::Text => of_plain(expected, decimal),
    }
}

/// The columns of a table, of what was gathered of each.
pub(super) fn table<'n>(
    path: &Path,
    columns: impl Iterator<Item = (&'n str, Plan, Chunk)>,
    rows: usize,
    starts: Vec<(usize, u64)>,
) -> Result<Table, TryReserveError> {
    let column = |(name, plan, chunk): (&str, Plan, Chunk)| -> Result<Column, TryReserveError> {
        let mut total = Total::new(plan);
        total.append(chunk, 0, rows)?;
        total.finish(name.into(), true)
    };
    let columns = columns.map(column).collect::<Result<_, _>>()?;
    Ok(Table { path: path.into(), columns, rows, decisions: Vec::new(), lines: Lines { starts } })
}
