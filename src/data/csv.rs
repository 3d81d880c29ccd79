//! Tables of numbers with a header line, and what of them is target.

use super::{Dataset, Features, Preprocessing, Targets};
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A CSV file: a header with the names of the columns, and rows of cells.
///
/// ```
/// use anygrad::data::{Table, TargetKind};
/// # let path = std::env::temp_dir().join(format!("anygrad-table-{}.csv", std::process::id()));
/// std::fs::write(&path, "width,length,species\n0.2,1.4,setosa\n1.3,4.5,versicolor\n").unwrap();
/// let table = Table::read(&path)?;
/// assert_eq!((table.rows(), table.column("length")?), (2, 1));
/// // The last column becomes the target; its cells are text, so they are classes.
/// let data = table.dataset(None, TargetKind::Auto)?;
/// assert_eq!(data.feature_names, ["width", "length"]);
/// assert_eq!(data.targets.width(), 2);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    /// Names of the columns, from the header.
    pub columns: Vec<String>,
    rows: Vec<(u64, csv::StringRecord)>,
}

/// Whether the cells of a target column are names of classes or numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetKind {
    /// Text, or at most 20 different whole numbers, are classes; other numbers are values.
    #[default]
    Auto,
    /// Each different cell is a class.
    Labels,
    /// The cells are numbers to predict.
    Values,
}

/// With more different whole numbers than this, a target column is taken as values.
const MOST_NUMBERED_CLASSES: usize = 20;

