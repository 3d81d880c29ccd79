//! What [`explain`](super::explain) shows, before it has numbers: the graph of a step, and for each formula the values of the
//! graph that it takes and gives.

use super::draft::{Draft, Moment, Shown, Stage};
use super::notation::{self, Symbols};
use super::parts::{Kind, Link, links};
use crate::data::{Dataset, Preprocessing, Targets};
use crate::error::Result;
use crate::graph::{DType, Graph, PhaseId, Role, ValueId};
use crate::kernel::Clock;
use crate::model::{Form, Reduction};
use crate::ops::activation::{Activate, ActivateGrad, Activation};
use crate::ops::dropout::Dropout;
use crate::ops::elementwise::Elementwise;
use crate::ops::label_values::LabelValues;
use crate::ops::penalty::Penalty;
use crate::ops::softmax_cross_entropy::{SoftmaxCrossEntropy, SoftmaxCrossEntropyGrad};
use crate::train::{Inputs, Objective, Terms};
use std::collections::{HashMap, HashSet};

/// The graph of the step with everything that is shown, and the steps as far as they are known before it runs.
pub(super) struct Board<'a> {
    spec: Objective<'a>,
    pub graph: Graph,
    /// The phases behind the step: update, and the loss after it.
    pub later: Vec<PhaseId>,
    pub clock: Clock,
    pub floats: Vec<(ValueId, Vec<f32>)>,
    pub words: Vec<(ValueId, Vec<u32>)>,
    symbols: Symbols,
    gradients: HashMap<ValueId, ValueId>,
    /// What the parts that take a value have given to its gradient so far, from the output on.
    terms: HashMap<ValueId, Vec<String>>,
    /// The model's tensors and what has their shape; of other values the first extent counts rows.
    parameter_like: HashSet<ValueId>,
    /// Tensors that the penalty is about.
    penalized: Vec<ValueId>,
    pub drafts: Vec<Draft>,
}

impl<'a> Board<'a> {
    /// The board for one row.
    pub fn draw(spec: Objective<'a>, batch: &Dataset, inputs: Inputs, row: usize) -> Result<Board<'a>> {
        let Inputs { mut graph, x, target, weights, tensors, floats, words, clock } = inputs;
        let parameters = spec.parameters(&tensors)?;
        let kept: Vec<Option<ValueId>> =
            parameters.iter().map(|&parameter| spec.recipe.optimizer.declare_state(&mut graph, parameter)).collect();
        graph.begin_phase("step");
        let objective = spec.append(&mut graph, &tensors, x, (target, weights), true)?;
        let mut symbols = Symbols::default();
        symbols.name(x, "x".to_string());
        let links = links(&graph, objective.forward_nodes, &mut symbols);
        let (gradients, terms) = (HashMap::new(), HashMap::new());
        let parameter_like = tensors.values().iter().chain(kept.iter().flatten()).copied().collect();
        let penalized = tensors.penalized();
        let drafts = Vec::new();
        let mut board = Board {
            spec,
            graph,
            later: Vec::new(),
            clock,
            floats,
            words,
            symbols,
            gradients,
            terms,
            parameter_like,
            penalized,
            drafts,
        };
        board.differentiate(&links, objective.total, &parameters)?;

        let y = match &batch.targets {
            Targets::Labels { classes, data: labels, .. } => {
                let label = labels.first().copied().unwrap_or(0);
                format!("y = {label}, the class `{}`", classes.get(label as usize).map_or("", String::as_str))
            }
            Targets::Values { names, .. } => format!("y = {}", names.join(", ")),
        };
        let prepared = if batch.preprocessing == Preprocessing::None { "" } else { " as the model takes it" };
        let mut values = vec![("x".to_string(), x)];
        values.extend((board.graph.value(target).dtype == DType::F32).then(|| ("y".to_string(), target)));
        board.write(Stage::Input, None, format!("x = row {row} of {}{prepared}, {y}", batch.name), values);
        for link in &links {
            board.forward(link)?;
        }
        board.loss(&objective, target)?;
        for (number, link) in links.iter().enumerate().rev() {
            board.backward(link, &links[..number]);
        }
        board.update(&parameters, &kept)?;
        let phase = board.graph.begin_phase("after");
        board.later.push(phase);
        let after = spec.append(&mut board.graph, &tensors, x, (target, weights), true)?;
        let mut values = Vec::new();
        for (symbol, before, after) in [("L", objective.loss, after.loss), ("J", objective.total, after.total)] {
            if symbol == board.objective() || symbol == "L" {
                values.push(Shown::new(format!("{symbol} before"), before, Moment::Before));
                values.push(Shown::new(format!("{symbol} after"), after, Moment::After));
            }
        }
        let formula = "the same row with the new weights".to_string();
        board.drafts.push(Draft { stage: Stage::After, layer: None, formula, values });
        for index in 0..board.graph.values().len() {
            let id = ValueId(index as u32);
            if !board.graph.value(id).role.is_persistent() {
                board.graph.set_role(id, Role::Output);
            }
        }
        Ok(board)
    }

    /// What is minimized: the loss L, or with a penalty R their sum J.
    fn objective(&self) -> &'static str {
        if self.spec.recipe.regularization.penalty() == Penalty::NONE { "L" } else { "J" }
    }

