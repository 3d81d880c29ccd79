//! `anygrad sweep`: one recipe with many settings, judged by validation rows.

mod judge;
mod plan;
mod run;
mod space;
mod standing;
mod table;

pub use plan::{Entry, FILE, Plan};

use super::options::Format;
use super::output::note;
use super::resolved::run_name;
use super::signals;
use super::task::{Request, Rows};
use super::train::{TrainVerbOptions, announce, request};
use anygrad::train::{Recipe, RunFolder};
use anygrad::{Error, Result};
use clap::Args;
use judge::Judge;
use run::Sweep;
use space::{Axis, axis, grid, random};
use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// The flags of `sweep`.
#[derive(Debug, Args)]
pub struct SweepOptions {
    #[command(flatten)]
    pub run: TrainVerbOptions,
    /// Draw N recipes at random, by --seed, instead of taking all combinations
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "resume", help_heading = "Sweep")]
    random: Option<u32>,
    /// Successive halving: all recipes begin, the best third goes on with three times the epochs, and again, to --epochs
    #[arg(long, conflicts_with = "resume", help_heading = "Sweep")]
    halving: bool,
    /// The figure of the validation rows that recipes are judged by, such as validation_accuracy [default: validation_loss]
    #[arg(long, value_name = "FIGURE", conflicts_with = "resume", help_heading = "Sweep")]
    by: Option<String>,
}

/// Plans a sweep or goes on with one, runs what is left of it, and prints its table.
pub fn run(options: &SweepOptions) -> Result<()> {
    let flags = &options.run;
    if let Some(seeds) = flags.seeds {
        let expected = "a sweep takes a seed as any other setting: --set seed=0,1,2";
        return Err(Error::option("seeds", seeds, expected));
    }
    if let Some(folds) = flags.folds {
        let expected =
            "a sweep judges by rows that are held back for it: leave it out, and train the best with --folds";
        return Err(Error::option("folds", folds, expected));
    }
    // From here on a signal ends a step, not the program.
    signals::stop();
    let mut rows = Rows::default();
    let (folder, plan) = match &flags.resume {
        Some(folder) => (folder.clone(), resumed(options, folder)?),
        None => planned(options, &mut rows)?,
    };
    let _lock = lock(&folder)?;
    let judge = Judge::named(&plan.by)?;
    let mut sweep = Sweep::new(options, folder, plan, judge, rows);
    sweep.describe()?;
    if sweep.run()? { sweep.conclude() } else { sweep.tell_interrupted() }
}

/// Keeps another process from going on with the sweep meanwhile, where files can be locked.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(FILE);
    let file = File::open(&path).map_err(|error| Error::io("read", &path, error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(Error::option("resume", folder.display(), "is a sweep that goes on in another process"))
        }
        _ => Ok(file),
    }
}

/// The plan of a sweep that was begun, on the device that is asked for.
fn resumed(options: &SweepOptions, folder: &Path) -> Result<Plan> {
    if !folder.join(FILE).is_file() {
        return Err(Error::option("resume", folder.display(), "must be the folder of a sweep"));
    }
    let mut plan = Plan::read(folder)?;
    let flags = &options.run.train;
    // What decides a recipe stands in the file.
    let mut given = Recipe::default();
    super::overlay::overlay(&mut given, flags)?;
    if let Some(device) = &flags.device {
        plan.recipes.iter_mut().for_each(|entry| entry.recipe.device = device.clone());
        given.device = Recipe::default().device;
    }
    let of_layers = flags.hidden.is_some() || flags.activation.is_some() || flags.dropout.is_some();
    let of_train = options.run.threshold.is_some() || options.run.on_divergence.is_some();
    if given != Recipe::default() || !flags.set.is_empty() || flags.class_weights.is_some() || of_layers || of_train {
        let expected = "goes on with the recipes that its sweep.toml lists: leave out the flags that change them";
        return Err(Error::option("resume", folder.display(), expected));
    }
    Ok(plan)
}

/// The settings that vary, with their places among all.
fn varied(settings: &[String]) -> Result<(Vec<usize>, Vec<Axis>)> {
    let axes: Vec<(usize, Axis)> = settings
        .iter()
        .enumerate()
        .filter_map(|(at, text)| Some(axis(text).transpose()?.map(|axis| (at, axis))))
        .collect::<Result<_>>()?;
    let (places, axes): (Vec<usize>, Vec<Axis>) = axes.into_iter().unzip();
    if axes.is_empty() {
        let expected = "nothing varies: give a setting several values, such as --set optimizer.learning_rate=0.01,0.03,0.1, \
                        or a range, such as 0.001..0.1:5";
        return Err(Error::option("--set", settings.join(" --set "), expected));
    }
    if let Some(twice) = axes.iter().enumerate().find(|(at, axis)| axes[..*at].iter().any(|a| a.key == axis.key)) {
        return Err(Error::option("--set", &twice.1.key, "varies twice: name all its values at once"));
    }
    Ok((places, axes))
}

