//! Reading a table: once to find out how it is written, once for its cells, and again for columns that turn out otherwise.

use super::blocks::{Cutter, longest_row};
use super::cells::{self, Shape};
use super::columns::{self, Plan, Stats};
use super::dialect::Dialect;
use super::encoding::{Encoding, UTF_8, WINDOWS_1252};
use super::input::{self, Compression, Input};
use super::merge::Total;
use super::missing::Missing;
use super::numbers::Style;
use super::pass::{Failure, Pass, Places};
use super::rows::{self, Fault, Layout};
use super::{Column, Hint, Lines, ReadOptions, Table, Want, header, say, width};
use crate::error::{Error, Result, shown};
use std::path::Path;

/// Bytes of the beginning by which is decided how the file is written.
const BEGINNING: usize = 1 << 20;
/// Rows that the beginning has at least, if there are so many.
const BEGINNING_ROWS: usize = 3;
/// Most passes over a file.
const MOST_PASSES: usize = 4;

/// How the work is divided; nothing in the result depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Division {
    pub threads: usize,
    /// Bytes of a block.
    pub block: usize,
}

impl Default for Division {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(16);
        Division { threads, block: 1 << 20 }
    }
}

/// Reads a table.
pub(super) fn read(path: &Path, options: &ReadOptions, division: Division) -> Result<Table> {
    check(options)?;
    read_input(Input::open(path)?, options, division)
}

/// Reads a table from what is opened already.
pub(super) fn read_input(mut input: Input, options: &ReadOptions, division: Division) -> Result<Table> {
    let named = check(options)?;
    let mut said = Vec::new();
    if input.compression != Compression::None {
        said.push(format!("compression  {}", input.compression.name()));
    }
    match attempt(&mut input, options, division, named, said.clone()) {
        Err(Failure::NotUtf8 { .. }) if named.is_none() => {}
        done => return done.map_err(|failure| failure.of(&input.path)),
    }
    attempt(&mut input, options, division, Some(WINDOWS_1252), said).map_err(|failure| failure.of(&input.path))
}

/// Refuses options that mean nothing; the encoding that is named.
fn check(options: &ReadOptions) -> Result<Option<&'static Encoding>> {
    if let Some(separator) = options.separator.filter(|separator| !b",;\t|".contains(separator)) {
        let value = shown(&char::from(separator).to_string());
        return Err(Error::option("separator", value, "must be a comma, a semicolon, a tab or a bar"));
    }
    if let Some(decimal) = options.decimal.filter(|decimal| !b".,".contains(decimal)) {
        return Err(Error::option("decimal", shown(&char::from(decimal).to_string()), "must be a point or a comma"));
    }
    match &options.encoding {
        Some(name) => match Encoding::for_label(name.as_bytes()) {
            Some(encoding) => Ok(Some(encoding)),
            None => Err(Error::option(
                "encoding",
                shown(name),
                "is not known; known are utf-8, utf-16le, latin1 and others",
            )),
        },
        None => Ok(None),
    }
}

/// How a file is written and what is wanted of it.
struct Form {
    dialect: Dialect,
    names: Vec<(String, bool)>,
    has_header: bool,
    /// Whether each line ends with a separator that the header does not have.
    ends_with_separator: bool,
    wants: Vec<Want>,
    hints: Vec<Hint>,
    plans: Vec<Plan>,
    /// Whether the beginning has numbers, for each column.
    begins_with_numbers: Vec<bool>,
    /// Where the first row of cells begins, and lines before it.
    start: usize,
    start_lines: u64,
    said: Vec<String>,
}

