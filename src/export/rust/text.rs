//! Functions on the cells of a row that are texts: pieces of exported sources, one function each between two blank lines, in
//! front of those that use them.

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok()
}

fn find(text: &str, levels: &[&str]) -> Option<usize> {
    if let Some(at) = levels.iter().position(|level| *level == text) {
        return Some(at);
    }
    let value = number(text)?;
    levels.iter().position(|level| number(level) == Some(value))
}

fn yes_or_no(text: &str) -> Option<bool> {
    const WORDS: [(&str, &str); 6] =
        [("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"), ("absent", "present")];
    for (no, yes) in WORDS {
        if text.eq_ignore_ascii_case(no) || text.eq_ignore_ascii_case(yes) {
            return Some(text.eq_ignore_ascii_case(yes));
        }
    }
    None
}

fn digits(text: &str, from: usize, count: usize) -> Option<i64> {
    let part = text.get(from..from + count)?;
    if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
}

fn clock(text: &str) -> Option<[i64; 3]> {
    let second = match text.len() {
        5 => 0,
        8 if text.as_bytes()[5] == b':' => digits(text, 6, 2)?,
        _ => return None,
    };
    let (hour, minute) = (digits(text, 0, 2)?, digits(text, 3, 2)?);
    let fits = text.as_bytes()[2] == b':' && hour < 24 && minute < 60 && second < 60;
    if fits { Some([hour, minute, second]) } else { None }
}

fn read_time(text: &str) -> Option<[i64; 7]> {
    if let Some([hour, minute, second]) = clock(text) {
        return Some([1970, 1, 1, 3, hour, minute, second]);
    }
    let (year, month, day) = (digits(text, 0, 4)?, digits(text, 5, 2)?, digits(text, 8, 2)?);
    let bytes = text.as_bytes();
    if bytes[4] != b'-' || bytes[7] != b'-' || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let [hour, minute, second] = match bytes.get(10) {
        None => [0, 0, 0],
        Some(b' ' | b'T') => clock(text.get(11..)?)?,
        Some(_) => return None,
    };
    let shifted = if month < 3 { year - 1 } else { year };
    let before = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4][month as usize - 1];
    let weekday = (shifted + shifted / 4 - shifted / 100 + shifted / 400 + before + day + 6) % 7;
    Some([year, month, day, weekday, hour, minute, second])
}
