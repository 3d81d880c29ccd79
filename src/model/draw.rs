//! Initial values of parameters, drawn from the counter generator.
//!
//! Element `i` of a tensor is a function of (seed, the tensor's path, i): a layer starts with the same weights whatever
//! the other layers are, on every device.

use super::{Init, Tensor, TensorSpec};
use crate::error::{Error, Result};
use crate::random::{Purpose, stream_key_of, unit, word};

impl TensorSpec {
    /// The tensor with its initial values for `seed`.
    ///
    /// # Errors
    /// As [`Init::draw`].
    pub fn initialize(&self, seed: u64) -> Result<Tensor> {
        let data = self.init.draw(self, seed)?;
        Ok(Tensor { name: self.path.clone(), shape: self.shape.dims().to_vec(), data })
    }
}

impl Init {
    /// The initial values of a tensor, row-major. Its path selects the random numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are 2³² or more; [`Error::OutOfMemory`] if there is no memory for them.
    pub fn draw(self, spec: &TensorSpec, seed: u64) -> Result<Vec<f32>> {
        let key = stream_key_of(seed, Purpose::Init, &spec.path);
        let count = spec.shape.elements_u32(&spec.path)?;
        let (fan_in, fan_sum) = (spec.fan_in as f64, (spec.fan_in + spec.fan_out) as f64);
        let mut values = Vec::new();
        values
            .try_reserve_exact(count as usize)
            .map_err(|_| Error::memory(format!("drawing {count} initial values of `{}`", spec.path)))?;
        let uniform = |bound: f64| move |i| (bound * (2.0 * f64::from(unit(word(key, i, 0))) - 1.0)) as f32;
        // Box–Muller: word i of step 0 and of step 1.
        let normal = |deviation: f64| {
            move |i| {
                let u = 1.0 - f64::from(unit(word(key, i, 0)));
                let v = f64::from(unit(word(key, i, 1)));
                (deviation * (-2.0 * libm::log(u)).sqrt() * libm::cos(std::f64::consts::TAU * v)) as f32
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
}
