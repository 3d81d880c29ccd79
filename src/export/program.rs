//! A model as what happens to one row: a straight line of steps on vectors, and the meaning of the last one.

use crate::data::{EncodedColumn, Missing, Preprocessing};
use crate::error::{Error, Result};
use crate::graph::{DType, Expression, Function, Graph, Portable, Role, ValueId};
use crate::model::{Model, Module, Pass, Target};
use std::borrow::Cow;
use std::collections::HashMap;

/// Rows of the graph that is walked: a number that no other extent is.
const ROWS: usize = 1_000_003;

/// A model as what happens to one row.
///
/// ```
/// use anygrad::{data, export::RowProgram, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
/// let data = data::xor(64, 0)?.split(0.25, 0)?;
/// let model = Sequential::new(2).linear(4).tanh().linear(2);
/// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).epochs(1);
/// trainer.fit_blocking(&data)?;
/// let program = RowProgram::of(trainer.model()?)?;
/// assert_eq!(program.widths, [2, 4, 4, 2]);
/// let p = program.answer(&[1.0, 0.0]);
/// assert!((p[0] + p[1] - 1.0).abs() < 1e-12);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RowProgram<'a> {
    /// The model.
    pub model: &'a Model,
    /// What the steps do, in their order.
    pub steps: Vec<Step>,
    /// Numbers in each vector. The first is the row of inputs, each step makes the next one.
    pub widths: Vec<usize>,
    /// The vector that holds the outputs.
    pub output: usize,
    /// The trained numbers that the steps use.
    pub parameters: Vec<Parameter<'a>>,
    /// What the outputs mean.
    pub answer: Answer,
}

/// A tensor of trained numbers.
#[derive(Clone, Debug)]
pub struct Parameter<'a> {
    /// Its name in the model, such as `0.weight`; of a constant, the place where it is computed.
    pub name: String,
    /// Its numbers; of a matrix `[O, I]`, row-major.
    pub data: Cow<'a, [f32]>,
    /// Where they are from.
    pub origin: Origin,
}

/// Where the numbers of a parameter are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A tensor of the model.
    Tensor,
    /// A matrix of the model, stored `[I, O]` there.
    Transposed,
    /// None that is trained.
    Constant,
}

/// A step: it makes one vector.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `y[o] = Σ_i weight[o, i] · x[i] + bias[o]`
    Linear {
        /// The vector `x`.
        x: usize,
        /// The parameter `[O, I]`.
        weight: usize,
        /// The parameter `[O]`.
        bias: Option<usize>,
    },
    /// `y[i]` is a formula of the operands' numbers at `i`.
    Elementwise {
        /// The formula.
        expression: Expression,
        /// Its inputs.
        operands: Vec<Operand>,
    },
}

/// An input of an elementwise step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A vector, by its position.
    Vector(usize),
    /// A parameter with as many numbers, by its position.
    Parameter(usize),
}

/// What the outputs of a model mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// One of several classes.
    Classes {
        /// Name of the target.
        name: String,
        /// Names of the classes, in the order of the outputs.
        classes: Vec<String>,
        /// What stands beside the class.
        certainty: Certainty,
        /// From which probability on a row is of the second of two classes; without, the largest output decides.
        threshold: Option<f64>,
    },
    /// Several labels, each with a probability: the logistic function of its output.
    Labels {
        /// Their names.
        names: Vec<String>,
    },
    /// Numbers, brought back to the target's own units by `value = output · scale + center`.
    Values {
        /// Their names.
        names: Vec<String>,
        /// A center and a scale for each.
        centers: Vec<f64>,
        /// The scales.
        scales: Vec<f64>,
    },
}

/// What stands beside a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Probabilities: the softmax of the outputs.
    Softmax,
    /// Probabilities of two classes: the logistic function of the only output is the second's.
    Logistic,
    /// Scores without a scale: the outputs, as losses with a margin leave them.
    Scores,
}

