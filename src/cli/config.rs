//! The text of a config file: read, changed by `--set`, and searched for the line that an error comes from.

use anygrad::data::limit;
use anygrad::nn::LayerDescription;
use anygrad::optim::Optimizer;
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use serde::Deserialize;
use std::io::Read;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// Most bytes of a config file: its parser takes up to 16 MiB for them. What `train` writes has about a thousand.
const MOST_BYTES: u64 = 128 << 10;

/// A config file; empty if none is named.
#[derive(Clone, Debug, Default)]
pub struct Config {
    path: PathBuf,
    text: String,
}

impl Config {
    /// Reads the file, if one is named.
    pub fn read(path: Option<&Path>) -> Result<Config> {
        let Some(path) = path else { return Ok(Config::default()) };
        let io = |e| Error::io("read", path, e);
        let (mut text, most) = (String::new(), limit(MOST_BYTES));
        std::fs::File::open(path).map_err(io)?.take(most.saturating_add(1)).read_to_string(&mut text).map_err(io)?;
        if text.len() as u64 > most {
            let reason = format!("more than {} KiB, the most that a config file may have", most >> 10);
            let remedy = "name a config file, and the data in it by their path, or raise the limit (--max-bytes)";
            return Err(Error::data(path, "", reason, remedy));
        }
        Ok(Config { path: path.into(), text })
    }

    /// The file that says what a recipe says.
    pub fn of(recipe: &Recipe) -> Result<Config> {
        let text = toml::to_string(recipe).map_err(|e| Error::option("config", "of the model", &e.to_string()))?;
        Ok(Config { path: PathBuf::new(), text })
    }

    /// Whether it is TOML at all.
    pub fn is_sound(&self) -> bool {
        self.text.parse::<Table>().is_ok()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.path.as_os_str().is_empty()
    }

    /// What it says, changed by `KEY=VALUE` settings such as `optimizer.momentum=0.5` or `layers.0.linear=32`. All are
    /// taken, then judged together with what `given` knows and the defaults.
    pub fn recipe(&self, settings: &[String], given: &Given) -> Result<Recipe> {
        // Errors of the file itself are told with their line.
        let _: Recipe = toml::from_str(&self.text).map_err(|e| self.parse_error(&e))?;
        let root = Value::Table(self.text.parse::<Table>().map_err(|e| self.parse_error(&e))?);
        let parsed = settings.iter().map(|text| Setting::parse(text)).collect::<Result<Vec<_>>>()?;
        let wanted = parsed.iter().filter(|setting| given.knows(&root, setting)).collect::<Vec<_>>();
        let mut recipe = read(&root, &wanted, given).map_err(|why| {
            // The setting without which the others would do is the one to name.
            let without = |i: usize| [&wanted[..i], &wanted[i + 1..]].concat();
            let culprit = (0..wanted.len()).find(|&i| read(&root, &without(i), given).is_ok());
            let all = wanted.iter().map(|setting| setting.text).collect::<Vec<_>>().join(" --set ");
            Error::option("--set", culprit.map_or(all, |i| wanted[i].text.into()), &why)
        })?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let named = |key: &str| wanted.iter().any(|setting| setting.key == key);
            if let Some(from) = recipe.from.as_mut().filter(|_| !named("from")) {
                *from = folder.join(&from);
            }
            let data = &mut recipe.data;
            let sources = [Some(&mut data.source), data.test_data.as_mut(), data.validation_data.as_mut()];
            for (source, key) in sources.into_iter().zip(["data.source", "data.test_data", "data.validation_data"]) {
                if let Some(source) = source.filter(|_| !named(key)) {
                    source.relocate(|path| folder.join(path));
                }
            }
        }
        Ok(recipe)
    }

    fn parse_error(&self, error: &toml::de::Error) -> Error {
        // Of a key in a table with a `kind`, the parser knows the table only.
        let message = error.message();
        let unknown = message.strip_prefix("unknown field `").or(message.strip_prefix("unknown key `"));
        let unknown = unknown.and_then(|rest| rest.split_once('`'));
        let key = unknown.and_then(|(key, _)| find_key(DeTable::parse(&self.text).ok()?.get_ref(), key, None));
        let at = key.or(error.span().map(|span| span.start));
        let place = at.map_or(String::new(), |at| format!(":{}", self.line(at)));
        Error::data(&self.path, place, explain(error.message()), "`anygrad keys` lists all keys (docs/keys.md)")
    }

    fn line(&self, at: usize) -> usize {
        self.text[..at.min(self.text.len())].matches('\n').count() + 1
    }

    /// Adds the line to an error about something that the file says.
    pub fn locate(&self, error: Error) -> Error {
        if matches!(&error, Error::Data { path, .. } if *path == self.path) {
            return error;
        }
        let at = DeTable::parse(&self.text).ok().and_then(|table| find(table.get_ref(), &error));
        match at {
            Some(at) => {
                let place = format!("{}:{}", self.path.display(), self.line(at));
                Error::At { place, error: Box::new(error) }
            }
            None => error,
        }
    }
}

