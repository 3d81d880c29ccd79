//! Formulas as the exported languages write them, which agree in most.

use crate::graph::{Arithmetic, Expression, Function};

/// How a language writes formulas.
pub(super) struct Dialect {
    /// The functions that give the larger and the smaller of two numbers.
    pub max: &'static str,
    pub min: &'static str,
    /// What the language itself calls a function, where that is another name than ours.
    pub call: fn(Function) -> &'static str,
}

impl Dialect {
    /// A formula; `input` writes the numbers at the place that it is for.
    pub fn write(&self, expression: &Expression, input: &dyn Fn(usize) -> String) -> String {
        match expression {
            Expression::Input(i) => input(*i),
            Expression::Number(x) => number(*x),
            Expression::Apply(Function::Negate, x) => format!("(-{})", self.write(x, input)),
            Expression::Apply(function, x) => {
                let parameter = function.parameter().map_or(String::new(), |p| format!(", {}", number(f64::from(p))));
                format!("{}({}{parameter})", (self.call)(*function), bare(&self.write(x, input)))
            }
            Expression::Combine(how, a, b) => {
                let (a, b) = (self.write(a, input), self.write(b, input));
                match how {
                    Arithmetic::Add => format!("({a} + {b})"),
                    Arithmetic::Subtract => format!("({a} - {b})"),
                    Arithmetic::Multiply => format!("({a} * {b})"),
                    Arithmetic::Divide => format!("({a} / {b})"),
                    Arithmetic::Max => format!("{}({}, {})", self.max, bare(&a), bare(&b)),
                    Arithmetic::Min => format!("{}({}, {})", self.min, bare(&a), bare(&b)),
                }
            }
        }
    }
}

/// A number as C, Rust and JavaScript write it, so that it is read as the same f64.
pub(super) fn number(x: f64) -> String {
    format!("{x:?}")
}

/// A formula without the parentheses around it.
pub(super) fn bare(text: &str) -> &str {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    // Only if the first one is closed by the last one.
    let is_pair = |text: &str| {
        let mut depth = 0i32;
        text.chars().all(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth >= 0
        })
    };
    inner.filter(|inner| is_pair(inner)).unwrap_or(text)
}
