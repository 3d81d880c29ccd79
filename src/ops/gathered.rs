//! A fully connected layer, or its update, that reads its input `x: [B, I]` where it lies in the dataset:
//! `x[r] = data[order[batch_start + r]]`, of bytes times `byte_scale`, with `data: [N, I]` and `order: [N]`.
//!
//! It stands for [`Gather`](super::gather::Gather) of features and [`Linear`] or [`LinearUpdate`], and is put in their
//! place after differentiation (`plan/fuse/rows.rs`): the batch never reaches memory. Formulas, constants and variants
//! are those of the op within; `Params` are its `Params`, then `byte_scale`.

use super::linear::{self, Linear};
use super::linear_update::{self, LinearUpdate};
use super::product::{self, gathered_variants};
use super::{Operation, Workgroups, gather};
use crate::error::{Error, Result};
use crate::graph::{DType, Role, Shape, Value};
use crate::kernel::{
    Binding, Bound, Field, KernelSpec, ParamsLayout, Scalar, Twin, TwinCall, Twinned, Variant,
    twin::{MAX_BUFFERS, MISMATCH},
};

/// The op on rows of the dataset. Inputs: data, order, then those of the op within, without x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gathered {
    /// What is done with the rows.
    pub reader: Reader,
    /// B
    pub rows: usize,
    /// Factor on each byte, such as 1/255; `None` if the dataset holds floats.
    pub byte_scale: Option<f32>,
}

/// The op within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reader {
    /// A layer.
    Linear(Linear),
    /// The update of a layer.
    Update(LinearUpdate),
}

impl Reader {
    /// Which of its inputs are the rows.
    pub fn x(&self) -> usize {
        match self {
            Reader::Linear(_) => 0,
            Reader::Update(_) => 3,
        }
    }

    fn op(&self) -> &dyn Operation {
        match self {
            Reader::Linear(op) => op,
            Reader::Update(op) => op,
        }
    }

    /// Position of its kernel in [`WITHIN`].
    fn kernel(&self) -> usize {
        match self {
            Reader::Linear(op) => usize::from(op.dropout.is_some()),
            Reader::Update(op) => 2 + usize::from(op.sgd.momentum != 0.0),
        }
    }
}

/// The kernels of the ops within.
const WITHIN: [&KernelSpec; 4] =
    [&linear::SPEC, &linear::DROPOUT_SPEC, &linear_update::SPEC, &linear_update::MOMENTUM_SPEC];

/// For each, the kernel over floats and the one over bytes.
const KERNELS: [[&KernelSpec; 2]; 4] = [
    [&LINEAR_F32_SPEC, &LINEAR_U8_SPEC],
    [&DROPOUT_F32_SPEC, &DROPOUT_U8_SPEC],
    [&UPDATE_F32_SPEC, &UPDATE_U8_SPEC],
    [&MOMENTUM_F32_SPEC, &MOMENTUM_U8_SPEC],
];

/// The bindings of a kernel: the data, then what the op within binds besides x.
macro_rules! bindings {
    ($read:ident, $($access:ident $name:ident),*) => {
        &[
            Binding::PARAMS,
            Binding::CLOCK,
            Binding::$read("data"),
            Binding::read_words("order"),
            $(Binding::$access(stringify!($name))),*
        ]
    };
}

/// A layer on floats.
pub const LINEAR_F32_SPEC: KernelSpec = KernelSpec {
    name: "linear_gathered_f32",
    bindings: bindings!(read, read b, read bias, write c),
    params: ParamsLayout { size: linear::SPEC.params.size + OWN_BYTES, fields: &fields::<5>(&linear::SPEC) },
    specialization: linear::SPEC.specialization,
    variants: gathered_variants!("linear_gathered", [Activation, Clock, RowsF32, GatheredA], FoursB),
    twin: twin::<0>(),
};

/// A layer on bytes.
pub const LINEAR_U8_SPEC: KernelSpec = KernelSpec {
    name: "linear_gathered_u8",
    bindings: bindings!(read_words, read b, read bias, write c),
    variants: gathered_variants!("linear_gathered", [Activation, Clock, RowsU8, GatheredA], FoursB),
    ..LINEAR_F32_SPEC
};

/// A layer with dropout on floats.
pub const DROPOUT_F32_SPEC: KernelSpec = KernelSpec {
    name: "linear_gathered_dropout_f32",
    bindings: bindings!(read, read b, read bias, write c, write dropped),
    params: ParamsLayout {
        size: linear::DROPOUT_SPEC.params.size + OWN_BYTES,
        fields: &fields::<9>(&linear::DROPOUT_SPEC),
    },
    specialization: linear::DROPOUT_SPEC.specialization,
    variants: gathered_variants!(
        "linear_gathered_dropout",
        [Activation, Clock, Random, Dropout, RowsF32, GatheredA],
        FoursB,
        workgroup[],
        alone[]
    ),
    twin: twin::<1>(),
};

