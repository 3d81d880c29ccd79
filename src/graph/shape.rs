//! Extents and element types of tensors.

use crate::error::{Error, Result};
use std::fmt;

/// Extents of a row-major tensor; the last varies fastest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// The extents.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// `(rows, columns)` of a matrix.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are not exactly two extents.
    pub fn matrix(&self, place: &str) -> Result<(usize, usize)> {
        match self.0[..] {
            [rows, columns] => Ok((rows, columns)),
            _ => Err(Error::shape(place, format!("expected a matrix, got shape {self}"))),
        }
    }

    /// Length of a vector.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is not exactly one extent.
    pub fn vector(&self, place: &str) -> Result<usize> {
        match self.0[..] {
            [length] => Ok(length),
            _ => Err(Error::shape(place, format!("expected a vector, got shape {self}"))),
        }
    }

    /// The number of elements as u32, the index type on the device.
    ///
    /// # Errors
    /// [`Error::Shape`] if it does not fit.
    pub fn elements_u32(&self, place: &str) -> Result<u32> {
        self.0
            .iter()
            .try_fold(1u32, |product, &d| product.checked_mul(u32::try_from(d).ok()?))
            .ok_or_else(|| Error::shape(place, format!("{self} has more than 2³² elements")))
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Shape(dims.to_vec())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Shape(dims)
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[")?;
        for (i, d) in self.0.iter().enumerate() {
            write!(f, "{}{d}", if i == 0 { "" } else { ", " })?;
        }
        write!(f, "]")
    }
}

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 32-bit unsigned integer: labels, row numbers.
    U32,
    /// Bytes, packed four to a 32-bit word, the first in the lowest bits: pixels.
    U8,
}

impl DType {
    /// Number of 32-bit words that `elements` elements take.
    pub fn words(self, elements: usize) -> usize {
        match self {
            DType::F32 | DType::U32 => elements,
            DType::U8 => elements.div_ceil(4),
        }
    }
}
