//! What an op computes for one row, in arithmetic that other programs have: by it models leave anygrad.

use crate::kernel::Float;
use std::fmt;

/// What an op computes for a row, whatever the other rows are.
///
/// ```
/// use anygrad::graph::{Operation, Portable};
/// use anygrad::ops::activation::{Activate, Activation};
/// let Some(Portable::Elementwise(y)) = Activate(Activation::Silu).portable() else { panic!() };
/// assert_eq!(y.to_string(), "x0 · sigmoid(x0)");
/// assert_eq!(y.evaluate(&[0.0]), 0.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Portable {
    /// The first input, a row of `I` numbers, times the second, a matrix that is the same for each row.
    Product {
        /// Whether the matrix is `[O, I]`; else it is `[I, O]`.
        transposed: bool,
    },
    /// Each number of the result from those at its place in the inputs. An input that is a vector is the same for each row.
    Elementwise(Expression),
}

/// A formula over the numbers at one place of an op's inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// The number in an input, by the input's position.
    Input(usize),
    /// A constant.
    Number(f64),
    /// A function of a formula.
    Apply(Function, Box<Expression>),
    /// Two formulas, added, multiplied and so on.
    Combine(Arithmetic, Box<Expression>, Box<Expression>),
}

/// A function of one number that every language has, or can be told in a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// −x
    Negate,
    /// eˣ
    Exp,
    /// The natural logarithm.
    Log,
    /// √x
    Sqrt,
    /// |x|
    Abs,
    /// x where x > 0, else 0.
    Relu,
    /// x where x > 0, else a multiple of x.
    LeakyRelu(f32),
    /// x where x > 0, else α·(eˣ − 1).
    Elu(f32),
    /// 1/(1 + e⁻ˣ)
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// log(1 + eˣ)
    Softplus,
    /// 1 where x ≥ 0, else 0.
    Step,
    /// Φ(x) = ½(1 + erf(x/√2)), the normal distribution.
    NormalCdf,
}

/// Arithmetic on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// a + b
    Add,
    /// a − b
    Subtract,
    /// a · b
    Multiply,
    /// a / b
    Divide,
    /// The larger of both.
    Max,
    /// The smaller of both.
    Min,
}

impl Function {
    /// The function in f64.
    pub fn of(self, x: f64) -> f64 {
        match self {
            Function::Negate => -x,
            Function::Exp => libm::exp(x),
            Function::Log => libm::log(x),
            Function::Sqrt => x.sqrt(),
            Function::Abs => x.abs(),
            Function::Relu => {
                if x <= 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Function::LeakyRelu(slope) => {
                if x <= 0.0 {
                    f64::from(slope) * x
                } else {
                    x
                }
            }
            Function::Elu(alpha) => {
                if x > 0.0 {
                    x
                } else {
                    f64::from(alpha) * libm::expm1(x)
                }
            }
            Function::Sigmoid => {
                let t = libm::exp(-x.abs());
                if x >= 0.0 { 1.0 / (1.0 + t) } else { t / (1.0 + t) }
            }
            Function::Tanh => libm::tanh(x),
            Function::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
            Function::Step => {
                if x >= 0.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Function::NormalCdf => 0.5 * Float::erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
        }
    }

    /// Its name, as the sources that are exported call it.
    pub fn name(self) -> &'static str {
        match self {
            Function::Negate => "-",
            Function::Exp => "exp",
            Function::Log => "log",
            Function::Sqrt => "sqrt",
            Function::Abs => "abs",
            Function::Relu => "relu",
            Function::LeakyRelu(_) => "leaky_relu",
            Function::Elu(_) => "elu",
            Function::Sigmoid => "sigmoid",
            Function::Tanh => "tanh",
            Function::Softplus => "softplus",
            Function::Step => "step",
            Function::NormalCdf => "normal_cdf",
        }
    }

    /// Its parameter, if it has one.
    pub fn parameter(self) -> Option<f32> {
        match self {
            Function::LeakyRelu(parameter) | Function::Elu(parameter) => Some(parameter),
            _ => None,
        }
    }
}

impl Arithmetic {
    /// The result in f64.
    pub fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide => a / b,
            Arithmetic::Max => a.max(b),
            Arithmetic::Min => a.min(b),
        }
    }
}