impl Table {
    /// Reads a file with a header line.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Data`] if a row has more or fewer cells than the header, the text
    /// is not UTF-8, a column has no name or a name twice, or there are no rows.
    pub fn read(path: &Path) -> Result<Table> {
        let malformed = |e: csv::Error| {
            let place = e.position().map_or(String::new(), |p| format!(":{}", p.line()));
            let (reason, remedy) = match e.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => (
                    format!("the row has {len} cells, the header has {expected_len}"),
                    "add or remove cells, and put text with commas in double quotes",
                ),
                csv::ErrorKind::Utf8 { .. } => ("not UTF-8 text".into(), "save the file as UTF-8"),
                _ => (e.to_string(), "check the file"),
            };
            Error::data(path, place, reason, remedy)
        };
        let file = std::fs::File::open(path).map_err(|e| Error::io("read", path, e))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let header = reader.headers().map_err(malformed)?;
        let columns: Vec<String> = header.iter().map(|c| c.trim_start_matches('\u{feff}').to_string()).collect();
        check_names(path, &columns)?;
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(malformed)?;
            let line = record.position().map_or(0, csv::Position::line);
            rows.push((line, record));
        }
        if rows.is_empty() {
            return Err(Error::data(path, "", "no rows below the header", "add data"));
        }
        Ok(Table { path: path.into(), columns, rows })
    }

    /// Position of a column, counted from 0.
    ///
    /// # Errors
    /// [`Error::UnknownName`] if there is no such column.
    pub fn column(&self, name: &str) -> Result<usize> {
        let known = || self.columns.iter().map(String::as_str);
        known().position(|c| c == name).ok_or_else(|| Error::unknown("column", name, known()))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The cells of a column, by its position; a position past the last column gives empty cells.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |(_, record)| record.get(column).unwrap_or(""))
    }

    /// The named columns as floats, row-major.
    ///
    /// ```
    /// use anygrad::data::{Features, Table};
    /// # let path = std::env::temp_dir().join(format!("anygrad-floats-{}.csv", std::process::id()));
    /// std::fs::write(&path, "a,b,c\n1,2,3\n4,x,6\n").unwrap();
    /// let table = Table::read(&path)?;
    /// assert_eq!(table.floats(["c", "a"])?, Features::F32 { width: 2, data: vec![3.0, 1.0, 6.0, 4.0] });
    /// // A cell that is no number is named with its line and column.
    /// assert!(table.floats(["b"]).unwrap_err().to_string().contains(":3, column `b`: `x` is not a number"));
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] for a missing column; [`Error::Data`] for a cell that is not a finite number.
    pub fn floats<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Features> {
        let columns: Vec<usize> = names.into_iter().map(|name| self.column(name)).collect::<Result<_>>()?;
        let mut data = Vec::with_capacity(self.rows.len() * columns.len());
        for (line, record) in &self.rows {
            for &column in &columns {
                data.push(self.number(*line, column, record.get(column).unwrap_or(""))?);
            }
        }
        columns.iter().try_for_each(|&column| self.check_resolution(column))?;
        Ok(Features::F32 { width: columns.len(), data })
    }

    fn number(&self, line: u64, column: usize, cell: &str) -> Result<f32> {
        match cell.parse::<f32>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => {
                let too_large = cell.parse::<f64>().is_ok_and(f64::is_finite);
                let what = match cell {
                    "" => "the cell is empty".into(),
                    _ if too_large => format!("`{cell}` is too large for a 32-bit float"),
                    _ => format!("`{cell}` is not a number"),
                };
                let place = format!(":{line}, column `{}`", self.columns[column]);
                let remedy = "features must be numbers: fill, encode or remove the column (text is only for --target)";
                Err(Error::data(&self.path, place, what, remedy))
            }
        }
    }

    /// Refuses a column whose numbers differ by less than a 32-bit float can tell, such as time stamps in seconds.
    fn check_resolution(&self, column: usize) -> Result<()> {
        let numbers = || self.cells(column).filter_map(|cell| cell.parse::<f64>().ok());
        let (low, high) = numbers().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
        let step = low.abs().max(high.abs()) * f64::from(f32::EPSILON);
        if high > low && high - low < 256.0 * step {
            let place = format!(", column `{}`", self.columns[column]);
            let reason = format!("numbers from {low} to {high} are too close together for 32-bit floats");
            return Err(Error::data(&self.path, place, reason, "subtract a constant from the column"));
        }
        Ok(())
    }

    /// The positions of the columns that a target names: one column, or several with commas between.
    ///
    /// ```
    /// # use anygrad::data::Table;
    /// # let path = std::env::temp_dir().join(format!("anygrad-targets-{}.csv", std::process::id()));
    /// std::fs::write(&path, "x,warm,wet\n1,0,1\n").unwrap();
    /// let table = Table::read(&path)?;
    /// assert_eq!(table.target_columns("warm, wet")?, [1, 2]);
    /// assert!(table.target_columns("wet,wet").is_err());
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] if there is no such column; [`Error::InvalidOption`] if one is named twice.
    pub fn target_columns(&self, target: &str) -> Result<Vec<usize>> {
        if let Ok(column) = self.column(target) {
            return Ok(vec![column]);
        }
        let columns: Vec<usize> = target.split(',').map(|name| self.column(name.trim())).collect::<Result<_>>()?;
        if columns.iter().collect::<BTreeSet<_>>().len() < columns.len() {
            return Err(Error::option("target", target, "names a column twice"));
        }
        Ok(columns)
    }

    /// The table as features and targets: all columns but `target` (by default the last) are features. A target may be
    /// several columns of numbers, with commas between their names.
    ///
    /// ```
    /// use anygrad::data::{Table, TargetKind, Targets};
    /// # let path = std::env::temp_dir().join(format!("anygrad-dataset-{}.csv", std::process::id()));
    /// std::fs::write(&path, "price,rooms\n250,2\n420,5\n").unwrap();
    /// let data = Table::read(&path)?.dataset(Some("price"), TargetKind::Values)?;
    /// assert_eq!(data.targets, Targets::Values { names: vec!["price".into()], data: vec![250.0, 420.0] });
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] if there is no such column; [`Error::Data`] if a feature is not a finite number, there is
    /// no feature column, or the target has fewer than two classes or an empty cell; [`Error::InvalidOption`] if a
    /// column is named twice, or several are to be classes.
    pub fn dataset(&self, target: Option<&str>, kind: TargetKind) -> Result<Dataset> {
        let target = match target {
            Some(target) => self.target_columns(target)?,
            None => vec![self.columns.len() - 1],
        };
        let names: Vec<&str> =
            self.columns.iter().enumerate().filter(|(i, _)| !target.contains(i)).map(|(_, c)| c.as_str()).collect();
        if names.is_empty() {
            let reason = "there is no column beside the target, so no features";
            let separated = self.columns[0].contains([';', '\t']);
            let remedy = if separated {
                "separate columns by commas instead of semicolons or tabs"
            } else {
                "add feature columns, separated by commas"
            };
            return Err(Error::data(&self.path, "", reason, remedy));
        }
        let features = self.floats(names.iter().copied())?;
        let targets = match target[..] {
            [target] => {
                if kind == TargetKind::Auto {
                    self.check_target(target)?;
                }
                if self.takes_labels(target, kind) { self.labels(target)? } else { self.values(&[target])? }
            }
            _ if kind == TargetKind::Labels => {
                let columns = target.iter().map(|&column| self.columns[column].as_str()).collect::<Vec<_>>();
                let expected =
                    "a loss of classes takes one column; several take binary_cross_entropy or a loss of numbers";
                return Err(Error::option("target", columns.join(","), expected));
            }
            _ => self.values(&target)?,
        };
        let name = self.path.file_name().map_or("csv".into(), |n| n.to_string_lossy().into_owned());
        let data = Dataset {
            name,
            features,
            feature_names: names.iter().map(ToString::to_string).collect(),
            targets,
            preprocessing: Preprocessing::None,
            target_preprocessing: Preprocessing::None,
        };
        data.check()?;
        Ok(data)
    }

    /// Refuses a target that is neither clearly classes nor clearly numbers.
    fn check_target(&self, target: usize) -> Result<()> {
        let is_number = |cell: &str| cell.parse::<f64>().is_ok();
        let numbers = self.cells(target).filter(|cell| is_number(cell)).count();
        let odd = self.rows.iter().find(|(_, record)| !is_number(record.get(target).unwrap_or("")));
        if let (Some((line, record)), true) = (odd, 2 * numbers > self.rows.len()) {
            let place = format!(":{line}, column `{}`", self.columns[target]);
            let reason = format!("`{}` is not a number, most others are", record.get(target).unwrap_or(""));
            let remedy = "fill or remove the row, or take all as classes by --loss cross_entropy";
            return Err(Error::data(&self.path, place, reason, remedy));
        }
        let distinct = self.cells(target).collect::<BTreeSet<_>>().len();
        if odd.is_some() && distinct > 100 && 2 * distinct > self.rows.len() {
            let place = format!(", column `{}`", self.columns[target]);
            let reason = format!("{distinct} different texts in {} rows are no classes", self.rows.len());
            return Err(Error::data(&self.path, place, reason, "name another column by --target"));
        }
        Ok(())
    }

    fn takes_labels(&self, target: usize, kind: TargetKind) -> bool {
        match kind {
            TargetKind::Labels => true,
            TargetKind::Values => false,
            TargetKind::Auto => {
                let distinct: BTreeSet<&str> = self.cells(target).collect();
                let all_numbers = distinct.iter().all(|c| c.parse::<f64>().is_ok());
                let all_whole = distinct.iter().all(|c| c.parse::<i64>().is_ok());
                !all_numbers || (all_whole && distinct.len() <= MOST_NUMBERED_CLASSES)
            }
        }
    }

    fn labels(&self, target: usize) -> Result<Targets> {
        let mut classes: Vec<String> =
            self.cells(target).collect::<BTreeSet<_>>().into_iter().map(String::from).collect();
        if let Some((line, _)) = self.rows.iter().find(|(_, r)| r.get(target).is_none_or(str::is_empty)) {
            let place = format!(":{line}, column `{}`", self.columns[target]);
            return Err(Error::data(&self.path, place, "the class is empty", "fill or remove the row"));
        }
        // Whole numbers in their own order: 2 before 10.
        if classes.iter().all(|c| c.parse::<i64>().is_ok()) {
            classes.sort_by_key(|c| c.parse::<i64>().unwrap_or(0));
        }
        if classes.len() < 2 {
            let reason = format!("the target `{}` has a single class `{}`", self.columns[target], classes[0]);
            return Err(Error::data(&self.path, "", reason, "name another column by --target"));
        }
        let data = self.label_numbers(target, &classes)?;
        Ok(Targets::Labels { name: self.columns[target].clone(), classes, data })
    }

    /// The label of each row: the position of its cell among `classes`.
    ///
    /// ```
    /// # use anygrad::data::Table;
    /// # let path = std::env::temp_dir().join(format!("anygrad-labels-{}.csv", std::process::id()));
    /// std::fs::write(&path, "x,answer\n1,yes\n2,no\n3,yes\n").unwrap();
    /// let classes = ["no".to_string(), "yes".to_string()];
    /// assert_eq!(Table::read(&path)?.label_numbers(1, &classes)?, [1, 0, 1]);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] for a cell that is none of them.
    pub fn label_numbers(&self, target: usize, classes: &[String]) -> Result<Vec<u32>> {
        self.rows
            .iter()
            .map(|(line, record)| {
                let cell = record.get(target).unwrap_or("");
                classes.iter().position(|c| c == cell).map(|p| p as u32).ok_or_else(|| {
                    let place = format!(":{line}, column `{}`", self.columns[target]);
                    let remedy = format!("the known classes are {}", classes.join(", "));
                    Error::data(&self.path, place, format!("unknown class `{cell}`"), remedy)
                })
            })
            .collect()
    }

    fn values(&self, target: &[usize]) -> Result<Targets> {
        let names: Vec<String> = target.iter().map(|&column| self.columns[column].clone()).collect();
        match self.floats(names.iter().map(String::as_str))? {
            Features::F32 { data, .. } => Ok(Targets::Values { names, data }),
            _ => Err(Error::shape("csv", "a column of floats came as bytes")),
        }
    }
}

fn check_names(path: &Path, columns: &[String]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (i, name) in columns.iter().enumerate() {
        if name.is_empty() {
            let reason = format!("column {} has no name", i + 1);
            return Err(Error::data(path, ":1", reason, "the first line must name the columns"));
        }
        if !seen.insert(name) {
            let reason = format!("two columns are called `{name}`");
            return Err(Error::data(path, ":1", reason, "rename one"));
        }
    }
    Ok(())
}
