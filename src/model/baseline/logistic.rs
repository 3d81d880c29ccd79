//! Logistic regression with scikit-learn's default penalty, in f64: Newton's method, each step by conjugate gradients.
//!
//! It minimizes ½Σw² + C Σ sᵢℓᵢ with C = 1, sᵢ the weight of row i, ℓᵢ its cross-entropy; intercepts have no penalty. Two
//! classes have one linear function, more have one each.

use crate::model::quality::weight;

/// Largest entry of the gradient at which the minimum is reached. The penalty's curvature is 1, so that no coefficient
/// is off by much more.
const TOLERANCE: f64 = 1e-8;
/// Most Newton steps.
const MOST_STEPS: usize = 50;
/// Most rows · inputs · functions · products with the Hessian: what takes a few seconds.
const MOST_WORK: usize = 4_000_000_000;
/// Fewest and most products with the Hessian, where that allows more or less.
const PRODUCTS: [usize; 2] = [60, 1000];

/// The classes of the training rows.
#[derive(Clone, Copy)]
pub(super) struct Classes<'a> {
    pub labels: &'a [u32],
    pub count: usize,
}

/// A linear function for each class but for those without rows; of two classes one for the second.
pub(super) struct LogisticRegression {
    width: usize,
    classes: usize,
    /// The classes that have rows, in order.
    present: Vec<usize>,
    /// For each function its coefficients and its intercept.
    parameters: Vec<f64>,
    /// Whether they are the minimum; else it would have taken too long.
    pub is_minimum: bool,
}

/// What is minimized.
struct Problem<'a> {
    x: &'a [f32],
    width: usize,
    /// The position among the classes that have rows of each row's class.
    labels: Vec<usize>,
    weights: Option<&'a [f32]>,
    functions: usize,
}

impl LogisticRegression {
    /// Fits rows of `width` inputs, row-major.
    pub fn fit(
        x: &[f32],
        width: usize,
        classes: Classes<'_>,
        weights: Option<&[f32]>,
    ) -> Result<LogisticRegression, String> {
        let mut has_rows = vec![false; classes.count];
        for (row, &label) in classes.labels.iter().enumerate() {
            has_rows[label as usize] |= weight(weights, row) > 0.0;
        }
        let present: Vec<usize> = (0..classes.count).filter(|&class| has_rows[class]).collect();
        let functions = match present.len() {
            0 | 1 => return Err("all training rows are of one class".into()),
            2 => 1,
            more => more,
        };
        // Rows of a class without any weight weigh nothing themselves.
        let position = |&label: &u32| present.iter().position(|&class| class == label as usize).unwrap_or(0);
        let labels = classes.labels.iter().map(position).collect();
        let problem = Problem { x, width, labels, weights, functions };
        let (parameters, is_minimum) = problem.minimize();
        Ok(LogisticRegression { width, classes: classes.count, present, parameters, is_minimum })
    }

    /// The probability of each class for each row of inputs, row-major; 0 of classes that had no rows.
    pub fn probabilities(&self, x: &[f32]) -> Vec<f64> {
        let functions = self.parameters.len() / (self.width + 1);
        let mut all = vec![0.0; x.len() / self.width * self.classes];
        let mut own = vec![0.0; functions];
        for (x, row) in x.chunks_exact(self.width).zip(all.chunks_exact_mut(self.classes)) {
            linear(&self.parameters, x, &mut own);
            soften(&mut own);
            match (&own[..], &self.present[..]) {
                ([second], &[zero, one]) => (row[zero], row[one]) = (1.0 - second, *second),
                (own, present) => present.iter().zip(own).for_each(|(&class, &p)| row[class] = p),
            }
        }
        all
    }
}

/// The linear functions of one row.
fn linear(parameters: &[f64], x: &[f32], z: &mut [f64]) {
    for (z, own) in z.iter_mut().zip(parameters.chunks_exact(x.len() + 1)) {
        *z = dot(x, own) + own[x.len()];
    }
}

