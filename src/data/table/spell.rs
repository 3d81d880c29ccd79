//! How a cell that has a type is spelled as a text.

use super::Cell;
use std::fmt::Write;

/// Spells a cell, numbers with as few digits as tell them from all others of their type; nothing if it is missing.
pub(super) fn spell(cell: Cell, text: &mut String) {
    let written = match cell {
        Cell::Missing => Ok(()),
        Cell::Single(number) if number.is_nan() => Ok(()),
        Cell::Double(number) if number.is_nan() => Ok(()),
        Cell::Signed(number) => write!(text, "{number}"),
        Cell::Unsigned(number) => write!(text, "{number}"),
        Cell::Single(number) => write!(text, "{number}"),
        Cell::Double(number) => write!(text, "{number}"),
        Cell::Truth(truth) => write!(text, "{truth}"),
        Cell::Text(own) => text.write_str(own),
        Cell::Time(seconds) => {
            let (year, month, day) = date(seconds.div_euclid(86_400));
            let clock = seconds.rem_euclid(86_400);
            let (hours, minutes, seconds) = (clock / 3600, clock / 60 % 60, clock % 60);
            match clock {
                0 => write!(text, "{year:04}-{month:02}-{day:02}"),
                _ => write!(text, "{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}"),
            }
        }
    };
    // A string takes all that is written to it.
    debug_assert!(written.is_ok());
}

/// Year, month and day of a number of days since the beginning of 1970, in the Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years from the first of March of the year 0, so that the leap day is the last of a year.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let number = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(number <= 2), number, day - (153 * month + 2) / 5 + 1)
}
