//! An axis: its range, where its marks stand, and how their numbers are written.

/// An axis: its name with the unit, and what of it is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What stands beside it.
    pub name: String,
    /// From where to where; without it as far as the points go.
    pub range: Option<(f64, f64)>,
    /// Whether equal distances are equal factors. Only points above 0 are then shown.
    pub log: bool,
}

impl Axis {
    /// An axis as far as the points go.
    pub fn new(name: &str) -> Axis {
        Axis { name: name.into(), ..Axis::default() }
    }

    /// From where to where it goes.
    pub fn range(self, from: f64, to: f64) -> Axis {
        Axis { range: Some((from, to)), ..self }
    }

    /// With equal distances for equal factors, if these values lie above 0 and far apart.
    pub fn log_if_wide(self, values: impl Iterator<Item = f64> + Clone) -> Axis {
        let (low, high) = bounds(values);
        Axis { log: low > 0.0 && high / low > 50.0, ..self }
    }
}

/// The least and the largest of some numbers that are finite.
pub fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.filter(|x| x.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)))
}

/// An axis along so many units of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    from: f64,
    to: f64,
    log: bool,
    /// Where marks stand, in numbers of the axis, and what is written there.
    pub marks: Vec<(f64, String)>,
}

impl Scale {
    /// The axis for these values, with about so many marks.
    pub fn new(axis: &Axis, values: impl Iterator<Item = f64>, marks: usize) -> Scale {
        let shown = values.filter(|&x| !axis.log || x > 0.0);
        let (low, high) = axis.range.unwrap_or_else(|| bounds(shown));
        if axis.log {
            return Scale::decades(low, high);
        }
        let (mut low, mut high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        if low == high {
            let around = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            (low, high) = (low - around, high + around);
        }
        let step = step((high - low) / marks.max(2) as f64);
        if axis.range.is_none() {
            // To whole marks, as far as that leaves little empty.
            (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        }
        let first = (low / step - 1e-9).ceil() as i64;
        let count = ((high - low) / step + 1e-9).floor() as i64;
        let marks = (first..=first + count)
            .map(|i| i as f64 * step)
            .filter(|x| *x <= high + step * 1e-6)
            .map(|x| (x, written(x, step)))
            .collect();
        Scale { from: low, to: high, log: false, marks }
    }

    fn decades(low: f64, high: f64) -> Scale {
        let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.1, 1.0) };
        let (first, last) =
            (low.log10().floor() as i32, (high.log10().ceil() as i32).max(low.log10().floor() as i32 + 1));
        let every = ((last - first) as usize).div_ceil(6).max(1);
        let marks = (first..=last)
            .step_by(every)
            .map(|exponent| (10f64.powi(exponent), written(10f64.powi(exponent), 10f64.powi(exponent))))
            .collect();
        Scale { from: 10f64.powi(first), to: 10f64.powi(last), log: true, marks }
    }

    /// Where a number stands, from 0 at the beginning to 1 at the end.
    pub fn place(&self, x: f64) -> f64 {
        match self.log {
            true => (x / self.from).log10() / (self.to / self.from).log10(),
            false => (x - self.from) / (self.to - self.from),
        }
    }
}

/// 1, 2 or 5 times a power of ten: the least that is not below `least`.
fn step(least: f64) -> f64 {
    let power = 10f64.powf(least.abs().max(1e-300).log10().floor());
    let wanted = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    wanted.unwrap_or(10.0) * power
}

/// A number at a mark, with the digits that tell it from its neighbours.
pub fn written(x: f64, step: f64) -> String {
    let x = if x.abs() < step * 1e-6 { 0.0 } else { x };
    if x != 0.0 && (x.abs() >= 1e6 || x.abs() < 1e-4) {
        let digits = (x.abs().log10().floor() - step.log10().floor()).clamp(0.0, 4.0) as usize;
        return format!("{x:.digits$e}").replace('-', "−");
    }
    let digits = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
    format!("{x:.digits$}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(low: f64, high: f64, log: bool) -> Vec<String> {
        let axis = Axis { log, ..Axis::new("x") };
        Scale::new(&axis, [low, high].into_iter(), 5).marks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn marks_are_round_numbers_around_the_values() {
        assert_eq!(marks(0.0, 1.0, false), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(marks(1.0, 100.0, false), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(marks(-3.0, 4.0, false), ["−4", "−2", "0", "2", "4"]);
        assert_eq!(marks(0.002, 3.0, true), ["0.001", "0.01", "0.1", "1", "10"]);
        assert_eq!(marks(5e6, 6e6, false), ["5.0e6", "5.2e6", "5.4e6", "5.6e6", "5.8e6", "6.0e6"]);
        // One value, or none, still makes an axis.
        assert!(marks(7.0, 7.0, false).contains(&"7.0".into()));
        assert!(!marks(f64::NAN, f64::NAN, false).is_empty());
    }
}
