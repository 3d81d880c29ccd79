//! What columns become, by what is wanted of them and by all their cells, wherever these stand.

use super::super::{MISSING_TEXT, MOST_TEXTS};
use super::*;

/// Rows enough that their end lies far behind the beginning by which kinds are guessed.
const MANY: usize = 300_000;

#[test]
fn cells_are_numbers_times_or_texts() {
    let found = table("a,b,t,e\n1,x,2012-01-31,\n,y,,\n3,,2012-02-01,NA\n");
    assert_eq!(found.numbers("a")[0], 1.0);
    assert!(found.col("a").is_missing(1));
    assert_eq!(found.texts("b"), [Some("x"), Some("y"), None]);
    assert_eq!(found.col("b").odd.as_ref().map(|odd| odd.row), Some(0));
    // Nothing but missing cells are numbers that are missing.
    assert!(found.numbers("e").iter().all(|number| number.is_nan()));
    assert_eq!(found.col("t").cells.len(), 3);
}

#[test]
fn missing_cells_are_named() {
    let text = "a,b\n1,x\nNaN,NA\nn/a,Null\nNONE,?\n,\n";
    let found = table(text);
    assert_eq!(found.col("a").numbers, 1);
    assert!((1..5).all(|row| found.col("a").is_missing(row) && found.col("b").is_missing(row)));
    let options = ReadOptions { missing: vec![], ..Default::default() };
    let found = read_with(text, &options).expect("a table");
    assert_eq!(found.texts("a"), [Some("1"), Some("NaN"), Some("n/a"), Some("NONE"), None]);
    assert_eq!(found.col("a").odd.as_ref().map(|odd| (odd.row, odd.text.as_str())), Some((1, "NaN")));
    let options = ReadOptions { missing: vec!["-999".into(), "Ünbekannt".into()], ..Default::default() };
    let found = read_with("a,b\n-999,ünbekannt\n5,x\n", &options).expect("a table");
    assert!(found.col("a").is_missing(0) && found.col("b").is_missing(0));
    assert_eq!(found.numbers("a")[1], 5.0);
}

#[test]
fn spellings_are_kept_as_they_are_written() {
    let wants = all(Want::Spelling);
    let options = ReadOptions { wants: &wants, ..Default::default() };
    let found = read_with("a,b\n1.0,01\n1,1\n-0,+1\n", &options).expect("a table");
    assert_eq!(found.texts("a"), [Some("1.0"), Some("1"), Some("-0")]);
    assert_eq!((found.texts("b"), found.col("b").numbers), (vec![Some("01"), Some("1"), Some("+1")], 3));
    assert_eq!(found.col("b").odd, None);
}

#[test]
fn many_spellings_are_numbers_or_various() {
    let wants = all(Want::Spelling);
    let options = ReadOptions { wants: &wants, ..Default::default() };
    let rows: String = (0..MOST_TEXTS + 1).map(|i| format!("{i},x{i},{}\n", i % MOST_TEXTS)).collect();
    let found = read_with(format!("a,b,c\n{rows}"), &options).expect("a table");
    assert_eq!(found.numbers("a")[MOST_TEXTS], MOST_TEXTS as f64);
    // x0 … x9: 2 characters, and so on.
    let characters = 20 + 90 * 3 + 900 * 4 + 9000 * 5 + 6;
    let mean_length = characters as f64 / (MOST_TEXTS + 1) as f64;
    assert_eq!(found.col("b").cells, Cells::Various { mean_length });
    assert_eq!(found.texts("c").len(), MOST_TEXTS + 1);
    let wants = all(Want::EverySpelling);
    let options = ReadOptions { wants: &wants, ..Default::default() };
    let found = read_with(format!("a,b,c\n{rows}"), &options).expect("a table");
    assert_eq!(found.texts("b")[MOST_TEXTS], Some("x10000"));
    // Numbers, and at the end a text.
    let wants = all(Want::Spelling);
    let options = ReadOptions { wants: &wants, ..Default::default() };
    let rows: String = (0..MANY).map(|i| format!("{i}\n")).collect();
    let found = read_with(format!("a\n{rows}bad\n"), &options).expect("a table");
    assert!(matches!(found.col("a").cells, Cells::Various { .. }));
    assert_eq!(found.col("a").numbers, MANY);
    assert_eq!(found.col("a").odd.as_ref().map(|odd| (odd.row, odd.text.as_str())), Some((MANY, "bad")));
}

#[test]
fn columns_that_are_not_wanted_are_not_kept() {
    let wants =
        |names: &[String]| names.iter().map(|name| if name == "b" { Want::Skip } else { Want::Cells }).collect();
    let options = ReadOptions { wants: &wants, ..Default::default() };
    let found = read_with("a,b,c\n1,\"x,\ny\",3\n2,5,4\n", &options).expect("a table");
    assert_eq!(found.col("b").cells, Cells::Skipped);
    assert_eq!((found.numbers("c"), found.lines.of(1)), (vec![3.0, 4.0], Some(4)));
}

#[test]
fn kinds_hold_for_all_rows() {
    let rows = |cell: &str| format!("{cell},1\n").repeat(MANY);
    // Numbers, then a text: texts from the first row on.
    let found = table(format!("a,b\n{}bad,1\nbad,1\n", rows("5")));
    assert_eq!(found.texts("a")[0], Some("5"));
    let column = found.col("a");
    assert_eq!((column.numbers, column.odd.as_ref().map(|odd| odd.row)), (MANY, Some(MANY)));
    assert_eq!(found.place(MANY, 0), format!(":{}, column `a`", MANY + 2));
    // Times, then a text; nothing, then times; nothing, then texts.
    let found = table(format!("a,b\n{}soon,1\n", rows("2012-01-31")));
    assert_eq!((found.texts("a").len(), found.col("a").numbers), (MANY + 1, 0));
    let found = table(format!("a,b\n{}2012-01-31,1\n", rows("")));
    assert_eq!(found.seconds("a")[MANY], 1_327_968_000);
    let found = table(format!("a,b\n{}x,1\n", rows("")));
    let Cells::Texts { codes, levels } = &found.col("a").cells else { panic!() };
    assert_eq!((codes[0], codes[MANY], levels.len()), (MISSING_TEXT, 0, 1));
    // Texts, then numbers.
    let found = table(format!("a,b\nx,1\n{}", rows("7")));
    assert_eq!((found.texts("a")[1], found.col("a").numbers), (Some("7"), MANY));
    // Numbers, then such with thousands.
    let found = table(format!("a,b\n{}\"1,234\",0.5\n", rows("7")));
    assert!(matches!(found.col("a").cells, Cells::Texts { .. }));
    let found = table(format!("a,b\n{}\"1,234,567\",0.5\n", rows("7")));
    assert_eq!(found.numbers("a")[MANY], 1_234_567.0);
}
