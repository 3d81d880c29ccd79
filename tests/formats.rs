//! One table in many formats gives one model: text in four dialects, compressed, NumPy's and Arrow's files.
//! `golden/formats.py` wrote them by pandas, NumPy and pyarrow.

use anygrad::data::{DataOptions, Targets};
use anygrad::train::{Recipe, Trainer};
use std::path::Path;

fn weights_hash(file: &str) -> String {
    let path = Path::new("tests/golden/formats").join(file);
    let source = path.to_str().expect("UTF-8").parse().expect("a table");
    let mut recipe = Recipe { data: DataOptions { source, ..DataOptions::default() }, ..Recipe::default() };
    recipe.train.epochs = Some(5);
    let data = recipe.load().unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!((data.train.rows(), data.test.rows(), data.train.features.width()), (64, 16, 3), "{file}");
    assert!(matches!(&data.train.targets, Targets::Labels { classes, .. } if classes.len() == 2), "{file}");
    let mut trainer = Trainer::of(recipe, &data).expect("a trainer");
    trainer.fit_blocking(&data).expect("a run");
    trainer.model().expect("a model").weights_hash()
}

#[test]
fn one_table_in_many_formats_gives_one_model() {
    let expected = weights_hash("comma.csv");
    for file in ["semicolon.csv", "tab.tsv", "bar.txt", "comma.csv.gz", "table.npz", "table.npy"] {
        assert_eq!(weights_hash(file), expected, "{file}");
    }
    #[cfg(feature = "parquet")]
    for file in ["table.parquet", "table.feather"] {
        assert_eq!(weights_hash(file), expected, "{file}");
    }
}
