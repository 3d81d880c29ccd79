//! What an op's rounding bound is derived from: the inputs of a run and, where the op is a product, its sums.
//!
//! Exactly, Σ|terms| is added up for each element of a product, which costs as much as the product itself. Quickly,
//! ‖row of A‖·‖column of B‖ takes its place, which is no smaller (Cauchy–Schwarz), and where the factors are whole
//! numbers whose sums stay below 2²⁴, no order of summation rounds: then a product must be exact.

use super::{DType, Data, Shape};
use crate::cpu::product::{self as cpu_product, Form, Matrix, Scaling, Size};
use crate::kernel::error_bound::{flushed, gamma};
use std::borrow::Cow;

/// Whole numbers up to here are floats.
const WHOLE: f64 = (1u32 << 24) as f64;

/// One element of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Element {
    /// Position of its tensor among the op's inputs and, behind them, outputs.
    pub tensor: usize,
    /// Position in the tensor, row-major.
    pub index: usize,
    /// What the twin says.
    pub expected: f64,
}

/// The product that an op computes, if it does: the form, and which inputs are its factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factors {
    /// Whether A and B are stored as they stand or transposed.
    pub form: Form,
    /// Position of A among the inputs.
    pub a: usize,
    /// Position of B.
    pub b: usize,
}

/// Element of a product: its value, Σ|terms| or more, and how far it may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sum {
    /// The value.
    pub value: f64,
    /// Σ|terms|, or more.
    pub magnitude: f64,
    /// How far a device may be from the value.
    pub rounding: f64,
}

/// The inputs of one run of an op.
#[derive(Debug)]
pub struct Inputs<'a> {
    kinds: Cow<'a, [(Shape, DType)]>,
    data: Cow<'a, [Data]>,
    roundings: usize,
    factors: Option<Factors>,
    quick: Option<Product>,
}

/// A product of two inputs, in f32, with what bounds the terms of its sums.
#[derive(Debug)]
struct Product {
    values: Vec<f32>,
    norms_a: Vec<f64>,
    norms_b: Vec<f64>,
    /// Whether no sum rounds.
    whole: bool,
}

