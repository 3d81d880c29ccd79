//! Exported models answer as the model does: taken apart in f64, in C, in Rust, in JavaScript. ONNX files are left in
//! `target/tmp/onnx` with rows and answers, for `scripts/check_onnx.py`, which asks ONNX Runtime.

mod common;
mod exported;

use anygrad::export::onnx::schema::ModelProto;
use anygrad::export::{RowProgram, c, html, javascript, pytorch, rust};
use anygrad::graph::{Shape, ValueId};
use anygrad::nn::{LayerDescription, Linear, Loss, Module, Pass, Sequential, TensorKind, TensorSpec};
use anygrad::ops::activation::{Activate, Activation};
use anygrad::ops::{
    Op, broadcast_rows::BroadcastRows, divide::Divide, elementwise::Elementwise, matmul::Matmul, scale::Scale,
};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use common::program::{json_lines, succeed};
use exported::{COLUMNS, Exported, TASKS, first_rows, of_table};
use prost::Message;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// Whether two numbers agree to `share` of the larger of the right one and 1.
fn agree(found: f64, right: f64, share: f64) -> bool {
    (found - right).abs() <= share * right.abs().max(1.0)
}

/// Checks the f64 form of a model against its answers, and leaves it as ONNX.
fn check(model: &Exported, folder: &Path) {
    let program = RowProgram::of(&model.model).unwrap_or_else(|e| panic!("{}: {e}", model.name));
    for (row, (features, (_, right))) in model.features.iter().zip(&model.answers).enumerate() {
        let found = program.answer(features);
        assert_eq!(found.len(), right.len(), "{}", model.name);
        let all = found.iter().zip(right).all(|(&found, &right)| agree(found, right, 1e-5));
        assert!(all, "{}, row {row}: {found:?} instead of {right:?}", model.name);
    }
    std::fs::write(folder.join(format!("{}.onnx", model.name)), anygrad::export::onnx::onnx(&program)).expect("a file");
    let answers: Vec<Value> = model.answers.iter().map(|(class, numbers)| json!([class, numbers])).collect();
    let case = json!({ "rows": model.rows, "answers": answers });
    std::fs::write(folder.join(format!("{}.json", model.name)), case.to_string()).expect("a file");
}

/// What a file of ONNX says about itself.
#[test]
fn an_onnx_file_is_read_back_and_says_what_it_is() {
    let model = of_table(Activation::Relu, 0, 0);
    let program = RowProgram::of(&model.model).expect("a program");
    let file = ModelProto::decode(&anygrad::export::onnx::onnx(&program)[..]).expect("a file");
    assert_eq!(file, anygrad::export::onnx::model(&program));
    let graph = file.graph.expect("a graph");
    let names: Vec<&str> = graph.input.iter().map(|input| &input.name[..]).collect();
    assert_eq!(names, COLUMNS);
    assert_eq!(graph.output.iter().map(|output| &output.name[..]).collect::<Vec<_>>(), ["label", "probabilities"]);
    let hash = file.metadata_props.iter().find(|entry| entry.key == "anygrad.weights_hash").expect("a hash");
    assert_eq!(hash.value, model.model.weights_hash());
    // A product takes in its bias.
    assert_eq!(graph.node.iter().filter(|node| node.op_type == "Gemm" && node.input.len() == 3).count(), 2);
}

#[test]
fn the_steps_of_a_model_answer_as_it_does() {
    let folder = folder("onnx");
    let mut count = 0;
    for (at, &activation) in Activation::ALL.iter().enumerate() {
        for task in 0..TASKS.len() {
            check(&of_table(activation, task, at * TASKS.len() + task + at), &folder);
            count += 1;
        }
    }
    others().iter().for_each(|model| check(model, &folder));
    assert!(count >= 120);
    common::report_comparisons("exported", count + others().len());
}

/// `x·1.5V ⊙ σ(x·Wᵀ + b) / softplus(x²) + ½o`: products stored both ways, a quotient, vectors that are the same for each row.
#[derive(Debug)]
struct Odd;

