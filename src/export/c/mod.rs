//! A model as C99: one source and its header, without dependencies and without allocation.

mod columns;
mod text;

use super::expression::{Dialect, bare, number};
use super::names::{comment, identifier, identifiers};
use super::program::{Answer, Certainty, Operand, RowProgram, Step, affine};
use super::{is_text, producer};
use crate::data::{EncodedColumn, Encoding, Preprocessing};
use crate::graph::Function;
use text::{missing_words, quoted};

pub(super) use text::lines;

/// Words that a field may not be called.
const RESERVED: &[&str] = &[
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "class", "new", "this",
    "template",
];

const DIALECT: Dialect = Dialect {
    max: "fmax",
    min: "fmin",
    call: |function| if function == Function::Abs { "fabs" } else { function.name() },
};

/// A model as C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct C {
    /// The header, `NAME.h`: what a program calls.
    pub header: String,
    /// The source, `NAME.c`.
    pub source: String,
}

/// A model as C99 sources. Sums are of doubles, so that answers differ from those of anygrad by its own rounding only.
///
/// The files have to be called `name.c` and `name.h`. It also begins every name that the header has: `name_predict`, `struct
/// name_row`. Compiled with
/// `-DNAME_MAIN` (in capitals) the source is a program whose arguments are the cells of a row.
pub fn c(program: &RowProgram<'_>, name: &str) -> C {
    let prefix = identifier(name);
    let writer = Writer { program, prefix: &prefix, name, fields: fields(program) };
    C { header: writer.header(), source: writer.source() }
}

/// The fields of a row, one for each column.
fn fields(program: &RowProgram<'_>) -> Vec<String> {
    let columns = program.columns().unwrap_or_default();
    identifiers(columns.iter().map(|column| &column.name[..]), RESERVED)
}

struct Writer<'a> {
    program: &'a RowProgram<'a>,
    prefix: &'a str,
    /// Name of the files.
    name: &'a str,
    fields: Vec<String>,
}

