//! Cells as dates, dates with a time of day, or times of day.

/// A date, a time of day or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Seconds since the beginning of 1970 if the month comes before the day; a time of day alone is one of 1970-01-01.
    pub month_first: Option<i64>,
    /// Seconds if the day comes before the month. Both are equal where the spelling tells.
    pub day_first: Option<i64>,
    pub has_date: bool,
    pub has_clock: bool,
    /// Whether it is said how far the clock is from UTC, by something else than `Z`.
    pub has_offset: bool,
}

/// The longest cell that is a time, in bytes.
const LONGEST: usize = 48;

/// The moment that a cell is: `2012-01-31`, `2012/01/31 13:05`, `2012-01-31T13:05:09.5Z`, `31.01.2012`, `1/31/2012 1:05 PM`,
/// `Jan 31, 2012`, `31-Jan-2012`, `13:05`.
pub(super) fn parse(text: &str) -> Option<Moment> {
    if text.len() > LONGEST || !text.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    let date = scan.tried(Scan::date);
    let joined = date.is_none() || (scan.at < scan.bytes.len() && (scan.eat(b' ') || scan.eat(b'T') || scan.eat(b't')));
    let (mut clock, mut has_offset) = (None, false);
    if joined {
        clock = Some(scan.clock()?);
        has_offset = scan.offset();
    }
    if scan.at < scan.bytes.len() {
        return None;
    }
    let seconds = |days: Option<i64>| days.map(|days| days * 86_400 + clock.unwrap_or(0));
    let (month_first, day_first) = date.unwrap_or((Some(0), Some(0)));
    if month_first.is_none() && day_first.is_none() {
        return None;
    }
    Some(Moment {
        month_first: seconds(month_first),
        day_first: seconds(day_first),
        has_date: date.is_some(),
        has_clock: clock.is_some(),
        has_offset,
    })
}

/// Days since the beginning of 1970, month before day and day before month.
type Days = (Option<i64>, Option<i64>);

/// A place in a cell.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// One of several bytes.
    fn any(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        bytes.contains(&byte).then(|| {
            self.at += 1;
            byte
        })
    }

    /// A number of so many digits, which no further digit follows.
    fn number(&mut self, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if !digits.contains(&length) {
            return None;
        }
        self.at += length;
        Some(rest[..length].iter().fold(0, |number, b| number * 10 + i64::from(b - b'0')))
    }

    /// The name of a month, whole or its first three letters.
    fn month(&mut self) -> Option<i64> {
        const MONTHS: [&str; 12] = [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ];
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let word = &rest[..length];
        let is_named = |month: &str| {
            let month = month.as_bytes();
            word.eq_ignore_ascii_case(month) || word.eq_ignore_ascii_case(&month[..3]) || {
                month == b"september" && word.eq_ignore_ascii_case(b"sept")
            }
        };
        let month = MONTHS.iter().position(|month| is_named(month))?;
        self.at += length;
        Some(month as i64 + 1)
    }

    /// What `part` finds; the place stays where it is if that is nothing.
    fn tried<T>(&mut self, part: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let at = self.at;
        let found = part(self);
        if found.is_none() {
            self.at = at;
        }
        found
    }

    fn date(&mut self) -> Option<Days> {
        let told = |days: Option<i64>| days.map(|days| (Some(days), Some(days)));
        if let Some(year) = self.tried(|scan| scan.number(4..=4)) {
            let separator = self.any(b"-/.")?;
            let month = self.number(1..=2)?;
            if !self.eat(separator) {
                return None;
            }
            return told(days(year, month, self.number(1..=2)?));
        }
        let Some(first) = self.tried(|scan| scan.number(1..=2)) else {
            // `Jan 31, 2012`
            let month = self.month()?;
            self.eat(b'.');
            self.any(b" -")?;
            let day = self.number(1..=2)?;
            self.eat(b',');
            self.any(b" -")?;
            return told(days(self.number(4..=4)?, month, day));
        };
        let separator = self.any(b"-/. ")?;
        if separator == b'.' {
            self.eat(b' ');
        }
        if let Some(month) = self.tried(Self::month) {
            // `31-Jan-2012`
            self.any(b",.");
            self.any(b"-/ ")?;
            return told(days(self.number(4..=4)?, month, first));
        }
        let second = self.number(1..=2)?;
        if separator == b' ' || !self.eat(separator) {
            return None;
        }
        let year = self.number(4..=4)?;
        let day_first = days(year, second, first);
        if separator == b'.' { told(day_first) } else { Some((days(year, first, second), day_first)) }
    }

    /// Seconds of a day: `13:05`, `13:05:09`, `13:05:09.5`, `1:05 PM`.
    fn clock(&mut self) -> Option<i64> {
        let mut hour = self.number(1..=2)?;
        if !self.eat(b':') {
            return None;
        }
        let minute = self.number(2..=2)?;
        let mut second = 0;
        if self.eat(b':') {
            second = self.number(2..=2)?;
            if self.any(b".,").is_some() {
                self.number(1..=9)?;
            }
        }
        let half = self.tried(|scan| {
            scan.eat(b' ');
            let half = scan.any(b"aApP")?;
            scan.any(b"mM")?;
            Some(half.eq_ignore_ascii_case(&b'p'))
        });
        if let Some(is_afternoon) = half {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + 12 * i64::from(is_afternoon);
        }
        let is_end_of_day = hour == 24 && minute == 0 && second == 0;
        ((hour < 24 || is_end_of_day) && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
    }

    /// Passes over the distance to UTC; whether it is another than that of UTC itself.
    fn offset(&mut self) -> bool {
        let is_utc = self.tried(|scan| {
            scan.eat(b' ');
            if scan.any(b"zZ").is_some() {
                return Some(());
            }
            (scan.eat(b'U') && scan.eat(b'T') && scan.eat(b'C')).then_some(())
        });
        let distance = self.tried(|scan| {
            scan.eat(b' ');
            scan.any(b"+-")?;
            match scan.tried(|scan| scan.number(4..=4)) {
                Some(number) => Some(number),
                None => {
                    let hours = scan.number(2..=2)?;
                    if scan.eat(b':') { scan.number(2..=2).map(|minutes| hours * 100 + minutes) } else { Some(hours) }
                }
            }
        });
        is_utc.is_none() && distance.is_some_and(|distance| distance != 0)
    }
}

/// Days from the beginning of 1970 to a date of the Gregorian calendar, if there is the date.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = DAYS.get(usize::try_from(month - 1).ok()?)? + i64::from(month == 2 && is_leap);
    if year < 1 || !(1..=length).contains(&day) {
        return None;
    }
    let before: i64 = DAYS[..month as usize - 1].iter().sum::<i64>() + i64::from(month > 2 && is_leap);
    let past = year - 1;
    // 719,162 days lie before 1970.
    Some(past * 365 + past / 4 - past / 100 + past / 400 + before + day - 1 - 719_162)
}
