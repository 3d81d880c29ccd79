//! What is gathered of a column: by a thread from the rows of a block, and in the end from all.

use super::numbers::{self, Group, Style};
use super::texts::Texts;
use super::{Hint, MISSING_TEXT, MISSING_TIME, MOST_TEXTS, Odd, Want, times};
use std::collections::TryReserveError;

/// What is gathered of a column in one pass over the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Plan {
    /// Nothing.
    Skip,
    /// Nothing, and each cell must be empty: what follows the separator at the end of each line.
    Empty,
    /// Numbers, minus an offset.
    Numbers { style: Style, offset: f64 },
    /// Dates and times.
    Times { day_first: bool },
    /// Texts while at most so many differ, and with them the numbers that they may be.
    Texts { most: usize, style: Style, offset: f64, with_numbers: bool },
}

impl Plan {
    pub fn style(&self) -> Style {
        match *self {
            Plan::Numbers { style, .. } | Plan::Texts { style, .. } => style,
            _ => Style { decimal: b'.', group: None },
        }
    }
}

/// What the cells of a column are, by number of cells.
#[derive(Clone, Debug, Default)]
pub(super) struct Stats {
    /// Cells that are not missing.
    pub present: usize,
    /// Cells that are numbers.
    pub numbers: usize,
    /// The first number, and the bounds of all.
    pub range: Option<(f64, f64, f64)>,
    /// What only some columns have.
    pub rare: Option<Box<Rare>>,
}

/// What is found in cells that are no plain finite numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    /// The first number that is infinite as a 32-bit float.
    pub infinite: Option<Odd>,
    /// The first cell that is no number.
    pub text: Option<Odd>,
    /// The first cell that is a missing value by a word.
    pub has_missing_word: bool,
    /// Cells that are numbers with groups of digits, whether one proves that they are groups, and the first.
    pub grouped: [(usize, bool); 4],
    pub first_grouped: Option<String>,
    /// How many of these are counted among the numbers.
    pub grouped_numbers: usize,
    /// Numbers from 1000 on without groups, in a column that has them.
    pub ungrouped: bool,
    /// Cells that are times, and which orders of day and month are possible.
    pub times: usize,
    pub never_month_first: bool,
    pub never_day_first: bool,
    /// A cell that is another time if the day comes first.
    pub either_order: Option<String>,
    pub has_date: bool,
    pub has_clock: bool,
    pub has_bare_clock: bool,
    pub has_offset: bool,
}

impl Stats {
    pub fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    #[inline]
    pub fn count(&mut self, number: f64) {
        self.present += 1;
        self.numbers += 1;
        if number.is_finite() {
            let (first, low, high) = self.range.unwrap_or((number, number, number));
            self.range = Some((first, low.min(number), high.max(number)));
        }
    }

    /// The first number, if all are so near to each other and to 0 that 32-bit floats do not tell them apart.
    pub fn vanishing(&self) -> Option<Odd> {
        let (first, low, high) = self.range?;
        let vanishes = high > low && low.abs().max(high.abs()) < 1e3 * f64::from(f32::MIN_POSITIVE);
        vanishes.then(|| Odd { row: 0, text: format!("{first:e}") })
    }

    fn note_grouped(&mut self, text: &str, grouped: numbers::Grouped) {
        let rare = self.rare();
        let (count, is_sure) = &mut rare.grouped[grouped.group as usize];
        *count += 1;
        *is_sure |= grouped.is_sure;
        rare.first_grouped.get_or_insert_with(|| text.to_string());
    }

    /// Takes in what was found in later rows, of which the first is `row`.
    pub fn join(&mut self, later: Stats, row: usize) {
        self.present += later.present;
        self.numbers += later.numbers;
        self.range = match (self.range, later.range) {
            (Some((first, low, high)), Some((_, low2, high2))) => Some((first, low.min(low2), high.max(high2))),
            (range, later) => range.or(later),
        };
        let Some(later) = later.rare else { return };
        let own = self.rare();
        let odd = |own: &mut Option<Odd>, later: Option<Odd>| {
            if own.is_none() {
                *own = later.map(|odd| Odd { row: odd.row + row, text: odd.text });
            }
        };
        odd(&mut own.infinite, later.infinite);
        odd(&mut own.text, later.text);
        own.has_missing_word |= later.has_missing_word;
        for (own, later) in own.grouped.iter_mut().zip(later.grouped) {
            *own = (own.0 + later.0, own.1 || later.1);
        }
        own.first_grouped = own.first_grouped.take().or(later.first_grouped);
        own.grouped_numbers += later.grouped_numbers;
        own.ungrouped |= later.ungrouped;
        own.times += later.times;
        own.never_month_first |= later.never_month_first;
        own.never_day_first |= later.never_day_first;
        own.either_order = own.either_order.take().or(later.either_order);
        own.has_date |= later.has_date;
        own.has_clock |= later.has_clock;
        own.has_bare_clock |= later.has_bare_clock;
        own.has_offset |= later.has_offset;
    }

