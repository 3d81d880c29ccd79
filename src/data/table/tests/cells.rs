//! Cells as they are trimmed, and what can be asked of a table.

use super::*;

#[test]
fn cells_are_trimmed() {
    let found = table(" a , b,\u{a0}y \n1 , 2 , n\n 2,1,p \n3,\u{a0} 4,\"  n \"\n");
    assert_eq!(found.names(), ["a", "b", "y"]);
    assert_eq!((found.numbers("a"), found.numbers("b")), (vec![1.0, 2.0, 3.0], vec![2.0, 1.0, 4.0]));
    assert_eq!(found.texts("y"), [Some("n"), Some("p"), Some("n")]);
}

#[test]
fn names_come_from_the_header() {
    let found = table(",größe (cm),\"x, y\"\n0,1,n\n1,2,p\n");
    assert_eq!(found.names(), ["column 1", "größe (cm)", "x, y"]);
    assert_eq!(found.columns.iter().map(|column| column.is_named).collect::<Vec<_>>(), [false, true, true]);
    let message = found.column("grösse (cm)").expect_err("an error").to_string();
    assert_eq!(message, "unknown column `grösse (cm)`; did you mean `größe (cm)`?");
    assert_eq!(error("a,b,a\n1,2,3\n"), ":1: two columns are called `a`; rename one");
    assert_eq!(error("\n\na,b,a\n1,2,3\n"), ":3: two columns are called `a`; rename one");
}

#[test]
fn places_name_line_and_column() {
    let mut found = table("a,\"b\u{1b}\"\n1,2\n3,4\n");
    assert_eq!(found.place(1, 1), ":3, column `b\\u{1b}`");
    found.lines = Default::default();
    assert_eq!(found.place(1, 0), ", row 2, column `a`");
}

#[test]
fn progress_reaches_the_end() {
    let text = format!("a,b\n{}", "1,2\n".repeat(1000));
    let seen = std::sync::Mutex::new(Vec::new());
    let progress = |done: u64, total: Option<u64>| seen.lock().expect("no panic").push((done, total));
    let options = ReadOptions { progress: Some(&progress), ..Default::default() };
    read_with(&text, &options).expect("a table");
    let last = seen.lock().expect("no panic").last().copied();
    assert_eq!(last, Some((text.len() as u64, Some(text.len() as u64))));
}