impl<'a> RowProgram<'a> {
    /// Takes a model apart.
    ///
    /// # Errors
    /// [`Error::Shape`] with the place of an op that is not arithmetic on one row, or does not say what it computes.
    pub fn of(model: &'a Model) -> Result<RowProgram<'a>> {
        let architecture = &model.architecture;
        let width = architecture.input_width();
        let mut graph = Graph::new();
        let tensors = architecture.declare(&mut graph)?;
        let x = graph.declare("input", [ROWS, width], DType::F32, Role::Input);
        graph.begin_phase("predict");
        let y = architecture.forward(&mut Pass::new(&mut graph, &tensors, false, 0), x)?;
        let mut walk = Walk {
            graph: &graph,
            parameters: Vec::new(),
            matrices: HashMap::new(),
            places: HashMap::from([(x, Operand::Vector(0))]),
            steps: Vec::new(),
            widths: vec![width],
        };
        for (&value, tensor) in tensors.values().iter().zip(&model.tensors) {
            walk.places.insert(value, Operand::Parameter(walk.parameters.len()));
            let data = Cow::Borrowed(&tensor.data[..]);
            walk.parameters.push(Parameter { name: tensor.name.clone(), data, origin: Origin::Tensor });
        }
        for node in graph.nodes() {
            walk.take(node)?;
        }
        let Some(&Operand::Vector(output)) = walk.places.get(&y) else {
            return Err(Error::shape("model", "its outputs do not depend on its inputs: there is nothing to export"));
        };
        let (steps, widths, output) = with_biases(walk.steps, walk.widths, output);
        let answer = Answer::of(model, widths[output]);
        Ok(RowProgram { model, steps, widths, output, parameters: walk.parameters, answer })
    }

    /// The columns of a table that the model takes; `None` if it takes features as they are.
    pub fn columns(&self) -> Option<&'a [EncodedColumn]> {
        self.model.encoder.as_ref().map(|encoder| &encoder.columns[..])
    }

    /// Whether a missing cell is refused.
    pub fn refuses_missing(&self) -> bool {
        self.model.encoder.as_ref().is_some_and(|encoder| encoder.missing == Missing::Refuse)
    }

    /// The parameters that the steps use, by their positions.
    pub fn used_parameters(&self) -> Vec<usize> {
        let mut used: Vec<usize> = Vec::new();
        for step in &self.steps {
            match step {
                Step::Linear { weight, bias, .. } => used.extend([Some(*weight), *bias].into_iter().flatten()),
                Step::Elementwise { operands, .. } => {
                    used.extend(operands.iter().filter_map(|operand| match operand {
                        Operand::Parameter(at) => Some(*at),
                        Operand::Vector(_) => None,
                    }))
                }
            }
        }
        used.sort_unstable();
        used.dedup();
        used
    }

    /// The functions that the steps and the answer use, each once.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut found: Vec<Function> = Vec::new();
        let mut add = |function: Function| {
            if !found.iter().any(|other| other.name() == function.name()) {
                found.push(function);
            }
        };
        for step in &self.steps {
            if let Step::Elementwise { expression, .. } = step {
                expression.for_each_function(&mut add);
            }
        }
        if matches!(self.answer, Answer::Labels { .. } | Answer::Classes { certainty: Certainty::Logistic, .. }) {
            add(Function::Sigmoid);
        }
        found
    }

    /// The outputs for a row of inputs, in f64: the definition that exported sources are compared with.
    pub fn outputs(&self, inputs: &[f64]) -> Vec<f64> {
        let mut vectors = vec![inputs.to_vec()];
        for (step, &width) in self.steps.iter().zip(&self.widths[1..]) {
            let y = match step {
                Step::Linear { x, weight, bias } => {
                    let (x, weight) = (&vectors[*x], &self.parameters[*weight].data);
                    let bias = |o: usize| bias.map_or(0.0, |bias| f64::from(self.parameters[bias].data[o]));
                    let rows = weight.chunks_exact(x.len().max(1)).enumerate().take(width);
                    rows.map(|(o, row)| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>() + bias(o))
                        .collect()
                }
                Step::Elementwise { expression, operands } => {
                    let number = |operand: &Operand, i: usize| match *operand {
                        Operand::Vector(at) => vectors[at][i],
                        Operand::Parameter(at) => f64::from(self.parameters[at].data[i]),
                    };
                    let of = |i| expression.evaluate(&operands.iter().map(|o| number(o, i)).collect::<Vec<_>>());
                    (0..width).map(of).collect::<Vec<f64>>()
                }
            };
            vectors.push(y);
        }
        vectors.swap_remove(self.output)
    }

    /// The answer for a row of features, in f64: probabilities or scores of classes, probabilities of labels, or values.
    pub fn answer(&self, features: &[f32]) -> Vec<f64> {
        let mut inputs = features.to_vec();
        self.model.preprocessing.apply(&mut inputs);
        let outputs = self.outputs(&inputs.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        self.answer.of_outputs(&outputs)
    }
}

