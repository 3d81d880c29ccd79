//! Which rows are held back from training: at random with each class's share, by whole groups, the latest, or a fold.

use crate::error::{Error, Result};
use crate::random::{Key, Permutation};
use std::collections::BTreeMap;

/// What a choice of rows heeds. Each list has an entry for every row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) enum By<'a> {
    /// Nothing.
    Chance,
    /// Each class gives its share (a stratified choice).
    Class(&'a [u32]),
    /// Rows of one group stay together.
    Group(&'a [u32]),
    /// The latest rows are held back, and rows of one time stay together.
    Time(&'a [f64]),
}

/// The `share` of `rows` that is held back, at least one row and not all, in the order of its choice.
///
/// # Errors
/// [`Error::Shape`] if there are too few rows, groups or times to hold back any.
pub(super) fn hold_back(rows: &[usize], by: By<'_>, share: f32, key: Key) -> Result<Vec<usize>> {
    if rows.len() < 2 {
        return Err(Error::shape("data", "a split needs at least 2 rows"));
    }
    let wanted = ((rows.len() as f64 * f64::from(share)) as usize).clamp(1, rows.len() - 1);
    match by {
        By::Chance => Ok(shuffled(rows, key).take(wanted).collect()),
        By::Class(labels) => {
            let mut quotas = quotas(rows.iter().map(|&row| labels[row]), wanted);
            let takes = |&row: &usize| {
                let quota = &mut quotas[labels[row] as usize];
                let is_held_back = *quota > 0;
                *quota -= usize::from(is_held_back);
                is_held_back
            };
            Ok(shuffled(rows, key).filter(takes).collect())
        }
        By::Group(groups) => {
            let members = members(rows, groups);
            if members.len() < 2 {
                return Err(Error::shape("data", "a split by groups needs at least 2 groups"));
            }
            let names: Vec<u32> = members.keys().copied().collect();
            let mut held_back = Vec::new();
            for group in shuffled(&(0..names.len()).collect::<Vec<_>>(), key).take(names.len() - 1) {
                if held_back.len() < wanted {
                    held_back.extend_from_slice(&members[&names[group]]);
                }
            }
            Ok(held_back)
        }
        By::Time(times) => {
            let sorted = by_time(rows, times);
            let cut = times[sorted[rows.len() - wanted]];
            let from = sorted.partition_point(|&row| times[row] < cut);
            // Where that would leave no earlier row, those of the time itself stay.
            let from = if from == 0 { sorted.partition_point(|&row| times[row] <= cut) } else { from };
            if from == sorted.len() {
                return Err(Error::shape("data", "a split by time needs at least 2 different times"));
            }
            Ok(sorted[from..].to_vec())
        }
    }
}

/// The rows of one of `folds` parts, counted from 0, and the rows to train on: all others, or by time the earlier ones.
///
/// # Errors
/// [`Error::InvalidOption`] if there are fewer rows, groups or times than folds.
pub(super) fn fold(
    rows: &[usize],
    by: By<'_>,
    (fold, folds): (usize, usize),
    key: Key,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let too_few = |what: &str, count: usize| {
        Err(Error::option("folds", folds, &format!("must be at most the number of {what}, {count}")))
    };
    if rows.len() < folds {
        return too_few("rows", rows.len());
    }
    let mut fold_of = vec![0; rows.iter().max().map_or(0, |last| last + 1)];
    match by {
        By::Chance => shuffled(rows, key).enumerate().for_each(|(i, row)| fold_of[row] = i % folds),
        By::Class(labels) => {
            // The rows of each class are dealt out in turn, where those of the class before ended.
            let mut order: Vec<usize> = shuffled(rows, key).collect();
            order.sort_by_key(|&row| labels[row]);
            order.into_iter().enumerate().for_each(|(i, row)| fold_of[row] = i % folds);
        }
        By::Group(groups) => {
            let members = members(rows, groups);
            if members.len() < folds {
                return too_few("groups", members.len());
            }
            let lists: Vec<&Vec<usize>> = members.values().collect();
            let mut order: Vec<usize> = shuffled(&(0..lists.len()).collect::<Vec<_>>(), key).collect();
            // The largest first, each into the fold that is smallest so far, as scikit-learn's `GroupKFold`.
            order.sort_by_key(|&group| std::cmp::Reverse(lists[group].len()));
            let mut sizes = vec![0; folds];
            for group in order {
                let smallest = (0..folds).min_by_key(|&fold| sizes[fold]).unwrap_or(0);
                sizes[smallest] += lists[group].len();
                lists[group].iter().for_each(|&row| fold_of[row] = smallest);
            }
        }
        By::Time(times) => {
            // Each fold is later than the rows trained on, as scikit-learn's `TimeSeriesSplit`.
            let sorted = by_time(rows, times);
            let size = rows.len() / (folds + 1);
            if size == 0 {
                return too_few("rows by time less one", rows.len() - 1);
            }
            let start = rows.len() - (folds - fold) * size;
            return Ok((sorted[start..start + size].to_vec(), sorted[..start].to_vec()));
        }
    }
    Ok(rows.iter().partition(|row| fold_of[**row] == fold))
}

/// The rows in random order.
pub(super) fn shuffled(rows: &[usize], key: Key) -> impl Iterator<Item = usize> {
    let order = Permutation::new(key, 0, rows.len() as u32);
    (0..rows.len() as u32).map(move |i| rows[order.at(i) as usize])
}

fn by_time(rows: &[usize], times: &[f64]) -> Vec<usize> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
    sorted
}

fn members(rows: &[usize], groups: &[u32]) -> BTreeMap<u32, Vec<usize>> {
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    rows.iter().for_each(|&row| members.entry(groups[row]).or_default().push(row));
    members
}

/// How many of `wanted` rows each class gives: its share, rounded down, and one more for the largest remainders. A class
/// keeps at least one row to train on where others can give more.
fn quotas(labels: impl Iterator<Item = u32>, wanted: usize) -> Vec<usize> {
    let (mut counts, mut rows) = (Vec::new(), 0);
    for label in labels {
        if counts.len() <= label as usize {
            counts.resize(label as usize + 1, 0usize);
        }
        counts[label as usize] += 1;
        rows += 1;
    }
    let mut quotas: Vec<usize> = counts.iter().map(|n| n * wanted / rows).collect();
    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(counts[class] * wanted % rows));
    let mut left = wanted - quotas.iter().sum::<usize>();
    for keep in [1, 0] {
        let mut before = usize::MAX;
        while left > 0 && left < before {
            before = left;
            for &class in &by_remainder {
                if left > 0 && quotas[class] + keep < counts[class] {
                    quotas[class] += 1;
                    left -= 1;
                }
            }
        }
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream_key};

    fn key() -> Key {
        stream_key(3, Purpose::Split, 0)
    }

    #[test]
    fn groups_are_not_torn_apart() {
        let groups: Vec<u32> = (0..100).map(|i| i / 7).collect();
        let rows: Vec<usize> = (0..100).collect();
        let held_back = hold_back(&rows, By::Group(&groups), 0.25, key()).unwrap();
        assert!((25..32).contains(&held_back.len()), "{}", held_back.len());
        let is_held_back = |row: usize| held_back.contains(&row);
        assert!(rows.iter().all(|&row| is_held_back(row) == is_held_back(row / 7 * 7)));
        assert!(hold_back(&rows, By::Group(&vec![0; 100]), 0.25, key()).is_err());
        let mut seen = Vec::new();
        for at in 0..5 {
            let (test, train) = fold(&rows, By::Group(&groups), (at, 5), key()).unwrap();
            assert!((14..=28).contains(&test.len()), "{}", test.len());
            assert!(test.iter().all(|&row| train.iter().all(|&other| groups[row] != groups[other])));
            seen.extend(test);
        }
        seen.sort_unstable();
        assert_eq!(seen, rows);
    }

    #[test]
    fn the_latest_rows_are_held_back_and_equal_times_stay_together() {
        let times = [5.0, 1.0, 3.0, 3.0, 3.0, 2.0, 4.0, 3.0, 0.0, 1.0];
        let rows: Vec<usize> = (0..10).collect();
        let mut held_back = hold_back(&rows, By::Time(&times), 0.3, key()).unwrap();
        held_back.sort_unstable();
        // The third latest is one of four rows of time 3.
        assert_eq!(held_back, [0, 2, 3, 4, 6, 7]);
        assert!(hold_back(&rows, By::Time(&[1.0; 10]), 0.3, key()).is_err());
        // As TimeSeriesSplit(n_splits=4) of 10 rows: train 2, 4, 6, 8; test 2 each.
        for at in 0..4 {
            let (test, train) = fold(&rows, By::Time(&times), (at, 4), key()).unwrap();
            assert_eq!((train.len(), test.len()), (2 + 2 * at, 2));
            assert!(train.iter().all(|&a| test.iter().all(|&b| times[a] <= times[b])));
        }
    }

    #[test]
    fn folds_take_each_row_once_and_their_share_of_each_class() {
        let labels: Vec<u32> = (0..103).map(|i| u32::from(i % 10 == 0)).collect();
        let rows: Vec<usize> = (0..103).collect();
        let mut seen = Vec::new();
        for at in 0..5 {
            let (test, train) = fold(&rows, By::Class(&labels), (at, 5), key()).unwrap();
            assert_eq!(test.len() + train.len(), 103);
            let rare = test.iter().filter(|&&row| labels[row] == 1).count();
            assert!((2..=3).contains(&rare) && (20..=21).contains(&test.len()), "{rare} of {}", test.len());
            seen.extend(test);
        }
        seen.sort_unstable();
        assert_eq!(seen, rows);
        assert!(fold(&[0, 1, 2], By::Chance, (0, 5), key()).is_err());
    }
}