    /// How all cells are written if all are numbers. `knows_decimal`: whether the file shows what its decimals follow.
    pub fn style(&self, decimal: u8, knows_decimal: bool) -> Option<Style> {
        let Some(rare) = &self.rare else {
            return Some(Style { decimal, group: None });
        };
        if self.present == self.numbers && rare.grouped.iter().all(|&(count, _)| count == 0) {
            return Some(Style { decimal, group: None });
        }
        let group = self.only_group()?;
        let (_, is_sure) = rare.grouped[group as usize];
        let is_told = knows_decimal || is_sure || matches!(group, Group::Apostrophe | Group::Blank);
        is_told.then_some(Style { decimal, group: Some(group) })
    }

    /// What stands between the groups of digits, if all cells are numbers once such groups are allowed, and all from
    /// 1000 on have them.
    fn only_group(&self) -> Option<Group> {
        let rare = self.rare.as_ref()?;
        let mut used = Group::ALL.into_iter().filter(|&group| rare.grouped[group as usize].0 > 0);
        let (group, None) = (used.next()?, used.next()) else { return None };
        let plain = self.numbers - rare.grouped_numbers;
        // The range is that of the plain numbers unless groups were looked for.
        let is_large = self.range.is_some_and(|(_, low, high)| low <= -1000.0 || high >= 1000.0);
        let has_large = rare.ungrouped || (rare.grouped_numbers == 0 && is_large);
        (!has_large && self.present == plain + rare.grouped[group as usize].0).then_some(group)
    }

    /// A cell that would be a number if it were known whether its comma or point stands before decimals.
    pub fn ambiguous_group(&self, decimal: u8, knows_decimal: bool) -> Option<&str> {
        if self.style(decimal, knows_decimal).is_some() {
            return None;
        }
        self.only_group()?;
        self.rare.as_ref()?.first_grouped.as_deref()
    }

    /// Whether the day comes before the month, if all cells are times. Where none tells, it is as `expected`.
    pub fn times(&self, expected: bool) -> Option<bool> {
        let rare = self.rare.as_ref()?;
        let fits = rare.times == self.present
            && !(rare.never_month_first && rare.never_day_first)
            && !(rare.has_date && rare.has_bare_clock);
        let day_first = rare.never_month_first || (expected && !rare.never_day_first);
        (fits && self.present > 0).then_some(day_first)
    }

    /// What to subtract from the numbers so that 32-bit floats tell them apart: 0 unless they lie closer together than
    /// those can tell, and not so close that they differ by the rounding of 64-bit floats only.
    pub fn offset(&self) -> f64 {
        let Some((first, low, high)) = self.range else { return 0.0 };
        let largest = low.abs().max(high.abs());
        let is_close = high - low < 256.0 * largest * f64::from(f32::EPSILON);
        let is_equal = high - low <= 16.0 * largest * f64::EPSILON;
        let offset = f64::from(first as f32);
        if is_close && !is_equal && offset.is_finite() { offset } else { 0.0 }
    }
}

/// The plan that fits what is known of the cells of a column.
pub(super) fn plan(stats: &Stats, want: Want, decimal: u8, knows_decimal: bool, hint: Hint) -> Plan {
    let offset = hint.offset.unwrap_or_else(|| stats.offset());
    let found = stats.style(decimal, knows_decimal);
    let style = found.unwrap_or(Style { decimal, group: None });
    let texts = |most, with_numbers| Plan::Texts { most, style, offset, with_numbers };
    match want {
        Want::Skip => Plan::Skip,
        Want::EverySpelling => texts(usize::MAX, false),
        Want::Spelling => texts(MOST_TEXTS, true),
        Want::Cells => match (found, stats.times(hint.day_first)) {
            (Some(style), _) => Plan::Numbers { style, offset },
            (None, Some(day_first)) => Plan::Times { day_first },
            (None, None) => texts(MOST_TEXTS, false),
        },
    }
}

/// The cells of a column in the rows of a block.
#[derive(Debug)]
pub(super) struct Chunk {
    pub stats: Stats,
    /// Empty unless numbers are gathered.
    pub values: Vec<f32>,
    pub more: Option<Box<More>>,
}