/// What flags and data say about settings that only name a part of a thing.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The optimizer that a flag names.
    pub optimizer: Option<&'static str>,
    /// The loss that a flag names, or that fits the target.
    pub loss: Option<&'static str>,
    /// The layers that flags and data make.
    pub layers: Vec<LayerDescription>,
}

impl Given {
    /// Whether a setting can be judged: parts of a loss wait for its kind, and of layers for the others.
    fn knows(&self, root: &Value, setting: &Setting<'_>) -> bool {
        let (table, part) = setting.key.split_once('.').unwrap_or((setting.key, ""));
        match table {
            "layers" if !part.is_empty() => root.get("layers").is_some() || !self.layers.is_empty(),
            "loss" if part != "kind" && !part.is_empty() => root.get("loss").is_some() || self.loss.is_some(),
            _ => true,
        }
    }
}

/// A setting, `KEY=VALUE`.
#[derive(Clone, Debug)]
struct Setting<'a> {
    text: &'a str,
    key: &'a str,
    value: Value,
}

impl Setting<'_> {
    fn parse(text: &str) -> Result<Setting<'_>> {
        let refused = || Error::option("--set", text, "must have the form KEY=VALUE");
        let (key, value) = text.split_once('=').ok_or_else(refused)?;
        Ok(Setting { text, key: key.trim(), value: parse_value(value.trim()) })
    }
}

