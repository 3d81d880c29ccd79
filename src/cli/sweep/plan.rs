//! What a sweep is going to do, in its `sweep.toml`: its recipes, all complete, and how they are judged. It is written before
//! the first run, and is all that going on needs.

use super::super::resolved::{relocated, seen_from};
use super::super::sink::FileSink;
use super::judge::Judge;
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;

/// The file's name.
pub const FILE: &str = "sweep.toml";
/// Version of the file. A reader accepts this one.
const FORMAT: u32 = 1;
/// Most bytes of the file: ten thousand recipes have a tenth.
const MOST_BYTES: u64 = 128 << 20;

/// A sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    format: u32,
    /// How recipes were chosen, in words.
    pub rule: String,
    /// The figure that they are judged by.
    pub by: String,
    /// Whether the worse two thirds end early, again and again.
    pub halving: bool,
    /// The settings that vary.
    pub keys: Vec<String>,
    /// The recipes, in the order in which they run.
    pub recipes: Vec<Entry>,
}

/// A recipe of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The folder of its run, in that of the sweep.
    pub name: String,
    /// Its value of each setting that varies.
    pub values: Vec<String>,
    /// The complete recipe.
    pub recipe: Recipe,
}

/// A part of a sweep: how many recipes train, and up to which epoch; to the end of their own if none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    pub recipes: usize,
    pub until: Option<u64>,
}

impl Plan {
    /// A plan of recipes.
    pub fn new(rule: String, judge: Judge, halving: bool, keys: Vec<String>, recipes: Vec<Entry>) -> Plan {
        Plan { format: FORMAT, rule, by: judge.name.into(), halving, keys, recipes }
    }

    /// Writes the file into the folder of the sweep. It names files as they are seen from there.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let recipe = |entry: &Entry| relocated(&entry.recipe, |path| seen_from(path, folder));
        let recipes = self.recipes.iter().map(|entry| Entry { recipe: recipe(entry), ..entry.clone() }).collect();
        let plan = Plan { recipes, ..self.clone() };
        let refused = |why: &str| Error::option("sweep", "of these recipes", why);
        let text = toml::to_string(&plan).map_err(|error| refused(&error.to_string()))?;
        match toml::from_str::<Plan>(&text) {
            Ok(again) if again == plan => {}
            Ok(_) => return Err(refused("would not be read as it was written: use smaller numbers")),
            Err(error) => return Err(refused(&format!("could not be read again: {}", error.message()))),
        }
        let mut file = FileSink::open(&folder.join(FILE))?;
        file.line("# What `anygrad sweep` runs; `anygrad sweep --resume` with this folder goes on with it.")?;
        file.line(text.trim_end())?;
        file.finish()
    }

    /// Reads the file of a sweep's folder. Files are named as they are seen from here.
    pub fn read(folder: &Path) -> Result<Plan> {
        let path = folder.join(FILE);
        let (io, mut text) = (|error| Error::io("read", &path, error), String::new());
        std::fs::File::open(&path).map_err(io)?.take(MOST_BYTES).read_to_string(&mut text).map_err(io)?;
        let damaged =
            |reason: String| Error::data(&path, "", reason, "name the folder of a sweep that nobody has changed");
        let mut plan: Plan = toml::from_str(&text).map_err(|error| damaged(error.message().replace('\n', " ")))?;
        if plan.format != FORMAT {
            return Err(damaged(format!("its format is {}, this program reads {FORMAT}", plan.format)));
        }
        let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_digit());
        let fits = |entry: &Entry| is_name(&entry.name) && entry.values.len() == plan.keys.len();
        if let Some(entry) = plan.recipes.iter().find(|entry| !fits(entry)) {
            return Err(damaged(format!("the recipe `{}` has no number, or not a value of each key", entry.name)));
        }
        for entry in &mut plan.recipes {
            entry.recipe = relocated(&entry.recipe, |path| folder.join(path));
        }
        Ok(plan)
    }

    /// The settings of a recipe: `optimizer.learning_rate=0.01 train.batch_size=32`.
    pub fn settings(&self, entry: &Entry) -> String {
        let pairs = self.keys.iter().zip(&entry.values).map(|(key, value)| format!("{key}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    /// The keys as tables name them: by their last part, where that tells them apart.
    pub fn short_keys(&self) -> Vec<&str> {
        let last = |key: &str| key.rsplit('.').next().map_or(0, str::len);
        let short = |key: &String| key.len() - last(key);
        let is_own = |key: &String| self.keys.iter().filter(|k| k[short(k)..] == key[short(key)..]).count() == 1;
        self.keys.iter().map(|key| if is_own(key) { &key[short(key)..] } else { &key[..] }).collect()
    }

    /// The parts that it runs in: one for all, or with successive halving (η = 3) so many that the last has one or two recipes
    /// and the first at least one epoch.
    pub fn rungs(&self) -> Result<Vec<Rung>> {
        if !self.halving {
            return Ok(vec![Rung { recipes: self.recipes.len(), until: None }]);
        }
        let epochs = self.recipes.first().map_or(0, |entry| entry.recipe.epochs());
        if self.recipes.iter().any(|entry| entry.recipe.epochs() != epochs) {
            let expected = "gives each recipe its epochs itself: name one number of them, by --epochs";
            return Err(Error::option("halving", "of recipes with other numbers of epochs", expected));
        }
        rungs(self.recipes.len(), epochs).ok_or_else(|| {
            let found = format!("of {} recipes of {epochs} epochs", self.recipes.len());
            Error::option("halving", found, "needs at least 3 recipes and 3 epochs")
        })
    }
}

fn rungs(recipes: usize, epochs: u64) -> Option<Vec<Rung>> {
    let last = recipes.checked_ilog(3)?.min(epochs.checked_ilog(3)?);
    let rung = |i: u32| Rung { recipes: recipes / 3usize.pow(i), until: Some(epochs / 3u64.pow(last - i)) };
    (last > 0).then(|| (0..=last).map(rung).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_goes_on_with_three_times_the_epochs() {
        let of = |recipes, epochs| {
            rungs(recipes, epochs).map(|rungs| rungs.iter().map(|r| (r.recipes, r.until.unwrap())).collect::<Vec<_>>())
        };
        assert_eq!(of(12, 100).unwrap(), [(12, 11), (4, 33), (1, 100)]);
        assert_eq!(of(9, 9).unwrap(), [(9, 1), (3, 3), (1, 9)]);
        assert_eq!(of(81, 5).unwrap(), [(81, 1), (27, 5)]);
        assert_eq!([of(2, 100), of(100, 2), of(0, 0)], [None, None, None]);
    }

    #[test]
    fn keys_are_short_where_that_tells_them_apart() {
        let keys = ["optimizer.learning_rate", "layers.0.linear", "layers.2.linear", "seed"].map(String::from);
        let plan = Plan::new("grid".into(), Judge::named("validation_loss").unwrap(), false, keys.to_vec(), Vec::new());
        assert_eq!(plan.short_keys(), ["learning_rate", "layers.0.linear", "layers.2.linear", "seed"]);
    }
}
