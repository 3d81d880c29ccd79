//! The lectures' notation: names of values, formulas of activations, losses and update rules, with their derivatives.

use crate::model::{Form, Loss, Reduction};
use crate::ops::activation::Activation;
use crate::ops::penalty::Penalty;
use crate::optim::{Clipping, Optimizer};

/// `z⁽¹²⁾`: a name with the number of its layer.
pub(super) fn symbol(name: &str, number: usize) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raised: String = number.to_string().bytes().filter_map(|digit| digits.get(usize::from(digit - b'0'))).collect();
    format!("{name}⁽{raised}⁾")
}

/// f(z) and f′ in terms of `z` and, where that is how it is computed, the output `a`.
pub(super) fn activation(function: Activation, z: &str, a: &str) -> (String, String) {
    let logistic = |factor: &str| {
        let s = format!("σ({factor}{z})");
        (format!("{z}·{s}"), format!("s + {factor}{z}·s·(1 − s) with s = {s}"))
    };
    match function {
        Activation::Identity => (z.into(), "1".into()),
        Activation::Relu => (format!("max(0, {z})"), format!("1 where {z} > 0, else 0")),
        Activation::LeakyRelu { slope } => {
            (format!("{z} where {z} > 0, else {slope}·{z}"), format!("1 where {z} > 0, else {slope}"))
        }
        Activation::Sigmoid => (format!("σ({z}) = 1/(1 + exp(−{z}))"), format!("{a}·(1 − {a})")),
        Activation::Tanh => (format!("tanh({z})"), format!("1 − {a}²")),
        Activation::Softplus => (format!("log(1 + exp({z}))"), format!("σ({z})")),
        Activation::Step => (format!("1 where {z} ≥ 0, else 0"), "0, by definition also at the jump".into()),
        Activation::Elu { alpha } => {
            (format!("{z} where {z} > 0, else {alpha}·(exp({z}) − 1)"), format!("1 where {z} > 0, else {a} + {alpha}"))
        }
        Activation::Gelu => {
            (format!("{z}·Φ({z}), Φ the normal distribution"), format!("Φ({z}) + {z}·φ({z}), φ the normal density"))
        }
        Activation::GeluTanh => (
            format!("{z}·½(1 + tanh u), u = √(2/π)·({z} + 0.044715·{z}³)"),
            format!("½(1 + tanh u) + ½{z}·(1 − tanh² u)·√(2/π)·(1 + 0.134145·{z}²)"),
        ),
        Activation::GeluSigmoid => logistic("1.702·"),
        Activation::Silu => logistic(""),
    }
}

/// L of one row whose output is `z`, and ∂L/∂z, given the number of outputs.
pub(super) fn loss(loss: &Loss, z: &str, outputs: usize) -> (String, String) {
    let mean = if loss.reduction == Reduction::Mean && outputs > 1 { format!("1/{outputs}·") } else { String::new() };
    let sum = if outputs > 1 { "Σ " } else { "" };
    let pointwise = |loss: &str, derivative: &str| (format!("L = {mean}{sum}{loss}"), format!("{mean}{derivative}"));
    let difference = |a: &str| if mean.is_empty() { format!("{a} − y") } else { format!("({a} − y)") };
    let margins = |margin: &str| {
        let counts = if margin.is_empty() { "≥" } else { ">" };
        (
            format!("L = Σ max(0, {z}ⱼ − {z}ᵧ{margin}) over the classes j ≠ y"),
            format!("1 where {z}ⱼ − {z}ᵧ{margin} {counts} 0, and −(their number) at y"),
        )
    };
    match loss.form {
        Form::CrossEntropy { label_smoothing, .. } if label_smoothing > 0.0 => (
            format!("L = −Σ q·log p, p = softmax({z}), q = {}·y + {label_smoothing}/{outputs}", 1.0 - label_smoothing),
            "p − q".into(),
        ),
        Form::CrossEntropy { .. } => (format!("L = −log pᵧ, p = softmax({z})"), "p − y".into()),
        Form::BinaryCrossEntropy => {
            pointwise(&format!("−(y·log p + (1 − y)·log(1 − p)), p = σ({z})"), &difference("p"))
        }
        Form::MeanSquaredError => pointwise(&format!("({z} − y)²"), &format!("2·({z} − y)")),
        Form::HalfSquaredError => pointwise(&format!("½·({z} − y)²"), &difference(z)),
        Form::MeanAbsoluteError => pointwise(&format!("|{z} − y|"), &format!("sign({z} − y)")),
        Form::Huber { delta } => pointwise(
            &format!("ℓ({z} − y), ℓ(e) = ½e² where |e| ≤ {delta}, else {delta}·(|e| − {})", 0.5 * delta),
            &format!("ℓ′({z} − y), ℓ′(e) = e where |e| ≤ {delta}, else {delta}·sign e"),
        ),
        Form::Hinge { margin } => margins(&format!(" + {margin}")),
        Form::Perceptron => margins(""),
    }
}

