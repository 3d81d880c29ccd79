//! `anygrad runs`: the runs below a folder, with what tells them apart and what they reached.

use super::columns::{Columns, columns, layers, resolve, text};
use super::inspect::print_wrapped;
use super::options::Format;
use super::output::{note, print_line, print_table, significant};
use super::record::{Record, folders_below};
use super::result::short_name;
use anygrad::{Error, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::path::{Path, PathBuf};

/// The flags of `runs`.
#[derive(Debug, Args)]
pub struct RunsOptions {
    /// The folder in which and below which runs are looked for
    #[arg(value_name = "DIR", default_value = "runs")]
    folder: PathBuf,
    /// Order by a setting or a figure, such as validation_loss; -KEY for the largest first [default: by name]
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    sort: Option<String>,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    /// Only runs with this: KEY=VALUE, KEY!=VALUE, KEY<VALUE, KEY<=VALUE, KEY>VALUE, KEY>=VALUE, in quotes for a shell; may be repeated
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<Condition>,
    /// Only the first N of them
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// What a column of a run must be.
#[derive(Clone, Debug)]
struct Condition {
    key: String,
    relation: &'static str,
    value: String,
}

impl std::str::FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Condition, String> {
        let found = text.find(['=', '<', '>', '!']).and_then(|at| {
            let relations = ["!=", "<=", ">=", "=", "<", ">"];
            let relation = relations.into_iter().find(|relation| text[at..].starts_with(relation))?;
            let (key, value) = (text[..at].trim(), text[at + relation.len()..].trim());
            Some(Condition { key: key.into(), relation, value: value.into() }).filter(|_| !key.is_empty())
        });
        found.ok_or("give a key, a relation and a value, such as test_accuracy>0.9".into())
    }
}

impl Condition {
    /// Whether a run fulfils it. One that has no such value does not.
    fn holds(&self, columns: &Columns) -> bool {
        let Some(own) = value(columns, &self.key) else { return self.relation == "!=" };
        let order = compare(own, &self.value.parse::<f64>().map_or(json!(self.value), |number| json!(number)));
        match self.relation {
            "=" => order.is_eq(),
            "!=" => order.is_ne(),
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        }
    }
}

fn value<'c>(columns: &'c Columns, name: &str) -> Option<&'c Value> {
    columns.iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

/// Numbers by their size, before texts by their letters.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => text(a).cmp(&text(b)),
    }
}

/// A run and all that it is known by.
struct Row {
    record: Record,
    columns: Columns,
}

/// Lists the runs.
pub fn run(options: &RunsOptions) -> Result<()> {
    let mut rows = read(&options.folder)?;
    let mut known: Vec<String> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.columns) {
        if !known.contains(name) {
            known.push(name.clone());
        }
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for condition in &options.conditions {
        let condition = Condition { key: resolve(&condition.key, &known)?, ..condition.clone() };
        rows.retain(|row| condition.holds(&row.columns));
    }
    if let Some(key) = &options.sort {
        let (name, falls) = key.strip_prefix('-').map_or((&key[..], false), |name| (name, true));
        let name = resolve(name, &known)?;
        rows.sort_by(|a, b| match (value(&a.columns, &name), value(&b.columns, &name)) {
            (Some(a), Some(b)) if falls => compare(b, a),
            (Some(a), Some(b)) => compare(a, b),
            // What has no value comes last.
            (a, b) => a.is_none().cmp(&b.is_none()),
        });
    }
    if options.reverse {
        rows.reverse();
    }
    rows.truncate(options.limit.unwrap_or(usize::MAX));
    match options.format {
        Format::Json => rows.iter().for_each(|row| print_line(&object(row).to_string())),
        Format::Text if rows.is_empty() => note("no run fulfils the conditions"),
        Format::Text => print(&rows),
    }
    Ok(())
}

/// The runs in a folder and below it. One that cannot be read is told of, and left out.
fn read(folder: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let paths = if folder.is_dir() { folders_below(folder)? } else { Vec::new() };
    for path in &paths {
        match Record::read(path, "runs") {
            Ok(record) => {
                let below = path.strip_prefix(folder).ok().filter(|below| !below.as_os_str().is_empty());
                let name = below.map_or_else(|| record.name(), |below| below.display().to_string());
                rows.push(Row { columns: columns(&name, &record), record });
            }
            Err(error) => note(&format!("left out: {error}")),
        }
    }
    if paths.is_empty() {
        let expected = "holds no run: name the folder of your runs; `anygrad train` makes one in runs";
        return Err(Error::option("runs", folder.display(), expected));
    }
    Ok(rows)
}

/// A run in JSON: what it is, its whole recipe, its result.
fn object(row: &Row) -> Value {
    let Row { record, columns } = row;
    let mut object = Map::new();
    object.insert("event".into(), json!("run"));
    for name in ["run", "state"] {
        object.insert(name.into(), value(columns, name).cloned().unwrap_or_default());
    }
    object.insert("path".into(), json!(record.path.display().to_string()));
    let recipe = toml::to_string(&record.recipe).ok().and_then(|text| text.parse::<toml::Table>().ok());
    object.insert("recipe".into(), serde_json::to_value(recipe).unwrap_or_default());
    object.insert("environment".into(), json!(record.environment));
    object.insert("epochs".into(), json!(record.epochs.len()));
    object.insert("result".into(), json!(record.end()));
    Value::Object(object)
}

