//! Rows of cells between separators, as they come: their names from the first row, then each by itself or several.

use super::super::cells::{self, Cell, Shape};
use super::super::columns::{Chunk, Plan};
use super::super::dialect::Dialect;
use super::super::missing::Missing;
use super::super::numbers::{self, Evidence, Group};
use super::super::pass::{self, Places};
use super::super::rows::{self, Layout};
use super::super::{ReadOptions, Table, header, width};
use super::plans::{self, Decimal};
use super::{Common, Expected};
use crate::error::{Error, Result, shown};

/// Rows in which decimals are looked for, as in a table.
const DECIMAL_ROWS: usize = 1000;

/// How rows of cells are written, and what the rows so far have shown.
pub(super) struct Csv {
    pub shape: Shape,
    pub names: Vec<String>,
    has_header: bool,
    /// For each column the wanted one that it is.
    wanted: Vec<Option<usize>>,
    /// Whether each row ends with a separator that the header does not have, once there was a row.
    ends_with_separator: Option<bool>,
    decimals: Decimals,
    /// For each column, whether the day comes before the month, if a row has shown it.
    orders: Vec<Option<bool>>,
}

/// What the first row tells.
pub(super) struct Beginning {
    pub csv: Csv,
    /// Bytes before the rows of data.
    pub used: usize,
    /// Lines before them.
    pub lines: u64,
    /// What was decided.
    pub said: Vec<String>,
}

/// What the rows so far have shown of decimals.
#[derive(Default)]
struct Decimals {
    named: Option<u8>,
    has_point: bool,
    has_comma: bool,
    rows: usize,
    /// A number that was read with decimals after a point, and its line, which would be another with groups of digits.
    doubtful: Option<(String, u64)>,
}

impl Csv {
    /// Finds out how rows are written from the first one, if it has come. The text ends with a line.
    pub fn open(common: &Common, text: &str) -> Result<Option<Beginning>> {
        let settings = &common.settings;
        let options =
            ReadOptions { separator: settings.separator, decimal: settings.decimal, ..ReadOptions::default() };
        let first = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).find_map(|end| {
            let dialect = Dialect::of(&text[..end], &options);
            let row = &text[dialect.start.min(end)..end];
            let is_whole = cells::whole_rows(row.as_bytes(), dialect.shape).end == row.len();
            (!row.is_empty() && is_whole).then_some((dialect, row))
        });
        let Some((dialect, row)) = first else { return Ok(None) };
        let path = &common.path;
        width::check(path, row, row.len() as u64)?;
        let (cells, _, lines) = header::first_row(row, dialect.shape);
        let mut line = dialect.start_lines;
        for cell in &cells {
            if cell.is_torn {
                return Err(pass::torn_quote(path, line, cell.lines).of(path));
            }
            line += cell.lines;
        }
        let is_wanted = |cell: &Cell<'_>| common.wanted.iter().any(|wanted| wanted.name == cell.text);
        let missing = Missing::new(&settings.missing);
        let has_header = settings
            .header
            .unwrap_or_else(|| cells.iter().any(is_wanted) || header::is_header(&cells, &[], "", &dialect, &missing).0);
        let named = header::names(&cells, has_header);
        header::check_names(path, &named, dialect.start_lines + 1)?;
        let mut names: Vec<String> = named.into_iter().map(|(name, _)| name).collect();
        let mut said = dialect.decisions;
        if !has_header {
            said.push(without_header(common, &cells, &mut names, &missing));
        }
        let wanted = names.iter().map(|name| common.wanted.iter().position(|wanted| wanted.name == *name));
        let csv = Csv {
            shape: dialect.shape,
            has_header,
            wanted: wanted.collect(),
            ends_with_separator: None,
            decimals: Decimals { named: settings.decimal, ..Decimals::default() },
            orders: vec![None; names.len()],
            names,
        };
        let (used, lines) = if has_header { (row.len(), lines) } else { (0, 0) };
        Ok(Some(Beginning { csv, used: dialect.start + used, lines: dialect.start_lines + lines, said }))
    }

    /// Whether rows may be read together: what the first ones alone can show is known.
    pub fn is_settled(&self) -> bool {
        self.ends_with_separator.is_some() && self.decimals.are_settled()
    }

    fn columns(&self) -> usize {
        self.names.len() + usize::from(self.ends_with_separator == Some(true))
    }

    /// A plan for each column.
    fn plans(&self, common: &Common, mut of: impl FnMut(usize, Expected) -> Plan) -> Vec<Plan> {
        let plan = |(column, wanted): (usize, &Option<usize>)| {
            wanted.map_or(Plan::Skip, |wanted| of(column, common.wanted[wanted].expected))
        };
        let mut plans: Vec<Plan> = self.wanted.iter().enumerate().map(plan).collect();
        plans.extend((self.ends_with_separator == Some(true)).then_some(Plan::Empty));
        plans
    }

    /// See [`super::Form::together`].
    pub fn together(&self, common: &Common, bytes: &[u8], lines: u64) -> Option<Table> {
        let decimal = self.decimals.decimal(self.shape);
        let plans = self.plans(common, |column, expected| plans::of_rows(expected, decimal, self.orders[column]));
        let block = rows::read(bytes, &Layout::new(self.shape, Missing::new(&common.settings.missing), plans.clone()));
        let are_plain = plans.iter().zip(&block.chunks).all(|(plan, chunk)| plans::are_plain(plan, &chunk.stats));
        if block.fault.is_some() || !are_plain {
            return None;
        }
        self.table(common, plans, block, lines).ok()
    }

    /// See [`super::Form::alone`].
    pub fn alone(&mut self, common: &Common, bytes: &[u8], lines: u64) -> Result<Option<Table>> {
        let path = &common.path;
        let missing = || Missing::new(&common.settings.missing);
        if let Ok(text) = rows::text(bytes) {
            if cells::past_blank_lines(bytes, 0, self.shape).0 >= bytes.len() {
                return Ok(None);
            }
            let (cells, _) = cells::row(text, 0, self.shape);
            let ends_empty = || cells.len() == self.names.len() + 1 && cells[self.names.len()].text.is_empty();
            self.ends_with_separator.get_or_insert(self.has_header && ends_empty());
            if !self.decimals.are_settled() {
                self.decimals.see(common, &cells, (self.shape, lines), |at| {
                    let wanted = self.wanted.get(at).copied().flatten();
                    wanted.is_some_and(|at| matches!(common.wanted[at].expected, Expected::Number { .. }))
                })?;
            }
        }
        let decimal = self.decimals.decimal(self.shape);
        let look = self.plans(common, |_, expected| plans::of_look(expected, decimal));
        let found = rows::read(bytes, &Layout::new(self.shape, missing(), look));
        if let Some(fault) = found.fault {
            let places = Places {
                path,
                columns: self.columns(),
                has_header: self.has_header,
                start_lines: 0,
                separator: self.shape.separator,
            };
            return Err(places.failure(fault, lines, 0).of(path));
        }
        let mut orders = std::mem::take(&mut self.orders);
        let plans = self.plans(common, |column, expected| {
            plans::of_row(expected, &found.chunks[column].stats, decimal, &mut orders[column])
        });
        self.orders = orders;
        let block = rows::read(bytes, &Layout::new(self.shape, missing(), plans.clone()));
        self.table(common, plans, block, lines).map(Some)
    }

    /// The wanted columns of a block.
    fn table(&self, common: &Common, plans: Vec<Plan>, block: rows::Block, lines: u64) -> Result<Table> {
        let starts = block.starts.into_iter().map(|(row, line)| (row, lines + line + 1)).collect();
        let all = self.names.iter().zip(&self.wanted).zip(plans.into_iter().zip(block.chunks));
        let columns = all.filter_map(|((name, wanted), (plan, chunk)): (_, (Plan, Chunk))| {
            wanted.map(|_| (name.as_str(), plan, chunk))
        });
        let failed = |_| Error::io("load", &common.path, std::io::ErrorKind::OutOfMemory.into());
        plans::table(&common.path, columns, block.rows, starts).map_err(failed)
    }
}