impl Writer<'_> {
    fn answers(&self) -> (&'static str, usize) {
        match &self.program.answer {
            Answer::Classes { classes, certainty: Certainty::Scores, .. } => ("scores", classes.len()),
            Answer::Classes { classes, .. } => ("probabilities", classes.len()),
            Answer::Labels { names } => ("probabilities", names.len()),
            Answer::Values { names, .. } => ("values", names.len()),
        }
    }

    fn names(&self) -> (&'static str, &[String]) {
        match &self.program.answer {
            Answer::Classes { classes, .. } => ("classes", classes),
            Answer::Labels { names } => ("labels", names),
            Answer::Values { names, .. } => ("names", names),
        }
    }

    /// What the function of the model takes first.
    fn argument(&self) -> String {
        match self.program.columns() {
            Some(_) => format!("const struct {}_row *row", self.prefix),
            None => format!("const double row[{}]", self.program.widths[0]),
        }
    }

    fn header(&self) -> String {
        let (prefix, guard) = (self.prefix, self.prefix.to_ascii_uppercase());
        let ((what, count), (kind, _)) = (self.answers(), self.names());
        let model = &self.program.model;
        let mut text = format!(
            "/* {}, by {}, weights {}. */\n#ifndef {guard}_H\n#define {guard}_H\n\n",
            comment(&model.architecture.to_string()),
            producer(),
            model.weights_hash()
        );
        if let Some(columns) = self.program.columns() {
            text += "/* The cells of a row. A number that is missing is NAN, a text that is missing NULL or \"\".\n";
            text += "   A time is \"2012-01-31\", \"2012-01-31 13:05\" or \"2012-01-31 13:05:09\". */\n";
            text += &format!("struct {prefix}_row {{\n");
            for (column, field) in columns.iter().zip(&self.fields) {
                let kind = if is_text(column) { "const char *" } else { "double " };
                text += &format!("    {kind}{field}; /* {} */\n", comment(&column.name));
            }
            text += "};\n\n";
        }
        text += &format!("/* What the {what} are of. */\nextern const char *const {prefix}_{kind}[{count}];\n\n");
        let returned = match self.program.answer {
            Answer::Classes { .. } => "the position of the class among these",
            _ => "0",
        };
        text +=
            &format!("/* Writes the {what} of a row and returns {returned}, or -n if the n-th cell does not fit. */\n");
        text += &format!("int {prefix}_predict({}, double {what}[{count}]);\n\n#endif\n", self.argument());
        text
    }

    fn source(&self) -> String {
        let (prefix, guard) = (self.prefix, self.prefix.to_ascii_uppercase());
        let mut text = format!(
            "/* cc -std=c99 -c {name}.c, and -lm where it is linked. To try it:\n   cc -std=c99 -D{guard}_MAIN {name}.c -lm -o {name} && ./{name} CELL ... */\n",
            name = comment(self.name)
        );
        text +=
            &format!("#include \"{}.h\"\n#include <math.h>\n#include <stddef.h>\n#include <stdlib.h>\n\n", self.name);
        let ((what, count), (kind, names)) = (self.answers(), self.names());
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        text += &format!("const char *const {prefix}_{kind}[{count}] = {{{}}};\n\n", names.join(", "));
        for at in self.program.used_parameters() {
            let parameter = &self.program.parameters[at];
            let numbers: Vec<String> = parameter.data.iter().map(|x| format!("{x:?}f")).collect();
            let length = parameter.data.len();
            text += &format!(
                "/* {} */\nstatic const float t{at}[{length}] = {{\n{}}};\n\n",
                comment(&parameter.name),
                lines(&numbers)
            );
        }
        text += &self.helpers();
        text += &self.features();
        text += &format!("int {prefix}_predict({}, double {what}[{count}]) {{\n", self.argument());
        text += &self.body();
        text += "}\n";
        text + &self.main()
    }

    /// The functions that this model needs: a function that nobody calls would be a warning.
    fn helpers(&self) -> String {
        let mut text = String::new();
        for function in self.program.functions() {
            text += match function {
                Function::Relu => "static double relu(double x) { return x <= 0 ? 0 : x; }\n",
                Function::LeakyRelu(_) => {
                    "static double leaky_relu(double x, double slope) { return x <= 0 ? slope * x : x; }\n"
                }
                Function::Elu(_) => {
                    "static double elu(double x, double alpha) { return x > 0 ? x : alpha * expm1(x); }\n"
                }
                Function::Sigmoid => {
                    "static double sigmoid(double x) { double t = exp(-fabs(x)); return x >= 0 ? 1 / (1 + t) : t / (1 + t); }\n"
                }
                Function::Softplus => {
                    "static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }\n"
                }
                Function::Step => "static double step(double x) { return x >= 0 ? 1 : 0; }\n",
                Function::NormalCdf => {
                    "static double normal_cdf(double x) { return 0.5 * erfc(-x * 0.70710678118654752); }\n"
                }
                _ => "",
            };
        }
        if self.program.steps.iter().any(|step| matches!(step, Step::Linear { .. })) {
            text += include_str!("dense.c");
        }
        let encodings = || self.program.columns().unwrap_or_default().iter();
        let has = |is: fn(&Encoding) -> bool| encodings().any(|column| is(&column.encoding));
        if encodings().any(is_text) {
            let missing = self.program.model.encoder.as_ref().map(|e| &e.missing_values[..]).unwrap_or_default();
            text += include_str!("same.c");
            text += &missing_words(missing);
        }
        if has(|encoding| matches!(encoding, Encoding::Category { levels, .. } if !levels.is_empty())) {
            text += include_str!("find.c");
        }
        if has(|encoding| matches!(encoding, Encoding::YesNo { .. })) {
            text += include_str!("yes_or_no.c");
        }
        if has(|encoding| matches!(encoding, Encoding::Time { .. })) {
            text += include_str!("time.c");
        }
        text + "\n"
    }

    fn body(&self) -> String {
        let program = self.program;
        let width = program.widths[0];
        let mut text = String::new();
        match program.columns() {
            Some(_) => {
                text += &format!(
                    "    float x[{width}] = {{0}};\n    int status = encode(row, x);\n    if (status < 0) return status;\n"
                );
            }
            None => text += "    const double *x = row;\n",
        }
        for (at, width) in program.widths.iter().enumerate() {
            text += &format!("    double v{at}[{width}];\n");
        }
        text += &self.inputs();
        for (at, step) in program.steps.iter().enumerate() {
            let (y, width) = (at + 1, program.widths[at + 1]);
            text += &match step {
                Step::Linear { x, weight, bias } => {
                    let bias = bias.map_or("NULL".into(), |bias| format!("t{bias}"));
                    format!("    dense(v{x}, {}, t{weight}, {bias}, v{y}, {width});\n", program.widths[*x])
                }
                Step::Elementwise { expression, operands } => {
                    let name = |i: usize| match operands.get(i) {
                        Some(Operand::Vector(at)) => format!("v{at}[i]"),
                        Some(Operand::Parameter(at)) => format!("(double)t{at}[i]"),
                        None => "NAN".into(),
                    };
                    let formula = DIALECT.write(expression, &name);
                    format!("    for (int i = 0; i < {width}; i++) v{y}[i] = {};\n", bare(&formula))
                }
            };
        }
        text + &self.outputs(&format!("v{}", program.output))
    }

    /// Features as inputs, rounded where anygrad rounds them.
    fn inputs(&self) -> String {
        let width = self.program.widths[0];
        let column = |at: usize| {
            // The cell that a feature is of.
            let groups = self.program.model.encoder.as_ref().map(crate::data::Encoder::groups).unwrap_or_default();
            groups.iter().position(|(_, range)| range.contains(&at)).unwrap_or(at) + 1
        };
        let mut text = match &self.program.model.preprocessing {
            Preprocessing::None => format!("    for (int i = 0; i < {width}; i++) v0[i] = (float)x[i];\n"),
            Preprocessing::Scale { factor } => {
                format!("    for (int i = 0; i < {width}; i++) v0[i] = (float)((float)x[i] * {factor:?});\n")
            }
            preprocessing => {
                let (centers, scales) = affine(preprocessing, width);
                let list = |numbers: &[f64]| lines(&numbers.iter().map(|x| number(*x)).collect::<Vec<_>>());
                let centers = format!("    static const double centers[{width}] = {{\n{}}};\n", list(&centers));
                let scales = format!("    static const double scales[{width}] = {{\n{}}};\n", list(&scales));
                let line =
                    "    for (int i = 0; i < WIDTH; i++) v0[i] = (float)(((float)x[i] - centers[i]) / scales[i]);\n";
                [centers, scales, line.replace("WIDTH", &width.to_string())].concat()
            }
        };
        match self.program.columns() {
            Some(_) => {
                let cells: Vec<String> = (0..width).map(|at| column(at).to_string()).collect();
                text += &format!("    static const int cells[{width}] = {{\n{}}};\n", lines(&cells));
                text += &format!("    for (int i = 0; i < {width}; i++) if (!isfinite(v0[i])) return -cells[i];\n");
            }
            None => text += &format!("    for (int i = 0; i < {width}; i++) if (!isfinite(v0[i])) return -(i + 1);\n"),
        }
        text
    }

    fn outputs(&self, y: &str) -> String {
        match &self.program.answer {
            Answer::Classes { classes, certainty, threshold, .. } => {
                let count = classes.len();
                let (mut text, what) = match certainty {
                    Certainty::Softmax => (
                        format!(
                            "    double largest = {y}[0], sum = 0;\n    for (int i = 1; i < {count}; i++) largest = fmax(largest, {y}[i]);\n    for (int i = 0; i < {count}; i++) sum += probabilities[i] = exp({y}[i] - largest);\n    for (int i = 0; i < {count}; i++) probabilities[i] /= sum;\n"
                        ),
                        "probabilities",
                    ),
                    Certainty::Logistic => (
                        format!("    probabilities[0] = sigmoid(-{y}[0]);\n    probabilities[1] = sigmoid({y}[0]);\n"),
                        "probabilities",
                    ),
                    Certainty::Scores => {
                        (format!("    for (int i = 0; i < {count}; i++) scores[i] = {y}[i];\n"), "scores")
                    }
                };
                text += &match threshold {
                    Some(threshold) => format!("    return probabilities[1] >= {};\n", number(*threshold)),
                    None => format!(
                        "    int best = 0;\n    for (int i = 1; i < {count}; i++) if ({what}[i] > {what}[best]) best = i;\n    return best;\n"
                    ),
                };
                text
            }
            Answer::Labels { names } => {
                format!(
                    "    for (int i = 0; i < {}; i++) probabilities[i] = sigmoid({y}[i]);\n    return 0;\n",
                    names.len()
                )
            }
            Answer::Values { centers, scales, .. } => {
                let each = centers.iter().zip(scales).enumerate();
                let line = |(i, (center, scale)): (usize, (&f64, &f64))| {
                    format!("    values[{i}] = {y}[{i}] * {} + {};\n", number(*scale), number(*center))
                };
                each.map(line).collect::<String>() + "    return 0;\n"
            }
        }
    }

    /// A program around it, for a first try.
    fn main(&self) -> String {
        let (prefix, guard) = (self.prefix, self.prefix.to_ascii_uppercase());
        let ((what, count), (kind, _)) = (self.answers(), self.names());
        let (declaration, cells, usage) = match self.program.columns() {
            Some(columns) => {
                let cell = |(i, (column, field)): (usize, (&EncodedColumn, &String))| {
                    let value =
                        if is_text(column) { format!("cells[{}]", i + 1) } else { format!("number(cells[{}])", i + 1) };
                    format!("    row.{field} = {value};\n")
                };
                let cells: String = columns.iter().zip(&self.fields).enumerate().map(cell).collect();
                (format!("struct {prefix}_row row"), cells, self.fields.join(" ").to_ascii_uppercase())
            }
            None => {
                let width = self.program.widths[0];
                let cells = format!("    for (int i = 0; i < {width}; i++) row[i] = number(cells[i + 1]);\n");
                (format!("double row[{width}]"), cells, format!("{width} numbers"))
            }
        };
        let needed = self.program.columns().map_or(self.program.widths[0], <[_]>::len) + 1;
        let argument = if self.program.columns().is_some() { "&row" } else { "row" };
        let shows_class = matches!(self.program.answer, Answer::Classes { .. });
        let class =
            if shows_class { format!("    printf(\"%s\\n\", {prefix}_classes[status]);\n") } else { String::new() };
        let texts = self.program.columns().unwrap_or_default().iter().any(is_text);
        let numbers = self.program.columns().is_none_or(|columns| columns.iter().any(|column| !is_text(column)));
        let mut reads = String::new();
        if numbers && !texts {
            // Where columns are texts, it is there already.
            let words = self.program.model.encoder.as_ref().map(|e| &e.missing_values[..]).unwrap_or_default();
            if !words.is_empty() {
                reads += include_str!("same.c");
            }
            reads += &missing_words(words);
        }
        if numbers {
            reads += include_str!("number.c");
        }
        format!(
            "\n#ifdef {guard}_MAIN\n#include <stdio.h>\n\n{reads}int main(int count, char **cells) {{\n    {declaration};\n    double {what}[{count}];\n    if (count != {needed}) {{\n        fprintf(stderr, \"usage: %s %s\\n\", cells[0], {usage});\n        return 2;\n    }}\n{cells}    int status = {prefix}_predict({argument}, {what});\n    if (status < 0) {{\n        fprintf(stderr, \"cell %d does not fit\\n\", -status);\n        return 2;\n    }}\n{class}    for (int i = 0; i < {count}; i++) printf(\"%s %.9g\\n\", {prefix}_{kind}[i], {what}[i]);\n    return 0;\n}}\n#endif\n",
            usage = quoted(&usage),
        )
    }
}
