//! How the columns of a table become the features of a model: learnt from the training rows, saved with the model.

use super::names::position;
use crate::data::options::Missing;
use crate::data::table::Hint;
use crate::error::Result;
use std::collections::HashMap;

/// How the columns of a table become features, one after the other.
///
/// A number is one feature. Categories are one feature each, 1 for the category of the row and 0 for the others, as
/// scikit-learn's `OneHotEncoder`: those that the training rows do not have set none, or share the feature of the rare
/// ones (`handle_unknown="infrequent_if_exist"`). Yes and no are 1 and 0. A time is its parts. Where training rows
/// had missing cells, a further feature is 1 for those.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Encoder {
    /// The columns in the order of their features.
    pub columns: Vec<EncodedColumn>,
    /// What is done about missing cells.
    #[serde(default)]
    pub missing: Missing,
    /// Cells that count as missing beside empty ones.
    pub missing_values: Vec<String>,
}

/// A column and its encoding.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EncodedColumn {
    /// Its name in the table.
    pub name: String,
    /// Whether training rows had missing cells.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub had_missing: bool,
    /// Whether a feature says which cells are missing; it is the last of the column's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub indicator: bool,
    /// How its cells become features.
    #[serde(flatten)]
    pub encoding: Encoding,
}

/// How a cell becomes features.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Encoding {
    /// The number minus an offset.
    Number {
        /// What is subtracted; 0 unless the numbers lie too close together for 32-bit floats.
        #[serde(default)]
        offset: f64,
        /// The number in the place of missing ones.
        fill: f64,
    },
    /// 1 for yes and 0 for no.
    YesNo {
        /// The answer in the place of missing ones.
        fill: bool,
    },
    /// A feature for each category.
    Category {
        /// The categories with a feature of their own.
        levels: Vec<String>,
        /// Whether a further feature stands for all others.
        others: bool,
        /// Position of the category in the place of missing ones; the number of categories stands for the others.
        fill: usize,
    },
    /// A feature for each part.
    Time {
        /// The parts that differ among the training rows.
        parts: Vec<TimePart>,
        /// The time in the place of missing ones, in seconds since the beginning of 1970.
        fill: i64,
        /// Whether the day came before the month in the training rows: so dates are read that may be either.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        day_first: bool,
    },
}

/// A part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimePart {
    /// The year, such as 2012.
    Year,
    /// The month, 1 to 12.
    Month,
    /// The day of the month, 1 to 31.
    Day,
    /// The day of the week, from 0 for Monday to 6.
    Weekday,
    /// The hour, 0 to 23.
    Hour,
    /// The minute, 0 to 59.
    Minute,
    /// The second, 0 to 59.
    Second,
}

impl TimePart {
    /// All parts.
    pub const ALL: [TimePart; 7] = [
        TimePart::Year,
        TimePart::Month,
        TimePart::Day,
        TimePart::Weekday,
        TimePart::Hour,
        TimePart::Minute,
        TimePart::Second,
    ];

    /// The part of a time in seconds since the beginning of 1970, by the Gregorian calendar.
    ///
    /// ```
    /// use anygrad::data::TimePart;
    /// // 2012-02-29 13:05:09, a Wednesday.
    /// let seconds = 1_330_520_709;
    /// assert_eq!(TimePart::ALL.map(|part| part.of(seconds)), [2012, 2, 29, 2, 13, 5, 9]);
    /// ```
    pub fn of(self, seconds: i64) -> i64 {
        let (days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days to civil date, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let of_era = z.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        match self {
            TimePart::Year => year_of_era + 400 * era + i64::from(month <= 2),
            TimePart::Month => month,
            TimePart::Day => of_year - (153 * shifted + 2) / 5 + 1,
            TimePart::Weekday => (days + 3).rem_euclid(7),
            TimePart::Hour => clock / 3600,
            TimePart::Minute => clock / 60 % 60,
            TimePart::Second => clock % 60,
        }
    }

    fn name(self) -> &'static str {
        match self {
            TimePart::Year => "year",
            TimePart::Month => "month",
            TimePart::Day => "day",
            TimePart::Weekday => "weekday",
            TimePart::Hour => "hour",
            TimePart::Minute => "minute",
            TimePart::Second => "second",
        }
    }
}

