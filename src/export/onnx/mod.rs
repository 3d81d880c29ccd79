//! A model as an ONNX file, with its preprocessing inside.

mod columns;
mod fields;
mod graph;
pub mod schema;

use super::program::{Answer, Certainty, Operand, RowProgram, Step};
use crate::data::Preprocessing;
use crate::error::{Error, Result};
use crate::graph::{Arithmetic, Expression, Function};
use columns::Columns;
use graph::{Attribute, Builder, ML};
use prost::Message;
use schema::{DataType, ModelProto, OperatorSetIdProto, StringStringEntryProto};
use std::path::Path;

/// The versions of the operators of ONNX that are used; the second where columns are times.
const OPSET: [i64; 2] = [15, 20];
/// The version of the format that came with each.
const IR_VERSION: [i64; 2] = [8, 9];
/// The version of the operators of machine learning that is used.
const ML_OPSET: i64 = 2;

/// A model as an ONNX file.
///
/// Inputs are the columns of the table, each `[N, 1]` under its name: numbers as float (as double where they lie too close
/// together for float), missing as NaN; everything else as string, missing as empty. A model without columns takes `X`,
/// `[N, width]`, float. Outputs are `label`, `[N]`, and `probabilities`, `[N, C]` (or `scores` where a loss leaves none) for
/// classes; `label` and `probabilities`, `[N, T]`, for several labels; `value`, `[N, T]`, for numbers. Classes that are whole
/// numbers are int64, others string. An output whose name a column has already begins with `predicted_`. A row that `predict`
/// would refuse has NaN in its outputs, and an empty label, or the least int64.
pub fn onnx(program: &RowProgram<'_>) -> Vec<u8> {
    model(program).encode_to_vec()
}

/// Reads an ONNX file, as far as [`schema`] has its messages.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Data`] if it is none.
pub fn read(path: &Path) -> Result<ModelProto> {
    let bytes = crate::files::read(path).map_err(|error| Error::io("read", path, error))?;
    let refused = |reason: String| {
        Error::data(path, "", format!("it is no whole ONNX file ({reason})"), "export the model again")
    };
    fields::check(&bytes).map_err(refused)?;
    let model = ModelProto::decode(&bytes[..]).map_err(|error| refused(error.to_string()))?;
    if model.ir_version == 0 { Err(refused("it states no version".into())) } else { Ok(model) }
}

/// The message that an ONNX file is.
pub fn model(program: &RowProgram<'_>) -> ModelProto {
    let mut writer = Writer { program, builder: Builder::default(), is_unfit: String::new() };
    let inputs = writer.inputs();
    writer.is_unfit = writer.is_unfit(&inputs);
    let outputs = writer.steps(inputs);
    writer.answer(&outputs);
    let Builder { mut graph, splits_strings, .. } = writer.builder;
    graph.name = "anygrad".into();
    let version = usize::from(splits_strings);
    let mut opset_import = vec![OperatorSetIdProto { domain: Some(String::new()), version: OPSET[version] }];
    if graph.node.iter().any(|node| node.domain == ML) {
        opset_import.push(OperatorSetIdProto { domain: Some(ML.into()), version: ML_OPSET });
    }
    let own = program.model;
    let mut facts = vec![
        ("layers", own.architecture.to_string()),
        ("loss", own.loss.name().to_string()),
        ("weights_hash", own.weights_hash()),
        ("metrics", own.metrics.to_string()),
    ];
    facts.extend(own.data_hash.clone().map(|hash| ("data_hash", hash)));
    let entry = |(key, value): (&str, String)| StringStringEntryProto { key: format!("anygrad.{key}"), value };
    ModelProto {
        ir_version: IR_VERSION[version],
        producer_name: "anygrad".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: own.architecture.to_string(),
        graph: Some(graph),
        opset_import,
        metadata_props: facts.into_iter().map(entry).collect(),
    }
}

struct Writer<'a> {
    program: &'a RowProgram<'a>,
    builder: Builder,
    /// Whether a row does not fit, `[N, 1]`.
    is_unfit: String,
}