impl Answer {
    fn of(model: &Model, outputs: usize) -> Answer {
        match &model.target {
            Target::Classes { name, classes } => {
                // Outputs beyond the named classes are called by their numbers.
                let numbered = (classes.len()..outputs).map(|class| class.to_string());
                let certainty = match (model.loss.has_probabilities(), outputs) {
                    (_, 1) => Certainty::Logistic,
                    (true, _) => Certainty::Softmax,
                    (false, _) => Certainty::Scores,
                };
                let classes = classes.iter().cloned().chain(numbered).collect();
                Answer::Classes { name: name.clone(), classes, certainty, threshold: model.threshold }
            }
            Target::Values { names } if model.loss.takes_labels() => Answer::Labels { names: names.clone() },
            Target::Values { names } => {
                let (centers, scales) = affine(&model.target_preprocessing, names.len());
                Answer::Values { names: names.clone(), centers, scales }
            }
        }
    }

    /// The answer that outputs stand for, in f64.
    pub fn of_outputs(&self, outputs: &[f64]) -> Vec<f64> {
        let logistic = |z: f64| Function::Sigmoid.of(z);
        match self {
            Answer::Classes { certainty: Certainty::Softmax, .. } => {
                let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers: Vec<f64> = outputs.iter().map(|z| libm::exp(z - largest)).collect();
                let sum: f64 = powers.iter().sum();
                powers.into_iter().map(|p| p / sum).collect()
            }
            Answer::Classes { certainty: Certainty::Logistic, .. } => vec![logistic(-outputs[0]), logistic(outputs[0])],
            Answer::Classes { certainty: Certainty::Scores, .. } => outputs.to_vec(),
            Answer::Labels { .. } => outputs.iter().map(|&z| logistic(z)).collect(),
            Answer::Values { centers, scales, .. } => {
                outputs.iter().zip(centers).zip(scales).map(|((y, center), scale)| y * scale + center).collect()
            }
        }
    }
}

/// Preprocessing as `(x − center) / scale` for each of `width` numbers.
pub(super) fn affine(preprocessing: &Preprocessing, width: usize) -> (Vec<f64>, Vec<f64>) {
    match preprocessing {
        Preprocessing::None => (vec![0.0; width], vec![1.0; width]),
        Preprocessing::Scale { factor } => (vec![0.0; width], vec![1.0 / f64::from(*factor); width]),
        Preprocessing::Affine { centers, scales } => (centers.clone(), scales.clone()),
    }
}

/// A graph on its way to steps.
struct Walk<'g, 'a> {
    graph: &'g Graph,
    parameters: Vec<Parameter<'a>>,
    /// Parameters that are stored the other way round, by the one that they are of.
    matrices: HashMap<usize, usize>,
    places: HashMap<ValueId, Operand>,
    steps: Vec<Step>,
    widths: Vec<usize>,
}

impl Walk<'_, '_> {
    fn take(&mut self, node: &crate::graph::Node) -> Result<()> {
        let refused = |why: &str| Error::shape(&node.label, format!("cannot be exported: `{}` {why}", node.op.name()));
        let Some(portable) = node.op.portable() else {
            return Err(refused("is not arithmetic on single rows, or its Operation::portable does not say it"));
        };
        let &[y] = &node.outputs[..] else { return Err(refused("has several results")) };
        let operands: Vec<Operand> = node
            .inputs
            .iter()
            .map(|&id| self.operand(id))
            .collect::<Option<_>>()
            .ok_or_else(|| refused("takes something that is neither a row nor a parameter"))?;
        let row = match self.graph.shape(y).dims() {
            &[ROWS, width] => Some(width),
            _ => None,
        };
        let depends = operands.iter().any(|operand| matches!(operand, Operand::Vector(_)));
        match portable {
            Portable::Product { transposed } => {
                let (&[Operand::Vector(x), Operand::Parameter(w)], Some(width)) = (&operands[..], row) else {
                    return Err(refused("multiplies something else than a row and a parameter"));
                };
                let weight = if transposed { w } else { self.turned(w, self.widths[x], width) };
                self.push(y, Step::Linear { x, weight, bias: None }, width);
            }
            Portable::Elementwise(expression) => {
                let width = row.unwrap_or_else(|| self.graph.shape(y).elements());
                let mut fitting = Vec::new();
                for operand in operands {
                    fitting.push(self.fitted(operand, width).ok_or_else(|| refused("takes inputs of several widths"))?);
                }
                if depends {
                    self.push(y, Step::Elementwise { expression, operands: fitting }, width);
                } else {
                    // It is the same for each row.
                    let number = |operand: &Operand, i: usize| match *operand {
                        Operand::Parameter(at) => f64::from(self.parameters[at].data[i]),
                        Operand::Vector(_) => f64::NAN,
                    };
                    let of = |i| expression.evaluate(&fitting.iter().map(|o| number(o, i)).collect::<Vec<_>>()) as f32;
                    let data = (0..width).map(of).collect();
                    self.add_parameter(y, node.label.clone(), data);
                }
            }
        }
        Ok(())
    }

