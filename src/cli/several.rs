//! Several runs of one recipe, over folds and seeds: their names, and the mean and deviation of what they reach.

use super::options::Format;
use super::output::{print_line, significant};
use super::result::{Outcome, figures, short_name};
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::Path;

/// One of several runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `seed-0-fold-1`
    pub name: String,
    pub seed: u64,
    pub fold: Option<u32>,
}

/// The runs that a recipe stands for, over `seeds` seeds and all its folds, unless it names one.
pub fn runs(recipe: &Recipe, seeds: Option<u32>) -> Vec<Run> {
    let folds: Vec<Option<u32>> = match (recipe.data.folds, recipe.data.fold) {
        (Some(folds), None) => (1..=folds).map(Some).collect(),
        (_, fold) => vec![fold],
    };
    let of_seed = |seed: u64| {
        let name = |fold: Option<u32>| match (fold.filter(|_| folds.len() > 1), seeds) {
            (Some(fold), Some(_)) => format!("seed-{seed}-fold-{fold}"),
            (Some(fold), None) => format!("fold-{fold}"),
            (None, _) => format!("seed-{seed}"),
        };
        folds.iter().map(move |&fold| Run { name: name(fold), seed, fold }).collect::<Vec<_>>()
    };
    (0..u64::from(seeds.unwrap_or(1))).flat_map(|n| of_seed(recipe.seed.saturating_add(n))).collect()
}

/// Refuses several runs on what can be read but once, and seeds beyond the largest.
pub fn check(recipe: &Recipe, runs: &[Run], seeds: Option<u32>) -> Result<()> {
    if runs.len() > 1 && recipe.data.source.is_read_once() {
        let expected = "can be read only once, and several runs read it several times: save it to a file first";
        return Err(Error::option("data", &recipe.data.source, expected));
    }
    if recipe.seed.checked_add(u64::from(seeds.unwrap_or(1)) - 1).is_none() {
        let expected =
            format!("seeds are counted up from it, and {} more are beyond the largest", seeds.unwrap_or(1) - 1);
        return Err(Error::option("seed", recipe.seed, &expected));
    }
    Ok(())
}

/// Mean and standard deviation (divisor N).
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt())
}

/// Prints the figures of all runs, their means and their deviations.
pub fn print_summary(format: Format, outcomes: &[(String, Outcome)], folder: &Path) {
    let of = |outcome: &Outcome| outcome.judged().map(|(_, evaluation)| figures(evaluation)).unwrap_or_default();
    let Some((_, first)) = outcomes.first() else { return };
    let part = first.judged().map_or("test", |(part, _)| part);
    let names: Vec<&str> = of(first).iter().map(|(name, _)| *name).collect();
    let columns: Vec<Vec<f64>> = names
        .iter()
        .map(|name| outcomes.iter().filter_map(|(_, o)| of(o).iter().find(|(n, _)| n == name).map(|f| f.1)).collect())
        .collect();
    if format == Format::Json {
        let mut object = Map::new();
        object.insert("event".into(), json!("summary"));
        object.insert("runs".into(), json!(outcomes.len()));
        for (name, values) in names.iter().zip(&columns) {
            let (mean, deviation) = moments(values);
            let entry = json!({ "mean": mean, "deviation": deviation, "values": values });
            object.insert(format!("{part}_{name}"), entry);
        }
        object.insert("run".into(), json!(folder.display().to_string()));
        print_line(&Value::Object(object).to_string());
        return;
    }
    let width = outcomes.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max("deviation".len());
    let row = |name: &str, cells: Vec<String>| {
        let cells: String =
            names.iter().zip(cells).map(|(n, c)| format!("  {c:>w$}", w = short_name(n).len().max(9))).collect();
        print_line(&format!("{name:<width$}{cells}"));
    };
    row(part, names.iter().map(|name| short_name(name).to_string()).collect());
    for (at, (name, _)) in outcomes.iter().enumerate() {
        row(name, columns.iter().map(|values| values.get(at).map_or("-".into(), |x| significant(*x))).collect());
    }
    row("mean", columns.iter().map(|values| significant(moments(values).0)).collect());
    row("deviation", columns.iter().map(|values| significant(moments(values).1)).collect());
    print_line(&format!("{:<width$}  {}", "runs", folder.display()));
}