impl<'a> Inputs<'a> {
    /// The inputs of an op with these factors, if it computes a product.
    pub fn new(
        kinds: impl Into<Cow<'a, [(Shape, DType)]>>,
        data: impl Into<Cow<'a, [Data]>>,
        roundings: usize,
        factors: Option<Factors>,
    ) -> Inputs<'a> {
        Inputs { kinds: kinds.into(), data: data.into(), roundings, factors, quick: None }
    }

    /// Bounds the sums of a product by the norms of the rows of A and the columns of B from here on, which is fast.
    pub fn quick(mut self) -> Inputs<'a> {
        self.quick = self.factors.map(|factors| Product::new(&self, factors));
        self
    }

    /// Whether sums are bounded quickly.
    pub fn is_quick(&self) -> bool {
        self.quick.is_some()
    }

    /// Number of inputs.
    pub fn count(&self) -> usize {
        self.kinds.len()
    }

    /// Shapes and element types.
    pub fn kinds(&self) -> &[(Shape, DType)] {
        &self.kinds
    }

    /// Contents.
    pub fn data(&self) -> &[Data] {
        &self.data
    }

    /// Extents of an input.
    pub fn dims(&self, input: usize) -> &[usize] {
        self.kinds[input].0.dims()
    }

    /// Columns of an input that is a matrix; 1 of a vector.
    pub fn columns(&self, input: usize) -> usize {
        self.dims(input).get(1).copied().unwrap_or(1)
    }

    /// Elements of an input of floats.
    ///
    /// # Panics
    /// If the input has words: the op's bound takes the wrong one.
    pub fn floats(&self, input: usize) -> &[f32] {
        match &self.data[input] {
            Data::Float(data) => data,
            Data::Word(_) => panic!("input {input} holds words"),
        }
    }

    /// One element.
    pub fn float(&self, input: usize, index: usize) -> f64 {
        f64::from(self.floats(input)[index])
    }

    /// The absolute value of one element.
    pub fn magnitude(&self, input: usize, index: usize) -> f64 {
        self.float(input, index).abs()
    }

    /// A row of a matrix.
    pub fn row(&self, input: usize, row: usize) -> &[f32] {
        let columns = self.columns(input);
        &self.floats(input)[row * columns..][..columns]
    }

    /// Element `index` of the op's product, to which `extra` is added.
    ///
    /// # Panics
    /// If the op states no factors.
    pub fn sum(&self, index: usize, extra: f64) -> Sum {
        let Some(factors) = self.factors else { panic!("the op states no factors") };
        let Size { n, k, .. } = self.size(factors);
        let (row, column) = (index / n, index % n);
        let (value, magnitude, whole) = match &self.quick {
            Some(product) => {
                (f64::from(product.values[index]), product.norms_a[row] * product.norms_b[column], product.whole)
            }
            None => {
                let (value, magnitude) = self.add_up(factors, row, column);
                (value, magnitude, false)
            }
        };
        let terms = k + usize::from(extra != 0.0) + self.roundings;
        let rounding = if whole { 0.0 } else { gamma(terms) * (magnitude + extra.abs()) };
        Sum { value: value + extra, magnitude, rounding: rounding + flushed(k) }
    }

    /// Sum and Σ|terms| of an element of a product.
    fn add_up(&self, factors: Factors, row: usize, column: usize) -> (f64, f64) {
        let Size { m, n, k } = self.size(factors);
        let (a, b) = (self.floats(factors.a), self.floats(factors.b));
        let terms = (0..k).map(|l| {
            let a = a[if factors.form == Form::TN { l * m + row } else { row * k + l }];
            let b = b[if factors.form == Form::NT { column * k + l } else { l * n + column }];
            f64::from(a) * f64::from(b)
        });
        terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()))
    }

    /// Rows of A, columns of B, and the length of the sums.
    fn size(&self, factors: Factors) -> Size {
        let (a, b) = (self.dims(factors.a), self.dims(factors.b));
        let (m, k) = if factors.form == Form::TN { (a[1], a[0]) } else { (a[0], a[1]) };
        Size { m, n: if factors.form == Form::NT { b[0] } else { b[1] }, k }
    }
}

impl Product {
    fn new(inputs: &Inputs<'_>, factors: Factors) -> Product {
        let Size { m, n, k } = inputs.size(factors);
        let (a, b) = (inputs.floats(factors.a), inputs.floats(factors.b));
        let mut values = vec![0.0; m * n];
        let operands = (Matrix::from(a), Matrix::from(b));
        cpu_product::multiply(factors.form, Size { m, n, k }, operands, &mut values, Scaling::PRODUCT, false, |_| ());
        let floats = inputs.data.iter().filter_map(|input| match input {
            Data::Float(data) => Some(&data[..]),
            Data::Word(_) => None,
        });
        let all_whole = floats.flatten().all(|x| x.fract() == 0.0);
        let largest = |data: &[f32]| data.iter().fold(0.0, |most: f64, x| most.max(f64::from(x.abs())));
        // One term more, for a bias.
        let whole = all_whole && (k + 1) as f64 * (largest(a) * largest(b)).max(1.0) < WHOLE;
        let norms_a = norms(a, m, if factors.form == Form::TN { (1, m) } else { (k, 1) }, k);
        let norms_b = norms(b, n, if factors.form == Form::NT { (k, 1) } else { (1, n) }, k);
        Product { values, norms_a, norms_b, whole }
    }
}

/// Lengths of `count` vectors of `k` elements, which start every `start` elements and go on every `next`.
fn norms(data: &[f32], count: usize, (start, next): (usize, usize), k: usize) -> Vec<f64> {
    let mut squares = vec![0.0; count];
    for (i, square) in squares.iter_mut().enumerate() {
        *square = (0..k).map(|l| f64::from(data[i * start + l * next]).powi(2)).sum::<f64>().sqrt();
    }
    squares
}