impl Module for Odd {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Custom("odd".into())
    }

    fn output(&self, input: &Shape) -> anygrad::Result<Shape> {
        Ok(input.clone())
    }

    fn tensors(&self, input: &Shape) -> anygrad::Result<Vec<TensorSpec>> {
        let width = input.vector("odd")?;
        let gate = Linear::new(width).tensors(input)?.into_iter().map(|spec| spec.within("gate")).collect();
        let own = vec![
            TensorSpec::new("mixing", [width, width], TensorKind::Weight),
            TensorSpec::new("offset", [width], TensorKind::Weight),
        ];
        Ok([own, gate].concat())
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> anygrad::Result<ValueId> {
        let mixing = pass.tensor("mixing")?;
        let mixing = pass.apply(Scale { factor: 1.5 }, &[mixing])?;
        let value = pass.apply(Matmul::NN, &[x, mixing])?;
        let gate = pass.child("gate", &Linear::new(pass.graph.shape(x).dims()[1]), x)?;
        let gate = pass.apply(Activate(Activation::Sigmoid), &[gate])?;
        let gated = pass.apply(Elementwise::Multiply, &[value, gate])?;
        let square = pass.apply(Elementwise::Multiply, &[x, x])?;
        let positive = pass.apply(Activate(Activation::Softplus), &[square])?;
        let quotient = pass.apply(Divide, &[gated, positive])?;
        let offset = pass.tensor("offset")?;
        let rows = pass.graph.shape(x).dims()[0];
        let offset = pass.apply(BroadcastRows { rows, scale: 0.5 }, &[offset])?;
        pass.apply(Elementwise::Add, &[quotient, offset])
    }
}

/// A model of a layer of one's own.
fn custom() -> Exported {
    let data = anygrad::data::moons(100, 0.1, 0).expect("moons").split(0.2, 0).expect("a split");
    let layers = Sequential::new(2).layer(Odd).linear(5).tanh().linear(2);
    let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.1)).epochs(2);
    trainer.fit_blocking(&data).expect("a run");
    let (features, rows) = first_rows(&data.test.features, 10);
    Exported::new("custom".into(), trainer.model().expect("a model").clone(), rows, features)
}

/// Models that take features as they are.
fn others() -> Vec<Exported> {
    let layers = json!([{ "linear": 12 }, { "activation": "relu" }, { "linear": 10 }]);
    let two = json!([{ "linear": 4 }, { "activation": "tanh" }, { "linear": 2 }]);
    vec![Exported::of_features("digits", "digits", layers), Exported::of_features("xor", "xor", two), custom()]
}

/// Models for the languages: each activation and each task once, and those without columns.
fn some() -> Vec<Exported> {
    let of = |(at, &activation): (usize, &Activation)| of_table(activation, at % TASKS.len(), at * 5);
    Activation::ALL.iter().enumerate().map(of).chain(others()).collect()
}

