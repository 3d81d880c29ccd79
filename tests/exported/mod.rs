//! Models to export: every activation with every kind of answer, over columns of every kind prepared in every way.

use anygrad::data::{Application, Features, Source, apply};
use anygrad::model::{Model, Target, probabilities};
use anygrad::ops::activation::Activation;
use anygrad::train::{Recipe, Trainer};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Columns of features.
pub const COLUMNS: [&str; 9] = ["bill (mm)", "mass", "island", "sex", "tagged", "when", "grade", "close", "value"];

/// What is predicted: target columns, loss, and the threshold if there is one.
pub const TASKS: [(&str, Option<&str>, Option<f64>); 12] = [
    ("species", None, None),
    ("class2", Some("cross_entropy"), None),
    ("class2", Some("binary_cross_entropy"), None),
    ("class2", Some("cross_entropy"), Some(0.3)),
    ("species", Some("hinge"), None),
    ("number", Some("perceptron"), None),
    ("warm,wet", Some("binary_cross_entropy"), None),
    ("price", Some("mean_squared_error"), None),
    ("price,size", Some("huber"), None),
    ("size", Some("mean_absolute_error"), None),
    ("price", Some("half_squared_error"), None),
    ("number", None, None),
];

/// A model with rows and its own answers to them.
pub struct Exported {
    pub name: String,
    pub model: Model,
    /// The rows as tables have them; a cell that is missing is null.
    pub rows: Vec<Value>,
    /// The rows as features.
    pub features: Vec<Vec<f32>>,
    /// For each row the class, if there are classes, and the numbers.
    pub answers: Vec<(Option<String>, Vec<f64>)>,
}

/// A row of the table; every seventh cell of some columns is missing, if they may be. Unscaled years would drown the rest.
fn row(i: usize, may_miss: bool, has_years: bool) -> Vec<String> {
    let pick = |words: &[&str], by: usize| words[(i * by + i / 5) % words.len()].to_string();
    let missing = |text: String, by: usize| if may_miss && (i + by).is_multiple_of(7) { String::new() } else { text };
    let bill = 35.0 + (i * 37 % 200) as f64 / 10.0;
    let month = 1 + i % 12;
    let mut cells = vec![
        missing(format!("{bill}"), 0),
        format!("{}", (3000 + i * 97 % 2000) as f64 / 1000.0),
        pick(&["Biscoe", "Dream", "Torgersen, \"T\"", "rare é"], if i.is_multiple_of(20) { 3 } else { 1 }),
        missing(pick(&["male", "female"], 1), 1),
        missing(pick(&["yes", "no"], 1), 2),
        missing(
            format!(
                "200{}-{month:02}-{:02} {:02}:{:02}",
                if has_years { 7 + i % 3 } else { 8 },
                1 + i * 5 % 28,
                i % 24,
                i * 7 % 60
            ),
            3,
        ),
        pick(&["1", "2", "3"], 1),
        format!("{:.4}", 1_234_567_890.25 + i as f64 / 500.0),
        format!("{}", (i * 13 % 17) as f64 / 4.0),
    ];
    let high = bill > 44.0;
    cells.extend([
        if high { pick(&["Adelie", "Gentoo"], 1) } else { "Chin <strap>".into() },
        if high { "above".into() } else { "below".into() },
        format!("{}", usize::from(high)),
        format!("{}", i % 2),
        format!("{}", 100.0 + 3.0 * bill),
        format!("{}", 0.5 + (i % 11) as f64),
        format!("{}", 3 + i % 3),
    ]);
    cells
}

fn quoted(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
    cells.join(",") + "\n"
}

/// A table in a file, which the first of the tests that need it writes.
fn table(name: &str, rows: impl Iterator<Item = Vec<String>>) -> PathBuf {
    static WRITTEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut written = WRITTEN.lock().expect("the names");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !written.insert(name.into()) {
        return path;
    }
    let targets = ["species", "class2", "warm", "wet", "price", "size", "number"];
    let header: Vec<String> = COLUMNS.iter().chain(&targets).map(|name| name.to_string()).collect();
    let text: String = std::iter::once(header).chain(rows).map(|cells| quoted(&cells)).collect();
    std::fs::write(&path, text).expect("a table");
    path
}

/// Rows that were not trained on: other spellings, unseen categories, blanks.
fn new_rows(may_miss: bool, has_years: bool) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = (200..210).map(|i| row(i, may_miss, has_years)).collect();
    rows[0][2] = "unseen".into();
    rows[1][4] = "YES".into();
    rows[2][5] = "2009-02-28T23:59:58".into();
    rows[3][5] = "2008-02-29".into();
    rows[4][6] = "2.0".into();
    if may_miss {
        rows[5][2] = "NA".into();
        rows[6][6] = String::new();
        rows[7][0] = "nan".into();
    }
    rows
}

