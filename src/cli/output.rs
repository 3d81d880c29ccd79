//! Lines of data on stdout, messages on stderr, numbers and tables as text, and the bar of a table that is read.

use anygrad::error::{escaped, shown};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Whether messages go to a terminal that can move its cursor.
pub fn has_cursor() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Shows how far the reading of a table is, on a terminal and where it takes a while.
pub struct ReadingBar {
    start: Instant,
    has_cursor: bool,
    bar: OnceLock<ProgressBar>,
}

impl ReadingBar {
    /// Begins.
    pub fn new() -> ReadingBar {
        ReadingBar { start: Instant::now(), has_cursor: has_cursor(), bar: OnceLock::new() }
    }

    /// Shows the bytes that are read, of so many if that is known.
    pub fn show(&self, done: u64, all: Option<u64>) {
        if !self.has_cursor || self.start.elapsed() < Duration::from_millis(500) {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let bar = all.map_or_else(ProgressBar::no_length, ProgressBar::new);
            let template = match all {
                Some(_) => "reading {wide_bar} {bytes}/{total_bytes}  {eta} left",
                None => "reading {bytes}",
            };
            match ProgressStyle::with_template(template) {
                Ok(style) => bar.with_style(style.progress_chars("━╸─")),
                Err(_) => bar,
            }
        });
        bar.set_position(done);
    }
}

impl Drop for ReadingBar {
    /// Takes the bar off the screen.
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with four significant digits at least: `0.9721`, `14.57`, `0.00001234`, `232.7`, `1234567`.
pub fn significant(x: f64) -> String {
    let magnitude = if x == 0.0 || !x.is_finite() { 0 } else { x.abs().log10().floor() as i32 };
    match magnitude {
        -9..=-2 => format!("{x:.*}", (3 - magnitude) as usize),
        -1..=0 => format!("{x:.4}"),
        1..=14 => format!("{x:.*}", (3 - magnitude).max(0) as usize),
        _ => format!("{x:.3e}"),
    }
}

/// Four significant digits: no measurement is better.
pub fn rounded(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

/// Rows of cells with columns of equal widths: the first to the left, the others to the right.
pub fn print_table(rows: &[Vec<String>]) {
    // Names come from outside.
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    for row in &rows {
        let cell = |(column, cell): (usize, &String)| {
            let width = widths[column];
            if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") }
        };
        let line: String = row.iter().enumerate().map(cell).collect();
        print_line(line.trim_end());
    }
}

/// Why a line of data could not be written, once that has happened; nothing if the pipe was closed.
static FAILURE: OnceLock<Option<String>> = OnceLock::new();

/// Prints a line of data to stdout. A closed pipe (`anygrad … | head`) ends the output, not the run; any other failure
/// is kept for [`output_failure`].
pub fn print_line(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        fail_output(&error);
    }
}

/// Keeps the reason why data could not be written.
pub fn fail_output(error: &std::io::Error) {
    FAILURE.get_or_init(|| (error.kind() != std::io::ErrorKind::BrokenPipe).then(|| error.to_string()));
}

/// Whether data could not be written, so that more need not be tried.
pub fn stdout_failed() -> bool {
    FAILURE.get().is_some()
}

/// Why data could not be written, if so.
pub fn output_failure() -> Option<&'static str> {
    FAILURE.get()?.as_deref()
}

/// Prints a message to stderr. Unlike `eprintln!` it does not panic if stderr is closed or full. What names from outside
/// have of control characters is escaped.
pub fn note(line: &str) {
    let lines: Vec<String> = line.split('\n').map(escaped).collect();
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n"));
}

/// Prints an error: one line of at most about 2000 characters, its middle left out if it is longer.
pub fn note_error(error: &str) {
    const MOST: usize = 2000;
    let line = escaped(error);
    let count = line.chars().count();
    if count <= MOST {
        return note(&line);
    }
    let (start, end): (String, String) =
        (line.chars().take(MOST / 2).collect(), line.chars().skip(count - MOST / 2).collect());
    note(&format!("{start}…{end}"));
}

#[cfg(test)]
mod tests {

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(super::thousands(number), text);
        }
    }

    #[test]
    fn small_and_large_numbers_keep_their_digits() {
        for (number, text) in [
            (0.0, "0.0000"),
            (1.0, "1.0000"),
            (0.97214, "0.9721"),
            (0.012345, "0.01235"),
            (0.00001234, "0.00001234"),
            (-0.5, "-0.5000"),
            (14.567, "14.57"),
            (232.66151, "232.7"),
            (1_234_567.0, "1234567"),
            (1.5e-12, "1.500e-12"),
        ] {
            assert_eq!(super::significant(number), text);
        }
    }
}
