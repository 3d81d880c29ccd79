//! Columns of files whose cells have types, cell by cell: numbers, times, texts, as what is wanted of them.

use super::spell::spell;
use super::{Cells, Column, Hint, MISSING_TEXT, MISSING_TIME, MOST_TEXTS, Odd, Want};
use std::collections::{HashMap, TryReserveError};

/// Rows from which a column's offset is found.
pub(in crate::data) const FIRST_ROWS: usize = 1000;

/// A cell that has a type, as files and programs with types for their columns bring it.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// Nothing is there. A float that is NaN and an empty text are missing, too.
    Missing,
    /// A whole number.
    Signed(i64),
    /// A whole number of at least 0.
    Unsigned(u64),
    /// A number in 32 bits.
    Single(f32),
    /// A number in 64 bits.
    Double(f64),
    /// `true` or `false`, which are texts.
    Truth(bool),
    /// Seconds since the beginning of 1970.
    Time(i64),
    /// A text.
    Text(&'a str),
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers of any type.
    Numbers,
    /// Times.
    Times,
    /// Texts and truth values.
    Texts,
}

/// A column of a [`Table`](super::Table) that takes cells in the order of the rows: how a program brings rows that it has
/// in memory.
///
/// ```
/// use anygrad::data::table::{Cell, CellKind, Cells, ColumnBuilder, Want};
/// let mut sizes = ColumnBuilder::new("size".into(), CellKind::Numbers, Want::Cells, &[], 2)?;
/// sizes.push(Cell::Signed(3))?;
/// sizes.push(Cell::Missing)?;
/// let Cells::Numbers { values, .. } = sizes.finish().cells else { panic!() };
/// assert!(values[0] == 3.0 && values[1].is_nan());
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
pub struct Builder<'a> {
    name: String,
    is_named: bool,
    kind: Kind,
    want: Want,
    /// Texts that count as missing.
    missing: &'a [String],
    /// The first numbers, until their offset is known.
    first: Vec<f64>,
    offset: Option<f64>,
    values: Vec<f32>,
    seconds: Vec<i64>,
    has_clock: bool,
    texts: Texts,
    rows: usize,
    numbers: usize,
    /// The first cell that is no number, and the first that is infinite.
    odd_text: Option<Odd>,
    infinite: Option<Odd>,
}

/// The different texts of a column, if they are wanted and not too many.
#[derive(Default)]
struct Texts {
    codes: Vec<u32>,
    numbers: HashMap<Box<str>, u32>,
    characters: usize,
    present: usize,
    is_over: bool,
}

type Outcome<T> = Result<T, TryReserveError>;

impl<'a> Builder<'a> {
    /// A column of that name for `rows` cells. Of `want` depends what is kept of them; `missing` are texts that count as
    /// missing, as [`ReadOptions::missing`](super::ReadOptions::missing).
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn new(name: String, kind: Kind, want: Want, missing: &'a [String], rows: usize) -> Outcome<Builder<'a>> {
        let (mut values, mut seconds, mut texts) = (Vec::new(), Vec::new(), Texts::default());
        match (want, kind) {
            (Want::Skip, _) => {}
            (Want::Cells, Kind::Times) => seconds.try_reserve_exact(rows)?,
            (Want::Cells, Kind::Texts) => texts.codes.try_reserve_exact(rows)?,
            (_, Kind::Numbers) if want != Want::EverySpelling => values.try_reserve_exact(rows)?,
            _ => texts.codes.try_reserve_exact(rows)?,
        }
        Ok(Builder {
            name,
            is_named: true,
            kind,
            want,
            missing,
            first: Vec::new(),
            offset: None,
            values,
            seconds,
            has_clock: false,
            texts,
            rows: 0,
            numbers: 0,
            odd_text: None,
            infinite: None,
        })
    }

    /// Says that the file gives the column no name.
    pub fn unnamed(mut self) -> Builder<'a> {
        self.is_named = false;
        self
    }

