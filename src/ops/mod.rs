//! The table of all ops. One file per op holds everything about it: formula, gradient, parameters, kernel, variants,
//! dispatch and the CPU twin.

pub mod activation;
pub mod adagrad;
pub mod adam;
pub mod add_bias;
pub mod broadcast_rows;
pub mod class_weights;
pub mod classification_step;
pub mod clip;
pub mod column_sum;
pub mod correct_rows;
pub mod divide;
pub mod dropout;
pub mod elementwise;
pub mod gather;
pub mod gathered;
pub mod label_values;
pub mod linear;
pub mod linear_grad_input;
pub mod linear_update;
pub mod margin_loss;
pub mod matmul;
pub mod penalty;
pub mod pointwise_loss;
mod product;
pub mod record;
pub mod rmsprop;
pub mod scale;
pub mod sgd;
pub mod shuffle;
pub mod softmax_cross_entropy;

use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value, ValueId, Vjp};
use crate::kernel::{KernelSpec, Variant};

/// What an op's file provides.
pub trait Operation {
    /// The kernel that computes it.
    fn spec(&self) -> &'static KernelSpec;

    /// Shapes and element types of the outputs.
    ///
    /// # Errors
    /// [`Error::Shape`] if the inputs do not fit.
    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>>;

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

    /// Number of workgroups, from the parameters and the variant.
    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups;

    /// Arithmetic operations, roughly: of most ops as many as the elements of the largest tensor.
    fn flops(&self, shapes: &[&Shape]) -> u64 {
        shapes.iter().map(|shape| shape.elements() as u64).max().unwrap_or(0)
    }
}

/// Number of workgroups of a dispatch along x, y and z.
pub type Workgroups = [u32; 3];

/// Most workgroups along one dimension: WebGPU's limit.
pub const MAX_WORKGROUPS: u64 = 65_535;

/// A grid of at least `groups` workgroups that spills from x into y. Kernels number them with
/// `shaders/shared/grid.wgsl` and guard the tail.
pub fn linear_grid(groups: u64) -> Workgroups {
    let y = groups.div_ceil(MAX_WORKGROUPS).max(1);
    [groups.div_ceil(y) as u32, y as u32, 1]
}

/// The grid for one invocation per element.
pub(crate) fn element_grid(elements: u32, variant: &Variant) -> Workgroups {
    linear_grid(u64::from(elements).div_ceil(u64::from(variant.workgroup_size)))
}

/// An extent as the device's index type.
pub(crate) fn extent(place: &str, n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| Error::shape(place, format!("extent {n} exceeds 2³²")))
}

/// The variant table of a kernel with one invocation per element (or row): `rows!["x", x.wgsl, [parts]]`.
macro_rules! one_variant {
    ($entry:literal, $file:literal, [$($part:ident),*]) => {
        one_variant!($entry, $file, [$($part),*], 256)
    };
    ($entry:literal, $file:literal, [$($part:ident),*], $workgroup_size:literal) => {
        &[$crate::kernel::Variant {
            name: "plain",
            file: $file,
            source: include_str!(concat!("../../shaders/", $file)),
            entry_point: $entry,
            shared: &[$($crate::kernel::Shared::$part),*],
            workgroup_size: $workgroup_size,
            constants: &[],
            requirements: $crate::kernel::Requirements::NONE,
            suits: $crate::kernel::Suits::Any,
            accepts: |_, _| true,
            pays: $crate::kernel::ALWAYS,
        }]
    };
}
pub(crate) use one_variant;

/// The variant table of a kernel bound by memory, from one file: one element per invocation, then four where
/// the field of `Params` is a multiple of four: `count`, or `columns` where rows must consist of whole vec4.
macro_rules! element_variants {
    ($name:literal, [$($part:ident),*], $field:ident) => {
        &[
            element_variants!(@row "plain", $name, [$($part),*], 1, |_, _| true),
            element_variants!(
                @row "vec4", $name, [$($part),*], 4,
                |params, _| bytemuck::pod_read_unaligned::<Params>(params).$field.is_multiple_of(4)
            ),
        ]
    };
    (@row $variant:literal, $name:literal, [$($part:ident),*], $cell:literal, $accepts:expr) => {
        $crate::kernel::Variant {
            name: $variant,
            file: concat!($name, ".wgsl"),
            source: include_str!(concat!("../../shaders/", $name, ".wgsl")),
            entry_point: $name,
            shared: &[$($crate::kernel::Shared::$part),*],
            workgroup_size: 256,
            constants: &[($crate::kernel::source::CELL, $cell)],
            requirements: $crate::kernel::Requirements::NONE,
            suits: $crate::kernel::Suits::Any,
            accepts: $accepts,
            pays: $crate::kernel::ALWAYS,
        }
    };
}
pub(crate) use element_variants;

/// The grid for the variants of [`element_variants`].
pub(crate) fn cell_grid(elements: u32, variant: &Variant) -> Workgroups {
    element_grid(elements / variant.constant(crate::kernel::source::CELL), variant)
}

/// Builds [`Op`], its conversions, its delegation to [`Operation`] and the list of kernels.
macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident($op:ty) => [$($spec:path),+];)*) => {
        /// Any op: a node of a graph.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Op { $($(#[$doc])* $name($op),)* }

        $(impl From<$op> for Op {
            fn from(op: $op) -> Op { Op::$name(op) }
        })*

        impl Operation for Op {
            fn spec(&self) -> &'static KernelSpec {
                match self { $(Op::$name(op) => op.spec(),)* }
            }
            fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
                match self { $(Op::$name(op) => op.infer(inputs),)* }
            }
            fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
                match self { $(Op::$name(op) => op.vjp(request),)* }
            }
            fn constants(&self) -> Vec<(&'static str, u32)> {
                match self { $(Op::$name(op) => op.constants(),)* }
            }
            fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
                match self { $(Op::$name(op) => op.params(shapes),)* }
            }
            fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
                match self { $(Op::$name(op) => op.workgroups(params, variant),)* }
            }
            fn flops(&self, shapes: &[&Shape]) -> u64 {
                match self { $(Op::$name(op) => op.flops(shapes),)* }
            }
        }

        /// All kernels, in the order of the table.
        pub const KERNELS: &[&KernelSpec] = &[$($(&$spec),+),*];
    };
}

