//! Running what is left of a sweep: each recipe in a folder that `train` would write, from nothing or from its checkpoint.

use super::super::options::Format;
use super::super::output::{note, print_line, significant};
use super::super::signals;
use super::super::sink::FileSink;
use super::super::task::{Request, Rows};
use super::super::train::{Place, train};
use super::SweepOptions;
use super::judge::Judge;
use super::plan::Plan;
use super::standing::{Standing, State};
use super::table;
use anygrad::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// A sweep under way.
pub struct Sweep<'a> {
    pub options: &'a SweepOptions,
    pub folder: PathBuf,
    pub plan: Plan,
    pub judge: Judge,
    pub rows: Rows,
    /// What each recipe has reached, with the number of the part of the sweep that it came to.
    pub reached: Vec<Option<(usize, Standing)>>,
}

/// What a part of the sweep has decided.
#[derive(serde::Serialize, serde::Deserialize)]
struct Decision {
    behind_epoch: Option<u64>,
    judged_by: String,
    figures: Map<String, Value>,
    goes_on: Vec<String>,
}

impl<'a> Sweep<'a> {
    pub fn new(options: &'a SweepOptions, folder: PathBuf, plan: Plan, judge: Judge, rows: Rows) -> Sweep<'a> {
        let reached = vec![None; plan.recipes.len()];
        Sweep { options, folder, plan, judge, rows, reached }
    }

    /// Runs what is left. Returns whether it came to the end; if not, a signal stopped it.
    pub fn run(&mut self) -> Result<bool> {
        let mut alive: Vec<usize> = (0..self.plan.recipes.len()).collect();
        let mut before = None;
        for (number, rung) in self.plan.rungs()?.into_iter().enumerate() {
            if number > 0 {
                alive = self.decide(number, before, &alive, rung.recipes)?;
            }
            for &at in &alive {
                let Some(standing) = self.bring(at, rung.until)? else { return Ok(false) };
                self.reached[at] = Some((number, standing));
            }
            before = rung.until;
        }
        Ok(true)
    }

    /// The better ones of the recipes, as they were decided on before if they were.
    fn decide(&self, number: usize, behind: Option<u64>, among: &[usize], count: usize) -> Result<Vec<usize>> {
        let path = self.folder.join(format!("rung-{number}.json"));
        let name = |at: usize| self.plan.recipes[at].name.clone();
        if let Ok(text) = std::fs::read_to_string(&path) {
            let damaged = |error: serde_json::Error| Error::data(&path, "", error.to_string(), "remove the file");
            let Decision { goes_on, .. } = serde_json::from_str(&text).map_err(damaged)?;
            return Ok(among.iter().copied().filter(|&at| goes_on.contains(&name(at))).collect());
        }
        let figure = |at: usize| self.reached[at].as_ref().and_then(|(_, standing)| standing.figure(self.judge.name));
        let mut best: Vec<usize> = among.iter().copied().filter(|&at| figure(at).is_some()).collect();
        best.sort_by(|&a, &b| self.judge.compare(figure(a), figure(b)).then(a.cmp(&b)));
        best.truncate(count);
        let decision = Decision {
            behind_epoch: behind,
            judged_by: self.judge.name.into(),
            figures: among.iter().map(|&at| (name(at), json!(figure(at)))).collect(),
            goes_on: best.iter().map(|&at| name(at)).collect(),
        };
        let mut file = FileSink::open(&path)?;
        file.line(&serde_json::to_string_pretty(&decision).unwrap_or_default())?;
        file.finish()?;
        note(&format!("goes on {}", decision.goes_on.join(", ")));
        best.sort_unstable();
        Ok(best)
    }

    /// Brings a recipe to an epoch, or to its end. Without a standing if a signal stops it.
    fn bring(&mut self, at: usize, until: Option<u64>) -> Result<Option<Standing>> {
        let entry = self.plan.recipes[at].clone();
        let folder = self.folder.join(&entry.name);
        let before = Standing::of(&folder)?;
        if before.has_reached(until, entry.recipe.epochs()) {
            self.tell(at, &before, false);
            return Ok(Some(before));
        }
        if signals::stop().load(Ordering::Relaxed) {
            signals::set_interrupted();
            return Ok(None);
        }
        if before.state == State::New && folder.exists() {
            // Lines of a run that has no checkpoint: it begins anew, to the same bits.
            std::fs::remove_dir_all(&folder).map_err(|error| Error::io("remove", &folder, error))?;
        }
        let resume = (before.state != State::New).then(|| folder.clone());
        let place = Place { out: Some(folder.clone()), resume, until, is_quiet: true };
        let task = Request::of(&entry.recipe)?.load_among(&mut self.rows)?;
        let diverged = match train(task, &self.options.run, &place) {
            Ok(None) => return Ok(None),
            Ok(Some(outcome)) => match outcome.failure {
                Some(error) => return Err(error),
                None => false,
            },
            Err(Error::Diverged(_)) => true,
            Err(error) => return Err(error.in_addition(&folder.display().to_string())),
        };
        let mut standing = Standing::of(&folder)?;
        if diverged {
            standing.state = State::Diverged;
        }
        self.tell(at, &standing, true);
        Ok(Some(standing))
    }

    /// A line about a recipe.
    fn tell(&self, at: usize, standing: &Standing, is_new: bool) {
        let entry = &self.plan.recipes[at];
        if self.options.run.train.format == Format::Json {
            print_line(&Value::Object(self.object("run", at, standing)).to_string());
            return;
        }
        if !is_new {
            return;
        }
        let keys = self.plan.short_keys();
        let pairs: Vec<String> = keys.iter().zip(&entry.values).map(|(key, value)| format!("{key} {value}")).collect();
        let figures: Vec<String> = table::figures(self.judge, [standing])
            .iter()
            .filter_map(|name| Some(format!("{} {}", table::short(name), significant(standing.figure(name)?))))
            .take(2)
            .collect();
        let result = match standing.state {
            State::Diverged => format!("diverged in epoch {}", standing.epochs() + 1),
            _ => figures.join("  "),
        };
        note(&format!("{}/{}  {}  {result}", entry.name, self.plan.recipes.len(), pairs.join("  ")));
    }

    /// What is told of a recipe, in JSON.
    pub fn object(&self, event: &str, at: usize, standing: &Standing) -> Map<String, Value> {
        let entry = &self.plan.recipes[at];
        let number = |text: &String| {
            let whole = text.parse::<i64>().ok().map(|x| json!(x));
            let real = || text.parse::<f64>().ok().filter(|x| x.is_finite()).map(|x| json!(x));
            whole.or_else(real).unwrap_or_else(|| text.parse::<bool>().map_or(json!(text), |x| json!(x)))
        };
        let settings: Map<String, Value> =
            self.plan.keys.iter().cloned().zip(entry.values.iter().map(number)).collect();
        let mut object = Map::new();
        object.insert("event".into(), json!(event));
        object.insert("name".into(), json!(entry.name));
        object.insert("settings".into(), json!(settings));
        object.insert("state".into(), json!(standing.word()));
        let own = standing.end.iter().filter(|(name, _)| !["event", "baseline", "run"].contains(&&name[..]));
        object.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        object.insert("run".into(), json!(self.folder.join(&entry.name).display().to_string()));
        object
    }

    /// Says that a signal has stopped the sweep, and how to go on.
    pub fn tell_interrupted(&self) -> Result<()> {
        let (done, runs) = (self.reached.iter().flatten().count(), self.reached.len());
        let folder = self.folder.display().to_string();
        if self.options.run.train.format == Format::Json {
            let object = json!({ "event": "interrupted", "recipes": runs, "reached": done, "sweep": folder });
            print_line(&object.to_string());
            return Ok(());
        }
        print_line(&format!("stopped    {done} of {runs} recipes are done; what there is is kept"));
        print_line(&format!("to go on   anygrad sweep --resume {}", table::quoted(&folder)));
        Ok(())
    }
}
