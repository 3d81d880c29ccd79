//! The preprocessing of a model as ONNX: from the cells of columns to features.

use super::graph::{Attribute, Builder};
use super::schema::DataType;
use crate::data::{EncodedColumn, Encoding, TimePart};
use std::collections::BTreeSet;

/// Words for no and yes, in small letters, as the reader of tables knows them.
const YES_AND_NO: [(&str, &str); 6] =
    [("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"), ("absent", "present")];

/// How the columns of a table are read.
pub(super) struct Columns<'a> {
    pub columns: &'a [EncodedColumn],
    /// Cells that count as missing beside empty ones.
    pub missing: &'a [String],
    /// Whether a missing cell is refused: its row becomes NaN.
    pub refuses_missing: bool,
}

/// A word as it stands, in small letters, in capitals, and with a capital in front.
fn spellings(word: &str) -> BTreeSet<String> {
    let (lower, upper) = (word.to_lowercase(), word.to_uppercase());
    let capital =
        lower.chars().next().map(|first| first.to_uppercase().collect::<String>() + &lower[first.len_utf8()..]);
    [Some(word.into()), Some(lower), Some(upper), capital].into_iter().flatten().collect()
}

impl Columns<'_> {
    /// Declares an input for each column and returns the features, `[N, width]`.
    pub fn features(&self, builder: &mut Builder) -> String {
        let mut parts = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let name = if column.name.is_empty() { format!("column_{}", at + 1) } else { column.name.clone() };
            let mut add = |part: String| parts.push(part);
            match &column.encoding {
                Encoding::Number { offset, fill } => self.number(builder, &name, column, (*offset, *fill), &mut add),
                Encoding::YesNo { .. } | Encoding::Category { .. } => {
                    let part = self.words(builder, &name, column);
                    parts.extend((column.width() > 0).then_some(part));
                }
                Encoding::Time { parts: times, fill, .. } => {
                    self.time(builder, &name, column, (times, *fill), &mut add)
                }
            }
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        builder.node("Concat", &parts, vec![Attribute::Int("axis", 1)])
    }

    /// A number: its own feature, and whether it is missing.
    fn number(
        &self,
        builder: &mut Builder,
        name: &str,
        column: &EncodedColumn,
        (offset, fill): (f64, f64),
        add: &mut impl FnMut(String),
    ) {
        // Numbers that lie close together need all their digits until the offset is gone.
        let kind = if offset == 0.0 { DataType::Float } else { DataType::Double };
        builder.input(name, kind, &[None, Some(1)], "a number; missing: NaN");
        let mut missing = builder.node("IsNaN", &[name], Vec::new());
        for word in self.missing.iter().filter_map(|word| word.trim().parse::<f64>().ok()).filter(|x| x.is_finite()) {
            let word = if offset == 0.0 { builder.floats(&[], &[word as f32]) } else { builder.doubles(&[], &[word]) };
            let equal = builder.node("Equal", &[name, &word], Vec::new());
            missing = builder.node("Or", &[&missing, &equal], Vec::new());
        }
        let mut value = name.to_string();
        if offset != 0.0 {
            let offset = builder.doubles(&[], &[offset]);
            let moved = builder.node("Sub", &[name, &offset], Vec::new());
            value = builder.cast(&moved, DataType::Float);
        }
        let fill = if self.refuses_missing { f32::NAN } else { (fill - offset) as f32 };
        let fill = builder.floats(&[], &[fill]);
        add(builder.node("Where", &[&missing, &fill, &value], Vec::new()));
        if column.indicator {
            add(builder.cast(&missing, DataType::Float));
        }
    }

    /// Categories, yes and no: each word has a row of features in a table.
    fn words(&self, builder: &mut Builder, name: &str, column: &EncodedColumn) -> String {
        builder.input(name, DataType::String, &[None, Some(1)], "a text; missing: empty");
        let width = column.width();
        let mut table: Vec<f32> = Vec::new();
        let mut add = |features: &[usize], refused: bool| {
            let row = (0..width).map(|at| if refused { f32::NAN } else { f32::from(u8::from(features.contains(&at))) });
            table.extend(row);
        };
        // Word and row; of two that are the same, the first counts.
        let mut keys: Vec<(String, i64)> = Vec::new();
        let (mut filled, count) = (
            Vec::new(),
            match &column.encoding {
                Encoding::YesNo { .. } => 2,
                Encoding::Category { levels, .. } => levels.len(),
                _ => 0,
            },
        );
        match &column.encoding {
            Encoding::YesNo { fill } => {
                add(&[], false);
                add(&[0], false);
                filled.extend(fill.then_some(0));
                let both = YES_AND_NO.iter().flat_map(|(no, yes)| [(no, 0), (yes, 1)]);
                keys.extend(both.flat_map(|(word, row)| spellings(word).into_iter().map(move |word| (word, row))));
                // A word that is neither.
                add(&[], true);
            }
            Encoding::Category { levels, others, fill } => {
                (0..count).for_each(|at| add(&[at], false));
                filled.extend((*fill < count + usize::from(*others)).then_some(*fill));
                keys.extend(levels.iter().enumerate().map(|(at, level)| (level.clone(), at as i64)));
                keys.extend(
                    levels
                        .iter()
                        .enumerate()
                        .flat_map(|(at, level)| numbers_of(level).into_iter().map(move |word| (word, at as i64))),
                );
                let rest: &[usize] = if *others { &[count] } else { &[] };
                add(rest, false);
            }
            _ => {}
        }
        let (unknown, missing) = (count as i64, count as i64 + 1);
        if column.indicator {
            filled.push(width - 1);
        }
        add(&filled, self.refuses_missing);
        keys.push((String::new(), missing));
        keys.extend(self.missing.iter().flat_map(|word| spellings(word.trim())).map(|word| (word, missing)));
        let row = encoder(builder, name, keys, unknown);
        let flat = builder.ints(&[1], &[-1]);
        let row = builder.node("Reshape", &[&row, &flat], Vec::new());
        let table = builder.floats(&[count + 2, width], &table);
        builder.node("Gather", &[&table, &row], vec![Attribute::Int("axis", 0)])
    }

    /// A time in the order of ISO 8601, taken apart.
    fn time(
        &self,
        builder: &mut Builder,
        name: &str,
        column: &EncodedColumn,
        (parts, fill): (&[TimePart], i64),
        add: &mut impl FnMut(String),
    ) {
        builder.splits_strings = true;
        let doc = "a time: 2012-01-31, 2012-01-31 13:05:09 or 13:05; missing: empty";
        builder.input(name, DataType::String, &[None, Some(1)], doc);
        let mut keys = vec![(String::new(), 1)];
        keys.extend(self.missing.iter().flat_map(|word| spellings(word.trim())).map(|word| (word, 1)));
        let missing = encoder(builder, name, keys, 0);
        let flat = builder.ints(&[1], &[-1]);
        let missing = builder.node("Reshape", &[&missing, &flat], Vec::new());
        let missing = builder.cast(&missing, DataType::Bool);
        let text = builder.node("Reshape", &[name, &flat], Vec::new());
        let filled = builder.texts(&[], &["1970-01-01 00:00:00".into()]);
        let text = builder.node("Where", &[&missing, &filled, &text], Vec::new());
        // A clock alone is one of the first day.
        let pattern = |pattern| vec![Attribute::Text("pattern", pattern)];
        let is_clock = builder.node("RegexFullMatch", &[&text], pattern("\\d\\d:\\d\\d(:\\d\\d)?"));
        let day = builder.texts(&[], &["1970-01-01 ".into()]);
        let dated = builder.node("StringConcat", &[&day, &text], Vec::new());
        let text = builder.node("Where", &[&is_clock, &dated, &text], Vec::new());
        let fits = builder.node(
            "RegexFullMatch",
            &[&text],
            pattern("\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])([ T]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d)?)?"),
        );
        let safe = builder.node("Where", &[&fits, &text, &filled], Vec::new());
        let numbers = self.digits_of(builder, &safe);
        for part in parts {
            let value = self.part(builder, *part, &numbers);
            let value = builder.cast(&value, DataType::Float);
            let own = builder.floats(&[], &[if self.refuses_missing { f32::NAN } else { part.of(fill) as f32 }]);
            let value = builder.node("Where", &[&missing, &own, &value], Vec::new());
            let unfit = builder.floats(&[], &[f32::NAN]);
            let value = builder.node("Where", &[&fits, &value, &unfit], Vec::new());
            let upright = builder.ints(&[2], &[-1, 1]);
            add(builder.node("Reshape", &[&value, &upright], Vec::new()));
        }
        if column.indicator {
            let upright = builder.ints(&[2], &[-1, 1]);
            let missing = builder.cast(&missing, DataType::Float);
            add(builder.node("Reshape", &[&missing, &upright], Vec::new()));
        }
    }

    /// The six numbers of a time, from its year to its second, each `[N]`.
    fn digits_of(&self, builder: &mut Builder, text: &str) -> Vec<String> {
        let split = |builder: &mut Builder, text: &str, at: &str| {
            builder.node_of_two("StringSplit", &[text], vec![Attribute::Text("delimiter", at)])[0].clone()
        };
        let column = |builder: &mut Builder, table: &str, at: i64| {
            let at = builder.ints(&[], &[at]);
            builder.node("Gather", &[table, &at], vec![Attribute::Int("axis", 1)])
        };
        let as_number = |builder: &mut Builder, text: &str| {
            // An absent part is 0.
            let zero = builder.texts(&[], &["0".into()]);
            let text = builder.node("StringConcat", &[&zero, text], Vec::new());
            builder.cast(&text, DataType::Int64)
        };
        let tail = builder.texts(&[], &[" 00:00:00".into()]);
        let has_clock = builder.node("RegexFullMatch", &[text], vec![Attribute::Text("pattern", ".*:.*")]);
        let long = builder.node("StringConcat", &[text, &tail], Vec::new());
        let text = builder.node("Where", &[&has_clock, text, &long], Vec::new());
        let seconds = builder.texts(&[], &[":00".into()]);
        let has_seconds = builder.node("RegexFullMatch", &[&text], vec![Attribute::Text("pattern", ".*:.*:.*")]);
        let long = builder.node("StringConcat", &[&text, &seconds], Vec::new());
        let text = builder.node("Where", &[&has_seconds, &text, &long], Vec::new());
        let date = split(builder, &text, "-");
        let (year, month, rest) = (column(builder, &date, 0), column(builder, &date, 1), column(builder, &date, 2));
        let clock = split(builder, &rest, ":");
        // "31 13" or "31T13", "05", "09".
        let (start, minute, second) =
            (column(builder, &clock, 0), column(builder, &clock, 1), column(builder, &clock, 2));
        let has_t = builder.node("RegexFullMatch", &[&start], vec![Attribute::Text("pattern", ".*T.*")]);
        // With the separator once more behind it, there are two parts at least, whatever the rows have.
        let split_longer = |builder: &mut Builder, at: &str| {
            let end = builder.texts(&[], &[at.into()]);
            let long = builder.node("StringConcat", &[&start, &end], Vec::new());
            split(builder, &long, at)
        };
        let (by_t, by_blank) = (split_longer(builder, "T"), split_longer(builder, " "));
        let of_both = |builder: &mut Builder, at: i64| {
            let (a, b) = (column(builder, &by_t, at), column(builder, &by_blank, at));
            builder.node("Where", &[&has_t, &a, &b], Vec::new())
        };
        let (day, hour) = (of_both(builder, 0), of_both(builder, 1));
        [year, month, day, hour, minute, second].iter().map(|text| as_number(builder, text)).collect()
    }

    /// A part of a time from its six numbers.
    fn part(&self, builder: &mut Builder, part: TimePart, numbers: &[String]) -> String {
        match part {
            TimePart::Year => numbers[0].clone(),
            TimePart::Month => numbers[1].clone(),
            TimePart::Day => numbers[2].clone(),
            TimePart::Hour => numbers[3].clone(),
            TimePart::Minute => numbers[4].clone(),
            TimePart::Second => numbers[5].clone(),
            TimePart::Weekday => weekday(builder, numbers),
        }
    }
}

