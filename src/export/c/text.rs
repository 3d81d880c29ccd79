//! Pieces of C: texts in quotes, lists over several lines, words that count as missing.

/// A text as a literal of C.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => literal.extend(['\\', char::from(byte)]),
            // Three of these make a trigraph.
            b'?' => literal.push_str("\\?"),
            b' '..=b'~' => literal.push(char::from(byte)),
            _ => literal.push_str(&format!("\\{byte:03o}")),
        }
    }
    literal.push('"');
    literal
}

/// Numbers in lines of about a hundred characters.
pub(in crate::export) fn lines(numbers: &[String]) -> String {
    let mut text = String::new();
    let mut length = 0;
    for number in numbers {
        if length + number.len() > 100 {
            text.push('\n');
            length = 0;
        }
        text.push_str(number);
        text.push_str(", ");
        length += number.len() + 2;
    }
    text + "\n"
}

/// The function that says whether a text is missing.
pub(super) fn missing_words(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word.trim())).collect();
    let count = words.len();
    if count == 0 {
        return "static int is_missing(const char *text) { return !text || !*text; }\n\n".into();
    }
    format!(
        "static int is_missing(const char *text) {{\n    static const char *const words[{count}] = {{{}}};\n    if (!text || !*text) return 1;\n    for (int i = 0; i < {count}; i++) if (same(text, words[i])) return 1;\n    return 0;\n}}\n\n",
        words.join(", ")
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_are_literals_that_a_compiler_reads_back() {
        assert_eq!(super::quoted("a\"b\\c?é\n1"), "\"a\\\"b\\\\c\\?\\303\\251\\0121\"");
    }
}
