//! What is no table is refused in one bounded line.

use super::super::columns::Plan;
use super::super::merge::{Total, reserve};
use super::super::pass::Places;
use super::*;
use std::path::Path;

#[test]
fn binary_files_are_told_what_they_look_like() {
    let tar = [vec![b'x'; 257], b"ustar\0".to_vec(), vec![0; 300]].concat();
    for (bytes, like) in [
        (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "a PNG image"),
        (b"PK\x03\x04\x14\0\x06\0\x08\0", "an Excel workbook (.xlsx)"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0", "an Excel workbook (.xls)"),
        (b"PAR1\x15\x04\x15\0", "a Parquet file"),
        (b"ARROW1\0\0", "an Arrow file"),
        (b"\x93NUMPY\x01\0", "a NumPy array"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"<!doctype html>\n<html>", "a web page"),
        (&tar, "a tar archive"),
    ] {
        let message = error(bytes);
        assert!(message.contains("it looks like ") && message.contains(like), "{message}");
    }
    // A column may be called like the beginning of something.
    assert_eq!(table("ORC,b\n1,2\n").names(), ["ORC", "b"]);
    let noise: Vec<u8> = (0..2000u32).map(|i| (i.wrapping_mul(2654435761) >> 11) as u8 | 1).collect();
    assert!(error(&noise).contains("binary data"), "{}", error(&noise));
}

#[test]
fn nul_bytes_are_refused_by_line() {
    assert!(error(b"a,b,y\n1,2,n\n2\0,1,p\n2,3,n\n").starts_with(":3: a NUL byte"));
    let rows = "1,2\n".repeat(400_000);
    let bytes = [format!("a,b\n{rows}").as_bytes(), b"1,\0\n"].concat();
    assert!(error(bytes).starts_with(":400002: a NUL byte"));
}

#[test]
fn files_without_rows_are_refused() {
    for text in ["", "\n\n\n", "a,b,y", "a,b,y\n", "a,b,y\n\n \n", "\u{feff}", "sep=;\n", "sep=;\na;b\n"] {
        assert!(error(text).ends_with("no rows below the header; add data"), "{text:?}: {}", error(text));
    }
    let message = Table::read(Path::new("no/such.csv"), &ReadOptions::default()).expect_err("an error").to_string();
    assert!(message.starts_with("cannot read no/such.csv") && message.ends_with("check the path"), "{message}");
    let folder = Table::read(&std::env::temp_dir(), &ReadOptions::default()).expect_err("an error").to_string();
    assert!(folder.starts_with("cannot read"), "{folder}");
}

#[test]
fn messages_are_one_short_line() {
    let long = "x".repeat(1_000_000);
    assert!(error(format!("{long},{long}\n1,2\n")).contains("two columns are called `xxx"));
    let wide: String = (0..10_000).map(|i| format!("name {i},")).collect();
    assert!(error(format!("{wide}\n1,2\n")).starts_with(":2: the row has 2 cells, the header has 10001"));
    assert!(error("\"a\u{1b}[31m\nb\",\"a\u{1b}[31m\nb\"\n1,2\n").contains("`a\\u{1b}[31m\\nb`"));
    let found = table(format!("{wide}\n{}\n", "1,".repeat(10_000)));
    let message = found.column(&long).expect_err("an error").to_string();
    assert!(message.len() < 400, "{message}");
    // A cell of a megabyte is a cell.
    assert_eq!(table(format!("a,b\n1,{long}\n2,y\n")).texts("b")[0].map(str::len), Some(1_000_000));
}

#[cfg(target_os = "linux")]
#[test]
fn endless_files_are_refused() {
    let message = Table::read(Path::new("/dev/zero"), &ReadOptions::default()).expect_err("an error").to_string();
    assert!(message.contains("NUL byte"), "{message}");
}

#[test]
fn lines_without_end_are_refused() {
    let long = "x".repeat(super::super::blocks::longest_row() + 10);
    assert!(error(&long).starts_with(":1: the line is longer than 64 MiB"));
    assert!(error(format!("a,b\n1,2\n1,{long}\n")).starts_with(":3: the line is longer than 64 MiB"));
    assert!(
        error(format!("a,b\n1,2\n1,\"\n{long}\"\n")).starts_with(":3: a quote opens in this line that is not closed")
    );
}

#[test]
fn very_wide_tables_are_read() {
    let columns = 1 << 17;
    let header: String = (0..columns).map(|i| format!("c{i},")).collect();
    let (header, row) = (header.trim_end_matches(','), format!("{}1\n", "1,".repeat(columns - 1)));
    // A few rows do not pay for so many columns.
    let refused = error(format!("{header}\n{row}"));
    assert!(refused.starts_with(": 131072 columns, for which 16 MiB of memory are too little"), "{refused}");
    let found = table(format!("{header}\n{}", row.repeat(44)));
    assert_eq!(found.columns.len(), columns);
    assert_eq!(found.column("c131071").expect("a column"), columns - 1);
}

/// What grows with the file is reserved, and too little memory is an error that names the file.
#[test]
fn too_little_memory_is_an_error() {
    assert!(reserve(&mut Vec::<f32>::new(), 1, usize::MAX / 8).is_err());
    let mut total = Total::new(Plan::Times { day_first: false });
    let chunk = super::super::columns::Chunk::new(&total.plan);
    assert!(total.append(chunk, 0, usize::MAX / 8).is_ok(), "nothing is reserved for no rows");
    let path = Path::new("big.csv");
    let places = Places { path, columns: 51, has_header: true, start_lines: 1, separator: b',' };
    let remedy = "read fewer rows or columns, or use a machine with more memory";
    for (expected, rows) in [(0, "more than 1000"), (9999, "about 9999")] {
        let what = format!("cannot load big.csv: not enough memory for {rows} rows of 51 columns");
        assert_eq!(places.out_of_memory(1000, expected).to_string(), format!("{what}; {remedy}"));
    }
}