/// The recipe that a file's tables make with settings on top.
fn read(root: &Value, settings: &[&Setting<'_>], given: &Given) -> std::result::Result<Recipe, String> {
    let mut root = root.clone();
    let name_kind = |root: &mut Value, table: &str, kind: Option<&str>, default: &str| {
        let own = root.get(table).and_then(|own| own.get("kind")).and_then(Value::as_str).map(String::from);
        let is_part = |setting: &&&Setting<'_>| setting.key.split_once('.').is_some_and(|(of, _)| of == table);
        let names_kind = settings.iter().any(|setting| setting.key == format!("{table}.kind"));
        if settings.iter().find(is_part).is_none() || names_kind {
            return Ok(());
        }
        let kind = kind.map(String::from).or(own.clone()).unwrap_or_else(|| default.into());
        if own.as_ref().is_some_and(|own| *own == kind) {
            return Ok(());
        }
        let whole = match table {
            "optimizer" => {
                let named = if kind == default { Ok(Optimizer::default()) } else { Optimizer::named(&kind) };
                Value::try_from(named.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?
            }
            _ => Value::Table(Table::from_iter([("kind".to_string(), Value::String(kind))])),
        };
        insert(root, table, whole)
    };
    name_kind(&mut root, "optimizer", given.optimizer, Optimizer::default().name())?;
    if let Some(loss) = given.loss {
        name_kind(&mut root, "loss", given.loss, loss)?;
    }
    if root.get("layers").is_none() && !given.layers.is_empty() {
        let layers = Value::try_from(&given.layers).map_err(|e| e.to_string())?;
        insert(&mut root, "layers", layers)?;
    }
    for setting in settings {
        // Another kind has options of its own.
        if let Some((table, "kind")) = setting.key.split_once('.')
            && root.get(table).and_then(|own| own.get("kind")).is_some_and(|own| *own != setting.value)
        {
            insert(&mut root, table, Value::Table(Table::new()))?;
        }
        let is_table = ["optimizer", "loss", "schedule", "regularization", "train", "data"].contains(&setting.key);
        if is_table && !matches!(setting.value, Value::Table(_)) {
            let key = setting.key;
            return Err(format!("`{key}` is a table: set its keys, which `anygrad keys {key}` lists"));
        }
        if setting.key == "layers" && !matches!(setting.value, Value::Array(_)) {
            return Err("`layers` is a list: set one by its position, such as layers.0.linear=32".into());
        }
        // An optimizer's own defaults stand where nothing else is said.
        if let ("optimizer.kind", Value::String(kind)) = (setting.key, &setting.value)
            && let Ok(Ok(whole)) = Optimizer::named(kind).map(Value::try_from)
            && root.get("optimizer").is_none_or(|own| own.as_table().is_some_and(Table::is_empty))
        {
            insert(&mut root, "optimizer", whole)?;
        }
        insert(&mut root, setting.key, setting.value.clone())?;
    }
    Recipe::deserialize(root).map_err(|e| explain(e.message()))
}

/// Adds to an error the line of the config file that it comes from, if one is named.
pub fn located(path: Option<&Path>, error: Error) -> Error {
    match Config::read(path) {
        Ok(config) => config.locate(error),
        Err(_) => error,
    }
}

/// Where in the file the cause of an error stands.
fn find(table: &DeTable<'_>, error: &Error) -> Option<usize> {
    match error {
        Error::At { error, .. } => find(table, error),
        Error::Layer { path, error } => {
            let layer = table.get("layers")?.get_ref().as_array()?.get(*path.first()?)?;
            match &**error {
                Error::InvalidOption { name, value, .. } => find_key(layer.get_ref().as_table()?, name, Some(value)),
                _ => Some(layer.span().start),
            }
        }
        Error::InvalidOption { name, value, .. } => find_key(table, name, Some(value)),
        Error::UnknownName { kind: "column", .. } => find_key(table, "target", None),
        Error::NoDevice { .. } => find_key(table, "device", None),
        Error::Data { .. } => find_key(table, "source", None),
        Error::Shape { place, .. } => match place.as_str() {
            "loss" => match table.get("loss")?.get_ref() {
                DeValue::Table(loss) => find_key(loss, "kind", None),
                _ => None,
            },
            "model" => find_key(table, "layers", None),
            "data" => find_key(table, "source", None),
            _ => None,
        },
        _ => None,
    }
}

/// Where a key stands; with a value only if the file gives it that value, and not a flag.
fn find_key(table: &DeTable<'_>, key: &str, value: Option<&str>) -> Option<usize> {
    for (name, entry) in table {
        if name.get_ref() == key && value.is_none_or(|value| says(entry, value)) {
            return Some(name.span().start);
        }
        let tables: Vec<&DeTable<'_>> = match entry.get_ref() {
            DeValue::Table(table) => vec![table],
            DeValue::Array(entries) => entries.iter().filter_map(|entry| entry.get_ref().as_table()).collect(),
            _ => continue,
        };
        if let Some(at) = tables.into_iter().find_map(|table| find_key(table, key, value)) {
            return Some(at);
        }
    }
    None
}

/// Whether an entry has this value, as an error prints it.
fn says(entry: &Spanned<DeValue<'_>>, value: &str) -> bool {
    let text = match entry.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_string(),
        DeValue::Float(number) => number.as_str().to_string(),
        // No flag gives lists or tables.
        _ => return true,
    };
    let same_number = || Some(text.parse::<f32>().ok()?.total_cmp(&value.parse().ok()?).is_eq());
    text == value || same_number().unwrap_or(false)
}

/// A setting's value: as TOML writes it, else text.
fn parse_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.into()))
}

/// Puts a value at a path of keys and positions.
fn insert(root: &mut Value, path: &str, value: Value) -> std::result::Result<(), String> {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let next = match root {
        Value::Table(table) => table.entry(key).or_insert_with(|| Value::Table(Table::new())),
        Value::Array(entries) => {
            let count = entries.len();
            let at = key.parse::<usize>().ok().filter(|&at| at <= count);
            let at = at.ok_or_else(|| format!("`{key}` is not one of the positions 0 to {count}"))?;
            if at == count {
                entries.push(Value::Table(Table::new()));
            }
            &mut entries[at]
        }
        _ => return Err(format!("there is no `{key}` in a single value")),
    };
    match rest {
        Some(rest) => insert(next, rest, value),
        None => {
            *next = value;
            Ok(())
        }
    }
}

