//! Initial values of parameters, drawn from the counter generator.
//!
//! Element `i` of a tensor is a function of (seed, the tensor's path, i): a layer starts with the same weights whatever
//! the other layers are, on every device.

use super::TensorSpec;
use crate::error::{Error, Result};
use crate::random::{Purpose, stream_key_of, unit, word};
use std::fmt;
use std::str::FromStr;

/// How a parameter starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Init {
    /// PyTorch's default for linear layers: uniform in ±1/√fan_in, weight and bias.
    #[default]
    Pytorch,
    /// Uniform in ±√(6/fan_in) (He et al., 2015).
    HeUniform,
    /// Normal with deviation √(2/fan_in) (He et al., 2015).
    HeNormal,
    /// Uniform in ±√(6/(fan_in + fan_out)) (Glorot and Bengio, 2010).
    GlorotUniform,
    /// Normal with deviation √(2/(fan_in + fan_out)) (Glorot and Bengio, 2010).
    GlorotNormal,
    /// Normal with this deviation: `normal:0.01`.
    Normal(f32),
    /// Uniform within ± this bound: `uniform:0.5`.
    Uniform(f32),
    /// All 0.
    Zeros,
    /// All this value: `constant:0.1`.
    Constant(f32),
}

impl Init {
    /// Names of all kinds.
    pub const NAMES: [&str; 9] = [
        "pytorch",
        "he_uniform",
        "he_normal",
        "glorot_uniform",
        "glorot_normal",
        "normal",
        "uniform",
        "zeros",
        "constant",
    ];