    fn symbol(&self, value: ValueId) -> String {
        self.symbols.get(value).unwrap_or(&self.graph.value(value).name).to_string()
    }

    /// δ for what a linear layer puts out, ∂L/∂ for other values.
    fn gradient_symbol(&self, value: ValueId) -> String {
        let of = self.symbol(value);
        of.strip_prefix('z').map_or_else(|| format!("∂L/∂{of}"), |number| format!("δ{number}"))
    }

    fn write(&mut self, stage: Stage, layer: Option<usize>, formula: String, values: Vec<(String, ValueId)>) {
        let values = values.into_iter().map(|(symbol, value)| Shown::new(symbol, value, Moment::Before)).collect();
        self.drafts.push(Draft { stage, layer, formula, values });
    }

    fn is_parameter(&self, value: ValueId) -> bool {
        self.graph.value(value).role == Role::Parameter
    }

    /// Gradients of the parameters and of everything on the way that depends on one.
    fn differentiate(&mut self, links: &[Link], total: ValueId, parameters: &[ValueId]) -> Result<()> {
        let mut targets = parameters.to_vec();
        for link in links {
            if link.inputs.iter().any(|input| targets.contains(input)) {
                targets.push(link.output);
            }
        }
        let gradients = self.graph.gradients(total, &targets)?;
        self.parameter_like.extend(&gradients[..parameters.len()]);
        self.gradients = targets.into_iter().zip(gradients).collect();
        self.graph.set_scope("explain");
        Ok(())
    }

    /// A value of the shape of `like` in which every element is 1.
    fn ones(&mut self, like: ValueId) -> ValueId {
        let shape = self.graph.shape(like).clone();
        self.graph.declare("ones", shape, DType::F32, Role::Constant(1.0))
    }

    fn forward(&mut self, link: &Link) -> Result<()> {
        let (x, y) = (self.symbol(link.inputs[0]), self.symbol(link.output));
        let stage = Stage::Forward;
        match &link.kind {
            Kind::Linear => {
                let weight = self.symbol(link.inputs[1]);
                let mut values = vec![(weight.clone(), link.inputs[1])];
                let (mut formula, mut derivatives) =
                    (format!("{y} = {weight}·{x}"), format!("∂{y}/∂{weight} = {x}ᵀ,  ∂{y}/∂{x} = {weight}"));
                if let Some(&bias) = link.inputs.get(2) {
                    let symbol = self.symbol(bias);
                    formula.push_str(&format!(" + {symbol}"));
                    derivatives.push_str(&format!(",  ∂{y}/∂{symbol} = 1"));
                    values.push((symbol, bias));
                }
                values.push((y, link.output));
                self.write(stage, link.layer, formula, values);
                self.write(stage, link.layer, derivatives, Vec::new());
            }
            Kind::Activation(activation) => {
                let (function, derivative) = activation.formula(&x, &y);
                let saved = if activation.derivative_uses_output() { link.output } else { link.inputs[0] };
                let ones = self.ones(link.output);
                let slope = self.graph.apply(ActivateGrad(*activation), &[saved, ones])?;
                self.write(stage, link.layer, format!("{y} = {function}"), vec![(y.clone(), link.output)]);
                let of = format!("∂{y}/∂{x}");
                self.write(stage, link.layer, format!("{of} = {derivative}"), vec![(of, slope)]);
            }
            Kind::Dropout(dropout) => {
                let ones = self.ones(link.output);
                let mask = self.graph.apply(*dropout, &[ones])?;
                let name = y.replace('ã', "m");
                let values = vec![(name.clone(), mask), (y.clone(), link.output)];
                let Dropout { rate, scale, .. } = dropout;
                let chance = format!("{name} is 0 with probability {rate}, else {scale}");
                self.write(stage, link.layer, format!("{y} = {name} ⊙ {x},  {chance}"), values);
                self.write(stage, link.layer, format!("∂{y}/∂{x} = {name}"), Vec::new());
            }
            Kind::Sum => {
                let (other, mut derivatives) = (self.symbol(link.inputs[1]), format!("∂{y}/∂{x} = 1"));
                if other != x {
                    derivatives.push_str(&format!(",  ∂{y}/∂{other} = 1"));
                }
                self.write(stage, link.layer, format!("{y} = {x} + {other}"), vec![(y, link.output)]);
                self.write(stage, link.layer, derivatives, Vec::new());
            }
            Kind::Other(op) => {
                let inputs: Vec<String> = link.inputs.iter().map(|&input| self.symbol(input)).collect();
                let formula = format!("{y} = {op}({})", inputs.join(", "));
                self.write(stage, link.layer, formula, vec![(y, link.output)]);
            }
        }
        Ok(())
    }

