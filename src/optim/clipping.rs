//! Limits on gradients before the update, against steps that a few steep rows make too long.

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::ops::clip::{ClipNorm, ClipValue};
use crate::ops::elementwise::Elementwise;
use crate::ops::penalty::Penalty;

/// Limits on gradients: PyTorch's `clip_grad_value_` and `clip_grad_norm_`. With both, elements are limited first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clipping {
    /// Largest magnitude of an element, above 0.
    pub max_grad_value: Option<f32>,
    /// Largest norm of all gradients together, above 0.
    pub max_grad_norm: Option<f32>,
}

impl Clipping {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the field's name.
    pub fn validate(&self) -> Result<()> {
        for (name, limit) in [("max_grad_value", self.max_grad_value), ("max_grad_norm", self.max_grad_norm)] {
            if let Some(limit) = limit
                && !(limit > 0.0 && limit.is_finite())
            {
                return Err(Error::option(name, limit, "must be a number above 0"));
            }
        }
        Ok(())
    }

    /// Appends the limited gradients of a model, one for each of `gradients`.
    ///
    /// # Errors
    /// [`Error::Shape`] if a gradient has too many elements for the device's index type.
    pub fn apply(&self, graph: &mut Graph, gradients: Vec<ValueId>) -> Result<Vec<ValueId>> {
        let mut gradients = gradients;
        if let Some(limit) = self.max_grad_value {
            for gradient in &mut gradients {
                *gradient = graph.apply(ClipValue { limit }, &[*gradient])?;
            }
        }
        if let Some(limit) = self.max_grad_norm {
            let mut squares = None;
            for &gradient in &gradients {
                let own = graph.apply(Penalty::SQUARES, &[gradient])?;
                squares = Some(match squares {
                    Some(others) => graph.apply(Elementwise::Add, &[others, own])?,
                    None => own,
                });
            }
            let Some(squares) = squares else { return Ok(gradients) };
            for gradient in &mut gradients {
                *gradient = graph.apply(ClipNorm { limit }, &[*gradient, squares])?;
            }
        }
        Ok(gradients)
    }
}