impl Expression {
    /// A function of this formula.
    pub fn apply(self, function: Function) -> Expression {
        Expression::Apply(function, Box::new(self))
    }

    /// The larger of two.
    pub fn max(self, other: Expression) -> Expression {
        Expression::Combine(Arithmetic::Max, Box::new(self), Box::new(other))
    }

    /// The smaller of two.
    pub fn min(self, other: Expression) -> Expression {
        Expression::Combine(Arithmetic::Min, Box::new(self), Box::new(other))
    }

    /// The value, for these numbers at the places of the inputs; NaN if there are too few.
    pub fn evaluate(&self, inputs: &[f64]) -> f64 {
        match self {
            Expression::Input(i) => inputs.get(*i).copied().unwrap_or(f64::NAN),
            Expression::Number(x) => *x,
            Expression::Apply(function, x) => function.of(x.evaluate(inputs)),
            Expression::Combine(how, a, b) => how.of(a.evaluate(inputs), b.evaluate(inputs)),
        }
    }

    /// Calls `visit` with each function in it.
    pub fn for_each_function(&self, visit: &mut impl FnMut(Function)) {
        match self {
            Expression::Input(_) | Expression::Number(_) => {}
            Expression::Apply(function, x) => {
                visit(*function);
                x.for_each_function(visit);
            }
            Expression::Combine(_, a, b) => {
                a.for_each_function(visit);
                b.for_each_function(visit);
            }
        }
    }
}

macro_rules! operators {
    ($($operator:ident, $method:ident, $arithmetic:ident;)*) => {
        $(impl std::ops::$operator for Expression {
            type Output = Expression;

            fn $method(self, other: Expression) -> Expression {
                Expression::Combine(Arithmetic::$arithmetic, Box::new(self), Box::new(other))
            }
        })*
    };
}

operators! {
    Add, add, Add;
    Sub, sub, Subtract;
    Mul, mul, Multiply;
    Div, div, Divide;
}

impl fmt::Display for Expression {
    /// `x0 · sigmoid(1.702 · x0)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = |e: &Expression| match e {
            Expression::Combine(Arithmetic::Max | Arithmetic::Min, ..) => e.to_string(),
            Expression::Combine(..) => format!("({e})"),
            _ => e.to_string(),
        };
        match self {
            Expression::Input(i) => write!(f, "x{i}"),
            Expression::Number(x) => write!(f, "{x}"),
            Expression::Apply(Function::Negate, x) => write!(f, "-{}", inner(x)),
            Expression::Apply(function, x) => match function.parameter() {
                Some(parameter) => write!(f, "{}({x}, {parameter})", function.name()),
                None => write!(f, "{}({x})", function.name()),
            },
            Expression::Combine(how, a, b) => {
                let sign = match how {
                    Arithmetic::Add => '+',
                    Arithmetic::Subtract => '-',
                    Arithmetic::Multiply => '·',
                    Arithmetic::Divide => '/',
                    Arithmetic::Max => return write!(f, "max({a}, {b})"),
                    Arithmetic::Min => return write!(f, "min({a}, {b})"),
                };
                write!(f, "{} {sign} {}", inner(a), inner(b))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Operation;
    use crate::ops::activation::{Activate, Activation};

    #[test]
    fn activations_are_what_their_twins_compute() {
        for &activation in Activation::ALL {
            let Some(Portable::Elementwise(y)) = Activate(activation).portable() else {
                panic!("{activation} is a formula")
            };
            for x in (-400..=400).map(|i| f64::from(i) / 20.0).chain([-80.0, 80.0, 1e-9, -1e-9]) {
                let (found, expected): (f64, f64) = (y.evaluate(&[x]), activation.function(x));
                assert!(
                    (found - expected).abs() <= 1e-12 * expected.abs(),
                    "{activation} of {x}: {found}, not {expected}"
                );
            }
        }
    }
}
