//! `anygrad compare`: what differs between runs in recipe, data and results, and whether the results compare.

mod plot;

use super::columns::{Columns, default_of, settings, source, text};
use super::options::Format;
use super::output::{note, print_line, print_table, significant};
use super::record::Record;
use super::runs::width;
use super::sink::FileSink;
use anygrad::model::Model;
use anygrad::{Error, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The flags of `compare`.
#[derive(Debug, Args)]
pub struct CompareOptions {
    /// The folders of two runs or more
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// Also draw loss and accuracy of all runs by epoch, as SVG into a file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// A line of the comparison: a name, and what each run has there.
struct Line {
    name: String,
    values: Vec<Option<Value>>,
}

impl Line {
    fn differs(&self) -> bool {
        self.values.iter().any(|value| value != &self.values[0])
    }
}

/// Compares runs.
pub fn run(options: &CompareOptions) -> Result<()> {
    let records = options.runs.iter().map(|path| Record::read(path, "compare")).collect::<Result<Vec<_>>>()?;
    let names = names(&records);
    let sections = [("recipe", recipe(&records)), ("data", data(&records)), ("results", results(&records))];
    let verdict = Verdict::of(&records);
    match options.format {
        Format::Json => print_json(&names, &sections, &verdict),
        Format::Text => print_text(&names, &sections, &verdict),
    }
    if let Some(path) = &options.plot {
        if records.iter().all(|record| record.epochs.is_empty()) {
            return Err(Error::option("plot", path.display(), "none of the runs has an epoch to draw"));
        }
        let mut file = FileSink::open(path)?;
        file.line(&plot::curves(&names, &records))?;
        file.finish()?;
        note(&format!("the curves are in {}", path.display()));
    }
    Ok(())
}

/// The names of the folders; with those above them where they are the same.
fn names(records: &[Record]) -> Vec<String> {
    let short: Vec<String> = records.iter().map(Record::name).collect();
    let is_own = |name: &String| short.iter().filter(|other| *other == name).count() == 1;
    let full = |record: &Record| record.path.display().to_string();
    records.iter().zip(&short).map(|(record, name)| if is_own(name) { name.clone() } else { full(record) }).collect()
}

/// The settings that differ. What a recipe does not name has its default, if it has such a setting at all.
fn recipe(records: &[Record]) -> Vec<Line> {
    let all: Vec<Columns> = records.iter().map(|record| settings(&record.recipe)).collect();
    let mut keys: Vec<&String> = Vec::new();
    for (key, _) in all.iter().flatten() {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let value = |own: &Columns, key: &str| {
        let named = own.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        named.or_else(|| default_of(key, own).map(|text| serde_json::from_str(&text).unwrap_or(json!(text))))
    };
    let line = |key: &String| Line { name: key.clone(), values: all.iter().map(|own| value(own, key)).collect() };
    keys.into_iter().map(line).filter(|line| line.differs() && line.name != "data.source").collect()
}

/// What the folders say of their rows, and the device.
fn data(records: &[Record]) -> Vec<Line> {
    let line = |name: &str, of: &dyn Fn(&Record) -> Option<Value>| Line {
        name: name.into(),
        values: records.iter().map(of).collect(),
    };
    let told = |name: &'static str| {
        move |record: &Record| record.environment.get("data")?.get(name).filter(|value| !value.is_null()).cloned()
    };
    let environment = |name: &'static str| move |record: &Record| record.environment.get(name).cloned();
    vec![
        line("source", &|record| Some(json!(source(&record.recipe.data.source)))),
        line("features", &told("features")),
        line("training rows", &told("training_rows")),
        line("validation rows", &told("validation_rows")),
        line("test rows", &told("test_rows")),
        line("hash of training rows", &|record| {
            Model::load(record.path.join("last.safetensors")).ok()?.data_hash.map(Value::from)
        }),
        line("hash of validation rows", &told("validation_hash")),
        line("hash of test rows", &told("test_hash")),
        line("decisions", &|record| Some(json!(record.decisions.join("; ")))),
        line("device", &environment("device")),
        line("driver", &environment("driver")),
        line("anygrad", &environment("anygrad")),
    ]
}

/// What the runs reached.
fn results(records: &[Record]) -> Vec<Line> {
    const LEFT_OUT: [&str; 8] =
        ["event", "run", "device", "backend", "reproducible", "baseline", "samples_per_second", "warning"];
    let mut names: Vec<&String> = Vec::new();
    for name in records.iter().filter_map(Record::end).flat_map(Map::keys) {
        if !names.contains(&name) && !LEFT_OUT.contains(&&name[..]) {
            names.push(name);
        }
    }
    let state =
        Line { name: "state".into(), values: records.iter().map(|record| Some(json!(record.state()))).collect() };
    let value = |record: &Record, name: &str| record.end()?.get(name).filter(|value| !value.is_null()).cloned();
    let line =
        |name: &String| Line { name: name.clone(), values: records.iter().map(|record| value(record, name)).collect() };
    std::iter::once(state).chain(names.into_iter().map(line)).collect()
}

/// Whether the figures of the runs are of the same rows; unknown if a folder does not say.
struct Verdict {
    test: Option<bool>,
    validation: Option<bool>,
    has_test: bool,
    has_validation: bool,
}

impl Verdict {
    fn of(records: &[Record]) -> Verdict {
        let hashes = |name: &str| -> Option<Vec<&Value>> {
            records.iter().map(|record| record.environment.get("data")?.get(name)).collect()
        };
        // Folders of earlier versions say no hash: the same table, seed and settings give the same rows.
        let by_recipe = records.windows(2).all(|pair| {
            let [a, b] = [&pair[0].recipe, &pair[1].recipe];
            a.seed == b.seed && a.data == b.data && a.data.source.path().is_none()
        });
        let same = |name: &str| match hashes(name) {
            Some(hashes) => Some(hashes.iter().all(|hash| *hash == hashes[0])),
            None => by_recipe.then_some(true),
        };
        let has = |part: &str| records.iter().all(|record| record.figure(&format!("{part}_loss")).is_some());
        Verdict {
            test: same("test_hash"),
            validation: same("validation_hash"),
            has_test: has("test"),
            has_validation: has("validation"),
        }
    }

    /// In sentences.
    fn sentences(&self) -> Vec<String> {
        let sentence = |part: &str, has: bool, same: Option<bool>| match (has, same) {
            (false, _) => format!("not every run has {part} figures"),
            (true, Some(true)) => format!("the {part} figures are of the same rows: they compare"),
            (true, Some(false)) => format!("the {part} figures are of different rows: they do NOT compare"),
            (true, None) => format!("whether the {part} figures are of the same rows, the folders do not say"),
        };
        vec![sentence("validation", self.has_validation, self.validation), sentence("test", self.has_test, self.test)]
    }
}

fn print_json(names: &[String], sections: &[(&str, Vec<Line>); 3], verdict: &Verdict) {
    let mut object = Map::new();
    object.insert("event".into(), json!("compare"));
    object.insert("runs".into(), json!(names));
    for (name, lines) in sections {
        let lines: Map<String, Value> =
            lines.iter().map(|line| (line.name.replace(' ', "_"), json!(line.values))).collect();
        object.insert((*name).into(), Value::Object(lines));
    }
    object.insert("same_validation_rows".into(), json!(verdict.validation.filter(|_| verdict.has_validation)));
    object.insert("same_test_rows".into(), json!(verdict.test.filter(|_| verdict.has_test)));
    print_line(&Value::Object(object).to_string());
}

fn print_text(names: &[String], sections: &[(&str, Vec<Line>); 3], verdict: &Verdict) {
    for (section, lines) in sections {
        let (differ, same): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.differs());
        // Figures are wanted also where they are the same.
        let shown: Vec<&Line> = if *section == "results" { lines.iter().collect() } else { differ };
        if shown.is_empty() {
            print_line(&format!("{section}  no difference"));
        } else {
            print_blocks(section, names, &shown);
        }
        if *section == "data" && same.iter().any(|line| line.name == "source") {
            let shared = same.iter().find(|line| line.name == "source").and_then(|line| line.values[0].as_ref());
            print_line(&format!("the same source: {}", shared.map(text).unwrap_or_default()));
        }
        print_line("");
    }
    verdict.sentences().iter().for_each(|sentence| print_line(sentence));
}

/// A table with a column for each run; in several blocks where the terminal is too narrow.
fn print_blocks(section: &str, names: &[String], lines: &[&Line]) {
    let has_difference = names.len() == 2 && section == "results";
    let cell = |value: &Option<Value>| value.as_ref().map_or("-".into(), |value| shortened(value, section));
    let first = lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0).max(section.len());
    let widths: Vec<usize> = (0..names.len())
        .map(|at| lines.iter().map(|line| cell(&line.values[at]).chars().count()).max().unwrap_or(0))
        .zip(names)
        .map(|(cells, name)| 2 + cells.max(name.chars().count()))
        .collect();
    let room = width().unwrap_or(usize::MAX).saturating_sub(first + if has_difference { 13 } else { 0 });
    let mut from = 0;
    while from < names.len() {
        let mut to = from + 1;
        while to < names.len() && widths[from..=to].iter().sum::<usize>() <= room {
            to += 1;
        }
        let mut table = vec![[&[section.to_string()], &names[from..to]].concat()];
        let differs = has_difference && to - from == 2;
        if differs {
            table[0].push("difference".into());
        }
        for line in lines {
            let mut row = vec![line.name.clone()];
            row.extend(line.values[from..to].iter().map(cell));
            if differs {
                row.push(difference(line));
            }
            table.push(row);
        }
        print_table(&table);
        from = to;
        if from < names.len() {
            print_line("");
        }
    }
}

/// A value in a table: a figure with four digits, a text of at most 40 characters.
fn shortened(value: &Value, section: &str) -> String {
    if let (Some(number), "results") = (value.as_f64().filter(|_| value.is_f64()), section) {
        return significant(number);
    }
    let text = text(value);
    if text.chars().count() <= 40 { text } else { format!("{}…", text.chars().take(39).collect::<String>()) }
}

fn difference(line: &Line) -> String {
    let number = |at: usize| line.values[at].as_ref().and_then(Value::as_f64);
    match (number(0), number(1)) {
        (Some(a), Some(b)) if a == b => "0".into(),
        (Some(a), Some(b)) => {
            let text = if (b - a).fract() == 0.0 { format!("{:.0}", b - a) } else { significant(b - a) };
            if b > a { format!("+{text}") } else { text }
        }
        _ => match line.differs() {
            true => "differs".into(),
            false => "same".into(),
        },
    }
}
