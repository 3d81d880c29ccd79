//! What an op is: the trait that its file implements, what it is asked for, and [`Op`], any of them.

use super::{DType, Data, Element, Factors, Graph, Inputs, Portable, Shape, Stage, Value, ValueId};
use crate::error::{Error, Result};
use crate::kernel::{Bound, Clock, Grid, KernelSpec, Variant, Workgroups};
use std::any::Any;
use std::fmt::{self, Debug};
use std::ops::Deref;
use std::sync::Arc;

/// Equality behind `dyn`. Every type with `==` has it.
pub trait DynEq: Any {
    /// Whether the other is of this type and equal.
    fn dyn_eq(&self, other: &dyn Any) -> bool;
}

impl<T: Any + PartialEq> DynEq for T {
    fn dyn_eq(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>().is_some_and(|other| self == other)
    }
}

/// What a graph, a plan and the tests ask of an op. A crate that implements it for a type of its own has an op like
/// those of [`crate::ops`].
///
/// ```
/// use anygrad::graph::{Operation, Shape};
/// use anygrad::kernel::Grid;
/// use anygrad::ops::matmul::Matmul;
/// let (a, b) = (Shape::from([8, 3]), Shape::from([3, 2]));
/// assert_eq!(Matmul::NN.spec().name, "matmul");
/// assert_eq!(Matmul::NN.grid(&[&a, &b]), Grid::Product { m: 8, n: 2, k: 3 });
/// assert_eq!(Matmul::NN.flops(&[&a, &b]), 2 * 8 * 2 * 3);
/// ```
pub trait Operation: DynEq + Debug + Send + Sync {
    /// The kernel that computes it.
    fn spec(&self) -> &'static KernelSpec;

    /// Shapes and element types of the outputs.
    ///
    /// # Errors
    /// [`Error::Shape`] if the inputs do not fit.
    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>>;

    /// Whether gradients go through it: if not, it must not stand between a parameter and the loss.
    fn is_differentiable(&self) -> bool {
        true
    }

    /// Appends the vector-Jacobian product: one gradient for each input, `None` where it is not needed or zero.
    ///
    /// # Errors
    /// [`Error::Shape`] if the op has no derivative.
    fn vjp(&self, _request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        Err(Error::shape(self.spec().name, "has no derivative: do not put it between a parameter and the loss"))
    }

    /// Constants that specialize the WGSL, named in [`KernelSpec::specialization`].
    fn constants(&self) -> Vec<(&'static str, u32)> {
        Vec::new()
    }

    /// The bytes of the kernel's `Params` for these shapes (inputs, then outputs).
    ///
    /// # Errors
    /// [`Error::Shape`] if an extent does not fit the device's index type.
    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>>;

    /// What it computes for these shapes: by it variants are chosen and workgroups counted.
    fn grid(&self, shapes: &[&Shape]) -> Grid;

    /// What the op does to each element of one of its inputs, if that is all it does: then it can be a part of fused
    /// products.
    fn stage(&self) -> Option<Stage> {
        None
    }

    /// What it computes for each row, if that does not depend on other rows and is arithmetic that other programs have: then
    /// models with the op in them can be exported.
    fn portable(&self) -> Option<Portable> {
        None
    }

    /// Number of workgroups of a variant.
    fn workgroups(&self, grid: &Grid, variant: &Variant) -> Workgroups {
        grid.workgroups(variant)
    }

    /// Arithmetic operations, roughly: of a product two for each term, of most other ops as many as the elements of the
    /// largest tensor.
    fn flops(&self, shapes: &[&Shape]) -> u64 {
        match self.grid(shapes) {
            Grid::Product { m, n, k } => 2 * (m * n * k) as u64,
            _ => shapes.iter().map(|shape| shape.elements() as u64).max().unwrap_or(0),
        }
    }

    /// How far a device may be from the twin in one element of a result of floats, derived from what WGSL guarantees
    /// ([`crate::kernel::error_bound`]). By default not at all.
    fn bound(&self, _inputs: &Inputs<'_>, _at: Element) -> f64 {
        0.0
    }

    /// How many numbers of its inputs are multiplied with each other at most: tests take none whose power of this degree
    /// is no float.
    fn degree(&self) -> u32 {
        3
    }

    /// The product that it computes, if it does: [`Inputs::sum`] then bounds its sums.
    fn factors(&self) -> Option<Factors> {
        None
    }

    /// The op whose bound it has, on inputs that are derived from its own, for an op that fetches some of its operands.
    fn equivalent(&self, _inputs: &Inputs<'_>, _clock: &Clock) -> Option<Equivalent> {
        None
    }

