//! A JSON object in each line: the cells of a row by the names of their columns.

use super::super::cells::Shape;
use super::super::columns::{Chunk, Plan};
use super::super::missing::Missing;
use super::super::{Table, rows};
use super::plans::{self, Decimal};
use super::{Common, Wanted};
use crate::error::{Error, Result, shown};
use crate::files::json;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Lines end with a line feed; the separator is no matter.
pub(super) const SHAPE: Shape = Shape { separator: b',', line_end: b'\n' };
/// JSON's numbers.
const DECIMAL: Decimal = Decimal { sign: b'.', is_known: true };

/// What the rows so far have shown: for each wanted column the order of day and month.
#[derive(Default)]
pub(super) struct Objects {
    orders: Vec<Option<bool>>,
}

/// A row, and its line counted from 0.
struct Row {
    line: u64,
    object: Map<String, Value>,
}

/// The rows of these bytes, or what is wrong with the first that is none.
fn parse(bytes: &[u8]) -> std::result::Result<Vec<Row>, String> {
    let mut found = Vec::new();
    for (line, text) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if text.trim_ascii().is_empty() {
            continue;
        }
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err("the line is no JSON object".into());
        }
        json::check(text)?;
        let object = serde_json::from_slice(text).map_err(|error| {
            // Its line is always the first.
            let text = error.to_string();
            let (what, place) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
            let column =
                place.split_once("column ").map_or(String::new(), |(_, column)| format!(" at character {column}"));
            format!("the line is no JSON object: {what}{column}")
        })?;
        found.push(Row { line: line as u64, object });
    }
    Ok(found)
}

/// The cell that a value is; nothing if it is missing.
fn cell(value: &Value) -> std::result::Result<Cow<'_, str>, &'static str> {
    Ok(match value {
        Value::Null => "".into(),
        Value::String(text) => text.trim().into(),
        Value::Number(number) => number.to_string().into(),
        Value::Bool(truth) => if *truth { "true" } else { "false" }.into(),
        Value::Array(_) => return Err("a list"),
        Value::Object(_) => return Err("an object"),
    })
}

/// What is gathered of a wanted column in all rows; an error names the value that is no cell.
fn chunk(rows: &[Row], wanted: &Wanted, plan: &Plan, missing: &Missing) -> std::result::Result<Chunk, String> {
    let mut chunk = Chunk::new(plan);
    for (at, row) in rows.iter().enumerate() {
        let cell = row.object.get(&wanted.name).map_or(Ok("".into()), cell)?;
        let taken = rows::take(&cell, plan, missing, true, &mut chunk, at);
        taken.map_err(|_| "there is not enough memory".to_string())?;
    }
    Ok(chunk)
}

impl Objects {
    /// See [`super::Form::together`].
    pub fn together(&self, common: &Common, bytes: &[u8], lines: u64) -> Option<Table> {
        let rows = parse(bytes).ok()?;
        let missing = Missing::new(&common.settings.missing);
        let mut columns = Vec::with_capacity(common.wanted.len());
        for (at, wanted) in common.wanted.iter().enumerate() {
            if !wanted.may_lack && rows.iter().any(|row| !row.object.contains_key(&wanted.name)) {
                return None;
            }
            let order = self.orders.get(at).copied().flatten();
            let plan = plans::of_rows(wanted.expected, DECIMAL, order);
            let chunk = chunk(&rows, wanted, &plan, &missing).ok()?;
            if !plans::are_plain(&plan, &chunk.stats) {
                return None;
            }
            columns.push((wanted.name.as_str(), plan, chunk));
        }
        table(common, columns, &rows, lines).ok()
    }

    /// See [`super::Form::alone`].
    pub fn alone(&mut self, common: &Common, bytes: &[u8], lines: u64) -> Result<Option<Table>> {
        let refused = |column: Option<&str>, reason: String| {
            let column = column.map_or(String::new(), |name| format!(", column `{}`", shown(name)));
            let remedy = "write one object of columns and cells in each line, such as {\"x\": 1.5, \"y\": null}";
            Err(Error::data(&common.path, format!(":{}{column}", lines + 1), reason, remedy))
        };
        let rows = match parse(bytes) {
            Ok(rows) if rows.is_empty() => return Ok(None),
            Ok(rows) => rows,
            Err(reason) => return refused(None, reason),
        };
        let missing = Missing::new(&common.settings.missing);
        self.orders.resize(common.wanted.len(), None);
        let mut columns = Vec::with_capacity(common.wanted.len());
        for (wanted, order) in common.wanted.iter().zip(&mut self.orders) {
            if !wanted.may_lack && !rows[0].object.contains_key(&wanted.name) {
                return refused(None, format!("the object has no `{}`, which the model needs", shown(&wanted.name)));
            }
            let look = match chunk(&rows, wanted, &plans::of_look(wanted.expected, DECIMAL), &missing) {
                Ok(look) => look,
                Err(what) => return refused(Some(&wanted.name), format!("the cell is {what}")),
            };
            let plan = plans::of_row(wanted.expected, &look.stats, DECIMAL, order);
            match chunk(&rows, wanted, &plan, &missing) {
                Ok(chunk) => columns.push((wanted.name.as_str(), plan, chunk)),
                Err(what) => return refused(Some(&wanted.name), format!("the cell is {what}")),
            }
        }
        table(common, columns, &rows, lines).map(Some)
    }
}

/// The columns of rows.
fn table(common: &Common, columns: Vec<(&str, Plan, Chunk)>, rows: &[Row], lines: u64) -> Result<Table> {
    let mut starts: Vec<(usize, u64)> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let line = lines + row.line + 1;
        if starts.last().is_none_or(|&(first, start)| start + (at - first) as u64 != line) {
            starts.push((at, line));
        }
    }
    let failed = |_| Error::io("load", &common.path, std::io::ErrorKind::OutOfMemory.into());
    plans::table(&common.path, columns.into_iter(), rows.len(), starts).map_err(failed)
}
