//! A model as Rust: one source without dependencies, for programs without an operating system, too (`no_std`).

use super::c::lines;
use super::expression::{Dialect, bare, number};
use super::names::{comment, identifiers};
use super::program::{Answer, Certainty, Operand, RowProgram, Step, affine};
use super::{is_text, producer};
use crate::data::{EncodedColumn, Encoding, Preprocessing, TimePart};
use crate::graph::Function;
use std::collections::BTreeSet;

/// Words that a field may not be called.
const RESERVED: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self",
    "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while", "abstract", "become",
    "box", "do", "final", "macro", "override", "priv", "try", "typeof", "unsized", "virtual", "yield",
];

const DIALECT: Dialect = Dialect { max: "max", min: "min", call: Function::name };

/// A model as a Rust source, of any edition from 2018 on. It has `Row`, `predict` and the names of what is predicted; sums are
/// of f64, so that answers differ from those of anygrad by its own rounding only.
pub fn rust(program: &RowProgram<'_>) -> String {
    let columns = program.columns().unwrap_or_default();
    let fields = identifiers(columns.iter().map(|column| &column.name[..]), RESERVED);
    Writer { program, fields }.source()
}

struct Writer<'a> {
    program: &'a RowProgram<'a>,
    fields: Vec<String>,
}

