//! Numbers and yes-no words as tables spell them: when two spellings mean the same.

/// Words for no and yes, in lower case.
const PAIRS: [(&str, &str); 6] =
    [("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"), ("absent", "present")];

/// Whether a word says yes or no; upper and lower case count the same.
pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    PAIRS.iter().find_map(|(no, yes)| if lower == *no { Some(false) } else { (lower == *yes).then_some(true) })
}

/// Whether the different texts of a column are a pair of words for no and yes.
pub(super) fn are_yes_and_no(levels: &[&str]) -> bool {
    let lower: Vec<String> = levels.iter().map(|level| level.to_ascii_lowercase()).collect();
    let both = |pair: &(&str, &str)| lower.iter().all(|word| word == pair.0 || word == pair.1);
    let seen = lower.iter().collect::<std::collections::BTreeSet<_>>().len();
    seen == 2 && PAIRS.iter().any(both)
}

/// A finite number, if the text is one.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|x| x.is_finite())
}

/// What is wrong with a cell that is no number to work with: `is too large for a 32-bit float`.
pub(super) fn odd_number(text: &str) -> &'static str {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && x.abs() < 1.0 => "is too small for a 32-bit float",
        Ok(x) if x.is_finite() => "is too large for a 32-bit float",
        Ok(_) => "is not a finite number",
        Err(_) => "is not a number",
    }
}

/// Spelling that two numbers share exactly if they are the same number, however they are written: `1`, `+1`, `01`, `1.0`
/// and `10e-1` are `1`; `-0` is `0`. Exact also for whole numbers beyond 2⁵³. `None` for what is no finite number.
pub(super) fn canonical(text: &str) -> Option<String> {
    number(text)?;
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, decimals].concat();
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some("0".into());
    }
    // The number is 0.significant · 10^power.
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let power = whole.len() as i64 - leading as i64 + exponent;
    let sign = if negative { "-" } else { "" };
    let text = match power {
        1..=40 if power as usize >= significant.len() => {
            format!("{significant}{}", "0".repeat(power as usize - significant.len()))
        }
        1..=40 => format!("{}.{}", &significant[..power as usize], &significant[power as usize..]),
        -6..=0 => format!("0.{}{significant}", "0".repeat(-power as usize)),
        _ => format!("0.{significant}e{power}"),
    };
    Some(format!("{sign}{text}"))
}

/// Whether a spelling of a number is whole: `3`, `3.0`, `3e2`.
pub(super) fn is_whole(text: &str) -> bool {
    canonical(text).is_some_and(|text| !text.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_number_agree() {
        for (spellings, expected) in [
            (&["1", "+1", "01", "1.0", "1.", "10e-1", "0.1e1", "1E0", "1.000"][..], "1"),
            (&["0", "-0", "0.0", "-0.00", "0e5", ".0"], "0"),
            (&["-1", "-1.0", "-10e-1"], "-1"),
            (&["0.5", ".5", "5e-1", "0.50"], "0.5"),
            (&["1200", "1.2e3", "12e2"], "1200"),
            (&["9007199254740993", "9007199254740993.0"], "9007199254740993"),
            (&["9007199254740992"], "9007199254740992"),
            (&["0.001", "1e-3"], "0.001"),
            (&["1e-9", "0.1e-8"], "0.1e-8"),
            (&["12.34", "+12.340", "1234e-2"], "12.34"),
        ] {
            for spelling in spellings {
                assert_eq!(canonical(spelling).as_deref(), Some(expected), "{spelling}");
            }
        }
        for other in ["", "x", "1,2", "inf", "nan", "1e999", "-", "."] {
            assert_eq!(canonical(other), None, "{other}");
        }
        assert!(is_whole("3.0") && is_whole("3e2") && !is_whole("3.5") && !is_whole("x"));
    }

    #[test]
    fn pairs_of_words_are_yes_and_no() {
        assert!(
            are_yes_and_no(&["Yes", "no"]) && are_yes_and_no(&["True", "False"]) && are_yes_and_no(&["n", "Y", "N"])
        );
        assert!(
            !are_yes_and_no(&["yes", "false"]) && !are_yes_and_no(&["yes"]) && !are_yes_and_no(&["male", "female"])
        );
        assert_eq!((yes_or_no("TRUE"), yes_or_no("n"), yes_or_no("maybe")), (Some(true), Some(false), None));
    }
}
