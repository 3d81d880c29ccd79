//! How a parameter starts, by name.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The distribution of a parameter's initial values.
///
/// ```
/// use anygrad::nn::Init;
/// assert_eq!("normal:0.01".parse::<Init>()?, Init::Normal(0.01));
/// assert_eq!(Init::HeUniform.to_string(), "he_uniform");
/// assert!("normal:wide".parse::<Init>().is_err());
/// # Ok::<(), anygrad::Error>(())
/// ```
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