/// Σ xᵢwᵢ in eight sums, which a compiler makes vectors of.
fn dot(x: &[f32], w: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (blocks, weights) = (x.chunks_exact(8), w[..x.len()].chunks_exact(8));
    let rest: f64 = blocks.remainder().iter().zip(weights.remainder()).map(|(&x, w)| f64::from(x) * w).sum();
    for (x, w) in blocks.zip(weights) {
        for i in 0..8 {
            sums[i] += f64::from(x[i]) * w[i];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Logits to probabilities, in place: the sigmoid of one, the softmax of several.
fn soften(z: &mut [f64]) {
    if let [only] = z {
        *only = if *only >= 0.0 { 1.0 / (1.0 + (-*only).exp()) } else { only.exp() / (1.0 + only.exp()) };
        return;
    }
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    z.iter_mut().for_each(|z| *z = (*z - largest).exp());
    let sum: f64 = z.iter().sum();
    z.iter_mut().for_each(|z| *z /= sum);
}

/// −ln of the probability of the true class, from logits.
fn cross_entropy(z: &[f64], label: usize) -> f64 {
    if let [only] = z {
        let signed = if label == 1 { *only } else { -only };
        return (-signed).max(0.0) + (-signed.abs()).exp().ln_1p();
    }
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + z.iter().map(|z| (z - largest).exp()).sum::<f64>().ln() - z[label]
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Problem<'_> {
    fn rows(&self) -> impl Iterator<Item = (usize, &[f32], f64)> {
        self.x.chunks_exact(self.width).enumerate().map(|(row, x)| (row, x, weight(self.weights, row)))
    }

    /// Adds each function's `errors` times the row and 1 to `sums`.
    fn add_row(&self, sums: &mut [f64], errors: &[f64], x: &[f32]) {
        for (sums, &error) in sums.chunks_exact_mut(self.width + 1).zip(errors) {
            sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += error * f64::from(x));
            sums[self.width] += error;
        }
    }

    /// Adds the penalty's share: the coefficients, but not the intercepts.
    fn add_penalty(&self, sums: &mut [f64], parameters: &[f64]) {
        let width = self.width;
        for (sums, own) in sums.chunks_exact_mut(width + 1).zip(parameters.chunks_exact(width + 1)) {
            sums[..width].iter_mut().zip(own).for_each(|(sum, w)| *sum += w);
        }
    }

    fn value(&self, parameters: &[f64]) -> f64 {
        let mut z = vec![0.0; self.functions];
        let mut sum = 0.0;
        for (row, x, weight) in self.rows() {
            linear(parameters, x, &mut z);
            sum += weight * cross_entropy(&z, self.labels[row]);
        }
        let squares = |own: &[f64]| inner(&own[..self.width], &own[..self.width]);
        sum + 0.5 * parameters.chunks_exact(self.width + 1).map(squares).sum::<f64>()
    }

    /// The gradient, the diagonal of the Hessian, and the probabilities that both come from.
    fn gradient(&self, parameters: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let (mut gradient, mut diagonal) = (vec![0.0; parameters.len()], vec![0.0; parameters.len()]);
        let mut probabilities = vec![0.0; self.labels.len() * self.functions];
        let (mut errors, mut squares) = (vec![0.0; self.functions], vec![0.0f32; self.width]);
        let mut curvatures = errors.clone();
        for ((row, x, weight), p) in self.rows().zip(probabilities.chunks_exact_mut(self.functions)) {
            linear(parameters, x, p);
            soften(p);
            for (k, &p) in p.iter().enumerate() {
                let is_true = self.labels[row] == if self.functions == 1 { 1 } else { k };
                errors[k] = weight * (p - f64::from(u8::from(is_true)));
                curvatures[k] = weight * p * (1.0 - p);
            }
            squares.iter_mut().zip(x).for_each(|(square, x)| *square = x * x);
            self.add_row(&mut gradient, &errors, x);
            self.add_row(&mut diagonal, &curvatures, &squares);
        }
        self.add_penalty(&mut gradient, parameters);
        self.add_penalty(&mut diagonal, &vec![1.0; parameters.len()]);
        (gradient, diagonal, probabilities)
    }

    /// The Hessian times a direction.
    fn product(&self, probabilities: &[f64], direction: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; direction.len()];
        let mut u = vec![0.0; self.functions];
        for ((_, x, weight), p) in self.rows().zip(probabilities.chunks_exact(self.functions)) {
            linear(direction, x, &mut u);
            let centre = if self.functions == 1 { p[0] * u[0] } else { inner(p, &u) };
            u.iter_mut().zip(p).for_each(|(u, p)| *u = weight * p * (*u - centre));
            self.add_row(&mut sums, &u, x);
        }
        self.add_penalty(&mut sums, direction);
        sums
    }

    /// The parameters, and whether they are the minimum.
    fn minimize(&self) -> (Vec<f64>, bool) {
        let mut parameters = vec![0.0; self.functions * (self.width + 1)];
        let mut value = self.value(&parameters);
        let size = self.labels.len().saturating_mul(parameters.len()).max(1);
        let mut products = (MOST_WORK / size).clamp(PRODUCTS[0], PRODUCTS[1]);
        for _ in 0..MOST_STEPS {
            let (gradient, diagonal, probabilities) = self.gradient(&parameters);
            let steepest = gradient.iter().fold(0.0f64, |most, g| most.max(g.abs()));
            if steepest <= TOLERANCE {
                return (parameters, true);
            }
            let direction = self.newton_step(&gradient, &diagonal, &probabilities, &mut products);
            let slope = inner(&gradient, &direction);
            let mut length = 1.0;
            loop {
                let next: Vec<f64> = parameters.iter().zip(&direction).map(|(w, d)| w + length * d).collect();
                let next_value = self.value(&next);
                // Close to the minimum the value changes by less than its rounding.
                if next_value <= value + 1e-4 * length * slope + 1e-13 * value.abs() {
                    (parameters, value) = (next, next_value);
                    break;
                }
                length *= 0.5;
                if length < 1e-10 {
                    return (parameters, false);
                }
            }
            if products == 0 {
                break;
            }
        }
        (parameters, false)
    }

    /// Solves Hessian · d = −gradient by conjugate gradients, preconditioned by the diagonal, as exactly as it pays and
    /// as `products` allows.
    fn newton_step(&self, gradient: &[f64], diagonal: &[f64], probabilities: &[f64], products: &mut usize) -> Vec<f64> {
        let mut step = vec![0.0; gradient.len()];
        let mut residual: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let precondition = |r: &[f64]| -> Vec<f64> { r.iter().zip(diagonal).map(|(r, d)| r / d.max(1e-12)).collect() };
        let mut prepared = precondition(&residual);
        let mut direction = prepared.clone();
        let mut size = inner(&residual, &prepared);
        let length = inner(gradient, gradient).sqrt();
        let target = length * length.sqrt().min(0.1) + 0.01 * TOLERANCE;
        while inner(&residual, &residual).sqrt() > target && *products > 0 {
            *products -= 1;
            let curved = self.product(probabilities, &direction);
            let curvature = inner(&direction, &curved);
            if curvature <= 0.0 {
                break;
            }
            let length = size / curvature;
            for i in 0..step.len() {
                step[i] += length * direction[i];
                residual[i] -= length * curved[i];
            }
            prepared = precondition(&residual);
            let next = inner(&residual, &prepared);
            let keep = next / size;
            size = next;
            direction.iter_mut().zip(&prepared).for_each(|(d, p)| *d = p + keep * *d);
        }
        step
    }
}
