//! GFLOP/s of every variant of the matrix product on the shapes of training steps and on large and ragged squares.
//!
//! `cargo bench --bench matmul [-- TEXT [NAME]]`: only lines whose shape contains TEXT, such as `NT` or `509`, and only
//! variants whose name contains NAME, such as `tiled`, even those meant for the other kind of adapter. The variants of a
//! shape take turns and the least time of each counts, because other programs only ever add to it. `*` marks the variant
//! that plans choose; `first` is the time to load and to run once. Drivers keep compiled kernels on disk: on Mesa set
//! `MESA_SHADER_CACHE_DISABLE=true` to see what compiling takes.

mod common;

use anygrad::backend::{Device, Executor};
use anygrad::graph::{DType, Graph, Role, Shape, ValueId};
use anygrad::kernel::{Grid, Variant};
use anygrad::ops::matmul::{Matmul, SPEC};
use anygrad::ops::{Operation, column_sum::ColumnSum};
use anygrad::plan::{PhaseId, Plan, choose};
use pollster::block_on;
use std::time::{Duration, Instant};

/// Turns that each variant gets.
const TURNS: usize = 12;
/// How long a turn lasts, roughly.
const TURN: Duration = Duration::from_millis(30);
/// A variant that takes this long gets no turns.
const HOPELESS: Duration = Duration::from_secs(1);

/// Most multiply-adds of a product that a test of the bench runs.
const LARGEST_TESTED: usize = 1 << 24;

/// Form, M, N, K.
type Product = (Matmul, usize, usize, usize);

/// The products of a step of the net with these widths: forward, input gradient but for the first layer, weight
/// gradient.
fn of_a_step(batch: usize, widths: &[usize], products: &mut Vec<Product>) {
    for (layer, pair) in widths.windows(2).enumerate() {
        let (input, output) = (pair[0], pair[1]);
        products.push((Matmul::NT, batch, output, input));
        if layer > 0 {
            products.push((Matmul::NN, batch, input, output));
        }
        products.push((Matmul::TN, output, input, batch));
    }
}

fn products() -> Vec<Product> {
    let mut products = Vec::new();
    for side in [512, 1024, 509, 1021] {
        products.extend(Matmul::ALL.map(|form| (form, side, side, side)));
    }
    of_a_step(16, &[128, 64, 64, 10], &mut products);
    of_a_step(64, &[784, 128, 10], &mut products);
    of_a_step(128, &[784, 512, 256, 10], &mut products);
    of_a_step(1024, &[784, 1024, 1024, 10], &mut products);
    let mut seen = Vec::new();
    products.retain(|product| {
        !seen.contains(product) && {
            seen.push(*product);
            true
        }
    });
    products
}

/// One variant of one product, loaded.
struct Candidate {
    variant: &'static Variant,
    executor: Executor,
    /// A single number, so that waiting for it costs nothing.
    wait: ValueId,
    first: Duration,
    per_turn: u64,
    least: f64,
}

impl Candidate {
    fn load(device: &Device, (form, m, n, k): Product, variant: &'static Variant) -> Candidate {
        let (a, b): (Shape, Shape) = match form {
            Matmul::NN => ([m, k].into(), [k, n].into()),
            Matmul::NT => ([m, k].into(), [n, k].into()),
            Matmul::TN => ([k, m].into(), [k, n].into()),
        };
        let mut graph = Graph::new();
        let a = graph.declare("a", a, DType::F32, Role::Input);
        let b = graph.declare("b", b, DType::F32, Role::Input);
        let product = graph.apply(form, &[a, b]).expect("valid shapes");
        graph.set_role(product, Role::Output);
        let small = graph.declare("small", [1, 1], DType::F32, Role::Input);
        graph.begin_phase("wait");
        let wait = graph.apply(ColumnSum::SUM, &[small]).expect("valid");
        graph.set_role(wait, Role::Output);
        let choose = |kernel: &'static anygrad::kernel::KernelSpec,
                      _: &anygrad::kernel::Grid,
                      _: &anygrad::kernel::Constants| {
            if kernel.name == SPEC.name { variant } else { &kernel.variants[0] }
        };
        let plan = Plan::with_variants(graph, choose).expect("a plan");
        let start = Instant::now();
        let mut executor = block_on(device.load(plan)).expect("loaded");
        let mut once = common::time(&mut executor, PhaseId::FIRST, 1, 1, wait);
        let first = start.elapsed();
        // The first run compiles.
        if once < 2 * HOPELESS {
            once = common::time(&mut executor, PhaseId::FIRST, 1, 1, wait);
        }
        let per_turn = (TURN.as_secs_f64() / once.as_secs_f64()).clamp(1.0, 500.0) as u64;
        Candidate { variant, executor, wait, first, per_turn, least: once.as_secs_f64() }
    }

    fn take_turn(&mut self) {
        if self.least > HOPELESS.as_secs_f64() {
            return;
        }
        let time = common::time(&mut self.executor, PhaseId::FIRST, self.per_turn, self.per_turn, self.wait);
        self.least = self.least.min(time.as_secs_f64() / self.per_turn as f64);
    }
}

fn measure(device: &Device, product: Product, line: &str, named: Option<&str>, turns: usize) {
    let (form, m, n, k) = product;
    let target = device.target();
    let (grid, constants) = (Grid::Product { m, n, k }, form.constants());
    // The CPU has one form of each kernel.
    let variants: Vec<&'static Variant> = match device {
        Device::Cpu => vec![&SPEC.variants[0]],
        Device::Gpu(_) => {
            let wanted =
                |v: &Variant| named.map_or(target.profile.prefers.contains(&v.class), |name| v.name.contains(name));
            let runs = |v: &&Variant| target.can_run(v) && wanted(v) && (v.accepts)(&grid, &constants);
            SPEC.variants.iter().filter(runs).collect()
        }
    };
    let mut candidates: Vec<_> = variants.into_iter().map(|v| Candidate::load(device, product, v)).collect();
    for _ in 0..turns {
        candidates.iter_mut().for_each(Candidate::take_turn);
    }
    let chosen = choose(&target, &SPEC, &grid, &constants).name;
    for c in candidates {
        let mark = if c.variant.name == chosen { '*' } else { ' ' };
        let gflops = 2.0 * (m * n * k) as f64 / c.least / 1e9;
        println!(
            "{line:<24}{mark}{:<24}{gflops:8.2} GFLOP/s {:10.1} µs   first {:6.1} ms",
            c.variant.name,
            c.least * 1e6,
            c.first.as_secs_f64() * 1e3
        );
    }
}

fn main() {
    let turns = if common::is_test() { 0 } else { TURNS };
    let mut words = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let (filter, named) = (words.next().unwrap_or_default(), words.next());
    for device in common::devices() {
        println!("{}", device.device_name());
        for product in products() {
            let (form, m, n, k) = product;
            if common::is_test() && m * n * k > LARGEST_TESTED {
                continue;
            }
            let line = format!("{form:?} {m}x{n}x{k}");
            if line.contains(&filter) {
                measure(&device, product, &line, named.as_deref(), turns);
            }
        }
    }
}
