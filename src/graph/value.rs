//! Tensors as a graph knows them: extents, element types, lifetimes; and their contents, where a test or a bound has them.

use crate::error::{Error, Result};
use std::fmt;

/// Extents of a row-major tensor; the last varies fastest.
///
/// ```
/// use anygrad::graph::Shape;
/// let shape = Shape::from([2, 3]);
/// assert_eq!(shape.elements(), 6);
/// assert_eq!(shape.matrix("my op")?, (2, 3));
/// assert_eq!(shape.to_string(), "[2, 3]");
/// assert!(shape.vector("my op").unwrap_err().to_string().contains("my op"));
/// # Ok::<(), anygrad::Error>(())
/// ```
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

    /// Returns the shape with its first extent (the rows) limited to `most`.
    pub(crate) fn with_rows_at_most(&self, most: usize) -> Shape {
        let mut dims = self.0.clone();
        dims.iter_mut().take(1).for_each(|rows| *rows = most.min(*rows));
        Shape(dims)
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
///
/// ```
/// use anygrad::graph::DType;
/// assert_eq!(DType::F32.words(5), 5);
/// // Four bytes to a word.
/// assert_eq!(DType::U8.words(5), 2);
/// ```
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

/// Number of a value in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// Position in [`Graph::values`](super::Graph::values).
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The role of a value in a run: how long it lives, who writes it, and whether a snapshot must hold it.
///
/// | role | written by | memory | survives |
/// |---|---|---|---|
/// | `Parameter` | the host at the start, then the optimizer | own | yes |
/// | `Optimizer` | the optimizer, from 0 on | own | yes |
/// | `Running` | the host at the start, then training steps | own | yes |
/// | `Dataset`, `Input` | the host | own | no |
/// | `Order` | the phase that begins a pass | own | no |
/// | `Results` | each batch | own | no |
/// | `Constant` | nobody | own | no |
/// | `Output` | its phase | own | no |
/// | `Intermediate` | its phase | shared | no |
///
/// ```
/// use anygrad::graph::Role;
/// assert!(Role::Parameter.survives() && Role::Parameter.is_persistent());
/// assert!(Role::Input.is_persistent() && !Role::Input.survives());
/// assert!(Role::Intermediate.is_produced() && !Role::Intermediate.is_persistent());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Trained by the optimizer.
    Parameter,
    /// What the optimizer keeps for a parameter, such as its velocity.
    Optimizer,
    /// What training keeps up without gradients, such as a running mean.
    Running,
    /// Rows that stay for a whole run, and what is computed from them before it.
    Dataset,
    /// Row order of a pass over the dataset: a function of the clock.
    Order,
    /// The ring in which batches file their results, for the host to read.
    Results,
    /// What the host writes before a phase runs, such as a batch of its own.
    Input,
    /// Every element has this value, always.
    Constant(f32),
    /// Lives within one phase, between its producer and its last reader; its memory is shared.
    Intermediate,
    /// Produced within a phase and kept after it, to be read back.
    Output,
}

impl Role {
    /// Whether the rest of a run depends on the value, and nothing else gives it again: what a snapshot must hold.
    pub fn survives(&self) -> bool {
        matches!(self, Role::Parameter | Role::Optimizer | Role::Running)
    }

    /// Whether a phase produces the value anew, whole.
    pub fn is_produced(&self) -> bool {
        matches!(self, Role::Intermediate | Role::Output)
    }

    /// Whether the value keeps its memory for the whole life of a plan.
    pub fn is_persistent(self) -> bool {
        !matches!(self, Role::Intermediate)
    }
}

/// One tensor.
#[derive(Clone, Debug)]
pub struct Value {
    /// Label, such as `0.weight`.
    pub name: String,
    /// Extents, row-major.
    pub shape: Shape,
    /// Element type.
    pub dtype: DType,
    /// Lifetime.
    pub role: Role,
}

/// Contents of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Floats.
    Float(Vec<f32>),
    /// Words or packed bytes.
    Word(Vec<u32>),
}

impl Data {
    /// The 32-bit words.
    pub fn words(&self) -> &[u32] {
        match self {
            Data::Float(data) => bytemuck::cast_slice(data),
            Data::Word(data) => data,
        }
    }
}
