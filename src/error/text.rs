//! Texts from outside in messages: cut to a line, and the known name that is nearest to an unknown one.

/// Most characters of a name that are compared with known ones.
const MOST_COMPARED: usize = 64;
/// Most known names in a message.
const MOST_LISTED: usize = 12;

/// What other libraries call things, and what they are called here.
const SYNONYMS: [(&str, &str); 11] = [
    ("mse", "mean_squared_error"),
    ("l2_loss", "mean_squared_error"),
    ("mae", "mean_absolute_error"),
    ("l1_loss", "mean_absolute_error"),
    ("bce", "binary_cross_entropy"),
    ("ce", "cross_entropy"),
    ("nll", "cross_entropy"),
    ("log_loss", "cross_entropy"),
    ("swish", "silu"),
    ("lr", "learning_rate"),
    ("logistic", "sigmoid"),
];

/// A text as part of a message: in one line of at most about 60 characters, its middle left out if it is longer, control
/// characters and those that turn the direction of writing escaped.
///
/// ```
/// assert_eq!(anygrad::error::shown("\u{1b}[31mred"), "\\u{1b}[31mred");
/// ```
pub fn shown(text: &str) -> String {
    if text.chars().nth(60).is_none() {
        return escaped(text);
    }
    let start: String = text.chars().take(40).collect();
    let end: String = text.chars().skip(text.chars().count() - 15).collect();
    format!("{}…{}", escaped(&start), escaped(&end))
}

/// A text as part of a message, whole: control characters and those that turn the direction of writing escaped.
///
/// ```
/// assert_eq!(anygrad::error::escaped("two\nlines"), "two\\nlines");
/// ```
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.extend(c.escape_default()),
            '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' => {
                out.extend(c.escape_unicode());
            }
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Levenshtein distance, if it is at most `most`: insertions, deletions and substitutions that turn `a` into `b`, of
/// which the first characters count.
fn edit_distance(a: &[char], b: &str, most: usize) -> Option<usize> {
    let b: Vec<char> = b.chars().take(MOST_COMPARED).collect();
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
        if row.iter().all(|&distance| distance > most) {
            return None;
        }
    }
    Some(row[b.len()]).filter(|&distance| distance <= most)
}

/// What follows an unknown name in a message: the nearest of the known names, or the first of them if none is near.
pub(super) fn hint(name: &str, known: &[&str]) -> String {
    let meant = SYNONYMS.iter().find(|(other, _)| name.eq_ignore_ascii_case(other)).map(|(_, meant)| *meant);
    let is_meant = |other: &&&str| other.eq_ignore_ascii_case(name) || meant == Some(**other);
    if let Some(other) = known.iter().find(is_meant) {
        return format!("; did you mean `{}`?", shown(other));
    }
    let short: Vec<char> = name.chars().take(MOST_COMPARED).collect();
    let mut nearest = None;
    let mut most = 1 + short.len() / 3;
    for &other in known {
        // The first of the nearest.
        match edit_distance(&short, other, most) {
            Some(0) => {
                nearest = Some(other);
                break;
            }
            Some(distance) => (nearest, most) = (Some(other), distance - 1),
            None => {}
        }
    }
    match nearest {
        Some(other) => format!("; did you mean `{}`?", shown(other)),
        None => {
            let listed: Vec<String> = known.iter().take(MOST_LISTED).map(|other| shown(other)).collect();
            let more = known.len().saturating_sub(MOST_LISTED);
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("; known: {}{rest}", listed.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_single_edits() {
        let distance = |a: &str, b| edit_distance(&a.chars().collect::<Vec<_>>(), b, 4);
        assert_eq!(distance("relu", "relu"), Some(0));
        assert_eq!(distance("rellu", "relu"), Some(1));
        assert_eq!(distance("", "tanh"), Some(4));
        assert_eq!(distance("kitten", "sitting"), Some(3));
        assert_eq!(distance("kitten", "activation"), None);
        assert_eq!(edit_distance(&['a', 'b'], "cd", 1), None);
    }

    #[test]
    fn a_shown_text_is_one_short_line() {
        assert_eq!(shown("naïve `x`"), "naïve `x`");
        assert_eq!(shown("\u{1b}[31mred\r\n\t\u{202e}"), "\\u{1b}[31mred\\r\\n\\t\\u{202e}");
        assert_eq!(shown(&"ü".repeat(60)), "ü".repeat(60));
        assert_eq!(shown(&"ü".repeat(61)), format!("{}…{}", "ü".repeat(40), "ü".repeat(15)));
    }
}