impl Writer<'_> {
    /// Whether a row of inputs has a number that is not finite: an activation may lose it on the way.
    fn is_unfit(&mut self, x: &str) -> String {
        let builder = &mut self.builder;
        let zero_or_nan = builder.node("Sub", &[x, x], Vec::new());
        let each = builder.node("IsNaN", &[&zero_or_nan], Vec::new());
        let each = builder.cast(&each, DataType::Float);
        let axis = builder.ints(&[1], &[1]);
        let count = builder.node("ReduceSum", &[&each, &axis], vec![Attribute::Int("keepdims", 1)]);
        builder.cast(&count, DataType::Bool)
    }

    /// Numbers of a row, NaN where it does not fit.
    fn if_fit(&mut self, numbers: &str) -> String {
        let none = self.builder.floats(&[], &[f32::NAN]);
        let is_unfit = self.is_unfit.clone();
        self.builder.node("Where", &[&is_unfit, &none, numbers], Vec::new())
    }

    /// From the model's inputs to those of the net, `[N, width]`.
    fn inputs(&mut self) -> String {
        let model = self.program.model;
        let builder = &mut self.builder;
        let x = match &model.encoder {
            Some(encoder) => {
                let refuses_missing = self.program.refuses_missing();
                let columns = Columns { columns: &encoder.columns, missing: &encoder.missing_values, refuses_missing };
                columns.features(builder)
            }
            None => {
                builder.input("X", DataType::Float, &[None, Some(self.program.widths[0])], "the features of each row");
                "X".into()
            }
        };
        match &model.preprocessing {
            Preprocessing::None => x,
            Preprocessing::Scale { factor } => {
                let factor = builder.floats(&[], &[*factor]);
                builder.node("Mul", &[&x, &factor], Vec::new())
            }
            Preprocessing::Affine { centers, scales } => {
                // In 64 bits, as anygrad does it: a year is large beside the deviation of years.
                let x = builder.cast(&x, DataType::Double);
                let (centers, scales) =
                    (builder.doubles(&[centers.len()], centers), builder.doubles(&[scales.len()], scales));
                let moved = builder.node("Sub", &[&x, &centers], Vec::new());
                let scaled = builder.node("Div", &[&moved, &scales], Vec::new());
                builder.cast(&scaled, DataType::Float)
            }
        }
    }

    /// From the net's inputs to its outputs.
    fn steps(&mut self, x: String) -> String {
        let program = self.program;
        let mut names: Vec<String> = vec![String::new(); program.parameters.len()];
        for at in program.used_parameters() {
            let parameter = &program.parameters[at];
            let rows = program.steps.iter().enumerate().find_map(|(step, own)| match own {
                Step::Linear { weight, .. } if *weight == at => Some(program.widths[step + 1]),
                _ => None,
            });
            let length = parameter.data.len();
            let dims = rows.map_or(vec![length], |rows| vec![rows, length / rows.max(1)]);
            // Its number keeps it apart from another of the name.
            let name = format!("/anygrad/{at}/{}", parameter.name);
            names[at] = self.builder.named_floats(name, &dims, &parameter.data);
        }
        let mut vectors = vec![x];
        for step in &program.steps {
            let y = match step {
                Step::Linear { x, weight, bias } => {
                    let mut inputs = vec![&vectors[*x][..], &names[*weight]];
                    inputs.extend(bias.map(|bias| &names[bias][..]));
                    self.builder.node("Gemm", &inputs, vec![Attribute::Int("transB", 1)])
                }
                Step::Elementwise { expression, operands } => {
                    let operand = |i: usize| match operands.get(i) {
                        Some(Operand::Vector(at)) => vectors[*at].clone(),
                        Some(Operand::Parameter(at)) => names[*at].clone(),
                        None => String::new(),
                    };
                    self.formula(expression, &operand)
                }
            };
            vectors.push(y);
        }
        vectors.swap_remove(program.output)
    }

    fn formula(&mut self, expression: &Expression, operand: &dyn Fn(usize) -> String) -> String {
        match expression {
            Expression::Input(i) => operand(*i),
            Expression::Number(x) => self.builder.floats(&[], &[*x as f32]),
            Expression::Apply(function, x) => {
                let x = self.formula(x, operand);
                self.function(*function, &x)
            }
            Expression::Combine(how, a, b) => {
                let (a, b) = (self.formula(a, operand), self.formula(b, operand));
                let op = match how {
                    Arithmetic::Add => "Add",
                    Arithmetic::Subtract => "Sub",
                    Arithmetic::Multiply => "Mul",
                    Arithmetic::Divide => "Div",
                    Arithmetic::Max => "Max",
                    Arithmetic::Min => "Min",
                };
                self.builder.node(op, &[&a, &b], Vec::new())
            }
        }
    }

    fn function(&mut self, function: Function, x: &str) -> String {
        let builder = &mut self.builder;
        let mut plain = |op: &str| builder.node(op, &[x], Vec::new());
        match function {
            Function::Negate => plain("Neg"),
            Function::Exp => plain("Exp"),
            Function::Log => plain("Log"),
            Function::Sqrt => plain("Sqrt"),
            Function::Abs => plain("Abs"),
            Function::Relu => plain("Relu"),
            Function::Sigmoid => plain("Sigmoid"),
            Function::Tanh => plain("Tanh"),
            Function::Softplus => plain("Softplus"),
            Function::LeakyRelu(slope) => builder.node("LeakyRelu", &[x], vec![Attribute::Float("alpha", slope)]),
            Function::Elu(alpha) => builder.node("Elu", &[x], vec![Attribute::Float("alpha", alpha)]),
            Function::Step => {
                let zero = builder.floats(&[], &[0.0]);
                let is_above = builder.node("GreaterOrEqual", &[x, &zero], Vec::new());
                builder.cast(&is_above, DataType::Float)
            }
            Function::NormalCdf => {
                let root = builder.floats(&[], &[std::f32::consts::FRAC_1_SQRT_2]);
                let scaled = builder.node("Mul", &[x, &root], Vec::new());
                let erf = builder.node("Erf", &[&scaled], Vec::new());
                let (one, half) = (builder.floats(&[], &[1.0]), builder.floats(&[], &[0.5]));
                let sum = builder.node("Add", &[&erf, &one], Vec::new());
                builder.node("Mul", &[&sum, &half], Vec::new())
            }
        }
    }

    /// From the net's outputs to those of the file.
    fn answer(&mut self, y: &str) {
        let program = self.program;
        match &program.answer {
            Answer::Classes { name, classes, certainty, threshold } => {
                let (numbers, what) = match certainty {
                    Certainty::Softmax => {
                        (self.builder.node("Softmax", &[y], vec![Attribute::Int("axis", 1)]), "probabilities")
                    }
                    Certainty::Logistic => {
                        let negative = self.builder.node("Neg", &[y], Vec::new());
                        let both = self.builder.node("Concat", &[&negative, y], vec![Attribute::Int("axis", 1)]);
                        (self.builder.node("Sigmoid", &[&both], Vec::new()), "probabilities")
                    }
                    Certainty::Scores => (y.to_string(), "scores"),
                };
                let at = match threshold {
                    Some(threshold) => {
                        let one = self.builder.ints(&[], &[1]);
                        let second = self.builder.node("Gather", &[&numbers, &one], vec![Attribute::Int("axis", 1)]);
                        let second = self.builder.cast(&second, DataType::Double);
                        let threshold = self.builder.doubles(&[], &[*threshold]);
                        let is_second = self.builder.node("GreaterOrEqual", &[&second, &threshold], Vec::new());
                        self.builder.cast(&is_second, DataType::Int64)
                    }
                    None => {
                        // Outputs tell apart what probabilities near 1 do not.
                        let of = if *certainty == Certainty::Logistic { &numbers } else { y };
                        let attributes = vec![Attribute::Int("axis", 1), Attribute::Int("keepdims", 0)];
                        self.builder.node("ArgMax", &[of], attributes)
                    }
                };
                let whole: Option<Vec<i64>> = classes
                    .iter()
                    .map(|class| class.parse::<i64>().ok().filter(|number| number.to_string() == *class))
                    .collect();
                let (kind, table, none) = match whole {
                    Some(numbers) => {
                        let none = self.builder.ints(&[], &[i64::MIN]);
                        (DataType::Int64, self.builder.ints(&[numbers.len()], &numbers), none)
                    }
                    None => {
                        let none = self.builder.texts(&[], &[String::new()]);
                        (DataType::String, self.builder.texts(&[classes.len()], classes), none)
                    }
                };
                let label = self.builder.node("Gather", &[&table, &at], vec![Attribute::Int("axis", 0)]);
                // A row that does not fit has no class.
                let (flat, is_unfit) = (self.builder.ints(&[1], &[-1]), self.is_unfit.clone());
                let is_unfit = self.builder.node("Reshape", &[&is_unfit, &flat], Vec::new());
                let label = self.builder.node("Where", &[&is_unfit, &none, &label], Vec::new());
                let numbers = self.if_fit(&numbers);
                self.output(&label, "label", kind, &[None], name);
                self.output(&numbers, what, DataType::Float, &[None, Some(classes.len())], &classes.join(", "));
            }
            Answer::Labels { names } => {
                let p = self.builder.node("Sigmoid", &[y], Vec::new());
                let p = self.if_fit(&p);
                let half = self.builder.floats(&[], &[0.5]);
                let is_there = self.builder.node("GreaterOrEqual", &[&p, &half], Vec::new());
                let label = self.builder.cast(&is_there, DataType::Int64);
                let (extents, doc) = ([None, Some(names.len())], names.join(", "));
                self.output(&label, "label", DataType::Int64, &extents, &doc);
                self.output(&p, "probabilities", DataType::Float, &extents, &doc);
            }
            Answer::Values { names, centers, scales } => {
                let y = self.builder.cast(y, DataType::Double);
                let width = names.len();
                let (centers, scales) =
                    (self.builder.doubles(&[width], centers), self.builder.doubles(&[width], scales));
                let scaled = self.builder.node("Mul", &[&y, &scales], Vec::new());
                let moved = self.builder.node("Add", &[&scaled, &centers], Vec::new());
                let value = self.builder.cast(&moved, DataType::Float);
                let value = self.if_fit(&value);
                self.output(&value, "value", DataType::Float, &[None, Some(width)], &names.join(", "));
            }
        }
    }

    /// Declares an output under its name, or another if a column has that.
    fn output(&mut self, x: &str, name: &str, kind: DataType, extents: &[Option<usize>], doc: &str) {
        let mut name = name.to_string();
        while self.builder.graph.input.iter().any(|input| input.name == name) {
            name = format!("predicted_{name}");
        }
        self.builder.output(x, &name, kind, extents, doc);
    }
}