/// Compares what a program printed: a line for each row of each model, the class and then the numbers.
fn compare(printed: &str, models: &[Exported], language: &str) {
    let mut lines = printed.lines();
    for model in models {
        let program = RowProgram::of(&model.model).expect("a program");
        for (features, (class, _)) in model.features.iter().zip(&model.answers) {
            let line: Value = serde_json::from_str(lines.next().expect("a line")).expect("JSON");
            let (found, right) = (line["numbers"].as_array().expect("numbers"), program.answer(features));
            let name = format!("{} in {language}: {line}, not {right:?}", model.name);
            assert_eq!(found.len(), right.len(), "{name}");
            assert!(
                found.iter().zip(&right).all(|(x, &right)| agree(x.as_f64().expect("a number"), right, 1e-9)),
                "{name}"
            );
            let found = line["class"].as_str().filter(|class| !class.is_empty());
            assert_eq!(found, class.as_deref(), "{name}");
        }
    }
    assert_eq!(lines.next(), None);
    common::report_comparisons(&format!("exported_{language}"), models.iter().map(|model| model.rows.len()).sum());
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The cells of a row in the order of the columns, as literals.
fn literals(row: &Value, text: impl Fn(&str) -> String, nan: &str) -> Vec<String> {
    let literal = |cell: &Value| match cell {
        Value::String(cell) => text(cell),
        Value::Null => nan.into(),
        number => format!("{:?}", number.as_f64().expect("a number")),
    };
    match row {
        Value::Array(features) => features.iter().map(literal).collect(),
        row => COLUMNS.iter().map(|name| literal(&row[name])).collect(),
    }
}

/// The names under which an exported source keeps what the numbers are of, and the numbers.
fn kinds(model: &Exported) -> (&'static str, &'static str, bool) {
    match &model.model.target {
        anygrad::model::Target::Classes { .. } if model.model.loss.has_probabilities() => {
            ("classes", "probabilities", true)
        }
        anygrad::model::Target::Classes { .. } => ("classes", "scores", true),
        _ if model.model.loss.takes_labels() => ("labels", "probabilities", false),
        _ => ("names", "values", false),
    }
}

#[test]
fn c_answers_as_the_model_does() {
    let (folder, models) = (folder("exported-c"), some());
    let mut main = String::from("#include <stdio.h>\n#include <math.h>\n");
    let mut body = String::new();
    for (at, model) in models.iter().enumerate() {
        let sources = c(&RowProgram::of(&model.model).expect("a program"), &format!("m{at}"));
        std::fs::write(folder.join(format!("m{at}.c")), sources.source).expect("a file");
        std::fs::write(folder.join(format!("m{at}.h")), sources.header).expect("a file");
        main += &format!("#include \"m{at}.h\"\n");
        let (kind, _, is_class) = kinds(model);
        let count = model.answers[0].1.len();
        for row in &model.rows {
            let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\\\""));
            let cells = literals(row, quoted, "NAN").join(", ");
            let (declared, passed) = match row {
                Value::Array(_) => (format!("double row[] = {{{cells}}}"), "row"),
                _ => (format!("struct m{at}_row row = {{{cells}}}"), "&row"),
            };
            let class = if is_class { format!("m{at}_{kind}[status]") } else { "\"\"".into() };
            body += &format!(
                "  {{ {declared}; double x[{count}]; int status = m{at}_predict({passed}, x); if (status < 0) return 1;\n    printf(\"{{\\\"class\\\": \\\"%s\\\", \\\"numbers\\\": [\", {class}); for (int i = 0; i < {count}; i++) printf(\"%s%.17g\", i ? \", \" : \"\", x[i]); puts(\"]}}\"); }}\n"
            );
        }
    }
    std::fs::write(folder.join("main.c"), format!("{main}int main(void) {{\n{body}  return 0;\n}}\n")).expect("a file");
    let sources: Vec<String> = (0..models.len()).map(|at| format!("m{at}.c")).collect();
    let flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"];
    run(Command::new("cc").current_dir(&folder).args(flags).args(&sources).args(["main.c", "-lm", "-o", "main"]));
    // The programs that the sources are by themselves compile, too.
    run(Command::new("cc").current_dir(&folder).args(flags).args(["-DM0_MAIN", "m0.c", "-lm", "-o", "m0"]));
    run(Command::new("cc").current_dir(&folder).args(flags).args(["-DM12_MAIN", "m12.c", "-lm", "-o", "m12"]));
    compare(&run(&mut Command::new(folder.join("main"))), &models, "c");
    let cells = literals(&models[12].rows[0], str::to_string, "");
    let printed = run(Command::new(folder.join("m12")).args(cells));
    assert_eq!(printed.lines().next(), models[12].answers[0].0.as_deref());
    let refused = Command::new(folder.join("m0")).arg("one cell").output().expect("it runs");
    assert_eq!(refused.status.code(), Some(2));
    // What is no number is not taken for a missing one.
    let mut cells = literals(&models[12].rows[0], str::to_string, "");
    for wrong in ["5o.5", "1,5", "0x10", "inf"] {
        cells[3] = wrong.into();
        let refused = Command::new(folder.join("m12")).args(&cells).output().expect("it runs");
        let message = String::from_utf8_lossy(&refused.stderr).to_string();
        assert_eq!((refused.status.code(), &message[..]), (Some(2), "cell 4 does not fit\n"), "{wrong}");
    }
}

#[test]
fn rust_answers_as_the_model_does() {
    let (folder, models) = (folder("exported-rust"), some());
    let (mut modules, mut body) = (String::new(), String::new());
    for (at, model) in models.iter().enumerate() {
        let source = rust(&RowProgram::of(&model.model).expect("a program"));
        modules += &format!("mod m{at};\n");
        let fields: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("    pub ")?.split_once(": ").map(|(name, _)| name))
            .collect();
        let (kind, what, is_class) = kinds(model);
        for row in &model.rows {
            let cells = literals(row, |text| format!("{text:?}"), "f64::NAN");
            let row = match row {
                Value::Array(_) => format!("[{}]", cells.join(", ")),
                _ => {
                    let pairs: Vec<String> =
                        fields.iter().zip(&cells).map(|(name, cell)| format!("{name}: {cell}")).collect();
                    format!("m{at}::Row {{ {} }}", pairs.join(", "))
                }
            };
            let (class, numbers) = match is_class {
                true => (format!("m{at}::{}[answer.class]", kind.to_uppercase()), format!("answer.{what}")),
                false => ("\"\"".into(), "answer".into()),
            };
            body += &format!(
                "    let answer = m{at}::predict(&{row}).unwrap();\n    println!(\"{{{{\\\"class\\\": {{:?}}, \\\"numbers\\\": {{:?}}}}}}\", {class}, {numbers});\n"
            );
        }
        std::fs::write(folder.join(format!("m{at}.rs")), source).expect("a file");
    }
    std::fs::write(folder.join("main.rs"), format!("{modules}fn main() {{\n{body}}}\n")).expect("a file");
    run(Command::new("rustc").current_dir(&folder).args(["--edition=2021", "-Dwarnings", "main.rs"]));
    // As a crate by itself it is one without the standard library.
    run(Command::new("rustc").current_dir(&folder).args(["--edition=2021", "--crate-type=lib", "-Dwarnings", "m0.rs"]));
    compare(&run(&mut Command::new(folder.join("main"))), &models, "rust");
}

