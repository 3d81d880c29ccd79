//! Test: a warm executor creates nothing on the device. wgpu itself counts the objects.

use super::adapter::{Adapter, instance, offered_by};
use super::device::GpuDevice;
use super::encode::GpuExecutor;
use crate::backend::opened::Granted;
use crate::data::digits;
use crate::kernel::Clock;
use crate::model::{Loss, Sequential};
use crate::optim::Sgd;
use crate::plan::Plan;
use crate::train::Trainer;
use pollster::block_on;
use std::sync::Arc;

/// Buffers, bind groups, pipelines and what belongs to them, of all devices of an instance.
fn objects(instance: &wgpu::Instance) -> Vec<(&'static str, usize)> {
    let hub = instance.generate_report().expect("an instance of wgpu's own").hub;
    let kinds = [
        ("buffers", hub.buffers),
        ("bind groups", hub.bind_groups),
        ("bind group layouts", hub.bind_group_layouts),
        ("pipelines", hub.compute_pipelines),
        ("pipeline layouts", hub.pipeline_layouts),
        ("pipeline caches", hub.pipeline_caches),
        ("shader modules", hub.shader_modules),
        ("query sets", hub.query_sets),
        ("textures", hub.textures),
        ("command buffers", hub.command_buffers),
        ("command encoders", hub.command_encoders),
    ];
    kinds.into_iter().map(|(name, of)| (name, of.num_allocated + of.num_kept_from_user)).collect()
}

/// The adapter that `ANYGRAD_TEST_ADAPTER` names; none only where `ANYGRAD_REQUIRE_GPU` allows it.
pub(super) fn tested(instance: &wgpu::Instance) -> Option<Adapter> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let index = variable("ANYGRAD_TEST_ADAPTER").parse().unwrap_or(0);
    let adapter = block_on(offered_by(instance, wgpu::Backends::PRIMARY)).into_iter().nth(index);
    if adapter.is_none() {
        assert_ne!(variable("ANYGRAD_REQUIRE_GPU"), "1", "there is no adapter {index}");
        eprintln!("SKIPPED: no GPU adapter {index}, this test has seen nothing");
    }
    adapter
}

/// The plan of a run on the digits.
pub(super) fn plan(device: &Arc<GpuDevice>) -> Plan {
    let model = Sequential::new(64).linear(32).relu().linear(24).relu().linear(10);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.01)).batch_size(16);
    let trainer = trainer.on(crate::backend::Device::Gpu(device.clone()));
    trainer.plan(&digits().expect("digits"), None).expect("a plan")
}

#[test]
fn a_warm_executor_creates_no_object_on_the_device() {
    let instance = instance(wgpu::Backends::PRIMARY);
    let Some(adapter) = tested(&instance) else { return };
    let device = Arc::new(block_on(adapter.open(Granted::Large)).expect("the adapter opens"));
    let plan = plan(&device);
    let (begin, train) = (plan.phase("begin_epoch").expect("a phase"), plan.phase("train").expect("a phase"));
    let ring = plan.graph().values().iter().position(|value| value.name == "ring").expect("a ring");
    let ring = plan.value_id(ring);
    let rows = plan.graph().values().iter().position(|value| value.name == "train.features").expect("rows");
    let rows = plan.value_id(rows);
    let mut executor = block_on(GpuExecutor::load(device, plan)).expect("memory");
    let window = vec![0; executor.plan().place(rows).expect("a place").words];
    // As a run on windows of rows does: the results of a submission are fetched while the next one is under way.
    let mut reads = std::collections::VecDeque::new();
    let mut submission = |executor: &mut GpuExecutor| {
        let runs = [begin].into_iter().chain([train; 64]).map(|phase| (phase, Clock::default()));
        executor.write_words(rows, &window).expect("rows");
        executor.submit(&runs.collect::<Vec<_>>()).expect("submitted");
        reads.push_back(block_on(executor.start_read(ring)).expect("on its way"));
        if reads.len() > 1 {
            let read = reads.pop_front().expect("one");
            block_on(executor.finish_read(read)).expect("results");
        }
    };
    (0..3).for_each(|_| submission(&mut executor));
    let (before, bytes) = (objects(&instance), executor.allocated_bytes());
    assert!(before.iter().any(|&(name, count)| name == "pipelines" && count >= 5), "{before:?}");
    for round in 0..4 {
        submission(&mut executor);
        assert_eq!(objects(&instance), before, "round {round}");
        assert_eq!(executor.allocated_bytes(), bytes, "round {round}");
    }
}
