//! Limits on gradients before the update, against steps that a few steep rows make too long.

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::ops::clip::{ClipNorm, ClipValue};
use crate::ops::elementwise::Elementwise;
use crate::ops::penalty::Penalty;

/// Limits on gradients: PyTorch's `clip_grad_value_` and `clip_grad_norm_`. With both, elements are limited first.
///
/// ```
/// use anygrad::optim::Clipping;
/// let clipping = Clipping { max_grad_norm: Some(1.0), ..Clipping::default() };
/// assert!(clipping.validate().is_ok());
/// let error = Clipping { max_grad_norm: Some(0.0), ..clipping }.validate().unwrap_err();
/// assert_eq!(error.to_string(), "max_grad_norm = 0: must be a number above 0");
/// ```
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

    /// Appends the limited gradients of a model to its graph, one for each of `gradients`.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::optim::Clipping;
    /// let mut graph = Graph::new();
    /// graph.begin_phase("train");
    /// let gradient = graph.declare("gradient", [4], DType::F32, Role::Input);
    /// let clipping = Clipping { max_grad_value: Some(0.5), max_grad_norm: None };
    /// let clipped = clipping.apply(&mut graph, vec![gradient])?;
    /// assert_ne!(clipped, [gradient]);
    /// assert_eq!(Clipping::default().apply(&mut graph, vec![gradient])?, [gradient]);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
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
