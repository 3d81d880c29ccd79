//! The lectures' notation: names of values, penalties and limits on gradients. Activations, losses and optimizers state their
//! formulas themselves.

use crate::graph::ValueId;
use crate::ops::penalty::Penalty;
use crate::optim::Clipping;
use std::collections::HashMap;

/// The names of values, each of its own.
#[derive(Default)]
pub(super) struct Symbols(HashMap<ValueId, String>);

impl Symbols {
    /// Names a value; a second one of the same name gets a prime.
    pub fn name(&mut self, value: ValueId, mut symbol: String) {
        while self.0.values().any(|taken| *taken == symbol) {
            symbol.push('′');
        }
        self.0.insert(value, symbol);
    }

    /// The name of a value.
    pub fn get(&self, value: ValueId) -> Option<&str> {
        self.0.get(&value).map(String::as_str)
    }

    /// Takes the name of a value away, so that another can have it.
    pub fn take(&mut self, value: ValueId) -> String {
        self.0.remove(&value).unwrap_or_default()
    }
}

/// `z⁽¹²⁾`: a name with the number of its layer.
pub(super) fn symbol(name: &str, number: usize) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raised: String = number.to_string().bytes().filter_map(|digit| digits.get(usize::from(digit - b'0'))).collect();
    format!("{name}⁽{raised}⁾")
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

/// The limits on gradients, before the update.
pub(super) fn clipping(clipping: Clipping) -> Vec<String> {
    let value = clipping.max_grad_value.map(|limit| format!("g ← min(max(g, −{limit}), {limit})"));
    let norm = clipping.max_grad_norm.map(|limit| format!("g ← g·min(1, {limit}/(‖all g‖ + 10⁻⁶))"));
    value.into_iter().chain(norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::activation::Activation;

    #[test]
    fn layer_numbers_are_raised() {
        assert_eq!((symbol("z", 1), symbol("W", 205)), ("z⁽¹⁾".into(), "W⁽²⁰⁵⁾".into()));
    }

    #[test]
    fn every_activation_has_a_formula_in_its_own_variable() {
        for &function in Activation::ALL {
            let (value, derivative) = function.formula("z⁽³⁾", "a⁽³⁾");
            assert!(value.contains("z⁽³⁾"), "{function}: {value}");
            assert!(!derivative.is_empty(), "{function}");
        }
        assert_eq!(penalty(Penalty { l1: 0.5, l2: 0.25 }, "W").1, " + 0.5·W + 0.5·sign W");
    }
}
