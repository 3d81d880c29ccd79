//! Names of columns as names in a program: letters, digits and underscores, none twice, none of the language's own words.

use std::collections::BTreeSet;

/// The name that an exported program has in its sources, if its files are called so: small letters, digits and underscores.
///
/// ```
/// assert_eq!(anygrad::export::identifier("Churn-1"), "churn_1");
/// ```
pub fn identifier(name: &str) -> String {
    named(name, "model")
}

/// A name in small letters that a program may have.
fn named(text: &str, fallback: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    match name.chars().next() {
        None => fallback.into(),
        Some(first) if first.is_ascii_digit() => format!("{fallback}_{name}"),
        Some(_) => name.into(),
    }
}

/// A name for each text, none of them twice or among `reserved`.
pub(super) fn identifiers<'t>(texts: impl Iterator<Item = &'t str>, reserved: &[&str]) -> Vec<String> {
    let mut taken: BTreeSet<String> = reserved.iter().map(|word| word.to_string()).collect();
    texts
        .map(|text| {
            let first = named(text, "column");
            let mut name = if taken.contains(&first) { format!("{first}_") } else { first.clone() };
            let mut number = 2;
            while taken.contains(&name) {
                name = format!("{first}_{number}");
                number += 1;
            }
            taken.insert(name.clone());
            name
        })
        .collect()
}

/// A text for a comment on one line: printable, and without what ends a comment of C.
pub(super) fn comment(text: &str) -> String {
    crate::error::shown(text).replace("*/", "* /").replace("/*", "/ *").replace("--", "- -")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_differ() {
        let names = ["Bill length (mm)", "bill_length_mm", "2nd", "", "größe", "int", "int_", "a*b", "a b"];
        let found = identifiers(names.into_iter(), &["int"]);
        let expected =
            ["bill_length_mm", "bill_length_mm_", "column_2nd", "column", "gr_e", "int_", "int_2", "a_b", "a_b_"];
        assert_eq!(found, expected.map(String::from));
    }
}
