//! A bar with lines below it on a terminal, drawn anew in place. No line is as wide as the terminal or padded to it, so that
//! where a terminal has become narrower it is known how many of its lines they take now.

use super::output::note;
use console::Term;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most lines below the bar, but for their header.
const MOST_LINES: usize = 8;
/// Between two drawings.
const PAUSE: Duration = Duration::from_millis(80);

/// The bar, and the last lines below it.
pub struct Screen {
    term: Term,
    steps: u64,
    done: u64,
    /// When steps were first told of, and how many there were then: a run that goes on has steps behind it.
    since: Option<(Instant, u64)>,
    text: String,
    header: String,
    lines: VecDeque<String>,
    /// Widths of the lines on the screen.
    drawn: Vec<usize>,
    last: Option<Instant>,
}

impl Screen {
    /// For so many steps.
    pub fn new(steps: u64) -> Screen {
        Screen {
            term: Term::buffered_stderr(),
            steps,
            done: 0,
            since: None,
            text: String::new(),
            header: String::new(),
            lines: VecDeque::new(),
            drawn: Vec::new(),
            last: None,
        }
    }

    /// Steps are done; `text` stands behind the bar.
    pub fn step(&mut self, done: u64, text: String) {
        (self.done, self.text) = (done, text);
        self.since.get_or_insert((Instant::now(), done));
        if self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.draw();
        }
    }

    /// Adds a line below the bar; the header is that of all lines.
    pub fn add(&mut self, header: String, line: String) {
        self.header = header;
        self.lines.push_back(line);
        if self.lines.len() > MOST_LINES {
            self.lines.pop_front();
        }
        if self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.draw();
        }
    }

    /// Does what prints above the bar.
    pub fn suspend(&mut self, print: impl FnOnce()) {
        self.clear();
        let _ = self.term.flush();
        print();
        self.draw();
    }

    /// Takes the bar off the screen; the lines stay.
    pub fn finish(mut self) {
        self.clear();
        let _ = self.term.flush();
        if !self.lines.is_empty() {
            note(&self.header);
            self.lines.iter().for_each(|line| note(line));
        }
    }

    /// Takes off what is drawn. A terminal that cannot be written to shows nothing, and the run goes on.
    fn clear(&mut self) {
        let (_, columns) = self.term.size();
        let _ = self.term.move_cursor_up(rows_of(&self.drawn, columns.into()));
        let _ = self.term.clear_to_end_of_screen();
        self.drawn.clear();
    }

    fn draw(&mut self) {
        let (rows, columns) = self.term.size();
        let most = usize::from(columns).saturating_sub(1);
        let bar = bar(self.done, self.steps, &self.text, &self.time_left(), most);
        let room = usize::from(rows).saturating_sub(3).min(self.lines.len());
        let header = (room > 0).then_some(&self.header);
        let below = header.into_iter().chain(self.lines.iter().skip(self.lines.len() - room));
        let lines: Vec<String> = [bar].into_iter().chain(below.map(|line| cut(line, most))).collect();
        self.clear();
        for line in &lines {
            let _ = self.term.write_line(line);
        }
        self.drawn = lines.iter().map(|line| line.chars().count()).collect();
        self.last = Some(Instant::now());
        let _ = self.term.flush();
    }

    /// By the steps since the first ones.
    fn time_left(&self) -> String {
        let Some((since, first)) = self.since.filter(|(_, first)| *first < self.done) else { return String::new() };
        let each = since.elapsed().as_secs_f64() / (self.done - first) as f64;
        let seconds = (each * self.steps.saturating_sub(self.done) as f64).round() as u64;
        format!("  {} left", duration(seconds))
    }
}

/// Rows of a terminal that lines of these widths take, as it wraps them.
fn rows_of(widths: &[usize], columns: usize) -> usize {
    widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum()
}

/// `9s`, `2m 05s`, `1h 02m`
fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The bar in what the texts leave of a line.
fn bar(done: u64, all: u64, text: &str, left: &str, most: usize) -> String {
    let texts = format!(" {text}{left}");
    let width = most.saturating_sub(texts.chars().count());
    if width < 4 {
        return cut(texts.trim_start(), most);
    }
    let filled = ((width as f64 * done as f64 / all.max(1) as f64) as usize).min(width);
    format!("{}{}{texts}", "━".repeat(filled), "─".repeat(width - filled))
}

fn cut(line: &str, most: usize) -> String {
    line.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_as_is_left() {
        assert_eq!(bar(1, 2, "loss 1", "  3s left", 26), "━━━━━───── loss 1  3s left");
        assert_eq!(bar(2, 2, "loss 1", "", 11), "━━━━ loss 1");
        assert_eq!(bar(1, 2, "a long text", "", 8), "a long t");
        assert_eq!([duration(9), duration(125), duration(3725)], ["9s", "2m 05s", "1h 02m"]);
    }

    #[test]
    fn lines_take_more_rows_of_a_narrower_terminal() {
        assert_eq!(rows_of(&[79, 50, 0], 80), 3);
        assert_eq!(rows_of(&[79, 50, 0], 40), 2 + 2 + 1);
        assert_eq!(rows_of(&[], 80), 0);
    }
}
