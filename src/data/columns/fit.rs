//! An encoder from the training rows of a table: what missing cells are filled with, which categories get a feature.

use super::encode::is_missing;
use super::encoder::{EncodedColumn, Encoder, Encoding, TimePart};
use super::kind::Kind;
use super::words::{canonical, number, yes_or_no};
use crate::data::options::{DataOptions, Missing};
use crate::data::table::{Cells, MISSING, Table};
use std::collections::BTreeMap;

/// An encoder of the columns with these kinds, by the rows that belong to this part.
pub(in crate::data) fn fit(
    table: &Table,
    kinds: &[(usize, Kind)],
    part_of: &[u8],
    part: u8,
    options: &DataOptions,
) -> Encoder {
    let training = |row: usize| part_of[row] == part;
    let had_missing = |cells: &Cells| match cells {
        Cells::Numbers { values, .. } => values.iter().zip(part_of).any(|(x, own)| x.is_nan() && *own == part),
        _ => (0..table.rows).any(|row| training(row) && is_missing(cells, row)),
    };
    let columns = kinds.iter().filter_map(|(at, kind)| {
        let encoding = encoding(&table.columns[*at].cells, kind, &training, options, table.rows)?;
        let cells = &table.columns[*at].cells;
        let had_missing = had_missing(cells);
        let indicator = had_missing && options.missing == Missing::Indicator;
        Some(EncodedColumn { name: table.columns[*at].name.clone(), had_missing, indicator, encoding })
    });
    let missing_values = options.missing_values.clone().unwrap_or_else(|| MISSING.map(String::from).to_vec());
    Encoder { columns: columns.collect(), missing: options.missing, missing_values }
}

fn encoding(
    cells: &Cells,
    kind: &Kind,
    training: &impl Fn(usize) -> bool,
    options: &DataOptions,
    rows: usize,
) -> Option<Encoding> {
    let rows = || (0..rows).filter(|&row| training(row) && !is_missing(cells, row));
    let uses_median = options.missing == Missing::Median;
    match (kind, cells) {
        (Kind::Number, Cells::Numbers { offset, values }) if uses_median => {
            let fill = offset + median(rows().map(|row| f64::from(values[row])).collect());
            Some(Encoding::Number { offset: *offset, fill })
        }
        (Kind::Number, Cells::Numbers { offset, values }) => {
            // Without branches that no processor could foresee: which rows train is random.
            let (sum, count) = values.iter().enumerate().fold((0.0, 0usize), |(sum, count), (row, &x)| {
                let counts = training(row) && !x.is_nan();
                (sum + if counts { f64::from(x) } else { 0.0 }, count + usize::from(counts))
            });
            Some(Encoding::Number { offset: *offset, fill: offset + sum / count.max(1) as f64 })
        }
        // Spelled numbers of a column that is asked for as numbers.
        (Kind::Number, _) | (Kind::LeftOut(_), _) => None,
        (Kind::YesNo, Cells::Texts { codes, levels }) => {
            let says: Vec<bool> = levels.iter().map(|level| yes_or_no(level) == Some(true)).collect();
            let (yes, all) =
                rows().fold((0, 0), |(yes, all), row| (yes + usize::from(says[codes[row] as usize]), all + 1));
            Some(Encoding::YesNo { fill: 2 * yes > all })
        }
        (Kind::Category, Cells::Texts { codes, levels }) => {
            let mut counts = vec![0usize; levels.len()];
            rows().for_each(|row| counts[codes[row] as usize] += 1);
            Some(categories(levels, &counts, options.most_categories))
        }
        (Kind::Time, Cells::Times { seconds, day_first, .. }) => {
            let there = || rows().map(|row| seconds[row]);
            let differs = |part: &TimePart| {
                let mut values = there().map(|seconds| part.of(seconds));
                let first = values.next();
                values.any(|value| Some(value) != first)
            };
            let floats = there().map(|seconds| seconds as f64);
            let fill = if uses_median { median(floats.collect()) } else { mean(floats) };
            let parts = TimePart::ALL.into_iter().filter(differs).collect();
            Some(Encoding::Time { parts, fill: fill as i64, day_first: *day_first })
        }
        _ => None,
    }
}

/// The most frequent categories in their order: of numbers by value, of texts by letters.
fn categories(levels: &[String], counts: &[usize], most: usize) -> Encoding {
    let all_numbers = levels.iter().all(|level| number(level).is_some());
    // Spellings of one number are one category, called as the first of them.
    let mut merged: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for (level, &count) in levels.iter().zip(counts).filter(|(_, count)| **count > 0) {
        let key = if all_numbers { canonical(level) } else { None }.unwrap_or_else(|| level.clone());
        merged.entry(key).or_insert_with(|| (level.clone(), 0)).1 += count;
    }
    let mut named: Vec<(String, usize)> = merged.into_values().collect();
    let others = named.len() > most;
    if others {
        // The sort is stable: among equally frequent ones the first in order stay.
        named.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        named.truncate(most);
    }
    named.sort_by(|(a, _), (b, _)| match (number(a), number(b)) {
        (Some(x), Some(y)) if all_numbers => x.total_cmp(&y),
        _ => a.cmp(b),
    });
    let most_frequent = named.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let fill = named.iter().position(|(_, count)| *count == most_frequent).unwrap_or(0);
    Encoding::Category { levels: named.into_iter().map(|(level, _)| level).collect(), others, fill }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), x| (sum + x, count + 1));
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { 0.5 * (values[half - 1] + values[half]) }
}
