//! Features of a table with blanks and categories are those of scikit-learn 1.9's `ColumnTransformer`, for the training
//! rows and for new ones. `golden/encoding.py` made `golden/encoding.json`.

use anygrad::data::{Application, DataOptions, Dataset, Source, apply, load};
use serde_json::Value;
use std::path::PathBuf;

fn matrix(value: &Value) -> Vec<Vec<f64>> {
    let rows = value.as_array().expect("rows").iter();
    rows.map(|row| row.as_array().expect("a row").iter().map(|x| x.as_f64().expect("a number")).collect()).collect()
}

fn write(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("encoding-{name}.csv"));
    std::fs::write(&path, text).expect("a file");
    path
}

fn compare(what: &str, got: &[f32], expected: &[Vec<f64>]) {
    let width = expected[0].len();
    assert_eq!(got.len(), expected.len() * width, "{what}");
    for (row, (got, expected)) in got.chunks(width).zip(expected).enumerate() {
        for (feature, (got, expected)) in got.iter().zip(expected).enumerate() {
            let close = (f64::from(*got) - expected).abs() <= 1e-6 * expected.abs().max(1.0);
            assert!(close, "{what}, row {row}, feature {feature}: {got} instead of {expected}");
        }
    }
}

fn inputs(data: &Dataset) -> Vec<f32> {
    data.preprocessing.inputs(&data.features).expect("inputs")
}

#[test]
fn features_are_those_of_scikit_learn() {
    let golden: Value = serde_json::from_str(include_str!("golden/encoding.json")).expect("JSON");
    let train = write("train", golden["csv"].as_str().expect("a table"));
    let new = write("new", golden["new_csv"].as_str().expect("a table"));
    let cases = golden["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 9);
    for case in cases {
        let what = format!("{} {}", case["missing"], case["scaling"]);
        let options = DataOptions {
            source: train.to_str().expect("UTF-8").parse::<Source>().expect("a table"),
            missing: serde_json::from_value(case["missing"].clone()).expect("a policy"),
            scaling: serde_json::from_value(case["scaling"].clone()).expect("a scaling"),
            test_fraction: 0.0,
            ..DataOptions::default()
        };
        let data = load(&options, 0).expect("rows").train;
        compare(&what, &inputs(&data), &matrix(&case["train"]));

        let encoder = data.encoder.as_ref().expect("a table's encoder");
        let application = Application {
            encoder,
            preprocessing: &data.preprocessing,
            options: &options,
            target: None,
            weights: None,
            keep: &["id".to_string(), "income".to_string()],
        };
        let rows = apply(&new, &application).expect("new rows");
        compare(
            &format!("{what}, new rows"),
            &data.preprocessing.inputs(&rows.features).expect("inputs"),
            &matrix(&case["new"]),
        );
        assert_eq!((0..4).map(|row| rows.spelling(0, row)).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
        // A feature may be carried along as well.
        assert_eq!((0..4).map(|row| rows.spelling(1, row)).collect::<Vec<_>>(), ["1200.5", "99999", "", "20000"]);
        // Two blanks in each of two columns more than training rows had, and a city that none had.
        let said = rows.decisions.join("\n");
        assert!(said.contains("4 missing cells filled") && said.contains("1 cells of categories"), "{said}");
    }
}

#[test]
fn categories_that_are_numbers_come_in_their_order() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("encoding-order.csv");
    let rows: String = (0..60).map(|i| format!("{},{}\n", [10, 9, 2, 1][i % 4], i % 3)).collect();
    std::fs::write(&path, format!("size,answer\n{rows}")).expect("a file");
    let source = path.to_str().expect("UTF-8").parse().expect("a table");
    let options = DataOptions { source, categorical: vec!["size".into()], ..DataOptions::default() };
    let names = load(&options, 0).expect("rows").train.feature_names;
    assert_eq!(names, ["size=1", "size=2", "size=9", "size=10"]);
}