/// R, and what it adds to the gradient of a weight.
pub(super) fn penalty(penalty: Penalty, weight: &str) -> (String, String) {
    let terms = [
        (penalty.l2, format!("{}·Σ w²", penalty.l2), format!(" + {}·{weight}", 2.0 * penalty.l2)),
        (penalty.l1, format!("{}·Σ |w|", penalty.l1), format!(" + {}·sign {weight}", penalty.l1)),
    ];
    let (mut parts, mut gradient) = (Vec::new(), String::new());
    for (factor, part, own) in terms {
        if factor != 0.0 {
            parts.push(part);
            gradient.push_str(&own);
        }
    }
    (format!("R = {} over all weights", parts.join(" + ")), gradient)
}

/// The update of a parameter w with gradient g, as lines: definitions, then the update. At the first step.
pub(super) fn update(optimizer: &Optimizer, objective: &str) -> Vec<String> {
    let gradient = |decay: f32| match decay {
        0.0 => format!("g = ∂{objective}/∂w"),
        decay => format!("g = ∂{objective}/∂w + {decay}·w"),
    };
    let eta = optimizer.learning_rate();
    let adam = |beta1: f32, beta2: f32, epsilon: f32| {
        vec![
            format!("m ← {beta1}·m + (1 − {beta1})·g,  v ← {beta2}·v + (1 − {beta2})·g²"),
            format!("m̂ = m/(1 − {beta1}ᵗ),  v̂ = v/(1 − {beta2}ᵗ),  t = 1"),
            format!("w ← w − η·m̂/(√v̂ + {epsilon:e}),  η = {eta}"),
        ]
    };
    match optimizer {
        Optimizer::Sgd(o) if o.momentum == 0.0 => vec![gradient(o.weight_decay), format!("w ← w − η·g,  η = {eta}")],
        Optimizer::Sgd(o) => {
            let later = match o.dampening {
                0.0 => format!("{}·v + g", o.momentum),
                dampening => format!("{}·v + (1 − {dampening})·g", o.momentum),
            };
            let direction = if o.nesterov { format!("(g + {}·v)", o.momentum) } else { "v".into() };
            vec![
                gradient(o.weight_decay),
                format!("v ← g at the first step, later v ← {later}"),
                format!("w ← w − η·{direction},  η = {eta}"),
            ]
        }
        Optimizer::Adam(o) => [vec![gradient(o.weight_decay)], adam(o.beta1, o.beta2, o.epsilon)].concat(),
        Optimizer::AdamW(o) => {
            let decay = format!("w ← w·(1 − η·{})", o.weight_decay);
            [vec![gradient(0.0), decay], adam(o.beta1, o.beta2, o.epsilon)].concat()
        }
        Optimizer::RmsProp(o) => {
            let mut rule = vec![gradient(o.weight_decay), format!("v ← {}·v + (1 − {})·g²", o.alpha, o.alpha)];
            let direction = format!("g/(√v + {:e})", o.epsilon);
            match o.momentum {
                0.0 => rule.push(format!("w ← w − η·{direction},  η = {eta}")),
                momentum => rule.push(format!("b ← {momentum}·b + {direction},  w ← w − η·b,  η = {eta}")),
            }
            rule
        }
        Optimizer::Adagrad(o) => {
            vec![gradient(o.weight_decay), format!("s ← s + g²,  w ← w − η·g/(√s + {:e}),  η = {eta}", o.epsilon)]
        }
    }
}

/// The letter that [`update`] uses for a tensor that an optimizer keeps.
pub(super) fn kept(optimizer: &Optimizer, name: &str) -> String {
    let letter = match (name.rsplit('.').next().unwrap_or(name), optimizer) {
        ("first_moment", _) => "m",
        ("velocity", Optimizer::RmsProp(_)) => "b",
        ("second_moment" | "velocity", _) => "v",
        ("squares", _) => "s",
        (other, _) => other,
    };
    letter.into()
}

/// The limits on gradients, before the update.
pub(super) fn clipping(clipping: Clipping) -> Vec<String> {
    let value = clipping.max_grad_value.map(|limit| format!("g ← min(max(g, −{limit}), {limit})"));
    let norm = clipping.max_grad_norm.map(|limit| format!("g ← g·min(1, {limit}/(‖all g‖ + 10⁻⁶))"));
    value.into_iter().chain(norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_numbers_are_raised() {
        assert_eq!((symbol("z", 1), symbol("W", 205)), ("z⁽¹⁾".into(), "W⁽²⁰⁵⁾".into()));
    }

    #[test]
    fn every_activation_has_a_formula_in_its_own_variable() {
        for &function in Activation::ALL {
            let (value, derivative) = activation(function, "z⁽³⁾", "a⁽³⁾");
            assert!(value.contains("z⁽³⁾"), "{function}: {value}");
            assert!(!derivative.is_empty(), "{function}");
        }
        assert_eq!(penalty(Penalty { l1: 0.5, l2: 0.25 }, "W").1, " + 0.5·W + 0.5·sign W");
    }
}
