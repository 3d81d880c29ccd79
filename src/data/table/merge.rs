//! What is gathered of a column, block after block, until it is a column of the table.

use super::columns::{Chunk, More, Plan, Stats};
use super::texts::Texts;
use super::{Cells, Column, MISSING_TEXT};
use std::collections::TryReserveError;

/// What was gathered of a column so far.
#[derive(Debug)]
pub(super) struct Total {
    pub plan: Plan,
    pub stats: Stats,
    values: Vec<f32>,
    /// What only columns of times and texts have.
    more: Option<Box<More>>,
}

impl Total {
    pub fn new(plan: Plan) -> Total {
        Total { plan, stats: Stats::default(), values: Vec::new(), more: None }
    }

    /// Whether more texts differ than are kept.
    pub fn is_over(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.is_over)
    }

    /// Takes in the cells of the rows behind the first `rows`. `expected`: how many rows there may be in the end.
    pub fn append(&mut self, chunk: Chunk, rows: usize, expected: usize) -> Result<(), TryReserveError> {
        self.stats.join(chunk.stats, rows);
        let is_all_numbers = self.stats.present == self.stats.numbers;
        match self.plan {
            Plan::Skip | Plan::Empty => {}
            Plan::Numbers { .. } => extend_if(is_all_numbers, &mut self.values, &chunk.values, expected)?,
            Plan::Times { .. } => {
                let is_all_times = self.stats.times(false).is_some() || self.stats.present == 0;
                let seconds = chunk.more.map(|more| more.seconds).unwrap_or_default();
                extend_if(is_all_times, &mut self.more.get_or_insert_default().seconds, &seconds, expected)?;
            }
            Plan::Texts { most, with_numbers, .. } => {
                if with_numbers {
                    extend_if(is_all_numbers, &mut self.values, &chunk.values, expected)?;
                }
                self.more.get_or_insert_default().append(*chunk.more.unwrap_or_default(), most, expected)?;
            }
        }
        Ok(())
    }

    /// Whether all cells are numbers of the style that was looked for.
    pub fn is_all_numbers(&self) -> bool {
        self.stats.present == self.stats.numbers
    }

    /// The column.
    pub fn finish(mut self, name: String, is_named: bool) -> Result<Column, TryReserveError> {
        let is_all_numbers = self.is_all_numbers();
        let (rare, more) = (self.stats.rare.take().unwrap_or_default(), self.more.take().unwrap_or_default());
        let (present, characters) = (self.stats.present, more.characters);
        let various = || Cells::Various { mean_length: characters as f64 / present.max(1) as f64 };
        let cells = match self.plan {
            Plan::Skip | Plan::Empty => Cells::Skipped,
            Plan::Times { day_first } => {
                Cells::Times { seconds: fitted(more.seconds), has_clock: rare.has_clock, day_first }
            }
            Plan::Texts { .. } if !more.is_over => {
                Cells::Texts { codes: fitted(more.codes), levels: more.texts.into_levels()? }
            }
            Plan::Texts { offset, with_numbers: true, .. } | Plan::Numbers { offset, .. } if is_all_numbers => {
                Cells::Numbers { offset, values: fitted(self.values) }
            }
            Plan::Texts { .. } | Plan::Numbers { .. } => various(),
        };
        let (numbers, odd) = match cells {
            Cells::Numbers { .. } => (self.stats.numbers, rare.infinite.or(self.stats.vanishing())),
            Cells::Texts { .. } | Cells::Various { .. } => (self.stats.numbers, rare.text),
            Cells::Times { .. } | Cells::Skipped => (0, None),
        };
        Ok(Column { name, is_named, cells, numbers, odd })
    }
}

impl More {
    /// Takes in texts of later rows.
    fn append(&mut self, later: More, most: usize, expected: usize) -> Result<(), TryReserveError> {
        self.characters += later.characters;
        self.is_over |= later.is_over;
        if !self.is_over {
            let mut numbers = Vec::new();
            numbers.try_reserve_exact(later.texts.len())?;
            for text in 0..later.texts.len() {
                numbers.push(self.texts.number(later.texts.get(text))?);
            }
            self.is_over = self.texts.len() > most;
            reserve(&mut self.codes, later.codes.len(), expected)?;
            let number = |&code: &u32| if code == MISSING_TEXT { code } else { numbers[code as usize] };
            self.codes.extend(later.codes.iter().map(number));
        }
        if self.is_over {
            (self.codes, self.texts) = (Vec::new(), Texts::default());
        }
        Ok(())
    }
}

/// Appends `more`, or drops all if what is gathered is no longer wanted.
fn extend_if<T: Copy>(is_wanted: bool, all: &mut Vec<T>, more: &[T], expected: usize) -> Result<(), TryReserveError> {
    if is_wanted {
        reserve(all, more.len(), expected)?;
        all.extend_from_slice(more);
    } else {
        *all = Vec::new();
    }
    Ok(())
}

/// Makes room for `more` entries: for as many as are expected in the end, or a quarter of what is there.
pub(super) fn reserve<T>(all: &mut Vec<T>, more: usize, expected: usize) -> Result<(), TryReserveError> {
    let needed = all.len() + more;
    if needed > all.capacity() {
        let room = needed.max(expected).max(needed + needed / 4);
        all.try_reserve_exact(room - all.len())?;
    }
    Ok(())
}

/// The entries without the room that was not needed.
fn fitted<T>(mut all: Vec<T>) -> Vec<T> {
    if all.capacity() - all.len() > all.len() / 64 {
        all.shrink_to_fit();
    }
    all
}