    /// The initial values of a tensor, row-major. Its path selects the random numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are 2³² or more; [`Error::OutOfMemory`] if there is no memory for them.
    pub fn draw(self, spec: &TensorSpec, seed: u64) -> Result<Vec<f32>> {
        let key = stream_key_of(seed, Purpose::Init, &spec.path);
        let count = spec.shape.elements_u32(&spec.path)?;
        let (fan_in, fan_sum) = (spec.fan_in as f64, (spec.fan_in + spec.fan_out) as f64);
        let mut values = Vec::new();
        values.try_reserve_exact(count as usize).map_err(|_| Error::OutOfMemory {
            context: format!("drawing {count} initial values of `{}`", spec.path),
        })?;
        let uniform = |bound: f64| move |i| (bound * (2.0 * f64::from(unit(word(key, i, 0))) - 1.0)) as f32;
        // Box–Muller: word i of step 0 and of step 1.
        let normal = |deviation: f64| {
            move |i| {
                let u = 1.0 - f64::from(unit(word(key, i, 0)));
                let v = f64::from(unit(word(key, i, 1)));
                (deviation * (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
            }
        };
        match self {
            Init::Pytorch => values.extend((0..count).map(uniform(1.0 / fan_in.sqrt()))),
            Init::HeUniform => values.extend((0..count).map(uniform((6.0 / fan_in).sqrt()))),
            Init::HeNormal => values.extend((0..count).map(normal((2.0 / fan_in).sqrt()))),
            Init::GlorotUniform => values.extend((0..count).map(uniform((6.0 / fan_sum).sqrt()))),
            Init::GlorotNormal => values.extend((0..count).map(normal((2.0 / fan_sum).sqrt()))),
            Init::Normal(deviation) => values.extend((0..count).map(normal(f64::from(deviation)))),
            Init::Uniform(bound) => values.extend((0..count).map(uniform(f64::from(bound)))),
            Init::Zeros => values.resize(count as usize, 0.0),
            Init::Constant(value) => values.resize(count as usize, value),
        }
        Ok(values)
    }

    fn parameter(self) -> Option<f32> {
        match self {
            Init::Normal(p) | Init::Uniform(p) | Init::Constant(p) => Some(p),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Init::Pytorch => Init::NAMES[0],
            Init::HeUniform => Init::NAMES[1],
            Init::HeNormal => Init::NAMES[2],
            Init::GlorotUniform => Init::NAMES[3],
            Init::GlorotNormal => Init::NAMES[4],
            Init::Normal(_) => Init::NAMES[5],
            Init::Uniform(_) => Init::NAMES[6],
            Init::Zeros => Init::NAMES[7],
            Init::Constant(_) => Init::NAMES[8],
        }
    }
}

impl fmt::Display for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parameter() {
            Some(p) => write!(f, "{}:{p}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

impl FromStr for Init {
    type Err = Error;

    fn from_str(text: &str) -> Result<Init> {
        let (name, parameter) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter)),
            None => (text, None),
        };
        let number = match parameter {
            Some(p) => Some(p.parse::<f32>().ok().filter(|p| p.is_finite()).ok_or_else(|| {
                Error::option("init", text, "the part behind `:` must be a number, as in normal:0.01")
            })?),
            None => None,
        };
        match (name, number) {
            ("pytorch", None) => Ok(Init::Pytorch),
            ("he_uniform", None) => Ok(Init::HeUniform),
            ("he_normal", None) => Ok(Init::HeNormal),
            ("glorot_uniform", None) => Ok(Init::GlorotUniform),
            ("glorot_normal", None) => Ok(Init::GlorotNormal),
            ("zeros", None) => Ok(Init::Zeros),
            ("normal", Some(p)) if p >= 0.0 => Ok(Init::Normal(p)),
            ("uniform", Some(p)) if p >= 0.0 => Ok(Init::Uniform(p)),
            ("constant", Some(p)) => Ok(Init::Constant(p)),
            _ if Init::NAMES.contains(&name) => {
                Err(Error::option("init", text, "normal, uniform and constant take a number, as in normal:0.01"))
            }
            _ => Err(Error::unknown("init", name, Init::NAMES)),
        }
    }
}

impl TryFrom<String> for Init {
    type Error = Error;
    fn try_from(text: String) -> Result<Init> {
        text.parse()
    }
}

impl From<Init> for String {
    fn from(init: Init) -> String {
        init.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TensorKind;

    fn spec(path: &str) -> TensorSpec {
        TensorSpec::new(path, [50, 200], TensorKind::Weight)
    }

    #[test]
    fn draws_have_the_stated_spread() {
        let deviation = |init: Init| {
            let values = init.draw(&spec("0.weight"), 1).unwrap();
            (values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
        };
        for (init, expected) in [
            (Init::Pytorch, (1.0 / 200.0 / 3.0f64).sqrt()),
            (Init::HeUniform, (2.0 / 200.0f64).sqrt()),
            (Init::HeNormal, (2.0 / 200.0f64).sqrt()),
            (Init::GlorotUniform, (2.0 / 250.0f64).sqrt()),
            (Init::GlorotNormal, (2.0 / 250.0f64).sqrt()),
            (Init::Normal(0.5), 0.5),
            (Init::Uniform(0.5), 0.5 / 3f64.sqrt()),
            (Init::Constant(-2.0), 2.0),
        ] {
            let got = deviation(init);
            assert!((got / expected - 1.0).abs() < 0.03, "{init}: {got}, expected {expected}");
        }
    }

    #[test]
    fn tensors_of_other_paths_and_seeds_draw_other_numbers() {
        let draw = |seed, path| Init::Pytorch.draw(&spec(path), seed).unwrap();
        assert_eq!(draw(1, "2.weight"), draw(1, "2.weight"));
        assert_ne!(draw(1, "2.weight"), draw(2, "2.weight"));
        let paths = ["2.weight", "3.weight", "2.bias", "2.0.weight", "2.0.1.weight"];
        let all: Vec<Vec<f32>> = paths.iter().map(|path| draw(1, path)).collect();
        for (i, values) in all.iter().enumerate() {
            assert!(!all[..i].contains(values), "{}", paths[i]);
        }
    }

    #[test]
    fn names_survive_the_round_trip() {
        for text in ["pytorch", "he_normal", "normal:0.01", "uniform:0.5", "zeros", "constant:-1"] {
            assert_eq!(text.parse::<Init>().unwrap().to_string(), text);
        }
        for text in ["normal", "zeros:1", "uniform:-1", "normal:nan", "hee_uniform"] {
            assert!(text.parse::<Init>().is_err(), "{text}");
        }
    }
}