/// Names the columns of rows without a header as the features, if they are as many numbers and no name fits; says so.
fn without_header(common: &Common, cells: &[Cell<'_>], names: &mut Vec<String>, missing: &Missing) -> String {
    let features = &common.wanted[..common.features];
    let are_named = features.iter().any(|feature| names.contains(&feature.name));
    let is_number =
        |cell: &Cell<'_>| cell.text.is_empty() || missing.has(&cell.text) || numbers::plain(&cell.text, b'.').is_some();
    if are_named || cells.len() != features.len() || !cells.iter().all(is_number) {
        return "header  none: the columns are `column 1` and so on".into();
    }
    *names = features.iter().map(|feature| feature.name.clone()).collect();
    format!("header  none: the {} numbers of a row are the model's features in their order", features.len())
}

impl Decimals {
    fn are_settled(&self) -> bool {
        self.named.is_some() || self.rows >= DECIMAL_ROWS
    }

    /// What decimals follow, by the rule for tables.
    fn decimal(&self, shape: Shape) -> Decimal {
        match self.named {
            Some(sign) => Decimal { sign, is_known: true },
            None if self.has_comma && !self.has_point && shape.separator != b',' => {
                Decimal { sign: b',', is_known: true }
            }
            None => Decimal { sign: b'.', is_known: self.has_point && !self.has_comma },
        }
    }

    /// Looks at the cells of a row. A number that was answered before must not turn out to be another.
    fn see(
        &mut self,
        common: &Common,
        cells: &[Cell<'_>],
        (shape, lines): (Shape, u64),
        is_number: impl Fn(usize) -> bool,
    ) -> Result<()> {
        self.rows += 1;
        let before = self.decimal(shape).sign;
        let mut comma = None;
        for cell in cells {
            match numbers::evidence(&cell.text) {
                Evidence::Point => self.has_point = true,
                Evidence::Comma => {
                    self.has_comma = true;
                    comma = Some(&cell.text);
                }
                Evidence::None => {}
            }
        }
        let decimal = self.decimal(shape);
        if let (b'.', b',', Some((number, line)), Some(comma)) = (before, decimal.sign, self.doubtful.take(), comma) {
            let reason = format!(
                "`{}` has its decimals after a comma, but `{}` in line {line} was read as having them after a point",
                shown(comma),
                shown(&number)
            );
            let remedy = "begin with a row that shows what decimals follow, or write thousands without groups";
            return Err(Error::data(&common.path, format!(":{}", lines + 1), reason, remedy));
        }
        if !decimal.is_known && shape.separator != b',' {
            let grouped = |text: &str| numbers::grouped(text, b',').is_some_and(|number| number.group == Group::Point);
            let doubtful = cells.iter().enumerate().find(|(at, cell)| is_number(*at) && grouped(&cell.text));
            self.doubtful = self.doubtful.take().or(doubtful.map(|(_, cell)| (cell.text.to_string(), lines + 1)));
        }
        Ok(())
    }
}
