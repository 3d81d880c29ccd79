//! Cells as numbers: with a decimal point or comma, and with the thousands in groups or not.

/// How the numbers of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// Before the decimals: `.` or `,`.
    pub decimal: u8,
    /// Between groups of three digits, if they are grouped.
    pub group: Option<Group>,
}

/// What stands between groups of three digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// `1,234`
    Comma,
    /// `1.234`
    Point,
    /// `1'234`
    Apostrophe,
    /// `1 234`, also with the narrow or unbreakable blanks that typesetters use.
    Blank,
}

impl Group {
    pub const ALL: [Group; 4] = [Group::Comma, Group::Point, Group::Apostrophe, Group::Blank];

    fn of(c: char) -> Option<Group> {
        match c {
            ',' => Some(Group::Comma),
            '.' => Some(Group::Point),
            '\'' | '\u{2019}' => Some(Group::Apostrophe),
            ' ' | '\u{A0}' | '\u{2009}' | '\u{202F}' => Some(Group::Blank),
            _ => None,
        }
    }
}

/// Powers of ten that 64-bit floats hold exactly, as many as there may be decimals in a number of 19 digits.
const POWERS: [f64; 20] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19];

/// The number with which `bytes` begin and how many bytes it takes, if it has no exponent and so few digits that one
/// division of two exact floats gives the correctly rounded value, which is what the standard library gives.
#[inline(always)]
pub(super) fn short(bytes: &[u8], decimal: u8) -> Option<(f64, usize)> {
    let signed = matches!(bytes.first()?, b'-' | b'+');
    let first = usize::from(signed);
    let mut at = first;
    let mut mantissa = 0u64;
    let mut digits = |at: &mut usize| {
        let from = *at;
        while let Some(&byte) = bytes.get(*at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            *at += 1;
        }
        *at - from
    };
    let mut count = digits(&mut at);
    let mut decimals = 0;
    if bytes.get(at) == Some(&decimal) {
        at += 1;
        decimals = digits(&mut at);
        count += decimals;
    }
    if count == 0 || count > 19 || mantissa > 1 << 53 {
        return None;
    }
    let value = mantissa as f64 / POWERS[decimals];
    Some((if signed && bytes[0] == b'-' { -value } else { value }, at))
}

/// The number that a cell is, as the standard library reads it; no NaN.
pub(super) fn parse(text: &str, style: Style) -> Option<f64> {
    plain(text, style.decimal).or_else(|| {
        let group = style.group?;
        grouped(text, style.decimal).filter(|number| number.group == group).map(|number| number.value)
    })
}

/// A number without groups of digits.
pub(super) fn plain(text: &str, decimal: u8) -> Option<f64> {
    let bytes = text.as_bytes();
    let unsigned = &bytes[usize::from(matches!(bytes.first()?, b'-' | b'+'))..];
    match unsigned.first()? {
        b'0'..=b'9' | b'.' | b',' => {}
        b'i' | b'I' => return text.parse().ok(),
        _ => return None,
    }
    if decimal == b'.' {
        return text.parse().ok();
    }
    match memchr::memchr2(b'.', decimal, bytes) {
        Some(at) if bytes[at] == b'.' => None,
        Some(at) => format!("{}.{}", &text[..at], &text[at + 1..]).parse().ok(),
        None => text.parse().ok(),
    }
}

/// A number with its thousands in groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grouped {
    pub value: f64,
    pub group: Group,
    /// Whether it cannot be a number with decimals: it has several groups, or decimals as well.
    pub is_sure: bool,
}

/// The number that a cell is if its thousands are in groups: one to three digits, of which the first is not 0, then
/// groups of three.
pub(super) fn grouped(text: &str, decimal: u8) -> Option<Grouped> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' | b'+' => text.split_at(1),
        b'1'..=b'9' => ("", text),
        _ => return None,
    };
    let whole_end = memchr::memchr(decimal, unsigned.as_bytes()).unwrap_or(unsigned.len());
    let (whole, decimals) = unsigned.split_at(whole_end);
    let mut digits = String::from(sign);
    let (mut group, mut groups, mut length) = (None, 0, 0);
    for c in whole.chars() {
        if c.is_ascii_digit() {
            length += 1;
            if length > 3 || (digits.len() == sign.len() && c == '0') {
                return None;
            }
            digits.push(c);
        } else {
            let found = Group::of(c)?;
            let is_whole = if groups == 0 { length > 0 } else { length == 3 };
            if !is_whole || group.is_some_and(|group| group != found) {
                return None;
            }
            (group, groups, length) = (Some(found), groups + 1, 0);
        }
    }
    if length != 3 || !decimals.bytes().skip(1).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let group = group?;
    if decimals.len() > 1 {
        digits.push('.');
        digits.push_str(&decimals[1..]);
    }
    Some(Grouped { value: digits.parse().ok()?, group, is_sure: groups > 1 || decimals.len() > 1 })
}

/// What a cell tells about the decimals of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Decimals follow a point: `0.5`.
    Point,
    /// Decimals follow a comma: `0,5`.
    Comma,
    /// Nothing, as `12` and `1,234`.
    None,
}

/// What a cell tells about the decimals of its file.
pub(super) fn evidence(text: &str) -> Evidence {
    let proves = |decimal: u8| {
        if grouped(text, decimal).is_some_and(|number| text.as_bytes().contains(&decimal) && number.is_sure) {
            return true;
        }
        // `1,234` may be a grouped number.
        let other = if decimal == b'.' { b',' } else { b'.' };
        text.as_bytes().contains(&decimal) && plain(text, decimal).is_some() && grouped(text, other).is_none()
    };
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.,".contains(c)) {
        Evidence::None
    } else if proves(b'.') {
        Evidence::Point
    } else if proves(b',') {
        Evidence::Comma
    } else {
        Evidence::None
    }
}