    /// Where its derivative jumps; `None` if nowhere.
    fn kinks(&self) -> Option<Kinks<'_>> {
        None
    }
}

/// Given an op's inputs, numbers that change sign where its derivative jumps.
pub type Kinks<'a> = Box<dyn Fn(&[Bound<'_, f64>]) -> Vec<f64> + 'a>;

/// The request for a vector-Jacobian product: an op is to append the gradients of its inputs, given that of its output.
///
/// ```
/// use anygrad::graph::{DType, Graph, Operation, Role, Vjp};
/// use anygrad::ops::matmul::Matmul;
/// let mut graph = Graph::new();
/// let x = graph.declare("x", [4, 2], DType::F32, Role::Input);
/// let w = graph.declare("w", [3, 2], DType::F32, Role::Parameter);
/// let y = graph.apply(Matmul::NT, &[x, w])?;
/// let grad_output = graph.declare("grad_y", [4, 3], DType::F32, Role::Input);
/// let (inputs, outputs, needed) = (&[x, w], &[y], &[false, true]);
/// let gradients = Matmul::NT.vjp(&mut Vjp { graph: &mut graph, inputs, outputs, grad_output, needed })?;
/// assert_eq!(gradients[0], None);
/// assert_eq!(gradients[1].map(|gradient| graph.shape(gradient).clone()), Some([3, 2].into()));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Debug)]
pub struct Vjp<'a> {
    /// Where to append.
    pub graph: &'a mut Graph,
    /// The node's inputs.
    pub inputs: &'a [ValueId],
    /// The node's outputs.
    pub outputs: &'a [ValueId],
    /// Gradient of the loss with respect to the first output.
    pub grad_output: ValueId,
    /// Which inputs need a gradient; the others may get `None`.
    pub needed: &'a [bool],
}

impl Vjp<'_> {
    /// Computes `gradient` only if input `i` needs one.
    pub fn if_needed(
        &mut self,
        i: usize,
        gradient: impl FnOnce(&mut Graph) -> Result<ValueId>,
    ) -> Result<Option<ValueId>> {
        if self.needed[i] { gradient(self.graph).map(Some) } else { Ok(None) }
    }
}

/// An op on inputs of its own that computes what another does.
#[derive(Debug)]
pub struct Equivalent {
    /// The op.
    pub op: Op,
    /// Shape and element type of its inputs.
    pub kinds: Vec<(Shape, DType)>,
    /// Their contents.
    pub data: Vec<Data>,
    /// For each tensor of the other op, inputs first, its position here.
    pub positions: Vec<usize>,
    /// How often the contents were rounded when they were computed.
    pub roundings: usize,
}

/// Any op: what a node of a graph computes. Its methods are those of [`Operation`].
///
/// ```
/// use anygrad::graph::Op;
/// use anygrad::ops::matmul::Matmul;
/// let op = Op::from(Matmul::NT);
/// assert_eq!(op.name(), "matmul");
/// assert!(op.is::<Matmul>());
/// assert_eq!(op.downcast_ref::<Matmul>(), Some(&Matmul::NT));
/// ```
#[derive(Clone)]
pub struct Op {
    op: Arc<dyn Operation>,
    /// Asked for once: the CPU backend needs it for each op of a chain in every step.
    stage: Option<Stage>,
}

impl Op {
    /// How it is a stage of fused products, if it can be one.
    pub fn stage(&self) -> Option<&Stage> {
        self.stage.as_ref()
    }

    /// The kernel's name.
    pub fn name(&self) -> &'static str {
        self.spec().name
    }

    /// Whether it is a `T`.
    pub fn is<T: Operation>(&self) -> bool {
        self.downcast_ref::<T>().is_some()
    }

    /// The op as a `T`, if it is one.
    pub fn downcast_ref<T: Operation>(&self) -> Option<&T> {
        let op: &dyn Any = &*self.op;
        op.downcast_ref()
    }
}

impl Op {
    /// The op as a value of its type, for the twins of fused kernels.
    pub fn as_any(&self) -> &dyn Any {
        &*self.op
    }
}

impl<T: Operation> From<T> for Op {
    fn from(op: T) -> Op {
        Op { stage: op.stage(), op: Arc::new(op) }
    }
}

impl Deref for Op {
    type Target = dyn Operation;

    fn deref(&self) -> &Self::Target {
        &*self.op
    }
}

impl Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.op.fmt(f)
    }
}

impl PartialEq for Op {
    fn eq(&self, other: &Op) -> bool {
        self.op.dyn_eq(&*other.op)
    }
}