    /// Keeps numbers as distances from what is known of them, whatever they are like.
    #[must_use]
    pub fn hinted(mut self, hint: Hint) -> Builder<'a> {
        self.offset = hint.offset;
        self
    }

    /// Takes the next cell.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn push(&mut self, cell: Cell) -> Outcome<()> {
        let row = self.rows;
        self.rows += 1;
        if self.want == Want::Skip {
            return Ok(());
        }
        let number = match cell {
            Cell::Signed(number) => Some(number as f64),
            Cell::Unsigned(number) => Some(number as f64),
            Cell::Single(number) if !number.is_nan() => Some(f64::from(number)),
            Cell::Double(number) if !number.is_nan() => Some(number),
            _ => None,
        };
        self.numbers += usize::from(number.is_some());
        if self.kind == Kind::Numbers && self.want != Want::EverySpelling {
            self.push_number(row, number.unwrap_or(f64::NAN))?;
        }
        match (self.kind, self.want) {
            (Kind::Numbers, Want::Cells) => Ok(()),
            (Kind::Times, Want::Cells) => {
                let seconds = if let Cell::Time(seconds) = cell { seconds } else { MISSING_TIME };
                self.has_clock |= seconds != MISSING_TIME && seconds.rem_euclid(86_400) != 0;
                self.seconds.try_reserve(1)?;
                self.seconds.push(seconds);
                Ok(())
            }
            _ => self.push_text(row, cell, number.is_some()),
        }
    }

    fn push_number(&mut self, row: usize, number: f64) -> Outcome<()> {
        let too_large = |number: f64, offset: f64| ((number - offset) as f32).is_infinite();
        if self.infinite.is_none() && too_large(number, self.offset.unwrap_or(0.0)) {
            self.infinite = Some(Odd { row, text: number.to_string() });
        }
        self.values.try_reserve(1)?;
        match self.offset {
            Some(offset) => self.values.push((number - offset) as f32),
            None => {
                self.first.push(number);
                if self.first.len() == FIRST_ROWS {
                    self.settle();
                }
            }
        }
        Ok(())
    }

    /// Finds the offset from the first numbers.
    fn settle(&mut self) {
        let offset = offset(&self.first);
        self.offset = Some(offset);
        self.values.extend(self.first.drain(..).map(|number| (number - offset) as f32));
    }

    fn push_text(&mut self, row: usize, cell: Cell, is_number: bool) -> Outcome<()> {
        let mut spelled = String::new();
        let text = match cell {
            Cell::Text(text) => text,
            cell => {
                spell(cell, &mut spelled);
                &spelled
            }
        };
        let is_missing = |text: &str| self.missing.iter().any(|missing| missing.eq_ignore_ascii_case(text));
        if text.is_empty() || (matches!(cell, Cell::Text(_)) && is_missing(text.trim())) {
            return self.texts.push(None, usize::MAX);
        }
        if !is_number {
            if text.parse::<f64>().is_ok() {
                self.numbers += 1;
            } else if self.odd_text.is_none() {
                self.odd_text = Some(Odd { row, text: text.into() });
            }
        }
        let most = if self.want == Want::EverySpelling { usize::MAX } else { MOST_TEXTS };
        self.texts.push(Some(text), most)
    }

    /// The column.
    pub fn finish(mut self) -> Column {
        if self.offset.is_none() {
            self.settle();
        }
        let (numbers, mut odd) = (self.numbers, self.odd_text);
        let cells = match (self.kind, self.want) {
            (_, Want::Skip) => Cells::Skipped,
            (Kind::Times, Want::Cells) => {
                Cells::Times { seconds: self.seconds, has_clock: self.has_clock, day_first: false }
            }
            (Kind::Numbers, want) if want == Want::Cells || self.texts.is_over => {
                odd = self.infinite;
                Cells::Numbers { offset: self.offset.unwrap_or(0.0), values: self.values }
            }
            _ => self.texts.finish(),
        };
        Column { name: self.name, is_named: self.is_named, cells, numbers, odd }
    }
}

impl Texts {
    fn push(&mut self, text: Option<&str>, most: usize) -> Outcome<()> {
        let mut code = MISSING_TEXT;
        if let Some(text) = text {
            self.present += 1;
            self.characters += text.chars().count();
            if self.is_over {
                return Ok(());
            }
            code = match self.numbers.get(text) {
                Some(&code) => code,
                None => {
                    let new = self.numbers.len() as u32;
                    self.numbers.try_reserve(1)?;
                    self.numbers.insert(text.into(), new);
                    new
                }
            };
            if self.numbers.len() > most {
                *self = Texts { is_over: true, characters: self.characters, present: self.present, ..Texts::default() };
            }
        }
        if !self.is_over {
            self.codes.try_reserve(1)?;
            self.codes.push(code);
        }
        Ok(())
    }

    fn finish(self) -> Cells {
        if self.is_over {
            return Cells::Various { mean_length: self.characters as f64 / self.present.max(1) as f64 };
        }
        let mut levels = vec![String::new(); self.numbers.len()];
        for (text, code) in self.numbers {
            levels[code as usize] = text.into();
        }
        Cells::Texts { codes: self.codes, levels }
    }
}

