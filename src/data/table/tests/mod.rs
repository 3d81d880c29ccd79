//! Tests of reading tables: one file for each purpose, and what they share.

mod cells;
mod dialects;
mod division;
mod files;
mod hostile;
mod kinds;
mod numbers;
mod quotes;
mod times;

use super::read::{Division, read};
use super::{Cells, Column, ReadOptions, Table, Want};
use crate::error::Result;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(bytes: &[u8]) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("anygrad-reading-{}-{number}.csv", std::process::id()));
        std::fs::write(&path, bytes).expect("a file");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The table that these bytes are, on one thread.
fn read_with(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Table> {
    let file = Scratch::new(bytes.as_ref());
    read(&file.0, options, Division { threads: 1, block: 1 << 20 })
}

/// The table that these bytes are, with no options.
fn table(bytes: impl AsRef<[u8]>) -> Table {
    read_with(bytes, &ReadOptions::default()).expect("a table")
}

/// The error that these bytes are, without the path.
fn error(bytes: impl AsRef<[u8]>) -> String {
    error_with(bytes, &ReadOptions::default())
}

fn error_with(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    let message = read_with(bytes, options).expect_err("an error").to_string();
    assert!(message.len() < 500 && !message.contains(char::is_control), "{message:?}");
    match message.find(".csv") {
        Some(at) => message[at + 4..].to_string(),
        None => message,
    }
}

impl Table {
    fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    fn col(&self, name: &str) -> &Column {
        &self.columns[self.column(name).expect("a column")]
    }

    /// The numbers of a column, NaN where they are missing.
    fn numbers(&self, name: &str) -> Vec<f64> {
        match &self.col(name).cells {
            Cells::Numbers { offset, values } => values.iter().map(|&value| offset + f64::from(value)).collect(),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The texts of a column, none where they are missing.
    fn texts(&self, name: &str) -> Vec<Option<&str>> {
        match &self.col(name).cells {
            Cells::Texts { codes, levels } => {
                codes.iter().map(|&code| levels.get(code as usize).map(String::as_str)).collect()
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The seconds of a column.
    fn seconds(&self, name: &str) -> Vec<i64> {
        match &self.col(name).cells {
            Cells::Times { seconds, .. } => seconds.clone(),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Whether a decision begins like this.
    fn says(&self, start: &str) -> bool {
        self.decisions.iter().any(|said| said.starts_with(start))
    }
}

/// What is wanted of all columns.
fn all(want: Want) -> impl Fn(&[String]) -> Vec<Want> {
    move |names| vec![want; names.len()]
}