/// A layer with dropout on bytes.
pub const DROPOUT_U8_SPEC: KernelSpec = KernelSpec {
    name: "linear_gathered_dropout_u8",
    bindings: bindings!(read_words, read b, read bias, write c, write dropped),
    variants: gathered_variants!(
        "linear_gathered_dropout",
        [Activation, Clock, Random, Dropout, RowsU8, GatheredA],
        FoursB,
        workgroup[],
        alone[]
    ),
    ..DROPOUT_F32_SPEC
};

/// An update on floats.
pub const UPDATE_F32_SPEC: KernelSpec = KernelSpec {
    name: "linear_update_gathered_f32",
    bindings: bindings!(read, write weight, write bias, read a),
    params: ParamsLayout {
        size: linear_update::SPEC.params.size + OWN_BYTES,
        fields: &fields::<5>(&linear_update::SPEC),
    },
    specialization: linear_update::SPEC.specialization,
    variants: gathered_variants!(
        "linear_update_gathered",
        [Clock, StepSgd, RowsF32, GatheredB],
        FoursA,
        workgroup[StoreFour, BiasesWorkgroup],
        alone[StoreLoop, Biases]
    ),
    twin: twin::<2>(),
};

/// An update on bytes.
pub const UPDATE_U8_SPEC: KernelSpec = KernelSpec {
    name: "linear_update_gathered_u8",
    bindings: bindings!(read_words, write weight, write bias, read a),
    variants: gathered_variants!(
        "linear_update_gathered",
        [Clock, StepSgd, RowsU8, GatheredB],
        FoursA,
        workgroup[StoreFour, BiasesWorkgroup],
        alone[StoreLoop, Biases]
    ),
    ..UPDATE_F32_SPEC
};

/// An update with momentum on floats.
pub const MOMENTUM_F32_SPEC: KernelSpec = KernelSpec {
    name: "linear_update_momentum_gathered_f32",
    bindings: bindings!(read, write weight, write bias, read a, write weight_velocity, write bias_velocity),
    params: ParamsLayout {
        size: linear_update::MOMENTUM_SPEC.params.size + OWN_BYTES,
        fields: &fields::<7>(&linear_update::MOMENTUM_SPEC),
    },
    specialization: linear_update::MOMENTUM_SPEC.specialization,
    variants: gathered_variants!(
        "linear_update_momentum_gathered",
        [Clock, StepMomentum, RowsF32, GatheredB],
        FoursA,
        workgroup[StoreFour, BiasesWorkgroup],
        alone[StoreLoop, Biases]
    ),
    twin: twin::<3>(),
};

/// An update with momentum on bytes.
pub const MOMENTUM_U8_SPEC: KernelSpec = KernelSpec {
    name: "linear_update_momentum_gathered_u8",
    bindings: bindings!(read_words, write weight, write bias, read a, write weight_velocity, write bias_velocity),
    variants: gathered_variants!(
        "linear_update_momentum_gathered",
        [Clock, StepMomentum, RowsU8, GatheredB],
        FoursA,
        workgroup[StoreFour, BiasesWorkgroup],
        alone[StoreLoop, Biases]
    ),
    ..MOMENTUM_F32_SPEC
};

/// Bytes of `byte_scale`.
const OWN_BYTES: usize = 4;

/// The members of `Params`: those of the kernel within, then `byte_scale`.
const fn fields<const COUNT: usize>(within: &KernelSpec) -> [Field; COUNT] {
    let ParamsLayout { size, fields } = within.params;
    assert!(COUNT == fields.len() + 1);
    let mut all = [Field { name: "byte_scale", offset: size, scalar: Scalar::F32 }; COUNT];
    let mut i = 0;
    while i < fields.len() {
        all[i] = fields[i];
        i += 1;
    }
    all
}

impl Gathered {
    /// Shapes of the operands of the op within, from those of all operands.
    fn shapes_within(&self, shapes: &[&Shape]) -> Result<Vec<Shape>> {
        let name = self.spec().name;
        let [data, _order, rest @ ..] = shapes else { return Err(Error::shape(name, "takes data, order and more")) };
        let (_, columns) = data.matrix(name)?;
        let mut within: Vec<Shape> = rest.iter().map(|&shape| shape.clone()).collect();
        within.insert(self.reader.x().min(within.len()), [self.rows, columns].into());
        Ok(within)
    }
}

