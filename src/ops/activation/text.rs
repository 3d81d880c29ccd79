//! Activations as text, in flags, config files and model files: `relu`, or with a parameter `leaky_relu:0.2`.

use super::Activation;
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

impl fmt::Display for Activation {
    /// `relu`, or with a parameter `leaky_relu:0.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if self.with_parameter(self.parameter()).is_some() { write!(f, ":{}", self.parameter()) } else { Ok(()) }
    }
}

impl FromStr for Activation {
    type Err = Error;

    /// Reads `relu`, `leaky_relu` or `leaky_relu:0.2`.
    fn from_str(text: &str) -> Result<Self> {
        let (name, parameter) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter)),
            None => (text, None),
        };
        let default = Self::ALL.iter().copied().find(|a| a.name() == name);
        let default = default.ok_or_else(|| Error::unknown("activation", name, Self::ALL.iter().map(|a| a.name())))?;
        let Some(parameter) = parameter else { return Ok(default) };
        let value = parameter.parse().ok().and_then(|p| default.with_parameter(p));
        value.ok_or_else(|| Error::option("activation", text, "not a parameter this function takes"))
    }
}

impl TryFrom<String> for Activation {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Activation> for String {
    fn from(activation: Activation) -> String {
        activation.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_parameters_survive_the_round_trip() {
        for &activation in Activation::ALL {
            assert_eq!(activation.to_string().parse::<Activation>().unwrap(), activation);
            assert_eq!(Activation::from_index(activation.index(), activation.parameter()), activation);
        }
        assert_eq!("leaky_relu:0.2".parse::<Activation>().unwrap(), Activation::LeakyRelu { slope: 0.2 });
        assert!("relu:0.2".parse::<Activation>().is_err());
        assert!("leaky_relu:-1".parse::<Activation>().is_err());
        assert!("rellu".parse::<Activation>().unwrap_err().to_string().contains("`relu`"));
    }
}