/// Reads a table whose bytes are text of this encoding.
fn attempt(
    input: &mut Input,
    options: &ReadOptions,
    division: Division,
    named: Option<&'static Encoding>,
    mut said: Vec<String>,
) -> Result<Table, Failure> {
    let (path, compression, total, done) = (input.path.clone(), input.compression, input.total, input.done.clone());
    let failed = |e| Failure::Error(input::error_of(&path, compression, e));
    let (source, encoding) = input.text(named).map_err(failed)?;
    if options.encoding.is_none() && encoding != UTF_8 {
        let why = if encoding == WINDOWS_1252 { "it is not UTF-8" } else { "by its byte order mark" };
        said.push(format!("encoding  {} ({why})", encoding.name()));
    }
    let mut cutter = Cutter::new(source);
    // Text is several times as long as what it is compressed to.
    let length = total.unwrap_or_default() * if compression == Compression::None { 1 } else { 8 };
    let mut form = form(&mut cutter, &path, length, options, &failed)?;
    let progress = || {
        if let Some(progress) = options.progress {
            progress(done.get(), total);
        }
    };
    let expected = |rows: usize| match (total, done.get()) {
        (Some(total), done) if done > 0 => (rows as f64 * (total as f64 / done as f64) * 1.01) as usize + rows.min(64),
        _ => 0,
    };
    let places = Places {
        path: &path,
        columns: form.names.len() + usize::from(form.ends_with_separator),
        has_header: form.has_header,
        start_lines: form.start_lines,
        separator: form.dialect.shape.separator,
    };
    let run = |cutter: &mut Cutter, plans: Vec<Plan>| {
        let missing = Missing::new(&options.missing);
        let pass = Pass { division, places: &places, failed: &failed, progress: &progress, expected: &expected };
        pass.run(cutter, &Layout::new(form.dialect.shape, missing, plans))
    };
    cutter.skip(form.start);
    let mut gathered = run(&mut cutter, form.plans.clone())?;
    drop(cutter);
    for _ in 1..MOST_PASSES {
        let better: Vec<Plan> =
            (0..gathered.totals.len()).map(|column| form.better(column, &gathered.totals[column])).collect();
        if better.iter().all(|plan| *plan == Plan::Skip) {
            break;
        }
        // What was gathered in vain goes before the next is gathered.
        for (total, plan) in gathered.totals.iter_mut().zip(&better) {
            if *plan != Plan::Skip {
                *total = Total::new(*plan);
            }
        }
        let mut cutter = Cutter::new(input.text(named).map_err(failed)?.0);
        cutter.fill(form.start).map_err(failed)?;
        cutter.skip(form.start);
        let again = run(&mut cutter, better)?;
        for (total, again) in gathered.totals.iter_mut().zip(again.totals) {
            if again.plan != Plan::Skip {
                *total = again;
            }
        }
    }
    if gathered.rows == 0 {
        let reason = "no rows below the header";
        return Err(Error::data(&path, "", reason, "add data").into());
    }
    said.append(&mut form.said);
    if gathered.blank_lines > 0 {
        said.push(format!("blank lines  {} passed over", gathered.blank_lines));
    }
    if form.ends_with_separator {
        gathered.totals.pop();
    }
    let last = form.names.len() - 1;
    let is_empty = |total: &Total| {
        let has_word = total.stats.rare.as_ref().is_some_and(|rare| rare.has_missing_word);
        total.plan != Plan::Skip && total.stats.present == 0 && !has_word
    };
    let ends_empty = form.has_header && last > 0 && !form.names[last].1 && is_empty(&gathered.totals[last]);
    if ends_empty {
        gathered.totals.pop();
        form.names.pop();
    }
    if form.ends_with_separator || ends_empty {
        said.push("last column  left out (it has no name and is empty: each line ends with a separator)".into());
    }
    said.extend(say::about_columns(&form.names, &gathered.totals, &form.dialect));
    let columns: std::result::Result<Vec<Column>, _> = form
        .names
        .into_iter()
        .zip(gathered.totals)
        .map(|((name, is_named), total)| total.finish(name, is_named))
        .collect();
    let columns = columns.map_err(|_| places.out_of_memory(gathered.rows, 0))?;
    let lines = Lines { starts: gathered.starts };
    Ok(Table { path, columns, rows: gathered.rows, decisions: said, lines })
}

/// Finds out from its beginning how a file is written. `length`: bytes of its text, as far as they are known.
fn form(
    cutter: &mut Cutter,
    path: &Path,
    length: u64,
    options: &ReadOptions,
    failed: &impl Fn(std::io::Error) -> Failure,
) -> Result<Form, Failure> {
    let (beginning, is_all, dialect) = beginning(cutter, path, length, options, failed)?;
    let (shape, missing) = (dialect.shape, Missing::new(&options.missing));
    let text = &beginning[dialect.start..];
    if text.is_empty() {
        let reason = "the file is empty: no rows below the header";
        return Err(Error::data(path, "", reason, "add data").into());
    }
    let (first, end, header_lines) = header::first_row(text, shape);
    if first.iter().any(|cell| cell.is_open) || !(is_all || text[..end].ends_with(char::from(shape.line_end))) {
        let whole = cells::whole_rows(text.as_bytes(), shape);
        let open_quote = whole.open_quote.map(|at| dialect.start_lines + shape.lines(&text.as_bytes()[..at]));
        return Err(match open_quote {
            Some(line) => super::pass::open_quote(path, line, is_all),
            None => super::pass::long_row(path, dialect.start_lines),
        });
    }
    let mut line = dialect.start_lines;
    for cell in &first {
        if cell.is_torn {
            return Err(super::pass::torn_quote(path, line, cell.lines));
        }
        line += cell.lines;
    }
    let whole = if is_all { text.len() } else { cells::whole_rows(text.as_bytes(), shape).end.max(end) };
    let below = &text[end..whole];
    let ends_with_separator = header::rows_end_with_separator(first.len(), below, shape);
    // With all columns taken as numbers, the statistics tell what they are.
    let style = Style { decimal: dialect.decimal, group: None };
    let mut plans = vec![Plan::Numbers { style, offset: 0.0 }; first.len()];
    let stats: Vec<Stats> = {
        let mut plans = plans.clone();
        plans.extend(ends_with_separator.then_some(Plan::Empty));
        let mut bytes = below.as_bytes().to_vec();
        if bytes.last().is_some_and(|&last| last != shape.line_end) {
            bytes.push(shape.line_end);
        }
        let block = rows::read(&bytes, &Layout::new(shape, Missing::new(&options.missing), plans));
        block.chunks.into_iter().take(first.len()).map(|chunk| chunk.stats).collect()
    };
    let (has_header, said_of_header) = match options.header {
        Some(has_header) => (has_header, None),
        None => header::is_header(&first, &stats, below, &dialect, &missing),
    };
    let names = header::names(&first, has_header);
    header::check_names(path, &names, dialect.start_lines + 1)?;
    let mut stats = stats;
    if !has_header {
        // The first row counts as well.
        let mut bytes = text.as_bytes()[..end].to_vec();
        if bytes.last() != Some(&shape.line_end) {
            bytes.push(shape.line_end);
        }
        let row = rows::read(&bytes, &Layout::new(shape, missing, plans.clone()));
        let joined = row.chunks.into_iter().zip(stats).map(|(first, below)| {
            let mut all = first.stats;
            all.join(below, 1);
            all
        });
        stats = joined.collect();
    }
    let only_names: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
    let mut wants = (options.wants)(&only_names);
    wants.resize(names.len(), Want::Cells);
    let mut hints = (options.hints)(&only_names);
    hints.resize(names.len(), Hint::default());
    plans.clear();
    let planned = stats.iter().zip(&wants).zip(&hints);
    let plan = |((stats, &want), &hint): ((&Stats, &Want), &Hint)| {
        columns::plan(stats, want, dialect.decimal, dialect.knows_decimal, hint)
    };
    plans.extend(planned.map(plan));
    let ends_with_separator = ends_with_separator && has_header;
    plans.extend(ends_with_separator.then_some(Plan::Empty));
    let (start, start_lines) = if has_header { (end, header_lines) } else { (0, 0) };
    let said = dialect.decisions.iter().cloned().chain(said_of_header).collect();
    Ok(Form {
        names,
        has_header,
        ends_with_separator,
        wants,
        hints,
        plans,
        begins_with_numbers: stats.iter().map(|stats| stats.range.is_some()).collect(),
        start: dialect.start + start,
        start_lines: dialect.start_lines + start_lines,
        dialect,
        said,
    })
}

