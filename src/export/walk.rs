//! From the graph of a model's predict phase to steps on the vectors of one row.

use super::program::{Operand, Origin, Parameter, Step};
use crate::error::{Error, Result};
use crate::graph::{DType, Expression, Graph, Node, Portable, Role, ValueId};
use crate::model::{Model, Module, Pass};
use std::borrow::Cow;
use std::collections::HashMap;

/// Rows of the graph that is walked: a number that no other extent is.
const ROWS: usize = 1_000_003;

/// What a walk has found.
pub(super) struct Walked<'a> {
    pub steps: Vec<Step>,
    /// Numbers in each vector, that of inputs first.
    pub widths: Vec<usize>,
    /// The vector of outputs.
    pub output: usize,
    pub parameters: Vec<Parameter<'a>>,
}

/// Walks the graph of a model's predict phase.
pub(super) fn walk(model: &Model) -> Result<Walked<'_>> {
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
    Ok(Walked { steps, widths, output, parameters: walk.parameters })
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
    fn take(&mut self, node: &Node) -> Result<()> {
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
