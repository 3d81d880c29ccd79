//! A training step on the CPU allocates nothing once it is warm.

#[path = "common/counting.rs"]
mod counting;

use anygrad::backend::cpu::CpuExecutor;
use anygrad::data::digits;
use anygrad::kernel::Clock;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::{Adam, Optimizer, Sgd};
use anygrad::train::Trainer;
use counting::allocations;

#[test]
fn a_warm_step_on_the_cpu_allocates_nothing() {
    let data = digits().expect("digits");
    let small = || Sequential::new(64).linear(24).relu().linear(10);
    // Large enough for several threads.
    let large = || Sequential::new(64).linear(512).tanh().dropout(0.2).linear(256).relu().linear(10);
    let momentum = || Optimizer::from(Sgd::new(0.01).momentum(0.9));
    let runs = [
        ("small", small(), Sgd::new(0.01).into(), 16, true),
        ("large", large(), momentum(), 128, true),
        ("plain", large(), momentum(), 128, false),
        ("adam", large(), Adam::new(0.001).into(), 100, true),
    ];
    for (name, model, optimizer, rows, fuse) in runs {
        let trainer = Trainer::new(model, Loss::cross_entropy(), optimizer).batch_size(rows).fuse(fuse);
        let plan = trainer.plan(&data, None).expect("a plan");
        let phase = |name: &str| plan.phase(name).expect("a phase");
        let (begin, train) = (phase("begin_epoch"), phase("train"));
        let mut executor = CpuExecutor::<f32>::new(plan.clone()).expect("memory");
        let mut clock = Clock { learning_rate: 0.01, ..Clock::default() };
        clock.begin_epoch();
        executor.run(begin, &clock);
        let mut steps = |count| {
            for _ in 0..count {
                executor.run(train, &clock);
                clock.end_batch(rows as u32, true);
            }
        };
        steps(2);
        let before = allocations();
        steps(5);
        assert_eq!(allocations() - before, 0, "{name}: allocations in five steps");
    }
}
