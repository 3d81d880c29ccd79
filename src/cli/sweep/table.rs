//! The table of a sweep: all recipes, best first, on the screen and as `results.csv`; and the best, with what to do with it.

use super::super::columns::source;
use super::super::options::Format;
use super::super::output::{note, print_line, print_table, significant};
use super::super::record::Record;
use super::super::result::short_name;
use super::super::sink::FileSink;
use super::judge::{FIGURES, Judge};
use super::run::Sweep;
use super::standing::{Standing, State};
use anygrad::{Error, Result};
use serde_json::{Value, json};

/// The file's name.
const FILE: &str = "results.csv";

/// The figures of the validation rows that recipes have, the one that judges them first.
pub fn figures<'s>(judge: Judge, standings: impl IntoIterator<Item = &'s Standing>) -> Vec<&'static str> {
    let standings: Vec<&Standing> = standings.into_iter().collect();
    let others = FIGURES.into_iter().map(|(name, _)| name).filter(|name| *name != judge.name);
    let known = others.filter(|name| standings.iter().any(|standing| standing.figure(name).is_some()));
    std::iter::once(judge.name).chain(known).collect()
}

/// A figure's name in a table of validation rows.
pub fn short(name: &str) -> &str {
    short_name(name.trim_start_matches("validation_"))
}

/// A word of a command line, as a shell reads it back.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A cell of the file.
fn cell(text: &str) -> String {
    let needs_quotes = text.contains([',', '"', '\n', '\r']);
    if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

impl Sweep<'_> {
    /// The recipes, best first: those that came farther before others, those that diverged last.
    fn ranking(&self) -> Vec<(usize, &Standing)> {
        let mut all: Vec<(usize, usize, &Standing)> = self
            .reached
            .iter()
            .enumerate()
            .filter_map(|(at, reached)| reached.as_ref().map(|(rung, standing)| (at, *rung, standing)))
            .collect();
        let name = self.judge.name;
        all.sort_by(|(at, rung, standing), (other, other_rung, other_standing)| {
            let ends = (standing.state == State::Diverged).cmp(&(other_standing.state == State::Diverged));
            let farther = other_rung.cmp(rung);
            let better = self.judge.compare(standing.figure(name), other_standing.figure(name));
            ends.then(farther).then(better).then(at.cmp(other))
        });
        all.into_iter().map(|(at, _, standing)| (at, standing)).collect()
    }

    /// Writes the table and prints it, and names the best.
    pub fn conclude(&self) -> Result<()> {
        let ranking = self.ranking();
        self.write(&ranking)?;
        let Some(&(best, standing)) = ranking.first().filter(|(_, standing)| standing.state == State::Done) else {
            if self.options.run.train.format == Format::Text {
                self.print(&ranking)?;
            }
            let expected = "every recipe diverged: try lower learning rates, or --set regularization.max_grad_norm=1";
            return Err(Error::option("sweep", self.folder.display(), expected));
        };
        if self.options.run.train.format == Format::Json {
            let diverged = ranking.iter().filter(|(_, standing)| standing.state == State::Diverged).count();
            let object = json!({
                "event": "sweep", "recipes": ranking.len(), "diverged": diverged, "by": self.judge.name,
                "best": self.object("best", best, standing), "table": self.folder.join(FILE).display().to_string(),
                "sweep": self.folder.display().to_string(),
            });
            print_line(&object.to_string());
            return Ok(());
        }
        self.print(&ranking)?;
        self.print_best(best, standing)
    }

    /// Writes the table, unless it was written before.
    fn write(&self, ranking: &[(usize, &Standing)]) -> Result<()> {
        let path = self.folder.join(FILE);
        if path.exists() {
            return Ok(());
        }
        let figures = figures(self.judge, ranking.iter().map(|(_, standing)| *standing));
        let ends = ["state", "epochs", "model_epoch", "weights_hash"];
        let header = ["run"].into_iter().chain(self.plan.keys.iter().map(String::as_str));
        let header: Vec<String> = header.chain(figures.iter().copied()).chain(ends).map(cell).collect();
        let mut file = FileSink::open(&path)?;
        file.line(&header.join(","))?;
        for (at, standing) in ranking {
            let entry = &self.plan.recipes[*at];
            let figure = |name: &&str| standing.figure(name).map_or(String::new(), |x| x.to_string());
            let model_epoch =
                standing.end.get("model_epoch").and_then(Value::as_u64).filter(|_| standing.state == State::Done);
            let mut cells = vec![entry.name.clone()];
            cells.extend(entry.values.iter().map(|value| cell(value)));
            cells.extend(figures.iter().map(figure));
            cells.extend([standing.word().into(), standing.epochs().to_string()]);
            cells.extend([model_epoch.map_or(String::new(), |epoch| epoch.to_string())]);
            cells.extend([standing.weights_hash().unwrap_or_default().to_string()]);
            file.line(&cells.join(","))?;
        }
        file.finish()
    }

    fn print(&self, ranking: &[(usize, &Standing)]) -> Result<()> {
        let figures = figures(self.judge, ranking.iter().map(|(_, standing)| *standing));
        // The loss, and what people read beside it.
        let read = ["validation_loss", "validation_accuracy", "validation_r_squared", self.judge.name];
        let figures: Vec<&str> = figures.into_iter().filter(|name| read.contains(name)).collect();
        let mut header = vec!["run".to_string()];
        header.extend(self.plan.short_keys().into_iter().map(String::from));
        header.extend(figures.iter().map(|name| short(name).to_string()));
        header.extend(["epochs", "weights hash"].map(String::from));
        let mut rows = vec![header];
        for (at, standing) in ranking {
            let entry = &self.plan.recipes[*at];
            let mut row = vec![entry.name.clone()];
            row.extend(entry.values.iter().cloned());
            row.extend(figures.iter().map(|name| standing.figure(name).map_or("-".into(), significant)));
            row.extend([standing.epochs().to_string(), standing.weights_hash().unwrap_or(standing.word()).to_string()]);
            rows.push(row);
        }
        note("");
        print_line("on the validation rows, best first");
        print_table(&rows);
        Ok(())
    }

    fn print_best(&self, best: usize, standing: &Standing) -> Result<()> {
        let entry = &self.plan.recipes[best];
        let folder = self.folder.join(&entry.name);
        let record = Record::read(&folder, "sweep")?;
        let rows =
            |part: &str| record.environment.get("data")?.get(format!("{part}_rows"))?.as_u64().filter(|&n| n > 0);
        let (path, data) = (quoted(&folder.display().to_string()), quoted(&source(&entry.recipe.data.source)));
        print_line("");
        print_line(&format!("best    {}  {}", entry.name, self.plan.settings(entry)));
        let figure = standing.figure(self.judge.name).map_or("-".into(), significant);
        let count = rows("validation").map_or(String::new(), |n| format!("{n} "));
        print_line(&format!("        {} {figure} on the {count}validation rows", short(self.judge.name)));
        let tested = ["test_accuracy", "test_r_squared", "test_loss"].into_iter();
        if let (Some(count), Some((name, value))) =
            (rows("test"), tested.filter_map(|name| Some((name, standing.figure(name)?))).next())
        {
            let name = short_name(name.trim_start_matches("test_"));
            print_line(&format!(
                "        {name} {} on the {count} test rows, which decided nothing",
                significant(value)
            ));
        }
        print_line(&format!("eval    anygrad eval {path} --data {data} --part test"));
        print_line(&format!("use     anygrad predict {path} --data {data}"));
        print_line(&format!("table   {}", self.folder.join(FILE).display()));
        Ok(())
    }
}
