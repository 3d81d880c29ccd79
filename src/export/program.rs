//! A model as what happens to one row: a straight line of steps on vectors, and the meaning of the last one.

use super::walk::{Walked, walk};
use crate::data::{EncodedColumn, Missing, Preprocessing};
use crate::error::Result;
use crate::graph::{Expression, Function};
use crate::model::{Model, Target};
use std::borrow::Cow;

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
    /// [`Error::Shape`](crate::Error::Shape) with the place of an op that is not arithmetic on one row, or does not say what it computes.
    pub fn of(model: &'a Model) -> Result<RowProgram<'a>> {
        let Walked { steps, widths, output, parameters } = walk(model)?;
        let answer = Answer::of(model, widths[output]);
        Ok(RowProgram { model, steps, widths, output, parameters, answer })
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