/// The parser's message in one line; an unknown key or name with the nearest known one.
fn explain(message: &str) -> String {
    let message = message.replace('\n', " ");
    for (start, kind) in [("unknown field `", "key"), ("unknown variant `", "name")] {
        if let Some(rest) = message.strip_prefix(start)
            && let Some((name, expected)) = rest.split_once('`')
        {
            // Every second part between backticks is a known name.
            let known = expected.split('`').skip(1).step_by(2);
            return Error::unknown(kind, name, known).to_string();
        }
    }
    if let Some(key) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return match key {
            "kind" => "the key `kind` is missing: it says which one is meant".into(),
            key => format!("the key `{key}` is missing"),
        };
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config { path: "net.toml".into(), text: text.into() }
    }

    #[test]
    fn unknown_keys_are_refused_with_line_and_nearest_name() {
        for (text, parts) in [
            ("seed = 1\nepochs = 3\n", ["net.toml:2", "unknown key `epochs`"]),
            ("[train]\nepoch = 3\n", ["net.toml:2", "did you mean `epochs`?"]),
            ("[optimizer]\nkind = \"sgd\"\nlearning_rat = 3\n", ["net.toml:3", "did you mean `learning_rate`?"]),
            ("[optimizer]\nkind = \"sdg\"\n", ["net.toml:", "did you mean `sgd`?"]),
            ("[loss]\nkind = \"huber\"\ndeltas = 1\n", ["net.toml:3", "did you mean `delta`?"]),
            ("[[layers]]\nlinear = 3\n[[layers]]\nactivation = \"rellu\"\n", ["net.toml:", "did you mean `relu`?"]),
            ("[schedule]\nkind = \"cosine\"\nperiods = 1\n", ["net.toml:3", "did you mean `period`?"]),
            ("[data]\nsource = \"digit\"\n", ["net.toml:2", "did you mean `digits`?"]),
            ("seed = \n", ["net.toml:1", ""]),
        ] {
            let error = config(text).recipe(&[], &Given::default()).expect_err(text).to_string();
            assert!(parts.iter().all(|part| error.contains(part)) && error.lines().count() == 1, "{text}: {error}");
        }
    }

    #[test]
    fn settings_change_the_file() {
        let file = config("[train]\nepochs = 3\n[[layers]]\nlinear = 8\n");
        let settings = ["train.epochs=7", "layers.0.linear=5", "layers.1.activation=tanh", "loss.kind=hinge"];
        let recipe = file.recipe(&settings.map(String::from), &Given::default()).unwrap();
        assert_eq!(recipe.train.epochs, Some(7));
        assert_eq!(recipe.layers.len(), 2);
        assert_eq!(recipe.loss, Some("hinge".parse().unwrap()));
        for (setting, part) in [
            ("train.epoch=7", "did you mean `epochs`?"),
            ("train.epochs", "KEY=VALUE"),
            ("train.epochs=many", "invalid type"),
            ("layers.5.linear=1", "positions 0 to 1"),
            ("train.epochs.first=1", "no `first`"),
        ] {
            let error = file.recipe(&[setting.to_string()], &Given::default()).expect_err(setting).to_string();
            assert!(error.contains(part) && error.contains(setting), "{setting}: {error}");
        }
    }

    #[test]
    fn errors_get_the_line_they_come_from() {
        let file = config(
            "device = \"cpu\"\n[optimizer]\nkind = \"sgd\"\nlearning_rate = -0.5\n[loss]\nkind = \"huber\"\n[[layers]]\nlinear = 3\n[[layers]]\ndropout = 2\n[[layers]]\nresidual = [\n{ linear = 3 },\n{ dropout = 3 },\n]\n",
        );
        for (error, place) in [
            (Error::option("learning_rate", -0.5f32, "x"), "net.toml:4: "),
            // Given by a flag, not by the file.
            (Error::option("learning_rate", -1.0f32, "x"), "learning_rate"),
            (Error::shape("loss", "does not fit"), "net.toml:6: "),
            (Error::shape("dropout", "does not fit").in_layer(1), "net.toml:9: "),
            (Error::option("dropout", 3, "x").in_layer(1).in_layer(2), "net.toml:14: "),
            (Error::shape("dropout", "does not fit").in_layer(1).in_layer(2), "net.toml:11: "),
            (Error::shape("model", "does not fit"), "net.toml:7: "),
        ] {
            let text = file.locate(error).to_string();
            assert!(text.starts_with(place), "{place}: {text}");
        }
    }
}