ops! {
    /// Matrix product.
    Matmul(matmul::Matmul) => [matmul::SPEC];
    /// Adds a row vector to each row.
    AddBias(add_bias::AddBias) => [add_bias::SPEC];
    /// Scaled sum of each column.
    ColumnSum(column_sum::ColumnSum) => [column_sum::SPEC];
    /// Scaled row vector, repeated.
    BroadcastRows(broadcast_rows::BroadcastRows) => [broadcast_rows::SPEC];
    /// Sum or product, element by element.
    Elementwise(elementwise::Elementwise) => [elementwise::SPEC];
    /// Quotient, element by element.
    Divide(divide::Divide) => [divide::SPEC];
    /// Activation function.
    Activate(activation::Activate) => [activation::SPEC];
    /// Gradient through an activation function.
    ActivateGrad(activation::ActivateGrad) => [activation::GRAD_SPEC];
    /// Zeroes a random share of the elements.
    Dropout(dropout::Dropout) => [dropout::SPEC];
    /// Cross-entropy of each row, from logits.
    SoftmaxCrossEntropy(softmax_cross_entropy::SoftmaxCrossEntropy) => [softmax_cross_entropy::SPEC];
    /// Its gradient.
    SoftmaxCrossEntropyGrad(softmax_cross_entropy::SoftmaxCrossEntropyGrad) => [softmax_cross_entropy::GRAD_SPEC];
    /// Loss of each row, summed over its outputs.
    PointwiseLoss(pointwise_loss::PointwiseLoss) => [pointwise_loss::SPEC];
    /// Its gradient.
    PointwiseLossGrad(pointwise_loss::PointwiseLossGrad) => [pointwise_loss::GRAD_SPEC];
    /// Loss of each row by the margins between classes.
    MarginLoss(margin_loss::MarginLoss) => [margin_loss::SPEC];
    /// Its gradient.
    MarginLossGrad(margin_loss::MarginLossGrad) => [margin_loss::GRAD_SPEC];
    /// Penalty on the size of a parameter.
    Penalty(penalty::Penalty) => [penalty::SPEC];
    /// Its gradient.
    PenaltyGrad(penalty::PenaltyGrad) => [penalty::GRAD_SPEC];
    /// Multiplies by a number.
    Scale(scale::Scale) => [scale::SPEC];
    /// Files results of a batch.
    Record(record::Record) => [record::SPEC, record::PAIR_SPEC];
    /// Labels as numbers.
    LabelValues(label_values::LabelValues) => [label_values::SPEC];
    /// Weight of each row by its class.
    ClassWeights(class_weights::ClassWeights) => [class_weights::SPEC];
    /// Whether each row is classified correctly.
    CorrectRows(correct_rows::CorrectRows) => [correct_rows::SPEC];
    /// Limits each element of a gradient.
    ClipValue(clip::ClipValue) => [clip::VALUE_SPEC];
    /// Limits the norm of all gradients.
    ClipNorm(clip::ClipNorm) => [clip::NORM_SPEC];
    /// Stochastic gradient descent, in place.
    Sgd(sgd::Sgd) => [sgd::SPEC, sgd::MOMENTUM_SPEC];
    /// Adam or AdamW, in place.
    Adam(adam::Adam) => [adam::SPEC];
    /// RMSprop, in place.
    RmsProp(rmsprop::RmsProp) => [rmsprop::SPEC, rmsprop::MOMENTUM_SPEC];
    /// Adagrad, in place.
    Adagrad(adagrad::Adagrad) => [adagrad::SPEC];
    /// Rows of the resident dataset that make up the batch.
    Gather(gather::Gather) => [gather::F32_SPEC, gather::U8_SPEC, gather::LABELS_SPEC];
    /// A fully connected layer.
    Linear(linear::Linear) => [linear::SPEC, linear::DROPOUT_SPEC];
    /// Gradient of its input, through the activation before it.
    LinearGradInput(linear_grad_input::LinearGradInput) => [linear_grad_input::SPEC, linear_grad_input::DROPOUT_SPEC];
    /// Its step by SGD, in place.
    LinearUpdate(linear_update::LinearUpdate) => [linear_update::SPEC, linear_update::MOMENTUM_SPEC];
    /// A layer or its update that reads its input where it lies in the dataset.
    Gathered(gathered::Gathered) => [
        gathered::LINEAR_F32_SPEC,
        gathered::LINEAR_U8_SPEC,
        gathered::DROPOUT_F32_SPEC,
        gathered::DROPOUT_U8_SPEC,
        gathered::UPDATE_F32_SPEC,
        gathered::UPDATE_U8_SPEC,
        gathered::MOMENTUM_F32_SPEC,
        gathered::MOMENTUM_U8_SPEC
    ];
    /// From the logits of a batch to their gradient.
    ClassificationStep(classification_step::ClassificationStep) => [classification_step::SPEC];
    /// Row order of an epoch.
    Shuffle(shuffle::Shuffle) => [shuffle::SPEC];
}

impl Op {
    /// The kernel's name.
    pub fn name(&self) -> &'static str {
        self.spec().name
    }
}
