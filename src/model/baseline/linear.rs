//! Linear regression by least squares, in f64.
//!
//! Columns are centred and scaled to norm 1, the normal equations solved by Cholesky's decomposition, and the solution
//! refined twice by the residuals of the rows themselves. A column that the earlier ones explain, such as the last of a
//! category's levels, gets the coefficient 0; predictions are those of any other least-squares solution.

use crate::model::quality::weight;

/// Of a column with norm 1, the least part of its square that earlier columns must leave unexplained.
const LEAST_PIVOT: f64 = 1e-11;
/// Variance over the square of the mean below which a column counts as constant: what rounding leaves.
const CONSTANT: f64 = 1e-24;

/// y = xβ + α, for one or several y.
pub(super) struct LinearRegression {
    /// One row of coefficients for each y.
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

/// The columns of the inputs, centred and scaled.
struct Columns {
    means: Vec<f64>,
    /// What a centred number is multiplied with; 0 for constant columns.
    factors: Vec<f64>,
}

impl LinearRegression {
    /// Fits `targets` numbers for each row of `width` inputs, both row-major.
    pub fn fit(
        x: &[f32],
        width: usize,
        y: &[f64],
        targets: usize,
        weights: Option<&[f32]>,
    ) -> Result<LinearRegression, String> {
        let columns = Columns::new(x, width, weights);
        let mut gram = vec![0.0; width * width];
        let mut z = vec![0.0; width];
        for (row, x) in x.chunks_exact(width).enumerate() {
            columns.standardize(x, &mut z);
            let weight = weight(weights, row);
            for i in 0..width {
                let factor = weight * z[i];
                if factor != 0.0 {
                    gram[i * width..][..=i].iter_mut().zip(&z).for_each(|(sum, z)| *sum += factor * z);
                }
            }
        }
        decompose(&mut gram, width);
        let total: f64 = (0..y.len() / targets).map(|row| weight(weights, row)).sum();
        let (mut coefficients, mut intercepts) = (Vec::new(), Vec::new());
        for target in 0..targets {
            let y: Vec<f64> = y.iter().skip(target).step_by(targets).copied().collect();
            let mean = y.iter().enumerate().map(|(row, y)| weight(weights, row) * y).sum::<f64>() / total;
            let mut solution = vec![0.0; width];
            for _ in 0..3 {
                let mut moments = vec![0.0; width];
                for (row, (x, y)) in x.chunks_exact(width).zip(&y).enumerate() {
                    columns.standardize(x, &mut z);
                    let explained: f64 = z.iter().zip(&solution).map(|(z, b)| z * b).sum();
                    let residual = weight(weights, row) * (y - mean - explained);
                    moments.iter_mut().zip(&z).for_each(|(sum, z)| *sum += residual * z);
                }
                solve(&gram, width, &mut moments);
                solution.iter_mut().zip(&moments).for_each(|(b, correction)| *b += correction);
            }
            let own: Vec<f64> = solution.iter().zip(&columns.factors).map(|(b, factor)| b * factor).collect();
            intercepts.push(mean - own.iter().zip(&columns.means).map(|(b, mean)| b * mean).sum::<f64>());
            coefficients.push(own);
        }
        if coefficients.iter().flatten().chain(&intercepts).any(|number| !number.is_finite()) {
            return Err("the numbers are too large for least squares".into());
        }
        Ok(LinearRegression { coefficients, intercepts })
    }

    /// A prediction of each target for each row of inputs, row-major.
    pub fn predict(&self, x: &[f32]) -> Vec<f64> {
        let width = self.coefficients.first().map_or(1, Vec::len);
        let of_row = |x: &[f32]| -> Vec<f64> {
            let sum = |own: &Vec<f64>| x.iter().zip(own).map(|(&x, b)| f64::from(x) * b).sum::<f64>();
            self.coefficients.iter().zip(&self.intercepts).map(|(own, intercept)| sum(own) + intercept).collect()
        };
        x.chunks_exact(width).flat_map(of_row).collect()
    }
}

impl Columns {
    fn new(x: &[f32], width: usize, weights: Option<&[f32]>) -> Columns {
        let (mut means, mut squares, mut total) = (vec![0.0; width], vec![0.0; width], 0.0);
        for (row, x) in x.chunks_exact(width).enumerate() {
            let weight = weight(weights, row);
            total += weight;
            means.iter_mut().zip(x).for_each(|(sum, &x)| *sum += weight * f64::from(x));
        }
        means.iter_mut().for_each(|sum| *sum /= total);
        for (row, x) in x.chunks_exact(width).enumerate() {
            let weight = weight(weights, row);
            for (i, &x) in x.iter().enumerate() {
                squares[i] += weight * (f64::from(x) - means[i]).powi(2);
            }
        }
        let factor = |(&square, &mean): (&f64, &f64)| {
            let is_constant = square <= CONSTANT * total * mean * mean || square == 0.0;
            if is_constant { 0.0 } else { 1.0 / square.sqrt() }
        };
        let factors = squares.iter().zip(&means).map(factor).collect();
        Columns { means, factors }
    }

    fn standardize(&self, x: &[f32], z: &mut [f64]) {
        for (i, &x) in x.iter().enumerate() {
            z[i] = (f64::from(x) - self.means[i]) * self.factors[i];
        }
    }
}

/// Turns the lower half of a matrix into Cholesky's factor. A column that earlier ones explain gets the diagonal 0.
fn decompose(matrix: &mut [f64], width: usize) {
    for i in 0..width {
        let (above, rest) = matrix.split_at_mut(i * width);
        let row = &mut rest[..=i];
        for j in 0..i {
            let other = &above[j * width..][..=j];
            let dot: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            row[j] = if other[j] == 0.0 { 0.0 } else { (row[j] - dot) / other[j] };
        }
        let pivot = row[i] - row[..i].iter().map(|a| a * a).sum::<f64>();
        row[i] = if pivot > LEAST_PIVOT { pivot.sqrt() } else { 0.0 };
    }
}

/// Solves L·Lᵀ·b = `b` in place; b is 0 where L's diagonal is.
fn solve(factor: &[f64], width: usize, b: &mut [f64]) {
    for i in 0..width {
        let row = &factor[i * width..][..=i];
        let dot: f64 = row[..i].iter().zip(&*b).map(|(l, b)| l * b).sum();
        b[i] = if row[i] == 0.0 { 0.0 } else { (b[i] - dot) / row[i] };
    }
    for i in (0..width).rev() {
        let row = &factor[i * width..][..=i];
        b[i] = if row[i] == 0.0 { 0.0 } else { b[i] / row[i] };
        let known = b[i];
        b[..i].iter_mut().zip(row).for_each(|(b, l)| *b -= l * known);
    }
}