/// The day of the week, from 0 for Monday (after Tomohiko Sakamoto).
fn weekday(builder: &mut Builder, numbers: &[String]) -> String {
    let int = |builder: &mut Builder, x: i64| builder.ints(&[], &[x]);
    let three = int(builder, 3);
    let early = builder.node("Less", &[&numbers[1], &three], Vec::new());
    let early = builder.cast(&early, DataType::Int64);
    let year = builder.node("Sub", &[&numbers[0], &early], Vec::new());
    let over = |builder: &mut Builder, by: i64| {
        let by = int(builder, by);
        builder.node("Div", &[&year, &by], Vec::new())
    };
    let (four, hundred, most) = (over(builder, 4), over(builder, 100), over(builder, 400));
    let before = builder.ints(&[13], &[0, 0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4]);
    let before = builder.node("Gather", &[&before, &numbers[1]], vec![Attribute::Int("axis", 0)]);
    let mut sum = year.clone();
    for (op, term) in [("Add", four), ("Sub", hundred), ("Add", most), ("Add", before), ("Add", numbers[2].clone())] {
        sum = builder.node(op, &[&sum, &term], Vec::new());
    }
    let (six, seven) = (int(builder, 6), int(builder, 7));
    let sum = builder.node("Add", &[&sum, &six], Vec::new());
    builder.node("Mod", &[&sum, &seven], Vec::new())
}

/// Other spellings of a category that is a number: those in which tables hand it over.
fn numbers_of(level: &str) -> Vec<String> {
    let Some(x) = level.trim().parse::<f64>().ok().filter(|x| x.is_finite() && x.abs() < 9e15) else {
        return Vec::new();
    };
    // As whole numbers, and with a decimal point as pandas writes a column with missing cells.
    vec![format!("{x}"), format!("{x:?}")]
}

/// For each text the number that stands with its key, or another.
fn encoder(builder: &mut Builder, name: &str, keys: Vec<(String, i64)>, otherwise: i64) -> String {
    let mut seen = BTreeSet::new();
    let keys: Vec<(String, i64)> = keys.into_iter().filter(|(word, _)| seen.insert(word.clone())).collect();
    let (words, values): (Vec<String>, Vec<i64>) = keys.into_iter().unzip();
    let attributes = vec![
        Attribute::Texts("keys_strings", &words),
        Attribute::Ints("values_int64s", values),
        Attribute::Int("default_int64", otherwise),
    ];
    builder.ml_node("LabelEncoder", &[name], attributes)
}
