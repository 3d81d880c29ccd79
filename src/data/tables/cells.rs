//! Columns that are no features: the weights, the groups and the times of rows.

use crate::data::table::{Cells, MISSING_TEXT, MISSING_TIME, Table};
use crate::error::{Error, Result, shown};

/// The weights of rows.
pub(in crate::data) fn weights(table: &Table, column: usize) -> Result<Vec<f32>> {
    let own = &table.columns[column];
    let refused = |row: usize, reason: String| {
        Err(Error::data(&table.path, table.place(row, column), reason, "weights are numbers of at least 0"))
    };
    let (offset, values) = match (&own.cells, &own.odd) {
        (_, Some(odd)) => return refused(odd.row, format!("`{}` is no weight", shown(&odd.text))),
        (Cells::Numbers { offset, values }, None) => (*offset, values),
        _ => return refused(0, "the column holds no numbers".into()),
    };
    match values.iter().position(|&w| w.is_nan() || offset + f64::from(w) < 0.0) {
        Some(row) if values[row].is_nan() => refused(row, "the weight is missing".into()),
        Some(row) => refused(row, format!("the weight is {}", offset + f64::from(values[row]))),
        None => Ok(values.iter().map(|&w| (offset + f64::from(w)) as f32).collect()),
    }
}

/// For each row the number of its group.
pub(super) fn groups(table: &Table, column: usize) -> Result<Vec<u32>> {
    let missing = |row: usize| {
        let remedy = "fill the cell, or leave out the row";
        Err(Error::data(&table.path, table.place(row, column), "the group is missing", remedy))
    };
    match &table.columns[column].cells {
        Cells::Texts { codes, .. } => match codes.iter().position(|&code| code == MISSING_TEXT) {
            Some(row) => missing(row),
            None => Ok(codes.clone()),
        },
        _ => Err(Error::option("groups", shown(&table.columns[column].name), "the column cannot be read as groups")),
    }
}

/// The times of rows, in seconds or in the column's own unit.
pub(super) fn times(table: &Table, column: usize) -> Result<Vec<f64>> {
    let own = &table.columns[column];
    let missing = |row: usize| {
        let remedy = "fill the cell, or leave out the row";
        Err(Error::data(&table.path, table.place(row, column), "the time is missing", remedy))
    };
    match &own.cells {
        Cells::Times { seconds, .. } => match seconds.iter().position(|&s| s == MISSING_TIME) {
            Some(row) => missing(row),
            None => Ok(seconds.iter().map(|&s| s as f64).collect()),
        },
        Cells::Numbers { offset, values } => match values.iter().position(|x| x.is_nan()) {
            Some(row) => missing(row),
            None => Ok(values.iter().map(|&x| offset + f64::from(x)).collect()),
        },
        _ => {
            let what = own.odd.as_ref().map_or("text".into(), |odd| shown(&odd.text));
            let row = own.odd.as_ref().map_or(0, |odd| odd.row);
            let remedy = "times are numbers, or dates such as 2012-01-31 13:05";
            Err(Error::data(&table.path, table.place(row, column), format!("`{what}` is no time"), remedy))
        }
    }
}