/// What is gathered of a column that is not all numbers.
#[derive(Debug, Default)]
pub(super) struct More {
    pub seconds: Vec<i64>,
    pub codes: Vec<u32>,
    pub texts: Texts,
    /// Whether more texts differ than are kept.
    pub is_over: bool,
    pub characters: u64,
}

impl Chunk {
    pub fn new(plan: &Plan) -> Chunk {
        let more = matches!(plan, Plan::Times { .. } | Plan::Texts { .. }).then(Box::default);
        Chunk { stats: Stats::default(), values: Vec::new(), more }
    }

    /// Takes in a missing cell.
    pub fn miss(&mut self, plan: &Plan) {
        match plan {
            Plan::Skip | Plan::Empty => {}
            Plan::Numbers { .. } => self.values.push(f32::NAN),
            Plan::Times { .. } => self.more().seconds.push(MISSING_TIME),
            Plan::Texts { with_numbers, .. } => {
                if *with_numbers {
                    self.values.push(f32::NAN);
                }
                let more = self.more();
                if !more.is_over {
                    more.codes.push(MISSING_TEXT);
                }
            }
        }
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Counts a number; what is kept of it.
    #[inline]
    pub fn count(&mut self, number: f64, offset: f64, row: usize, text: impl FnOnce() -> String) -> f32 {
        self.stats.count(number);
        let value = (number - offset) as f32;
        if value.is_infinite() && self.stats.rare.as_ref().is_none_or(|rare| rare.infinite.is_none()) {
            self.stats.rare().infinite = Some(Odd { row, text: text() });
        }
        value
    }

    /// Takes in a cell that is not missing.
    pub fn take(&mut self, text: &str, plan: &Plan, keeps_texts: bool, row: usize) -> Result<(), TryReserveError> {
        match *plan {
            Plan::Skip | Plan::Empty => {}
            Plan::Numbers { style, offset } => {
                let value = self.take_perhaps_number(text, style, offset, row, true);
                self.values.push(value);
            }
            Plan::Times { day_first } => {
                let moment = self.take_other(text, plan.style(), row, true);
                let seconds = moment.and_then(|m| if day_first { m.day_first } else { m.month_first });
                self.more().seconds.push(seconds.unwrap_or(MISSING_TIME));
            }
            Plan::Texts { most, style, offset, with_numbers } => {
                let value = self.take_perhaps_number(text, style, offset, row, false);
                if with_numbers {
                    self.values.push(value);
                }
                let more = self.more();
                more.characters += if text.is_ascii() { text.len() } else { text.chars().count() } as u64;
                more.is_over |= !keeps_texts;
                if !more.is_over {
                    let code = more.texts.number(text)?;
                    more.codes.push(code);
                    if more.texts.len() > most {
                        (more.is_over, more.codes, more.texts) = (true, Vec::new(), Texts::default());
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes what a cell is; its number, if it is one.
    fn take_perhaps_number(&mut self, text: &str, style: Style, offset: f64, row: usize, tries_times: bool) -> f32 {
        let Some(number) = numbers::parse(text, style) else {
            self.take_other(text, style, row, tries_times);
            return f32::NAN;
        };
        if style.group.is_some() {
            if numbers::plain(text, style.decimal).is_some() {
                self.stats.rare().ungrouped |= number.abs() >= 1000.0;
            } else if let Some(grouped) = numbers::grouped(text, style.decimal) {
                self.stats.note_grouped(text, grouped);
                self.stats.rare().grouped_numbers += 1;
            }
        }
        self.count(number, offset, row, || text.to_string())
    }

    /// Notes what a cell is that is no number of its column: a number in groups, a time (if asked for) or a text.
    fn take_other(&mut self, text: &str, style: Style, row: usize, tries_times: bool) -> Option<times::Moment> {
        self.stats.present += 1;
        let moment = tries_times.then(|| times::parse(text)).flatten();
        if let (None, Some(grouped)) = (moment, numbers::grouped(text, style.decimal)) {
            self.stats.note_grouped(text, grouped);
        }
        let rare = self.stats.rare();
        if rare.text.is_none() {
            rare.text = Some(Odd { row, text: text.to_string() });
        }
        let moment = moment?;
        rare.times += 1;
        rare.never_month_first |= moment.month_first.is_none();
        rare.never_day_first |= moment.day_first.is_none();
        let is_either = moment.month_first.is_some() && moment.day_first.is_some();
        if is_either && moment.month_first != moment.day_first && rare.either_order.is_none() {
            rare.either_order = Some(text.to_string());
        }
        rare.has_date |= moment.has_date;
        rare.has_clock |= moment.has_clock;
        rare.has_bare_clock |= !moment.has_date;
        rare.has_offset |= moment.has_offset;
        Some(moment)
    }
}
