//! A model as JavaScript: one module for browsers and for Node, without dependencies.

use super::base64::base64;
use super::expression::{Dialect, bare, number};
use super::names::comment;
use super::producer;
use super::program::{Answer, Certainty, Operand, RowProgram, Step};
use crate::data::Preprocessing;
use crate::graph::Function;
use serde_json::{Value, json};

const DIALECT: Dialect = Dialect {
    max: "Math.max",
    min: "Math.min",
    call: |function| match function {
        Function::Exp => "Math.exp",
        Function::Log => "Math.log",
        Function::Sqrt => "Math.sqrt",
        Function::Abs => "Math.abs",
        Function::Tanh => "Math.tanh",
        other => other.name(),
    },
};

/// A model as an ES module. It exports `predict(row)`, `columns` and `target`; sums are of 64-bit numbers, so that answers
/// differ from those of anygrad by its own rounding only.
pub fn javascript(program: &RowProgram<'_>) -> String {
    let model = program.model;
    let encoder = model.encoder.as_ref();
    let missing = encoder.map(|e| &e.missing_values[..]).unwrap_or_default();
    let missing: Vec<String> = missing.iter().map(|word| word.trim().to_lowercase()).collect();
    let mut text = format!(
        "// {}, by {}, weights {}.\n\n",
        comment(&model.architecture.to_string()),
        producer(),
        model.weights_hash()
    );
    text += "// The columns of a row, or null: then a row is an array of features.\n";
    text += &format!("export const columns = {};\n\n", value(&json!(program.columns())));
    text += "// What is predicted.\n";
    text += &format!("export const target = {};\n\n", value(&target(&program.answer)));
    text += &format!("const width = {};\n", program.widths[0]);
    text += &format!("const missingWords = {};\n", value(&json!(missing)));
    text += &format!("const refusesMissing = {};\n\n", program.refuses_missing());
    text += include_str!("model.js");
    text += "\n";
    text += &preparation(&model.preprocessing);
    for at in program.used_parameters() {
        let parameter = &program.parameters[at];
        let bytes: Vec<u8> = parameter.data.iter().flat_map(|x| x.to_le_bytes()).collect();
        text += &format!("// {}\nconst t{at} = floats(\"{}\");\n", comment(&parameter.name), base64(&bytes));
    }
    text + "\n" + &outputs(program)
}

/// JSON that may stand in a program, also inside of a page.
pub(super) fn value(value: &Value) -> String {
    value
        .to_string()
        .replace("</", "<\\/")
        .replace("<!--", "<\\!--")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn target(answer: &Answer) -> Value {
    match answer {
        Answer::Classes { name, classes, certainty, threshold } => {
            let certainty = match certainty {
                Certainty::Softmax => "softmax",
                Certainty::Logistic => "logistic",
                Certainty::Scores => "scores",
            };
            json!({ "kind": "classes", "name": name, "names": classes, "certainty": certainty, "threshold": threshold })
        }
        Answer::Labels { names } => json!({ "kind": "labels", "names": names }),
        Answer::Values { names, centers, scales } => {
            json!({ "kind": "values", "names": names, "centers": centers, "scales": scales })
        }
    }
}

/// The function from a feature to an input, rounded where anygrad rounds.
fn preparation(preprocessing: &Preprocessing) -> String {
    match preprocessing {
        Preprocessing::None => "const prepare = (x) => x;\n".into(),
        Preprocessing::Scale { factor } => {
            format!("const prepare = (x) => Math.fround(x * {});\n", number(f64::from(*factor)))
        }
        Preprocessing::Affine { centers, scales } => format!(
            "const centers = {};\nconst scales = {};\nconst prepare = (x, i) => Math.fround((x - centers[i]) / scales[i]);\n",
            value(&json!(centers)),
            value(&json!(scales)),
        ),
    }
}

/// The function from inputs to outputs.
fn outputs(program: &RowProgram<'_>) -> String {
    let mut text = String::from("function outputs(v0) {\n");
    for (at, step) in program.steps.iter().enumerate() {
        let (y, width) = (at + 1, program.widths[at + 1]);
        text += &match step {
            Step::Linear { x, weight, bias } => {
                let bias = bias.map_or("null".into(), |bias| format!("t{bias}"));
                format!("  const v{y} = dense(v{x}, t{weight}, {bias}, {width});\n")
            }
            Step::Elementwise { expression, operands } => {
                let name = |i: usize| match operands.get(i) {
                    Some(Operand::Vector(at)) => format!("v{at}[i]"),
                    Some(Operand::Parameter(at)) => format!("t{at}[i]"),
                    None => "NaN".into(),
                };
                let formula = DIALECT.write(expression, &name);
                format!("  const v{y} = each({width}, (i) => {});\n", bare(&formula))
            }
        };
    }
    text + &format!("  return v{};\n}}\n", program.output)
}