/// Puts all recipes together, and writes them down in a folder of their own.
fn planned(options: &SweepOptions, rows: &mut Rows) -> Result<(PathBuf, Plan)> {
    let judge = Judge::named(options.by.as_deref().unwrap_or("validation_loss"))?;
    let (places, axes) = varied(&options.run.train.set)?;
    let holds_back = Cell::new(false);
    let of = |point: &[String]| -> Result<Request> {
        let mut flags = options.run.train.clone();
        for ((&at, axis), value) in places.iter().zip(&axes).zip(point) {
            flags.set[at] = format!("{}={value}", axis.key);
        }
        let mut request = request(&options.run, &flags)?;
        holds_back.set(holds_back.get() || !request.recipe().data.validates());
        request.set(Recipe::hold_back_validation);
        Ok(request)
    };
    let (points, rule) = match options.random {
        None => (grid(&axes)?, "all combinations".to_string()),
        Some(count) => {
            let seed = of(&random(&axes, 1, 0)?.concat())?.recipe().seed;
            let points = random(&axes, count as usize, seed)?;
            if points.len() < count as usize {
                note(&format!("sweep   there are no more than {} different recipes", points.len()));
            }
            (points, format!("drawn at random with seed {seed}"))
        }
    };
    let requests = points.iter().map(|point| of(point)).collect::<Result<Vec<_>>>()?;
    if let Some(source) = requests.iter().map(|own| &own.recipe().data.source).find(|source| source.is_read_once()) {
        let expected = "can be read only once, and a sweep reads it several times: save it to a file first";
        return Err(Error::option("data", source, expected));
    }
    let digits = points.len().to_string().len().max(3);
    let keys: Vec<String> = axes.into_iter().map(|axis| axis.key).collect();
    let mut recipes = Vec::new();
    for (at, (request, values)) in requests.iter().zip(points).enumerate() {
        let name = format!("{:0digits$}", at + 1);
        let pairs: Vec<String> = keys.iter().zip(&values).map(|(key, value)| format!("{key}={value}")).collect();
        let recipe = complete(request, judge, rows, at == 0).map_err(|error| error.in_addition(&pairs.join(" ")))?;
        recipes.push(Entry { name, values, recipe });
    }
    check(&recipes, judge)?;
    let plan = Plan::new(rule, judge, options.halving, keys, recipes);
    plan.rungs()?;
    let source = requests.first().map_or(String::new(), |own| run_name(&own.recipe().data.source));
    if holds_back.get() {
        let share = Recipe::VALIDATION_FRACTION;
        note(&format!("rows    no validation rows are named: {share} of the training rows are held back to judge by"));
    }
    let folder = RunFolder::create_group(options.run.train.out.as_deref(), &format!("{source}-sweep"))?;
    plan.write(&folder)?;
    Ok((folder, plan))
}

/// A recipe with all that its data decides, checked as far as it can be before it is trained.
fn complete(request: &Request, judge: Judge, rows: &mut Rows, is_first: bool) -> Result<Recipe> {
    if request.recipe().data.folds.is_some() && request.recipe().data.fold.is_none() {
        return Err(Error::option("folds", "in a sweep", "name one, by --set data.fold=1, or leave them out"));
    }
    let task = request.load_among(rows)?;
    let recipe = task.trainer.recipe().clone();
    if task.data.validation.is_none() {
        let expected = "holds back no validation rows to judge by: name some by --validation-data, or pack it with \
                        --validation-fraction";
        return Err(Error::option("data", &recipe.data.source, expected));
    }
    if let Some(threshold) = recipe.train.threshold {
        threshold.check(recipe.loss()?, &task.data)?;
    }
    if is_first {
        judge.check(task)?;
    }
    Ok(recipe)
}

/// Refuses recipes that are one, and such that their figure cannot tell apart.
fn check(recipes: &[Entry], judge: Judge) -> Result<()> {
    let mut seen = HashMap::new();
    for Entry { name, recipe, .. } in recipes {
        let text = toml::to_string(recipe).unwrap_or_else(|_| name.clone());
        if let Some(other) = seen.insert(text, name) {
            let expected = "are the same: a flag or another setting overrules what varies";
            return Err(Error::option("recipes", format!("{other} and {name}"), expected));
        }
    }
    let mut losses = recipes.iter().map(|entry| &entry.recipe.loss);
    let first = losses.next();
    if judge.is_loss() && losses.any(|loss| Some(loss) != first) {
        let expected = "the recipes minimize different losses, which do not compare: judge by another figure, such as --by \
                        validation_accuracy";
        return Err(Error::option("by", judge.name, expected));
    }
    Ok(())
}

impl Sweep<'_> {
    /// Says what is going to be done.
    fn describe(&mut self) -> Result<()> {
        let Some(first) = self.plan.recipes.first().cloned() else { return Ok(()) };
        if self.options.run.train.format == Format::Text {
            let task = Request::of(&first.recipe)?.load_among(&mut self.rows)?;
            announce(&task, &task.choose()?);
        }
        let (count, keys) = (self.plan.recipes.len(), self.plan.keys.join(", "));
        note(&format!("sweep   {count} recipes, {} of {keys}", self.plan.rule));
        let moves = |key: &String| key.starts_with("data.") || ["seed", "from"].contains(&&key[..]);
        let same = if self.plan.keys.iter().any(moves) { "its own" } else { "the" };
        note(&format!("judged  by {} of {same} validation rows; test rows decide nothing", self.judge.name));
        if self.plan.halving {
            let (mut before, mut budget, mut parts) = (0, 0, Vec::new());
            for rung in self.plan.rungs()? {
                let until = rung.until.unwrap_or(0);
                budget += rung.recipes as u64 * (until - before);
                before = until;
                parts.push(format!("{} to epoch {until}", rung.recipes));
            }
            let all = count as u64 * before;
            let parts = parts.join(", the best ");
            note(&format!("halving {parts}: {budget} of {all} epochs, at the learning rates of the whole {before}"));
        }
        note(&format!("folder  {}", self.folder.display()));
        Ok(())
    }
}