/// A column of the table: the name above it, its cells, and how soon it is left out for lack of room.
struct Column {
    name: String,
    cells: Vec<String>,
    rank: usize,
}

/// The settings that are shown, and how much each matters: the lower, the more.
const SETTINGS: [(&str, &str, usize); 9] = [
    ("data", "data", 3),
    ("model", "model", 4),
    ("optimizer.kind", "optimizer", 6),
    ("optimizer.learning_rate", "rate", 2),
    ("train.batch_size", "batch", 7),
    ("seed", "seed", 8),
    ("device", "device", 10),
    ("loss.kind", "loss", 9),
    ("schedule.kind", "schedule", 11),
];

/// The figures that are shown, of those that a run has: by which it is judged, and what it reached on the test rows.
const FIGURES: [(&str, &str, usize); 6] = [
    ("validation_loss", "val loss", 1),
    ("validation_accuracy", "val acc", 5),
    ("validation_r_squared", "val R²", 5),
    ("test_loss", "test loss", 6),
    ("test_accuracy", "test acc", 1),
    ("test_r_squared", "test R²", 1),
];

fn print(rows: &[Row]) {
    let mut table = vec![column(rows, "run", "run", 0)];
    let mut same = Vec::new();
    let mut add = |table: &mut Vec<Column>, own: Column| {
        let first = own.cells.first().cloned().unwrap_or_default();
        match rows.len() > 1 && own.cells.iter().all(|cell| *cell == first) {
            true if first.is_empty() => {}
            true => same.push(format!("{} {first}", own.name)),
            false => table.push(own),
        }
    };
    SETTINGS.iter().for_each(|(key, name, rank)| add(&mut table, column(rows, key, name, *rank)));
    add(&mut table, Column { name: "epochs".into(), cells: rows.iter().map(epochs).collect(), rank: 5 });
    add(&mut table, column(rows, "state", "state", 2));
    for (key, name, rank) in FIGURES {
        let own = column(rows, key, name, rank);
        if own.cells.iter().any(|cell| !cell.is_empty()) {
            table.push(own);
        }
    }
    table.push(column(rows, "weights_hash", "weights hash", 12));
    let left_out = fit(&mut table, width());
    if !same.is_empty() {
        print_wrapped("all  ", &same.join(", "));
    }
    let header = table.iter().map(|column| column.name.clone()).collect();
    let lines = (0..rows.len()).map(|at| table.iter().map(|column| column.cells[at].clone()).collect());
    print_table(&std::iter::once(header).chain(lines).collect::<Vec<Vec<String>>>());
    if !left_out.is_empty() {
        note(&format!("no room for {}: --format json has all", left_out.join(", ")));
    }
}

fn column(rows: &[Row], key: &str, name: &str, rank: usize) -> Column {
    let cell = |row: &Row| match value(&row.columns, key) {
        None => String::new(),
        Some(value) if FIGURES.iter().any(|figure| figure.0 == key) => value.as_f64().map_or("-".into(), significant),
        Some(_) if key == "model" => cut(&layers(&row.record.recipe.layers), 20),
        // Devices differ in the beginning of their names, files in the end.
        Some(value) if key == "device" => text(value).chars().take(20).collect(),
        Some(value) => cut(&text(value), 24),
    };
    Column { name: short_name(name).into(), cells: rows.iter().map(cell).collect(), rank }
}

/// Epochs that are done, of how many if those are not all.
fn epochs(row: &Row) -> String {
    let (done, all) = (value(&row.columns, "epochs").and_then(Value::as_u64).unwrap_or(0), row.record.recipe.epochs());
    if done == all { done.to_string() } else { format!("{done}/{all}") }
}

/// A text of at most so many characters: its beginning is left out, which is what names share.
fn cut(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most { text.into() } else { format!("…{}", text.chars().skip(count - most + 1).collect::<String>()) }
}

/// Leaves out what matters least until the rest fits. Returns the names of what is left out.
fn fit(table: &mut Vec<Column>, width: Option<usize>) -> Vec<String> {
    let wide = |column: &Column| column.cells.iter().chain([&column.name]).map(|cell| cell.chars().count()).max();
    let mut left_out = Vec::new();
    while width.is_some_and(|width| table.iter().map(|column| wide(column).unwrap_or(0) + 2).sum::<usize>() > width + 2)
    {
        let least = table.iter().enumerate().max_by_key(|(_, column)| column.rank).map(|(at, _)| at);
        match least.filter(|&at| table[at].rank > 0) {
            Some(at) => left_out.push(table.remove(at).name),
            None => break,
        }
    }
    left_out
}

/// Columns of the terminal that results are printed to, if they are.
pub fn width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, width)| usize::from(width))
}