impl EncodedColumn {
    /// Number of features.
    pub fn width(&self) -> usize {
        let own = match &self.encoding {
            Encoding::Number { .. } | Encoding::YesNo { .. } => 1,
            Encoding::Category { levels, others, .. } => levels.len() + usize::from(*others),
            Encoding::Time { parts, .. } => parts.len(),
        };
        own + usize::from(self.indicator)
    }

    /// Names of the features: `age`, `sex=female`, `date.month`, `age is missing`.
    pub fn feature_names(&self) -> Vec<String> {
        let name = &self.name;
        let mut names = match &self.encoding {
            Encoding::Number { .. } | Encoding::YesNo { .. } => vec![name.clone()],
            Encoding::Category { levels, others, .. } => {
                let rest = others.then(|| format!("{name}=others"));
                levels.iter().map(|level| format!("{name}={level}")).chain(rest).collect()
            }
            Encoding::Time { parts, .. } => parts.iter().map(|part| format!("{name}.{}", part.name())).collect(),
        };
        names.extend(self.indicator.then(|| format!("{name} is missing")));
        names
    }

    /// Whether each feature is a number to be scaled; the others are 0 or 1.
    pub(in crate::data) fn is_scaled(&self) -> Vec<bool> {
        let numbers = matches!(self.encoding, Encoding::Number { .. } | Encoding::Time { .. });
        let mut scaled = vec![numbers; self.width()];
        if self.indicator {
            scaled.pop();
            scaled.push(false);
        }
        scaled
    }
}

impl Encoder {
    /// Number of features.
    pub fn width(&self) -> usize {
        self.columns.iter().map(EncodedColumn::width).sum()
    }

    /// Names of the features, in their order.
    pub fn feature_names(&self) -> Vec<String> {
        self.columns.iter().flat_map(EncodedColumn::feature_names).collect()
    }

    /// What is known of the columns of these names before their cells are read.
    pub(in crate::data) fn hints(&self, names: &[String]) -> Vec<Hint> {
        let known = self.by_name();
        let hint = |name: &String| match known.get(name.as_str()).map(|column| &column.encoding) {
            Some(Encoding::Number { offset, .. }) => Hint { offset: Some(*offset), ..Hint::default() },
            Some(Encoding::Time { day_first, .. }) => Hint { day_first: *day_first, ..Hint::default() },
            _ => Hint::default(),
        };
        names.iter().map(hint).collect()
    }

    /// Where its columns stand among those of these names. A column may be absent if training rows had missing cells in it.
    ///
    /// # Errors
    /// [`Error::UnknownName`](crate::Error::UnknownName) if another is absent.
    pub(in crate::data) fn positions(&self, names: &[String]) -> Result<Vec<Option<usize>>> {
        let at: HashMap<&str, usize> = names.iter().enumerate().rev().map(|(at, name)| (name.as_str(), at)).collect();
        let place = |column: &EncodedColumn| match at.get(column.name.as_str()) {
            Some(&at) => Ok(Some(at)),
            None if column.had_missing && self.missing != Missing::Refuse => Ok(None),
            None => position(names, &column.name)
                .map(Some)
                .map_err(|error| error.in_addition("the model needs a column that is not there")),
        };
        self.columns.iter().map(place).collect()
    }

    /// The columns by their names.
    pub(in crate::data) fn by_name(&self) -> HashMap<&str, &EncodedColumn> {
        self.columns.iter().map(|column| (column.name.as_str(), column)).collect()
    }

    /// The features of each column: its name, and where they stand in a row.
    pub fn groups(&self) -> Vec<(String, std::ops::Range<usize>)> {
        let mut start = 0;
        let range = |column: &EncodedColumn| {
            let range = start..start + column.width();
            start = range.end;
            (column.name.clone(), range)
        };
        self.columns.iter().map(range).collect()
    }
}