#[test]
fn javascript_answers_as_the_model_does() {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no node to run JavaScript with");
        return;
    }
    let (folder, models) = (folder("exported-javascript"), some());
    let mut main = String::new();
    for (at, model) in models.iter().enumerate() {
        let program = RowProgram::of(&model.model).expect("a program");
        std::fs::write(folder.join(format!("m{at}.mjs")), javascript(&program)).expect("a file");
        main += &format!(
            "import {{ predict as m{at} }} from \"./m{at}.mjs\";\nfor (const row of {}) {{\n",
            json!(model.rows)
        );
        main += &format!(
            "  const a = m{at}(row);\n  console.log(JSON.stringify({{ class: a.label ?? \"\", numbers: Object.values(a.probabilities ?? a.scores ?? a.values) }}));\n}}\n"
        );
        // A page holds the same program, and nothing that ends it early.
        let page = html(&program, "a <title> & more");
        assert_eq!((page.matches("</script>").count(), page.matches("<script").count()), (1, 1), "{}", model.name);
        assert!(page.contains("<h1>a &lt;title&gt; &amp; more</h1>") && !page.contains("://"), "{}", model.name);
        assert!(pytorch(&program, "model.safetensors").contains("class Net(torch.nn.Module)"));
    }
    std::fs::write(folder.join("main.mjs"), main).expect("a file");
    // Classes that are numbers come first among the keys of an object: these models have theirs in that order.
    compare(&run(Command::new("node").current_dir(&folder).arg("main.mjs")), &models, "javascript");
}

/// An op without arithmetic that other programs have.
#[derive(Debug)]
struct Shuffled;

impl Module for Shuffled {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Custom("shuffled".into())
    }

    fn output(&self, input: &Shape) -> anygrad::Result<Shape> {
        Ok(input.clone())
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> anygrad::Result<ValueId> {
        let op: Op = common::dropout(0.5).into();
        pass.apply(op, &[x])
    }
}

#[test]
fn what_cannot_be_exported_is_named() {
    let data = anygrad::data::xor(40, 0).expect("xor").split(0.2, 0).expect("a split");
    let layers = Sequential::new(2).linear(4).layer(Shuffled).linear(2);
    let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.1)).epochs(1);
    trainer.fit_blocking(&data).expect("a run");
    let error = RowProgram::of(trainer.model().expect("a model")).unwrap_err().to_string();
    assert!(error.contains("1.dropout: cannot be exported: `dropout` is not arithmetic"), "{error}");
}

/// The verb: every target, what it says, what `inspect` says of the ONNX file, and that nothing is overwritten.
#[test]
fn the_program_exports_and_overwrites_nothing() {
    let folder = common::program::folder("export");
    let table = "size,kind,price\n".to_string()
        + &(0..60).map(|i| format!("{},{},{}\n", i % 13, ["a", "b"][i % 2], 3 * (i % 13) + i % 2)).collect::<String>();
    std::fs::write(folder.join("t.csv"), table).expect("a table");
    succeed(&folder, &["train", "t.csv", "--task", "values", "--epochs", "3", "--out", "run", "--device", "cpu"]);
    for (target, files) in [
        ("onnx", &["run.onnx"][..]),
        ("c", &["run.c", "run.h"]),
        ("rust", &["run.rs"]),
        ("javascript", &["run.mjs"]),
        ("html", &["run.html"]),
        ("safetensors", &["run.safetensors", "run.py"]),
    ] {
        let line = json_lines(&succeed(&folder, &["export", "run", "--to", target, "--format", "json"])).remove(0);
        assert_eq!(line["files"], json!(files), "{target}");
        assert_eq!((&line["takes"], &line["gives"]), (&json!("size, kind"), &json!("values: price")), "{target}");
        assert!(files.iter().all(|file| folder.join(file).metadata().is_ok_and(|file| file.len() > 500)), "{target}");
        let refused = common::program::anygrad(&folder, &["export", "run", "--to", target]);
        assert_eq!(refused.status.code(), Some(2), "{target}");
        assert!(common::program::stderr(&refused).contains("nothing is overwritten"), "{target}");
    }
    let found = json_lines(&succeed(&folder, &["inspect", "run.onnx", "--format", "json"])).remove(0);
    assert_eq!(found["takes"][1]["type"], "string");
    assert_eq!((&found["gives"][0]["name"], &found["gives"][0]["shape"]), (&json!("value"), &json!("[N, 1]")));
    let model = json_lines(&succeed(&folder, &["inspect", "run.safetensors", "--format", "json"])).remove(0);
    assert_eq!(found["weights_hash"], model["weights_hash"]);
    let unknown = common::program::anygrad(&folder, &["export", "run", "--to", "onxx"]);
    assert!(common::program::stderr(&unknown).contains("did you mean `onnx`"), "{}", common::program::stderr(&unknown));
}