/// What to subtract from numbers so that 32-bit floats tell them apart: 0, unless they lie closer together than those
/// can tell and yet differ by more than the rounding of 64-bit floats.
pub(in crate::data) fn offset(numbers: &[f64]) -> f64 {
    let mut finite = numbers.iter().copied().filter(|number| number.is_finite());
    let Some(first) = finite.next() else { return 0.0 };
    let (low, high) = finite.fold((first, first), |(low, high), number| (low.min(number), high.max(number)));
    let largest = low.abs().max(high.abs());
    let is_close = high - low < 256.0 * largest * f64::from(f32::EPSILON);
    let is_equal = high - low <= 16.0 * largest * f64::EPSILON;
    let offset = f64::from(first as f32);
    if is_close && !is_equal && offset.is_finite() { offset } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: Kind, want: Want, cells: &[Cell]) -> Column {
        let missing = ["na".to_string()];
        let mut builder = Builder::new("x".into(), kind, want, &missing, cells.len()).unwrap();
        cells.iter().for_each(|&cell| builder.push(cell).unwrap());
        builder.finish()
    }

    fn texts(column: &Column) -> Vec<Option<&str>> {
        let Cells::Texts { codes, levels } = &column.cells else { panic!("{column:?}") };
        codes.iter().map(|&code| levels.get(code as usize).map(String::as_str)).collect()
    }

    #[test]
    fn numbers_keep_their_distance_from_an_offset_only_where_floats_cannot_tell_them_apart() {
        let seconds: Vec<Cell> = (0..3000).map(|i| Cell::Signed(1_700_000_000 + i)).collect();
        let Cells::Numbers { offset, values } = column(Kind::Numbers, Want::Cells, &seconds).cells else { panic!() };
        // The float next to the first number.
        assert_eq!((offset, values[0], values[2999]), (1_700_000_000.0, 0.0, 2999.0));
        let cells = [Cell::Double(1.0), Cell::Missing, Cell::Double(f64::NAN), Cell::Single(2.5)];
        let plain = column(Kind::Numbers, Want::Cells, &cells);
        let Cells::Numbers { offset: 0.0, values } = &plain.cells else { panic!("{plain:?}") };
        assert!(values[0] == 1.0 && values[1].is_nan() && values[2].is_nan() && values[3] == 2.5);
        assert_eq!((plain.numbers, plain.odd), (2, None));
        let large = column(Kind::Numbers, Want::Cells, &[Cell::Double(1.0), Cell::Double(1e39)]);
        assert_eq!(large.odd.unwrap().row, 1);
    }

    #[test]
    fn numbers_keep_the_offset_that_is_known_of_them() {
        let builder = Builder::new("x".into(), Kind::Numbers, Want::Cells, &[], 1).unwrap();
        // A single number has no neighbours to tell it apart from.
        let mut one = builder.hinted(Hint { offset: Some(1_700_000_000.0), ..Hint::default() });
        one.push(Cell::Signed(1_700_000_007)).unwrap();
        assert_eq!(one.finish().cells, Cells::Numbers { offset: 1_700_000_000.0, values: vec![7.0] });
    }

    #[test]
    fn numbers_are_spelled_shortest_while_few_differ() {
        let cells = [
            Cell::Double(1.0),
            Cell::Double(2.5),
            Cell::Single(0.1),
            Cell::Missing,
            Cell::Unsigned(u64::MAX),
            Cell::Signed(-7),
            Cell::Double(1.0),
        ];
        let spelled = column(Kind::Numbers, Want::Spelling, &cells);
        let expected =
            ["1", "2.5", "0.1", "", "18446744073709551615", "-7", "1"].map(|t| Some(t).filter(|t| !t.is_empty()));
        assert_eq!(texts(&spelled), expected);
        assert_eq!((spelled.numbers, spelled.odd), (6, None));
        let many: Vec<Cell> = (0..=MOST_TEXTS as i64).map(Cell::Signed).collect();
        let Cells::Numbers { values, .. } = column(Kind::Numbers, Want::Spelling, &many).cells else { panic!() };
        assert_eq!(values[MOST_TEXTS], MOST_TEXTS as f32);
        assert_eq!(texts(&column(Kind::Numbers, Want::EverySpelling, &many))[MOST_TEXTS], Some("10000"));
        assert_eq!(column(Kind::Numbers, Want::Skip, &many).cells, Cells::Skipped);
    }

    #[test]
    fn times_and_texts_are_kept_or_spelled() {
        // datetime.datetime(2024, 2, 29, 23, 59, 58, tzinfo=datetime.UTC).timestamp() of Python 3.
        let cells = [Cell::Time(1_709_251_198), Cell::Missing, Cell::Time(-86_400)];
        let times = column(Kind::Times, Want::Cells, &cells);
        let seconds = vec![1_709_251_198, MISSING_TIME, -86_400];
        assert_eq!(times.cells, Cells::Times { seconds, has_clock: true, day_first: false });
        let spelled = column(Kind::Times, Want::Spelling, &cells);
        assert_eq!(texts(&spelled), [Some("2024-02-29 23:59:58"), None, Some("1969-12-31")]);
        let cells = [Cell::Text("oak"), Cell::Text(""), Cell::Text(" NA"), Cell::Text("7"), Cell::Truth(true)];
        let words = column(Kind::Texts, Want::Cells, &cells);
        assert_eq!(texts(&words), [Some("oak"), None, None, Some("7"), Some("true")]);
        assert_eq!((words.numbers, words.odd.unwrap()), (1, Odd { row: 0, text: "oak".into() }));
        let names: Vec<String> = (0..=MOST_TEXTS).map(|i| format!("{i:05}")).collect();
        let cells: Vec<Cell> = names.iter().map(|name| Cell::Text(name)).collect();
        assert_eq!(column(Kind::Texts, Want::Cells, &cells).cells, Cells::Various { mean_length: 5.0 });
        assert_eq!(texts(&column(Kind::Texts, Want::EverySpelling, &cells)).len(), MOST_TEXTS + 1);
    }
}