/// The beginning of a text, whether that is all, and its dialect.
fn beginning(
    cutter: &mut Cutter,
    path: &Path,
    length: u64,
    options: &ReadOptions,
    failed: &impl Fn(std::io::Error) -> Failure,
) -> Result<(String, bool, Dialect), Failure> {
    let mut wanted = BEGINNING;
    loop {
        cutter.fill(wanted).map_err(failed)?;
        let (bytes, is_all) = cutter.ahead();
        if let Some((what, remedy)) = input::looks_like(bytes) {
            return Err(Error::data(path, "", format!("it looks like {what}, not like a table of text"), remedy).into());
        }
        let end = if is_all { bytes.len() } else { memchr::memrchr2(b'\n', b'\r', bytes).map_or(0, |at| at + 1) };
        let is_longest = bytes.len() >= longest_row();
        wanted = 2 * bytes.len();
        let shape = Shape { separator: b',', line_end: b'\n' };
        let part = if end == 0 && !is_all { bytes } else { &bytes[..end] };
        let text = match rows::text(part).map_err(|unreadable| unreadable.fault(part, shape)) {
            Ok(text) => text,
            // A letter of several bytes may be cut.
            Err(Fault::NotUtf8 { .. }) if end == 0 && !is_longest => continue,
            Err(fault) => return Err(Failure::of_fault(fault, path, part)),
        };
        if end == 0 && !is_all {
            if is_longest {
                return Err(super::pass::long_row(path, 0));
            }
            continue;
        }
        width::check(path, text, length)?;
        let dialect = Dialect::of(text, options);
        let mut rows = 0;
        super::dialect::for_each_row(&text[dialect.start..], dialect.shape, BEGINNING_ROWS, |_| rows += 1);
        if is_all || is_longest || rows >= BEGINNING_ROWS {
            return Ok((text.to_string(), is_all, dialect));
        }
    }
}

impl Form {
    /// The plan of a column that turned out to be otherwise than its beginning; [`Plan::Skip`] where it did not.
    fn better(&self, column: usize, total: &Total) -> Plan {
        let (Some(&want), &Dialect { decimal, knows_decimal, .. }) = (self.wants.get(column), &self.dialect) else {
            return Plan::Skip;
        };
        let better = columns::plan(&total.stats, want, decimal, knows_decimal, self.hints[column]);
        let is_as_planned = match (want, total.plan, better) {
            (Want::Skip | Want::EverySpelling, ..) => true,
            (Want::Spelling, plan, better) => {
                let is_kept = !total.is_over() || total.is_all_numbers();
                is_kept || total.stats.style(decimal, knows_decimal).is_none() || plan.style() == better.style()
            }
            (_, Plan::Numbers { style, offset }, Plan::Numbers { style: other, offset: other_offset }) => {
                style == other && (offset == other_offset || self.begins_with_numbers[column])
            }
            (_, Plan::Times { day_first }, Plan::Times { day_first: other }) => day_first == other,
            (_, Plan::Texts { .. }, Plan::Texts { .. }) => true,
            _ => false,
        };
        if is_as_planned { Plan::Skip } else { better }
    }
}