impl Writer<'_> {
    fn source(&self) -> String {
        let model = self.program.model;
        let mut text = format!(
            "// {}, by {}, weights {}.\n// As a module of a program: `mod model;`, then `model::predict(&row)`.\n",
            comment(&model.architecture.to_string()),
            producer(),
            model.weights_hash()
        );
        // In a crate's root the attribute counts; in a module it is allowed to do nothing.
        text += "#![allow(dead_code, unused_attributes, clippy::all)]\n#![no_std]\n\n";
        text += &self.types();
        for at in self.program.used_parameters() {
            let parameter = &self.program.parameters[at];
            let numbers: Vec<String> = parameter.data.iter().map(|x| format!("{x:?}")).collect();
            let length = parameter.data.len();
            text += &format!(
                "// {}\nstatic T{at}: [f32; {length}] = [\n{}];\n\n",
                comment(&parameter.name),
                lines(&numbers)
            );
        }
        text += &self.predict();
        let mut needed = Needed::default();
        text += &needed.functions_of(&text);
        text
    }

    fn types(&self) -> String {
        let (kind, names) = match &self.program.answer {
            Answer::Classes { classes, .. } => ("CLASSES", classes),
            Answer::Labels { names } => ("LABELS", names),
            Answer::Values { names, .. } => ("NAMES", names),
        };
        let mut text = format!(
            "/// What the numbers of an answer are of.\npub const {kind}: [&str; {}] = {names:?};\n\n",
            names.len()
        );
        if let Some(columns) = self.program.columns() {
            let lifetime = if columns.iter().any(is_text) { "<'a>" } else { "" };
            text += "/// The cells of a row. A number that is missing is NAN, a text that is missing is empty.\n";
            text += "/// A time is \"2012-01-31\", \"2012-01-31 13:05\" or \"2012-01-31 13:05:09\".\n";
            text += &format!("#[derive(Clone, Copy, Debug)]\npub struct Row{lifetime} {{\n");
            for (column, field) in columns.iter().zip(&self.fields) {
                let kind = if is_text(column) { "&'a str" } else { "f64" };
                text += &format!("    /// {}\n    pub {field}: {kind},\n", comment(&column.name));
            }
            text += "}\n\n";
        } else {
            text += &format!("/// The features of a row.\npub type Row = [f64; {}];\n\n", self.program.widths[0]);
        }
        text += "/// The cell at this position, counted from 0, does not fit.\n#[derive(Clone, Copy, Debug, PartialEq)]\npub struct Unfit(pub usize);\n\n";
        if let Answer::Classes { classes, certainty, .. } = &self.program.answer {
            let what = if *certainty == Certainty::Scores { "scores" } else { "probabilities" };
            text += &format!(
                "/// The answer.\n#[derive(Clone, Copy, Debug)]\npub struct Prediction {{\n    /// Position of the class in [`CLASSES`].\n    pub class: usize,\n    /// For each class.\n    pub {what}: [f64; {}],\n}}\n\n",
                classes.len()
            );
        }
        text
    }

    fn predict(&self) -> String {
        let program = self.program;
        let width = program.widths[0];
        let returned = match &program.answer {
            Answer::Classes { .. } => "Prediction".into(),
            Answer::Labels { names } | Answer::Values { names, .. } => format!("[f64; {}]", names.len()),
        };
        let doc = match &program.answer {
            Answer::Classes { .. } => "The class of a row.",
            Answer::Labels { .. } => "The probability of each label for a row.",
            Answer::Values { .. } => "The values for a row.",
        };
        let mut text = format!("/// {doc}\npub fn predict(row: &Row) -> Result<{returned}, Unfit> {{\n");
        match program.columns() {
            Some(columns) => {
                text += &format!("    let mut x = [0f32; {width}];\n");
                let mut first = 0;
                for (index, (column, field)) in columns.iter().zip(&self.fields).enumerate() {
                    text += &self.column(column, &format!("row.{field}"), first, index);
                    first += column.width();
                }
            }
            None => {
                text += &format!(
                    "    let mut x = [0f32; {width}];\n    for i in 0..{width} {{\n        x[i] = row[i] as f32;\n    }}\n"
                )
            }
        }
        text += &self.inputs();
        for (at, step) in program.steps.iter().enumerate() {
            let (y, width) = (at + 1, program.widths[at + 1]);
            text += &format!("    let mut v{y} = [0f64; {width}];\n");
            text += &match step {
                Step::Linear { x, weight, bias } => {
                    let bias = bias.map_or("None".into(), |bias| format!("Some(&T{bias}[..])"));
                    format!("    dense(&v{x}, &T{weight}, {bias}, &mut v{y});\n")
                }
                Step::Elementwise { expression, operands } => {
                    let name = |i: usize| match operands.get(i) {
                        Some(Operand::Vector(at)) => format!("v{at}[i]"),
                        Some(Operand::Parameter(at)) => format!("(T{at}[i] as f64)"),
                        None => "f64::NAN".into(),
                    };
                    let formula = DIALECT.write(expression, &name);
                    format!("    for i in 0..{width} {{\n        v{y}[i] = {};\n    }}\n", bare(&formula))
                }
            };
        }
        text + &self.outputs(&format!("v{}", program.output)) + "}\n\n"
    }

    /// The features of one column; its position is returned if its cell does not fit.
    fn column(&self, column: &EncodedColumn, cell: &str, first: usize, place: usize) -> String {
        let missing = self.is_missing(column, cell);
        let mut text = format!("    let missing = {missing};\n");
        if self.program.refuses_missing() {
            text += &format!("    if missing {{\n        return Err(Unfit({place}));\n    }}\n");
        }
        match &column.encoding {
            Encoding::Number { offset, fill } => {
                let fill = number(f64::from((fill - offset) as f32));
                let value = if *offset == 0.0 { cell.into() } else { format!("({cell} - {})", number(*offset)) };
                text += &format!("    x[{first}] = if missing {{ {fill} }} else {{ {value} as f32 }};\n");
            }
            Encoding::YesNo { fill } => {
                text += &format!(
                    "    let yes = if missing {{ {fill} }} else {{ yes_or_no({cell}).ok_or(Unfit({place}))? }};\n"
                );
                text += &format!("    x[{first}] = if yes {{ 1.0 }} else {{ 0.0 }};\n");
            }
            Encoding::Category { levels, others, fill } => {
                let known = levels.len() + usize::from(*others);
                let option = |at: usize| if at < known { format!("Some({at})") } else { "None".into() };
                let other = if *others { format!(".or({})", option(levels.len())) } else { String::new() };
                text += &format!(
                    "    let at: Option<usize> = if missing {{ {} }} else {{ find({cell}, &{levels:?}){other} }};\n",
                    option(*fill)
                );
                text += &format!("    if let Some(at) = at {{\n        x[{first} + at] = 1.0;\n    }}\n");
            }
            Encoding::Time { parts, fill, .. } => {
                let fill = TimePart::ALL.map(|part| part.of(*fill));
                text += &format!(
                    "    let time = if missing {{ {fill:?} }} else {{ read_time({cell}).ok_or(Unfit({place}))? }};\n"
                );
                for (i, part) in parts.iter().enumerate() {
                    let of_all = TimePart::ALL.iter().position(|other| other == part).unwrap_or(0);
                    text += &format!("    x[{}] = time[{of_all}] as f32;\n", first + i);
                }
            }
        }
        if column.indicator {
            text += &format!("    x[{}] = if missing {{ 1.0 }} else {{ 0.0 }};\n", first + column.width() - 1);
        }
        text
    }

    fn is_missing(&self, column: &EncodedColumn, cell: &str) -> String {
        let words = self.program.model.encoder.as_ref().map(|e| &e.missing_values[..]).unwrap_or_default();
        if is_text(column) {
            let each: String =
                words.iter().map(|word| format!(" || {cell}.eq_ignore_ascii_case({:?})", word.trim())).collect();
            return format!("{cell}.is_empty(){each}");
        }
        let numbers = words.iter().filter_map(|word| word.trim().parse::<f64>().ok()).filter(|x| x.is_finite());
        format!("{cell}.is_nan(){}", numbers.map(|x| format!(" || {cell} == {}", number(x))).collect::<String>())
    }

    /// Features as inputs, rounded where anygrad rounds them.
    fn inputs(&self) -> String {
        let width = self.program.widths[0];
        let preprocessing = &self.program.model.preprocessing;
        let mut text = format!("    let mut v0 = [0f64; {width}];\n");
        let formula = match preprocessing {
            Preprocessing::None => "x[i]".into(),
            Preprocessing::Scale { factor } => format!("x[i] * {factor:?}f32"),
            Preprocessing::Affine { .. } => {
                let (centers, scales) = affine(preprocessing, width);
                for (name, numbers) in [("CENTERS", centers), ("SCALES", scales)] {
                    let numbers: Vec<String> = numbers.iter().map(|x| number(*x)).collect();
                    text += &format!("    static {name}: [f64; {width}] = [\n{}];\n", lines(&numbers));
                }
                "((x[i] as f64 - CENTERS[i]) / SCALES[i]) as f32".into()
            }
        };
        let groups = self.program.model.encoder.as_ref().map(crate::data::Encoder::groups).unwrap_or_default();
        let unfit = if self.program.columns().is_some() {
            let cell = |at: usize| groups.iter().position(|(_, range)| range.contains(&at)).unwrap_or(at).to_string();
            text += &format!(
                "    static CELLS: [usize; {width}] = [\n{}];\n",
                lines(&(0..width).map(cell).collect::<Vec<_>>())
            );
            "CELLS[i]"
        } else {
            "i"
        };
        text + &format!(
            "    for i in 0..{width} {{\n        let input: f32 = {formula};\n        if !input.is_finite() {{\n            return Err(Unfit({unfit}));\n        }}\n        v0[i] = input as f64;\n    }}\n"
        )
    }

    fn outputs(&self, y: &str) -> String {
        match &self.program.answer {
            Answer::Classes { classes, certainty, threshold, .. } => {
                let count = classes.len();
                let (mut text, what) = match certainty {
                    Certainty::Softmax => (
                        format!(
                            "    let mut largest = {y}[0];\n    for i in 1..{count} {{\n        largest = if {y}[i] > largest {{ {y}[i] }} else {{ largest }};\n    }}\n    let mut probabilities = [0f64; {count}];\n    let mut sum = 0.0;\n    for i in 0..{count} {{\n        probabilities[i] = exp({y}[i] - largest);\n        sum += probabilities[i];\n    }}\n    for p in probabilities.iter_mut() {{\n        *p /= sum;\n    }}\n"
                        ),
                        "probabilities",
                    ),
                    Certainty::Logistic => {
                        (format!("    let probabilities = [sigmoid(-{y}[0]), sigmoid({y}[0])];\n"), "probabilities")
                    }
                    Certainty::Scores => (format!("    let scores = {y};\n"), "scores"),
                };
                text += &match threshold {
                    Some(threshold) => {
                        format!("    let class = if probabilities[1] >= {} {{ 1 }} else {{ 0 }};\n", number(*threshold))
                    }
                    None => format!(
                        "    let mut class = 0;\n    for i in 1..{count} {{\n        if {what}[i] > {what}[class] {{\n            class = i;\n        }}\n    }}\n"
                    ),
                };
                text + &format!("    Ok(Prediction {{ class, {what} }})\n")
            }
            Answer::Labels { names } => format!(
                "    let mut probabilities = [0f64; {count}];\n    for i in 0..{count} {{\n        probabilities[i] = sigmoid({y}[i]);\n    }}\n    Ok(probabilities)\n",
                count = names.len()
            ),
            Answer::Values { centers, scales, .. } => {
                let each = centers.iter().zip(scales).enumerate();
                let value = |(i, (center, scale)): (usize, (&f64, &f64))| {
                    format!("{y}[{i}] * {} + {}", number(*scale), number(*center))
                };
                format!("    Ok([{}])\n", each.map(value).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// The functions that a source calls, with those that they call.
#[derive(Default)]
struct Needed(BTreeSet<&'static str>);

impl Needed {
    fn functions_of(&mut self, source: &str) -> String {
        let pieces = [include_str!("math.rs"), include_str!("text.rs")];
        let pieces: Vec<&'static str> =
            pieces.iter().flat_map(|file| file.split("\n\n")).map(str::trim).filter(|p| p.starts_with("fn ")).collect();
        self.add(source, &pieces);
        let used = pieces.iter().filter(|piece| self.0.contains(name_of(piece)));
        used.map(|piece| format!("{piece}\n\n")).collect::<String>()
    }

    fn add(&mut self, source: &str, pieces: &[&'static str]) {
        for piece in pieces {
            let name = name_of(piece);
            if !self.0.contains(name) && calls(source, name) {
                self.0.insert(name);
                self.add(piece, pieces);
            }
        }
    }
}

/// The name of the function that a piece is.
fn name_of(piece: &'static str) -> &'static str {
    piece.strip_prefix("fn ").and_then(|rest| rest.split('(').next()).unwrap_or_default()
}

/// Whether a source calls a function.
fn calls(source: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    source.match_indices(&format!("{name}(")).any(|(at, _)| !source[..at].ends_with(is_word))
}