    fn loss(&mut self, objective: &Terms, target: ValueId) -> Result<()> {
        let output = objective.output;
        let z = self.symbol(output);
        let outputs = self.graph.shape(output).elements();
        let (formula, derivative) = self.spec.loss.formula(&z, outputs);
        let mut values = Vec::new();
        match self.spec.loss.form {
            Form::CrossEntropy { .. } => {
                let label = self.words.iter().find(|(id, _)| *id == target).and_then(|(_, labels)| labels.first());
                let one_hot = (0..outputs).map(|class| f32::from(u8::from(Some(class as u32) == label.copied())));
                let one_hot = one_hot.collect();
                let y = self.graph.declare("one_hot", [1, outputs], DType::F32, Role::Input);
                self.floats.push((y, one_hot));
                let one = self.graph.declare("one", [1, 1], DType::F32, Role::Constant(1.0));
                let gradient = SoftmaxCrossEntropyGrad(SoftmaxCrossEntropy::PLAIN);
                let difference = self.graph.apply(gradient, &[output, target, one])?;
                let p = self.graph.apply(Elementwise::Add, &[difference, y])?;
                values.extend([("y".to_string(), y), ("p".to_string(), p)]);
            }
            Form::BinaryCrossEntropy => {
                let is_label = self.graph.value(target).dtype == DType::U32;
                let y = if is_label { self.graph.apply(LabelValues, &[target])? } else { target };
                let p = self.graph.apply(Activate(Activation::Sigmoid), &[output])?;
                values.extend([("y".to_string(), y), ("p".to_string(), p)]);
            }
            _ => {}
        }
        let weight = objective.weight.filter(|_| self.spec.loss.reduction == Reduction::Sum);
        match weight {
            Some(weight) => {
                values.push(("ℓ".into(), objective.row_losses));
                self.write(Stage::Loss, None, formula.replacen('L', "ℓ", 1), values);
                let values = vec![("w".into(), weight), ("L".into(), objective.loss)];
                self.write(Stage::Loss, None, "L = w·ℓ, with the weight w of the row".into(), values);
            }
            // In the mean over one row its weight cancels.
            None => {
                values.push(("L".into(), objective.loss));
                self.write(Stage::Loss, None, formula, values);
            }
        }
        if let Some(penalty) = objective.penalty {
            let (formula, _) = notation::penalty(self.spec.recipe.regularization.penalty(), "w");
            self.write(Stage::Loss, None, formula, vec![("R".into(), penalty)]);
            self.write(Stage::Loss, None, "J = L + R".into(), vec![("J".into(), objective.total)]);
        }
        if let Some(&gradient) = self.gradients.get(&output) {
            let of = self.gradient_symbol(output);
            let written_out = if of.starts_with('δ') { format!("{of} = ∂L/∂{z}") } else { of.clone() };
            let rule = if weight.is_some() { format!("w·({derivative})") } else { derivative };
            self.write(Stage::Loss, None, format!("{written_out} = {rule}"), vec![(of, gradient)]);
        }
        Ok(())
    }