/// A model of a task with an activation; columns are prepared in ways that take turns.
pub fn of_table(activation: Activation, task: usize, turn: usize) -> Exported {
    let (target, loss, threshold) = TASKS[task];
    let scaling = ["standard", "min_max", "robust", "none"][turn % 4];
    let missing = ["indicator", "mean", "median", "refuse"][turn / 4 % 4];
    let may_miss = missing != "refuse";
    let has_years = scaling != "none";
    let path = table(&format!("export-{may_miss}-{has_years}.csv"), (0..120).map(|i| row(i, may_miss, has_years)));
    let source = path.to_str().expect("UTF-8");
    let most = if turn.is_multiple_of(3) { 3 } else { 100 };
    let mut layers = vec![json!({ "linear": 6 }), json!({ "activation": activation.to_string() })];
    match turn % 3 {
        1 => layers.push(json!({ "dropout": 0.2, "mode": "vanilla" })),
        2 => layers
            .push(json!({ "residual": [{ "linear": 6, "bias": false }, { "activation": activation.to_string() }] })),
        _ => {}
    }
    let outputs = match (target, loss) {
        ("class2", Some("binary_cross_entropy")) => 1,
        (target, _) => match target {
            "species" | "number" => 3,
            "class2" | "warm,wet" | "price,size" => 2,
            _ => 1,
        },
    };
    layers.push(json!({ "linear": outputs }));
    let mut recipe = json!({
        "seed": turn,
        "data": { "source": source, "target": target, "features": COLUMNS, "categorical": ["grade"], "scaling": scaling,
            "missing": missing, "most_categories": most, "test_fraction": 0.0 },
        "layers": layers,
        "optimizer": { "kind": "adam", "learning_rate": 0.01 },
        "train": { "epochs": 2 },
    });
    if let Some(loss) = loss {
        recipe["loss"] = json!({ "kind": loss });
    }
    let recipe: Recipe = serde_json::from_value(recipe).expect("a recipe");
    let data = recipe.load().unwrap_or_else(|e| panic!("{target}: {e}"));
    let mut trainer = Trainer::of(recipe, &data).unwrap_or_else(|e| panic!("{target}, {loss:?}: {e}"));
    trainer.fit_blocking(&data).expect("a run");
    let mut model = trainer.model().expect("a model").clone();
    if let Some(threshold) = threshold {
        model = model.with_threshold(threshold).expect("two classes");
    }
    let rows = new_rows(may_miss, has_years);
    let new = table(&format!("export-new-{may_miss}-{has_years}.csv"), rows.iter().cloned());
    let encoder = model.encoder.as_ref().expect("a table's encoder");
    let application = Application {
        encoder,
        preprocessing: &model.preprocessing,
        options: &model.recipe.data,
        target: None,
        weights: None,
        keep: &[],
    };
    let Features::F32 { width, data } = apply(&new, &application).expect("rows").features else { panic!("floats") };
    let features = data.chunks(width).map(<[f32]>::to_vec).collect();
    let cell = |(name, text): (&&str, &String)| {
        let is_number = ["bill (mm)", "mass", "close", "value"].contains(name);
        let value = match (text.as_str(), is_number) {
            ("" | "NA" | "nan", true) => Value::Null,
            (text, true) => json!(text.parse::<f64>().expect("a number")),
            (text, false) => json!(text),
        };
        (name.to_string(), value)
    };
    let rows = rows.iter().map(|cells| Value::Object(COLUMNS.iter().zip(cells).map(cell).collect::<Map<_, _>>()));
    let name = format!("{}-{task}-{turn}", activation.name());
    Exported::new(name, model, rows.collect(), features)
}

impl Exported {
    /// A model with rows, and its answers to them.
    pub fn new(name: String, model: Model, rows: Vec<Value>, features: Vec<Vec<f32>>) -> Exported {
        let width = model.architecture.input_width();
        let all = Features::F32 { width, data: features.concat() };
        let outputs = model.outputs_blocking(&all, &anygrad::backend::Device::cpu()).expect("outputs");
        let each = outputs.chunks(model.architecture.output_width().expect("a width"));
        let answer = |outputs: &[f32]| match &model.target {
            Target::Classes { classes, .. } => {
                let scores = || outputs.iter().map(|&x| f64::from(x)).collect();
                let numbers = if model.loss.has_probabilities() { probabilities(outputs) } else { scores() };
                (Some(classes[model.class_of(outputs)].clone()), numbers)
            }
            Target::Values { .. } if model.loss.takes_labels() => {
                (None, outputs.iter().map(|&x| probabilities(&[x])[1]).collect())
            }
            Target::Values { .. } => (None, outputs.iter().map(|&x| f64::from(x)).collect()),
        };
        let answers = each.map(answer).collect();
        Exported { name, model, rows, features, answers }
    }

    /// A model that takes features as they are.
    pub fn of_features(name: &str, source: &str, layers: Value) -> Exported {
        let recipe =
            json!({ "data": { "source": source, "test_fraction": 0.05 }, "layers": layers, "train": { "epochs": 1 } });
        let recipe: Recipe = serde_json::from_value(recipe).expect("a recipe");
        assert!(!matches!(recipe.data.source, Source::Table(_)));
        let data = recipe.load().expect("rows");
        let mut trainer = Trainer::of(recipe, &data).expect("a trainer");
        trainer.fit_blocking(&data).expect("a run");
        let model = trainer.model().expect("a model").clone();
        let (features, rows) = first_rows(&data.test.features, 10);
        Exported::new(name.into(), model, rows, features)
    }
}

/// The first rows, as features and as lists.
pub fn first_rows(features: &Features, count: usize) -> (Vec<Vec<f32>>, Vec<Value>) {
    let width = features.width();
    let mut floats = vec![0.0; count.min(features.rows()) * width];
    features.copy_floats(|row| row, &mut floats).expect("rows");
    let rows: Vec<Vec<f32>> = floats.chunks(width).map(<[f32]>::to_vec).collect();
    let lists = rows.iter().map(|row| json!(row)).collect();
    (rows, lists)
}
