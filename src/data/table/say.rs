//! What was taken for what in the columns of a table, a sentence for each kind of decision.

use super::columns::Plan;
use super::dialect::Dialect;
use super::merge::Total;
use crate::error::shown;

/// Columns that a sentence names.
const NAMED: usize = 5;

/// Sentences about how numbers and times were read.
pub(super) fn about_columns(names: &[(String, bool)], totals: &[Total], dialect: &Dialect) -> Vec<String> {
    let (mut grouped, mut either, mut order, mut offset) =
        (Said::default(), Said::default(), Said::default(), Said::default());
    for ((name, _), total) in names.iter().zip(totals) {
        let Some(rare) = &total.stats.rare else { continue };
        let plan = total.plan;
        match plan {
            Plan::Numbers { style, .. } if style.group.is_some() => grouped.add(name, rare.first_grouped.as_deref()),
            Plan::Texts { .. } => {
                let example = total.stats.ambiguous_group(dialect.decimal, dialect.knows_decimal);
                if example.is_some() {
                    either.add(name, example);
                }
            }
            Plan::Times { day_first } => {
                let is_told = rare.never_month_first || rare.never_day_first || day_first;
                if rare.either_order.is_some() && !is_told {
                    order.add(name, rare.either_order.as_deref());
                }
                if rare.has_offset {
                    offset.add(name, None);
                }
            }
            _ => {}
        }
    }
    [
        grouped.sentence("thousands", "in groups"),
        either.sentence("texts", "numbers with thousands or with decimals: name the sign before decimals to tell"),
        order.sentence("dates", "month before day, though it may be the other way round"),
        offset.sentence("times", "as their clocks show, without the distance to UTC"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The columns that a sentence is about.
#[derive(Default)]
struct Said {
    names: Vec<String>,
    more: usize,
    example: Option<String>,
}

impl Said {
    fn add(&mut self, name: &str, example: Option<&str>) {
        if self.names.len() < NAMED {
            self.names.push(format!("`{}`", shown(name)));
        } else {
            self.more += 1;
        }
        self.example = self.example.take().or(example.map(shown));
    }

    fn sentence(&self, subject: &str, what: &str) -> Option<String> {
        if self.names.is_empty() {
            return None;
        }
        let more = if self.more > 0 { format!(" and {} more", self.more) } else { String::new() };
        let example = self.example.as_ref().map_or(String::new(), |example| format!(", as in `{example}`"));
        Some(format!("{subject}  {what}{example} (column {}{more})", self.names.join(", ")))
    }
}