impl Operation for Gathered {
    fn spec(&self) -> &'static KernelSpec {
        KERNELS[self.reader.kernel()][usize::from(self.byte_scale.is_some())]
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let shapes: Vec<&Shape> = inputs.iter().map(|value| &value.shape).collect();
        if let Some(order) = shapes.get(1) {
            order.vector(self.spec().name)?;
        }
        let value = |shape| Value { name: String::new(), shape, dtype: DType::F32, role: Role::Intermediate };
        let within: Vec<Value> = self.shapes_within(&shapes)?.into_iter().map(value).collect();
        self.reader.op().infer(&within.iter().collect::<Vec<_>>())
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        self.reader.op().constants()
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let within = self.shapes_within(shapes)?;
        shapes[0].elements_u32(self.spec().name)?;
        let mut params = self.reader.op().params(&within.iter().collect::<Vec<_>>())?;
        params.extend(self.byte_scale.unwrap_or(1.0).to_ne_bytes());
        Ok(params)
    }

    fn flops(&self, shapes: &[&Shape]) -> u64 {
        let within = self.shapes_within(shapes).unwrap_or_default();
        self.reader.op().flops(&within.iter().collect::<Vec<_>>())
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        self.reader.op().workgroups(&params[..params.len() - OWN_BYTES], variant)
    }
}

const fn twin<const KERNEL: usize>() -> Twin {
    Twin { f32: call::<f32, KERNEL>, f64: call::<f64, KERNEL>, fast: Some(call_fast::<KERNEL>) }
}

/// The definition: the rows, then the twin of the op within.
fn call<F: Twinned, const KERNEL: usize>(call: &mut TwinCall<'_, '_, F>) {
    let (params, order) = gathering(WITHIN[KERNEL], call);
    let batch = gather::rows(&params, call.clock, &call.buffers[0], order);
    call_within(WITHIN[KERNEL], call, Bound::Float(&batch), false);
}

/// Floats are read where they lie. Plans for the CPU have no bytes here.
fn call_fast<const KERNEL: usize>(call: &mut TwinCall<'_, '_, f32>) {
    let (params, order) = gathering(WITHIN[KERNEL], call);
    if let Bound::Float(data) = call.buffers[0] {
        let picked = &order[call.clock.batch_start as usize..][..(params.count / params.columns) as usize];
        call_within(WITHIN[KERNEL], call, Bound::Rows(data, picked), true);
    } else {
        let batch = gather::rows(&params, call.clock, &call.buffers[0], order);
        call_within(WITHIN[KERNEL], call, Bound::Float(&batch), true);
    }
}

/// What a kernel that gathers the rows would be told: its parameters and the order of the rows.
fn gathering<'b, F>(within: &KernelSpec, call: &TwinCall<'_, 'b, F>) -> (gather::Params, &'b [u32]) {
    let [_, Bound::Word(order), ..] = *call.buffers else { panic!("{MISMATCH}") };
    let scale: f32 = bytemuck::pod_read_unaligned(&call.params[call.params.len() - OWN_BYTES..]);
    let [m, n, k] = product::extents(call.params);
    let (rows, columns) = if x_of(within) == "a" { (m, k) } else { (k, n) };
    (gather::Params { count: rows * columns, columns, scale }, order)
}

/// The binding of the rows: a layer has them as A, its update as B.
fn x_of(within: &KernelSpec) -> &'static str {
    if within.bindings.iter().any(|binding| binding.name == "c") { "a" } else { "b" }
}

/// The twin of the op within, with `x` as its rows.
fn call_within<F: Twinned>(within: &KernelSpec, call: &mut TwinCall<'_, '_, F>, x: Bound<'_, F>, fast: bool) {
    let [_data, _order, rest @ ..] = &mut *call.buffers else { panic!("{MISMATCH}") };
    let (mut x, mut rest, mut count) = (Some(x), rest.iter_mut(), 0);
    let mut buffers = [const { Bound::Word(&[]) }; MAX_BUFFERS];
    for (buffer, binding) in buffers.iter_mut().zip(within.buffers()) {
        let next = if binding.name == x_of(within) { x.take() } else { rest.next().map(Bound::again) };
        *buffer = next.unwrap_or_else(|| panic!("{MISMATCH}"));
        count += 1;
    }
    let params = &call.params[..call.params.len() - OWN_BYTES];
    let (specialization, clock, buffers) = (call.specialization, call.clock, &mut buffers[..count]);
    F::of(&within.twin, fast)(&mut TwinCall { params, specialization, clock, buffers });
}