    /// Where a value is; a constant becomes a parameter.
    fn operand(&mut self, id: ValueId) -> Option<Operand> {
        if let Some(&place) = self.places.get(&id) {
            return Some(place);
        }
        let value = self.graph.value(id);
        let Role::Constant(x) = value.role else { return None };
        let width = match value.shape.dims() {
            &[ROWS, width] => width,
            _ => value.shape.elements(),
        };
        (width < ROWS).then(|| self.add_parameter(id, value.name.clone(), vec![x; width]))
    }

    fn add_parameter(&mut self, id: ValueId, name: String, data: Vec<f32>) -> Operand {
        let place = Operand::Parameter(self.parameters.len());
        self.parameters.push(Parameter { name, data: Cow::Owned(data), origin: Origin::Constant });
        self.places.insert(id, place);
        place
    }

    /// An operand of this width; a parameter of one number is repeated.
    fn fitted(&mut self, operand: Operand, width: usize) -> Option<Operand> {
        match operand {
            Operand::Vector(at) => (self.widths[at] == width).then_some(operand),
            Operand::Parameter(at) if self.parameters[at].data.len() == width => Some(operand),
            Operand::Parameter(at) => {
                let [x] = self.parameters[at].data[..] else { return None };
                let name = self.parameters[at].name.clone();
                let data = Cow::Owned(vec![x; width]);
                self.parameters.push(Parameter { name, data, origin: Origin::Constant });
                Some(Operand::Parameter(self.parameters.len() - 1))
            }
        }
    }

    /// A matrix `[I, O]` as `[O, I]`.
    fn turned(&mut self, at: usize, inputs: usize, outputs: usize) -> usize {
        if let Some(&turned) = self.matrices.get(&at) {
            return turned;
        }
        let own = &self.parameters[at];
        let data = (0..outputs * inputs).map(|i| own.data[i % inputs * outputs + i / inputs]).collect();
        let name = own.name.clone();
        self.parameters.push(Parameter { name, data: Cow::Owned(data), origin: Origin::Transposed });
        self.matrices.insert(at, self.parameters.len() - 1);
        self.parameters.len() - 1
    }

    fn push(&mut self, y: ValueId, step: Step, width: usize) {
        self.steps.push(step);
        self.places.insert(y, Operand::Vector(self.widths.len()));
        self.widths.push(width);
    }
}

/// Steps in which a product takes in the bias that is added behind it, and only there; with the widths of the vectors that
/// are left, and the place of the output.
fn with_biases(steps: Vec<Step>, widths: Vec<usize>, output: usize) -> (Vec<Step>, Vec<usize>, usize) {
    let mut uses = vec![0usize; widths.len()];
    uses[output] += 1;
    for step in &steps {
        match step {
            Step::Linear { x, .. } => uses[*x] += 1,
            Step::Elementwise { operands, .. } => operands.iter().for_each(|operand| {
                if let Operand::Vector(at) = operand {
                    uses[*at] += 1;
                }
            }),
        }
    }
    let sum = Expression::Input(0) + Expression::Input(1);
    let (mut kept, mut left) = (Vec::new(), vec![widths[0]]);
    // For each vector its place among those that are left.
    let mut places = vec![0];
    for (step, (at, width)) in steps.into_iter().zip(widths.into_iter().enumerate().skip(1)) {
        match (step, kept.last_mut()) {
            (Step::Elementwise { expression, operands }, Some(Step::Linear { bias: bias @ None, .. }))
                if expression == sum && uses[at - 1] == 1 && is_biased(&operands, at - 1) =>
            {
                if let Operand::Parameter(b) = operands[1] {
                    *bias = Some(b);
                }
            }
            (mut step, _) => {
                match &mut step {
                    Step::Linear { x, .. } => *x = places[*x],
                    Step::Elementwise { operands, .. } => operands.iter_mut().for_each(|operand| {
                        if let Operand::Vector(at) = operand {
                            *at = places[*at];
                        }
                    }),
                }
                kept.push(step);
                left.push(width);
            }
        }
        places.push(left.len() - 1);
    }
    (kept, left, places[output])
}

/// Whether these are the vector at a place and a parameter.
fn is_biased(operands: &[Operand], at: usize) -> bool {
    matches!(operands, [Operand::Vector(x), Operand::Parameter(_)] if *x == at)
}
