//! What the columns of a table were taken for and what is done about missing cells, in sentences.

use crate::data::columns::{Encoder, Kind, Roles, Unusual, describe};
use crate::data::options::Missing;
use crate::data::table::{Cells, Table};
use crate::error::shown;

/// What each column was taken for, a line per kind.
pub(in crate::data) fn columns_lines(table: &Table, kinds: &[(usize, Kind)], roles: &Roles) -> Vec<String> {
    const MOST: usize = 12;
    let mut lines = Vec::new();
    let name = |at: usize| shown(&table.columns[at].name);
    let list = |wanted: &dyn Fn(&Kind) -> bool| {
        let all: Vec<String> = kinds.iter().filter(|(_, kind)| wanted(kind)).map(|(at, _)| name(*at)).collect();
        let rest = all.len().saturating_sub(MOST);
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        (all.len(), format!("{}{more}", all[..all.len() - rest].join(", ")))
    };
    let mut line = |what: &str, (count, names): (usize, String)| {
        if count > 0 {
            lines.push(format!("columns {count} {what}: {names}"));
        }
    };
    line("numbers", list(&|kind| *kind == Kind::Number));
    line("yes or no", list(&|kind| *kind == Kind::YesNo));
    line("times, as their parts", list(&|kind| *kind == Kind::Time));
    let categories: Vec<String> = kinds
        .iter()
        .filter(|(_, kind)| *kind == Kind::Category)
        .map(|(at, kind)| format!("{} ({})", name(*at), describe(&table.columns[*at], kind)))
        .collect();
    if !categories.is_empty() {
        let shown_ones = categories.len().min(MOST);
        let rest = categories.len() - shown_ones;
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        lines.push(format!("columns {} categories: {}{more}", categories.len(), categories[..shown_ones].join(", ")));
    }
    for (at, kind) in kinds.iter().filter(|(_, kind)| matches!(kind, Kind::LeftOut(_))).take(MOST) {
        let Kind::LeftOut(reason) = kind else { continue };
        let flag = if matches!(table.columns[*at].cells, Cells::Texts { .. }) { "categorical" } else { "numeric" };
        lines.push(format!("columns `{}` left out: it {reason} (--features or --{flag} takes it)", name(*at)));
    }
    let left_out = kinds.iter().filter(|(_, kind)| matches!(kind, Kind::LeftOut(_))).count();
    if left_out > MOST {
        lines.push(format!("columns {} more left out", left_out - MOST));
    }
    if !roles.drop.is_empty() {
        let names: Vec<String> = roles.drop.iter().take(MOST).map(|&at| name(at)).collect();
        lines.push(format!("columns dropped as asked for: {}", names.join(", ")));
    }
    lines
}

/// What is done about missing cells, if there are any.
pub(in crate::data) fn missing_line(encoder: &Encoder) -> Option<String> {
    let names: Vec<String> =
        encoder.columns.iter().filter(|column| column.had_missing).map(|column| shown(&column.name)).collect();
    let first: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
    let rest = names.len() - first.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let what = match encoder.missing {
        Missing::Indicator => "the mean or the most frequent category, with a feature that says so",
        Missing::Mean => "the mean or the most frequent category",
        Missing::Median => "the median or the most frequent category",
        Missing::Refuse => return None,
    };
    (!names.is_empty()).then(|| format!("missing filled with {what}: {}{more}", first.join(", ")))
}

/// What was out of the ordinary in cells that were encoded, if anything.
pub(in crate::data) fn unusual_line(Unusual { filled, unseen }: Unusual) -> Option<String> {
    let filled = (filled > 0).then(|| format!("{filled} missing cells filled"));
    let unseen = (unseen > 0).then(|| format!("{unseen} cells of categories that no training row had"));
    let both: Vec<String> = filled.into_iter().chain(unseen).collect();
    (!both.is_empty()).then(|| format!("missing {}", both.join(", ")))
}