    /// The gradients of what a part takes, as far as no part in front of it takes the same: a sum over all that do.
    fn backward(&mut self, link: &Link, in_front: &[Link]) {
        if !self.gradients.contains_key(&link.output) {
            return;
        }
        // The parameters first: the gradient of the input leads on to the next layer.
        let order: Vec<usize> = (1..link.inputs.len()).chain([0]).collect();
        for (position, &i) in order.iter().enumerate() {
            let input = link.inputs[i];
            let Some(&gradient) = self.gradients.get(&input) else { continue };
            let term = self.term(link, i);
            self.terms.entry(input).or_default().push(term);
            let here = order[position + 1..].iter().any(|&later| link.inputs[later] == input);
            if here || in_front.iter().any(|other| other.inputs.contains(&input)) {
                continue;
            }
            let x = self.symbol(input);
            let of = if self.is_parameter(input) {
                format!("∂{}/∂{x}", self.objective())
            } else {
                self.gradient_symbol(input)
            };
            let written_out = if of.starts_with('δ') { format!("{of} = ∂L/∂{x}") } else { of.clone() };
            let rule = self.terms.remove(&input).unwrap_or_default().join(" + ");
            let penalty = if self.penalized.contains(&input) {
                notation::penalty(self.spec.recipe.regularization.penalty(), &x).1
            } else {
                String::new()
            };
            self.write(Stage::Backward, link.layer, format!("{written_out} = {rule}{penalty}"), vec![(of, gradient)]);
        }
    }

    /// What a part gives to the gradient of its input number `i`.
    fn term(&self, link: &Link, i: usize) -> String {
        let (x, y) = (self.symbol(link.inputs[i]), self.symbol(link.output));
        let incoming = self.gradient_symbol(link.output);
        match (&link.kind, i) {
            (Kind::Linear, 0) => format!("{}ᵀ·{incoming}", self.symbol(link.inputs[1])),
            (Kind::Linear, 1) => format!("{incoming}·{}ᵀ", self.symbol(link.inputs[0])),
            (Kind::Linear, _) | (Kind::Sum, _) => incoming,
            (Kind::Activation(_), _) => format!("{incoming} ⊙ ∂{y}/∂{x}"),
            (Kind::Dropout(_), _) => format!("{incoming} ⊙ {}", y.replace('ã', "m")),
            (Kind::Other(_), _) => format!("{incoming}·∂{y}/∂{x}"),
        }
    }

    fn update(&mut self, parameters: &[ValueId], kept: &[Option<ValueId>]) -> Result<()> {
        for rule in self.spec.recipe.optimizer.formula(&format!("∂{}/∂w", self.objective())) {
            self.write(Stage::Update, None, rule, Vec::new());
        }
        let update = self.graph.begin_phase("update");
        self.later.push(update);
        let gradients = parameters.iter().filter_map(|parameter| self.gradients.get(parameter).copied()).collect();
        let gradients = self.spec.recipe.regularization.clipping().apply(&mut self.graph, gradients)?;
        for limit in notation::clipping(self.spec.recipe.regularization.clipping()) {
            self.write(Stage::Update, None, limit, Vec::new());
        }
        let updated = parameters.iter().zip(kept).filter(|(parameter, _)| self.gradients.contains_key(parameter));
        let updated: Vec<(ValueId, Option<ValueId>)> = updated.map(|(&parameter, &kept)| (parameter, kept)).collect();
        for ((parameter, kept), gradient) in updated.into_iter().zip(gradients) {
            self.spec.recipe.optimizer.update(&mut self.graph, parameter, gradient, kept)?;
            let (name, w) = (self.graph.value(parameter).name.clone(), self.symbol(parameter));
            let layer = name.split('.').next().and_then(|layer| layer.parse().ok());
            let mut values = vec![Shown::new(format!("{w} before"), parameter, Moment::Before)];
            let tensors = self.spec.recipe.optimizer.kept();
            for (at, tensor) in tensors.iter().enumerate() {
                let slot = (tensors.len() > 1).then_some(at);
                let symbol = tensor.letter.to_string();
                values.extend(kept.map(|value| Shown { symbol, value, moment: Moment::After, slot }));
            }
            values.push(Shown::new(format!("{w} after"), parameter, Moment::After));
            self.drafts.push(Draft { stage: Stage::Update, layer, formula: format!("w = {w}, `{name}`"), values });
        }
        Ok(())
    }

    /// The extents to show: without rows, of which there is one, where a value has rows.
    pub fn shape(&self, value: ValueId) -> Vec<usize> {
        let dims = self.graph.shape(value).dims();
        if self.parameter_like.contains(&value) { dims.to_vec() } else { dims.iter().skip(1).copied().collect() }
    }
}
