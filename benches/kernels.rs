//! GFLOP/s of the matrix product in its three forms and GB/s of the elementwise kernels, every variant, every device.
//!
//! `cargo bench --bench kernels -- matmul`; more shapes of the product are in `--bench matmul`. The numbers are `Gelem/s`: 10⁹ operations, or 10⁹ bytes, a second.

mod common;

use anygrad::backend::{Device, Executor};
use anygrad::graph::{DType, Graph, Role, Shape, ValueId};
use anygrad::kernel::Variant;
use anygrad::ops::activation::{Activate, Activation};
use anygrad::ops::{Op, add_bias::AddBias, column_sum::ColumnSum, matmul::Matmul};
use anygrad::optim::sgd::SgdStep;
use anygrad::plan::{PhaseId, Plan};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;

/// A loaded plan of one op, and the value to wait for.
fn load(device: &Device, op: &Op, inputs: &[Shape], variant: &'static Variant) -> (Executor, ValueId) {
    let mut graph = Graph::new();
    let ids: Vec<ValueId> = inputs.iter().map(|s| graph.declare("input", s, DType::F32, Role::Input)).collect();
    let outputs = graph.apply_all(op.clone(), &ids).expect("valid shapes");
    outputs.iter().for_each(|&id| graph.set_role(id, Role::Output));
    // A single number, so that waiting for it costs nothing.
    let small = graph.declare("small", [1, 1], DType::F32, Role::Input);
    graph.begin_phase("wait");
    let sum = graph.apply(ColumnSum::SUM, &[small]).expect("valid");
    graph.set_role(sum, Role::Output);
    let plan =
        Plan::with_variants(graph, |kernel, _, _| if kernel.name == op.name() { variant } else { &kernel.variants[0] });
    (block_on(device.load(plan.expect("a plan"))).expect("loaded"), sum)
}

fn bench(c: &mut Criterion, device: &Device, name: &str, op: &Op, inputs: &[Shape], work: u64) {
    let target = device.target();
    let mut group = c.benchmark_group(format!("{name}/{}", device.device_name()));
    group.throughput(Throughput::Elements(work)).sample_size(10);
    let values: Vec<_> = inputs
        .iter()
        .map(|shape| anygrad::graph::Value {
            name: String::new(),
            shape: shape.clone(),
            dtype: DType::F32,
            role: Role::Input,
        })
        .collect();
    let outputs = op.infer(&values.iter().collect::<Vec<_>>()).expect("valid shapes");
    let shapes: Vec<&Shape> = inputs.iter().chain(outputs.iter().map(|o| &o.0)).collect();
    let (grid, constants) = (op.grid(&shapes), op.constants());
    // The CPU has one form of each kernel.
    let variants: Vec<&'static Variant> = match device {
        Device::Cpu => vec![&op.spec().variants[0]],
        Device::Gpu(_) => {
            // Those for the other kind of device take seconds to compile.
            let wanted = |v: &Variant| !common::is_test() || target.profile.prefers.contains(&v.class);
            let runs = |v: &&Variant| target.can_run(v) && wanted(v) && (v.accepts)(&grid, &constants);
            op.spec().variants.iter().filter(runs).collect()
        }
    };
    for variant in variants {
        let (mut executor, wait) = load(device, op, inputs, variant);
        group.bench_function(variant.name, |b| {
            b.iter_custom(|times| common::time(&mut executor, PhaseId::FIRST, times, 8, wait));
        });
    }
}

fn kernels(c: &mut Criterion) {
    for device in common::devices() {
        for (form, m, n, k) in [
            (Matmul::NN, 512, 512, 512),
            (Matmul::NT, 512, 512, 512),
            (Matmul::TN, 512, 512, 512),
            (Matmul::NT, 64, 128, 784),
            (Matmul::TN, 128, 784, 64),
            (Matmul::NT, 509, 509, 509),
        ] {
            let (a, b): (Shape, Shape) = match form {
                Matmul::NN => ([m, k].into(), [k, n].into()),
                Matmul::NT => ([m, k].into(), [n, k].into()),
                Matmul::TN => ([k, m].into(), [k, n].into()),
            };
            let name = format!("matmul {form:?} {m}x{n}x{k}");
            bench(c, &device, &name, &form.into(), &[a, b], 2 * (m * n * k) as u64);
        }
        let (rows, columns) = (1024usize, 1024usize);
        let (matrix, vector): (Shape, Shape) = ([rows, columns].into(), [columns].into());
        let bytes = |tensors: usize| (4 * tensors * rows * columns) as u64;
        let sgd = SgdStep { momentum: 0.9, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        for (name, op, inputs, work) in [
            ("add_bias", Op::from(AddBias), vec![matrix.clone(), vector.clone()], bytes(2)),
            ("column_sum", ColumnSum::SUM.into(), vec![matrix.clone()], bytes(1)),
            ("relu", Activate(Activation::Relu).into(), vec![matrix.clone()], bytes(2)),
            ("tanh", Activate(Activation::Tanh).into(), vec![matrix.clone()], bytes(2)),
            ("sgd_momentum", sgd.into(), vec![matrix.clone(), matrix.clone(), matrix.clone()], bytes(5)),
        ] {
            bench(c, &device, name, &op, &inputs, work);
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots().warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = kernels
}
criterion_main!(benches);
