//! Which columns of a table are named for what: target, features, weights, groups, time.

use crate::data::DataOptions;
use crate::data::source::ColumnGroup;
use crate::data::table::{Table, Want};
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// The columns of a table by what they are for.
#[derive(Clone, Debug, Default)]
pub(in crate::data) struct Roles {
    /// The columns to predict.
    pub target: Vec<usize>,
    /// Whether a name says so, or it is the last.
    pub target_is_named: bool,
    /// The columns that may be features.
    pub candidates: Vec<usize>,
    /// Columns to leave out.
    pub drop: BTreeSet<usize>,
    /// Columns of categories, whatever they look like.
    pub categorical: BTreeSet<usize>,
    /// Columns of numbers, whatever they look like.
    pub numeric: BTreeSet<usize>,
    /// Whether the features are listed: then none is left out on its own account.
    pub features_are_named: bool,
    /// Whether there are more candidates, which are looked at in turn.
    pub is_part: bool,
    pub weights: Option<usize>,
    pub groups: Option<usize>,
    pub time: Option<usize>,
}

/// Positions of columns by their names: one of the names, or names with commas between.
fn listed(names: &[String], list: &str) -> Result<Vec<usize>> {
    if let Ok(column) = position(names, list) {
        return Ok(vec![column]);
    }
    list.split(',').map(|name| position(names, name.trim())).collect()
}

/// Position of a column by its name.
pub(in crate::data) fn position(names: &[String], name: &str) -> Result<usize> {
    let known = || names.iter().map(String::as_str);
    known().position(|own| own == name).ok_or_else(|| Error::unknown("column", name, known()))
}

impl Roles {
    /// What options say about the columns of these names, none of which is the target: that comes by itself.
    pub fn of_features(names: &[String], options: &DataOptions) -> Result<Roles> {
        Roles::with(names, options, Some(Vec::new()))
    }

    /// What options say about the columns of these names.
    pub fn of(names: &[String], options: &DataOptions) -> Result<Roles> {
        Roles::with(names, options, None)
    }

    fn with(names: &[String], options: &DataOptions, target: Option<Vec<usize>>) -> Result<Roles> {
        let all = |list: &[String]| -> Result<Vec<usize>> {
            Ok(list.iter().map(|names_of| listed(names, names_of)).collect::<Result<Vec<_>>>()?.concat())
        };
        let one = |name: &Option<String>| name.as_ref().map(|name| position(names, name)).transpose();
        let drop: BTreeSet<usize> = all(&options.drop)?.into_iter().collect();
        let (weights, groups, time) = (one(&options.weights)?, one(&options.groups)?, one(&options.time)?);
        let target = match (target, &options.target) {
            (Some(target), _) => target,
            (None, Some(target)) => listed(names, target)?,
            (None, None) => {
                let taken = |i: &usize| drop.contains(i) || [weights, groups].contains(&Some(*i));
                (0..names.len()).rev().find(|i| !taken(i)).into_iter().collect()
            }
        };
        if target.iter().collect::<BTreeSet<_>>().len() < target.len() {
            return Err(Error::option("target", options.target.as_deref().unwrap_or(""), "names a column twice"));
        }
        let features = all(&options.features)?;
        let list = |columns: &[usize]| columns.iter().map(|&c| names[c].as_str()).collect::<Vec<_>>().join(",");
        let both = |a: &[usize], what: &str, name: &str| match a.iter().find(|column| target.contains(column)) {
            Some(&column) => Err(Error::option(name, &names[column], &format!("is {what} and the target as well"))),
            None => Ok(()),
        };
        both(&features, "a feature", "features")?;
        both(&drop.iter().copied().collect::<Vec<_>>(), "left out", "drop")?;
        both(weights.as_slice(), "the weight of rows", "weights")?;
        if let Some(column) = features.iter().find(|column| drop.contains(column)) {
            return Err(Error::option("drop", &names[*column], "is among the features as well"));
        }
        both(&all(&options.numeric)?, "among the numeric columns", "numeric")?;
        both(&all(&options.categorical)?, "among the categorical columns", "categorical")?;
        let numeric: BTreeSet<usize> = all(&options.numeric)?.into_iter().collect();
        let categorical: BTreeSet<usize> = all(&options.categorical)?.into_iter().collect();
        if let Some(&column) = numeric.intersection(&categorical).next() {
            return Err(Error::option("numeric", &names[column], "is among the categorical columns as well"));
        }
        let features_are_named = !features.is_empty();
        let own = |column: &usize| {
            let elsewhere = target.contains(column) || drop.contains(column) || Some(*column) == weights;
            !elsewhere && Some(*column) != groups
        };
        let candidates = if features_are_named { features } else { (0..names.len()).filter(own).collect() };
        if candidates.is_empty() {
            let expected = "leaves no column to learn from: name fewer, or add columns";
            return Err(Error::option("target", list(&target), expected));
        }
        let target_is_named = options.target.is_some();
        Ok(Roles {
            target,
            target_is_named,
            candidates,
            drop,
            categorical,
            numeric,
            features_are_named,
            is_part: false,
            weights,
            groups,
            time,
        })
    }

    /// These roles, with some of the candidates only.
    pub fn only(mut self, group: Option<ColumnGroup>) -> Roles {
        if let Some(ColumnGroup { first, count, .. }) = group {
            self.is_part = true;
            self.candidates = self.candidates.into_iter().skip(first).take(count).collect();
        }
        self
    }

    /// These roles in a table with other positions. Columns that only splitting needs may be absent.
    pub fn in_table(&self, names: &[String], table: &Table) -> Result<Roles> {
        let own = names_of(table);
        let find = |column: &usize| position(&own, &names[*column]).map_err(|error| error.in_file(&table.path));
        Ok(Roles {
            target: self.target.iter().map(find).collect::<Result<_>>()?,
            target_is_named: true,
            weights: self.weights.as_ref().map(find).transpose()?,
            ..Roles::default()
        })
    }

    /// What is wanted of each column when the table is read.
    pub fn wants(&self, columns: usize) -> Vec<Want> {
        // Tables may have a million columns: none is looked for among all others.
        let mut is_candidate = vec![false; columns];
        self.candidates.iter().filter(|&&column| column < columns).for_each(|&column| is_candidate[column] = true);
        let want = |column: usize| {
            if self.groups == Some(column) {
                Want::EverySpelling
            } else if self.target.contains(&column) || self.categorical.contains(&column) {
                Want::Spelling
            } else if is_candidate[column] || [self.weights, self.time].contains(&Some(column)) {
                Want::Cells
            } else {
                Want::Skip
            }
        };
        (0..columns).map(want).collect()
    }
}

/// The names of a table's columns.
pub(in crate::data) fn names_of(table: &Table) -> Vec<String> {
    table.columns.iter().map(|column| column.name.clone()).collect()
}
