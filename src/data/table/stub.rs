//! Stand-in for the reader.
use super::*;
use crate::error::Result;
use std::path::Path;
impl Table {
    pub fn place(&self, row: usize, column: usize) -> String {
        match self.lines.of(row) {
            Some(line) => format!(":{line}, column `{}`", self.columns[column].name),
            None => format!(", row {row}, column `{}`", self.columns[column].name),
        }
    }
    pub fn read(path: &Path, options: &ReadOptions<'_>) -> Result<Table> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).unwrap();
        let names: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
        let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.unwrap()).collect();
        let wants = (options.wants)(&names);
        let mut columns = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let missing = |c: &str| c.is_empty() || options.missing.contains(&c.to_lowercase());
            let cells: Vec<&str> = rows.iter().map(|r| &r[i]).collect();
            let numbers = cells.iter().filter(|c| !missing(c) && c.parse::<f64>().is_ok()).count();
            let there = cells.iter().filter(|c| !missing(c)).count();
            let odd = cells
                .iter()
                .position(|c| !missing(c) && c.parse::<f64>().is_err())
                .map(|row| Odd { row, text: cells[row].into() });
            let cells = if wants[i] == Want::Skip {
                Cells::Skipped
            } else if numbers == there && wants[i] == Want::Cells {
                Cells::Numbers { offset: 0.0, values: cells.iter().map(|c| c.parse().unwrap_or(f32::NAN)).collect() }
            } else {
                let mut levels: Vec<String> = Vec::new();
                let codes = cells
                    .iter()
                    .map(|c| {
                        if missing(c) {
                            MISSING_TEXT
                        } else {
                            levels.iter().position(|l| l == c).unwrap_or_else(|| {
                                levels.push(c.to_string());
                                levels.len() - 1
                            }) as u32
                        }
                    })
                    .collect();
                Cells::Texts { codes, levels }
            };
            columns.push(Column {
                is_named: !name.is_empty(),
                name: if name.is_empty() { format!("column {}", i + 1) } else { name.clone() },
                cells,
                numbers,
                odd,
            });
        }
        Ok(Table {
            path: path.into(),
            columns,
            rows: rows.len(),
            decisions: vec![],
            lines: Lines { starts: vec![(0, 2)] },
        })
    }
}
