//! The table of meanings (`src/semantics.md`): no name of the library lacks a row, every named proof exists.

use anygrad::nn::{Init, Loss};
use anygrad::ops::activation::Activation;
use anygrad::optim::{Optimizer, Schedule};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Value and derivative at −1, 0 and 2 by PyTorch 2.15 in f64.
const ACTIVATIONS: [(&str, [f64; 3], [f64; 3]); 12] = [
    ("identity", [-1.0, 0.0, 2.0], [1.0, 1.0, 1.0]),
    ("step", [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
    ("sigmoid", [0.2689414213699951, 0.5, 0.8807970779778823], [0.19661193324148185, 0.25, 0.10499358540350662]),
    ("tanh", [-0.7615941559557649, 0.0, 0.9640275800758169], [0.41997434161402614, 1.0, 0.07065082485316443]),
    ("relu", [0.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
    ("leaky_relu", [-0.01, 0.0, 2.0], [0.01, 0.01, 1.0]),
    ("elu", [-0.6321205588285577, 0.0, 2.0], [0.36787944117144233, 1.0, 1.0]),
    ("gelu", [-0.15865525393145702, 0.0, 1.9544997361036416], [-0.08331547058768635, 0.5, 1.085231801078197]),
    ("gelu_tanh", [-0.15880800939172324, 0.0, 1.954597694087775], [-0.08296408384578252, 0.5, 1.0860992566236183]),
    ("gelu_sigmoid", [-0.1542042340671787, 0.0, 1.9356586231442083], [-0.06777960655633403, 0.5, 1.0738153543085418]),
    (
        "softplus",
        [0.31326168751822286, std::f64::consts::LN_2, 2.1269280110429727],
        [0.2689414213699951, 0.5, 0.8807970779778824],
    ),
    ("silu", [-0.2689414213699951, 0.0, 1.7615941559557646], [0.07232948812851325, 0.5, 1.0907842487848955]),
];

#[test]
fn activations_have_their_values_and_derivatives() {
    assert_eq!(ACTIVATIONS.len(), Activation::ALL.len());
    for (name, values, derivatives) in ACTIVATIONS {
        let activation: Activation = name.parse().expect("a known activation");
        for ((x, value), derivative) in [-1.0f64, 0.0, 2.0].into_iter().zip(values).zip(derivatives) {
            let y = activation.function(x);
            let saved = if activation.derivative_uses_output() { y } else { x };
            // A default such as 0.01 is the nearest f32.
            assert!((y - value).abs() < 1e-8, "{name}({x}) = {y}, not {value}");
            let slope = activation.derivative(saved);
            assert!((slope - derivative).abs() < 1e-8, "{name}'({x}) = {slope}, not {derivative}");
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> String {
    std::fs::read_to_string(root().join("src/semantics.md")).expect("the table")
}

/// First cell and last cell of each row.
fn rows(text: &str) -> Vec<(String, String)> {
    let is_row = |line: &&str| line.starts_with("| `");
    let cells = |line: &str| line.trim_matches('|').split('|').map(|c| c.trim().to_string()).collect::<Vec<_>>();
    text.lines()
        .filter(is_row)
        .map(|line| {
            let cells = cells(line);
            assert_eq!(cells.len(), 4, "{line}");
            (cells[0].clone(), cells[3].clone())
        })
        .collect()
}

fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn no_name_lacks_a_row() {
    let options = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let sections = [
        ("Activations", Activation::ALL.iter().map(|a| a.name().to_string()).collect()),
        ("Losses", Loss::all().map(|loss| loss.name().to_string()).collect()),
        ("Losses", options(&["label_smoothing", "class_weights", "weights"])),
        ("Regularization", options(&["l1", "l2", "weight_decay", "dropout", "max_grad_norm", "max_grad_value"])),
        ("Optimizers", options(Optimizer::NAMES)),
        ("Schedules", options(&Schedule::NAMES)),
        ("Initial values", options(&Init::NAMES)),
        ("Randomness", options(&["shuffle", "masks", "split"])),
        ("Metrics", options(&["loss", "accuracy", "top_k", "precision", "recall", "f1", "confusion", "r_squared"])),
        ("Metrics", options(&["mean_absolute_error", "root_mean_squared_error"])),
        ("Metrics", options(&["macro_precision", "macro_recall", "macro_f1"])),
    ];
    let text = table();
    for (section, names) in sections {
        let part = text.split("\n# ").find(|part| part.starts_with(section)).expect("the section");
        let rows = rows(part);
        let terms: Vec<&str> =
            rows.iter().flat_map(|(term, _)| quoted(term)).flat_map(|term| term.split(", ")).collect();
        for name in names {
            let count = terms.iter().filter(|term| **term == name).count();
            assert_eq!(count, 1, "src/semantics.md has {count} rows for `{name}` under {section}");
        }
    }
}

/// All Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_named_proof_exists() {
    let text = table();
    let traces: serde_json::Value =
        serde_json::from_str(include_str!("golden/traces.json")).expect("the golden file is JSON");
    let traces: BTreeSet<&str> =
        traces["traces"].as_array().expect("traces").iter().filter_map(|trace| trace["name"].as_str()).collect();
    let mut files = Vec::new();
    sources(&root().join("tests"), &mut files);
    sources(&root().join("src"), &mut files);
    let has_test = |file: &str, test: &str| {
        files.iter().filter(|path| path.file_stem().is_some_and(|stem| stem == file)).any(|path| {
            let code = std::fs::read_to_string(path).expect("a source file");
            code.split("#[test]").skip(1).any(|part| part.trim_start().starts_with(&format!("fn {test}(")))
        })
    };
    let mut proofs = 0;
    let mut used = BTreeSet::new();
    let rows = rows(&text);
    for (term, cell) in &rows {
        let named = quoted(cell);
        assert!(!named.is_empty(), "{term} names no proof");
        for proof in named {
            match (proof.strip_prefix("trace:"), proof.split_once("::")) {
                (Some(trace), _) => {
                    assert!(traces.contains(trace), "{term}: there is no trace {trace}");
                    used.insert(trace);
                }
                (None, Some((file, test))) => assert!(has_test(file, test), "{term}: there is no test {proof}"),
                (None, None) => panic!("{term}: {proof} is neither a test nor a trace"),
            }
            proofs += 1;
        }
    }
    assert!(proofs > 90, "{proofs} proofs");
    let unused: Vec<_> = traces.difference(&used).collect();
    println!("{proofs} proofs; traces beside the table: {unused:?}");
}
