//! Rows in memory: a matrix gives the features of the table with the same cells, to the bit.

use super::super::table::Column;
use super::*;
use crate::data::{Matrix, Missing, Scaling};
use std::sync::Arc;

/// Columns of numbers, some without anything to learn from.
struct Numbers {
    columns: Vec<Vec<f64>>,
}

impl Matrix for Numbers {
    fn rows(&self) -> usize {
        self.columns[0].len()
    }

    fn columns(&self) -> usize {
        self.columns.len()
    }

    fn copy(&self, row: usize, first: usize, out: &mut [f64]) {
        out.iter_mut().zip(&self.columns[first..]).for_each(|(out, column)| *out = column[row]);
    }
}

/// 50 columns of 90 rows: plain ones, constants, blanks, and seconds that 32-bit floats do not tell apart.
fn numbers() -> Vec<Vec<f64>> {
    let number = |column: usize, row: usize| ((row * 7919 + column * 104_729) % 1000) as f64 / 10.0;
    let cell = |column: usize, row: usize| match column {
        3 => 4.0,
        9 if row.is_multiple_of(4) => f64::NAN,
        17 => 1_700_000_000.0 + (row * row) as f64,
        18 => f64::NAN,
        _ => number(column, row),
    };
    (0..50).map(|column| (0..90).map(|row| cell(column, row)).collect()).collect()
}

fn names(columns: &[Vec<f64>]) -> Vec<String> {
    (0..columns.len()).map(|i| format!("x{i}")).collect()
}

fn matrix(columns: Vec<Vec<f64>>) -> MemoryColumns {
    let names = names(&columns);
    MemoryColumns::Matrix(NamedMatrix { matrix: Arc::new(Numbers { columns }), names, name: "rows".into() })
}

fn table(columns: &[Vec<f64>]) -> MemoryColumns {
    let column = |(name, cells): (String, &Vec<f64>)| -> Column {
        let mut builder = ColumnBuilder::new(name, CellKind::Numbers, Want::Cells, &[], cells.len()).unwrap();
        cells.iter().for_each(|&cell| builder.push(Cell::Double(cell)).unwrap());
        builder.finish()
    };
    let rows = columns[0].len();
    let columns = names(columns).into_iter().zip(columns).map(column).collect();
    MemoryColumns::Table(Table { path: "rows".into(), columns, rows, ..Table::default() })
}

fn rows(columns: MemoryColumns) -> MemoryRows {
    let labels = (0..columns.rows()).map(|row| (row % 3) as u32).collect();
    let classes = ["a", "b", "c"].map(String::from).to_vec();
    let targets = Targets::Labels { name: "y".into(), classes, data: labels };
    MemoryRows { columns, targets, weights: None }
}

fn options() -> DataOptions {
    DataOptions { test_fraction: 0.2, validation_fraction: 0.1, ..DataOptions::default() }
}

/// All parts as the model takes them, bit by bit.
fn inputs(split: &Split) -> Vec<Vec<u32>> {
    let parts = [&split.train, split.validation.as_ref().unwrap(), &split.test];
    let of = |data: &Dataset| data.preprocessing.inputs(&data.features).unwrap().iter().map(|x| x.to_bits()).collect();
    parts.into_iter().map(of).collect()
}

#[test]
fn a_matrix_gives_the_features_of_a_table() {
    for scaling in [Scaling::Standard, Scaling::MinMax, Scaling::Robust, Scaling::None] {
        for missing in [Missing::Indicator, Missing::Mean, Missing::Median] {
            let options = DataOptions { scaling, missing, ..options() };
            let of_table = rows(table(&numbers())).split(None, &options, 5, None).unwrap();
            let of_matrix = rows(matrix(numbers())).split(None, &options, 5, None).unwrap();
            assert_eq!(of_matrix.train.encoder, of_table.train.encoder);
            assert_eq!(of_matrix.train.preprocessing, of_table.train.preprocessing);
            assert_eq!(of_matrix.train.hash(), of_table.train.hash());
            assert_eq!(inputs(&of_matrix), inputs(&of_table));
            assert!(of_table.decisions.starts_with(&of_matrix.decisions), "{:?}", of_matrix.decisions);
            // A constant column and one without values are left out; one with blanks has a feature more.
            let width = 50 - 2 + usize::from(missing == Missing::Indicator);
            assert_eq!(of_matrix.train.features.width(), width);
        }
    }
}

#[test]
fn new_rows_are_prepared_as_those_of_training() {
    let split = rows(matrix(numbers())).split(None, &options(), 5, None).unwrap();
    let fitted = Fitted {
        encoder: split.train.encoder.clone(),
        feature_names: split.train.feature_names.clone(),
        preprocessing: split.train.preprocessing.clone(),
        target_preprocessing: Preprocessing::None,
        target: vec!["y".into()],
        classes: Some(["a", "b", "c"].map(String::from).to_vec()),
    };
    // A single row, whose seconds have no neighbours to tell them apart from.
    let one: Vec<Vec<f64>> = numbers().iter().map(|column| vec![column[40]]).collect();
    let features = |columns: MemoryColumns| {
        let (features, _) = columns.features_like(&fitted).unwrap();
        fitted.preprocessing.inputs(&features).unwrap()
    };
    assert_eq!(features(matrix(one.clone())), features(matrix(numbers()))[40 * 49..][..49]);
    let again = rows(matrix(numbers())).split(None, &options(), 5, Some(&fitted)).unwrap();
    assert_eq!(inputs(&again), inputs(&split));
    // A column that had blanks may be absent: then it is filled in each row.
    let mut without = one.clone();
    without.remove(9);
    let names = (0..50).filter(|i| *i != 9).map(|i| format!("x{i}")).collect();
    let absent = NamedMatrix { matrix: Arc::new(Numbers { columns: without }), names, name: "rows".into() };
    let mut blank = one;
    blank[9][0] = f64::NAN;
    assert_eq!(features(MemoryColumns::Matrix(absent)), features(matrix(blank)));
}

#[test]
fn what_cannot_be_used_is_named_with_its_place() {
    let refused = |columns: Vec<Vec<f64>>, options: &DataOptions| {
        rows(matrix(columns)).split(None, options, 0, None).unwrap_err().to_string()
    };
    let refuses = DataOptions { missing: Missing::Refuse, ..options() };
    let mut blank = numbers();
    blank.truncate(17);
    let message = refused(blank, &refuses);
    assert!(message.starts_with("rows, row 1, column `x9`: the cell is missing"), "{message}");
    let mut infinite = numbers();
    infinite[2][7] = f64::INFINITY;
    let message = refused(infinite, &options());
    assert!(message.starts_with("rows, row 8, column `x2`: `inf`"), "{message}");
    let message = refused(vec![vec![1.0; 9]], &options());
    assert!(message.contains("no column is left to learn from"), "{message}");
    let mut short = rows(matrix(numbers()));
    short.targets = short.targets.select(&[0, 1]);
    let message = short.split(None, &options(), 0, None).unwrap_err().to_string();
    assert_eq!(message, "data: 90 rows of features, 2 of targets");
}

#[test]
fn columns_of_numbers_can_be_categories() {
    let columns =
        vec![(0..90).map(|row| f64::from(row % 3)).collect(), (0..90).map(|row| f64::from(row % 7)).collect()];
    let options = DataOptions { categorical: vec!["x0".into()], ..options() };
    let split = rows(matrix(columns)).split(None, &options, 0, None).unwrap();
    assert_eq!(split.train.feature_names, ["x0=0", "x0=1", "x0=2", "x1"]);
}
