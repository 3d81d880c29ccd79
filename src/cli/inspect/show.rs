//! What was found in a file, as text of at most 80 columns where that is possible.

use super::super::columns;
use super::super::output::{print_line, print_table, significant};
use super::super::runs::width;
use super::Found;
use anygrad::error::escaped;
use serde_json::Value;

/// Columns of text where nobody says how many there are.
const WIDTH: usize = 80;

/// Prints what was found.
pub fn print(found: &Found) {
    print_fields(found, "");
}

fn print_fields(found: &Found, indent: &str) {
    let is_flat = |value: &Value| !value.is_object() && !is_table(value);
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.as_str() == Some("");
    let flat: Vec<_> = found.iter().filter(|(_, value)| is_flat(value) && !is_empty(value)).collect();
    let first = flat.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(28);
    for (name, value) in flat {
        // Keys of a recipe are as `--set` takes them, and so are their values.
        let (name, text) = match name.contains('.') {
            true => (name.clone(), columns::text(value)),
            false => (readable(name), text(value)),
        };
        print_wrapped(&format!("{indent}{:<first$}  ", escaped(&name)), &text);
    }
    for (name, value) in found.iter().filter(|(_, value)| !is_flat(value)) {
        print_line("");
        print_line(&format!("{indent}{}", escaped(&readable(name))));
        match value {
            Value::Object(fields) => print_fields(fields, &format!("{indent}  ")),
            value => print_rows(value.as_array().map(Vec::as_slice).unwrap_or_default()),
        }
    }
}

fn is_table(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object))
}

/// A table of objects that have the same names: what all have in common once above it, and where it is too wide a paragraph
/// for each.
fn print_rows(rows: &[Value]) {
    let mut names: Vec<&String> = Vec::new();
    for name in rows.iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let cell = |row: &Value, name: &String| row.get(name).map(text).unwrap_or_default();
    let is_same = |name: &&String| rows.len() > 2 && rows.iter().all(|row| row.get(*name) == rows[0].get(*name));
    let (same, own): (Vec<&String>, Vec<&String>) = names.into_iter().partition(is_same);
    let Some((first, others)) = own.split_first() else { return };
    let pairs = |row: &Value, names: &[&String]| -> String {
        names.iter().map(|name| format!("{} {}", readable(name), cell(row, name))).collect::<Vec<_>>().join(", ")
    };
    if !same.is_empty() {
        print_wrapped("all  ", &pairs(&rows[0], &same));
    }
    let mut table = vec![own.iter().map(|name| readable(name)).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| own.iter().map(|name| cut(&cell(row, name), 32)).collect()));
    let wide = |at: usize| table.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    if (0..own.len()).map(|at| wide(at) + 2).sum::<usize>() <= width().unwrap_or(WIDTH) + 2 {
        return print_table(&table);
    }
    for row in rows {
        print_wrapped(&format!("{}  ", cut(&cell(row, first), 32)), &pairs(row, others));
    }
}

/// A name in words; others' names as they are.
fn readable(name: &str) -> String {
    let is_own = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_own { name.replace('_', " ") } else { name.into() }
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.into()
    } else {
        format!("{}…", text.chars().take(most - 1).collect::<String>())
    }
}

/// A value: figures with four digits, lists with commas.
fn text(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => number.as_f64().map_or_else(|| number.to_string(), significant),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.into(),
        Value::Null => "-".into(),
        value => value.to_string(),
    }
}

/// A name and a text that goes on below its beginning.
pub fn print_wrapped(start: &str, text: &str) {
    let room = width().unwrap_or(WIDTH).saturating_sub(start.chars().count()).max(20);
    let mut line = String::new();
    let mut start = start.to_string();
    for word in escaped(text).split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            print_line(&format!("{start}{line}"));
            start = " ".repeat(start.chars().count());
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    print_line(format!("{start}{line}").trim_end());
}
