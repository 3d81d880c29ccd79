//! A run that is stopped, taken down and gone on with elsewhere ends with the weights of the undisturbed run, bit for bit.

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::{DeviceState, GpuDevice, Granted};
use anygrad::data::{Split, digits};
use anygrad::nn::{Loss, Sequential, Tensor};
use anygrad::optim::{Adam, Optimizer, Per, ReduceOnPlateau, Schedule, ScheduleStep, Sgd};
use anygrad::random::{Permutation, Purpose, stream_key};
use anygrad::train::{EarlyStopping, History, Snapshot, Trainer};
use anygrad::{Error, Result};
use pollster::block_on;
use std::sync::Arc;

/// 90 rows to train on, in 4 batches of which the last has 6; the others to look at after each epoch.
fn data() -> Split {
    let rows: Vec<usize> = (0..120).collect();
    let split = digits().expect("digits").select(&rows).split(0.25, 3).expect("a split");
    Split { validation: Some(split.test.clone()), ..split }
}

/// Dropout, and what each rule keeps; schedules by step, by results and by a function; a best epoch that is not the last.
fn trainers() -> Vec<(&'static str, Trainer)> {
    let trainer = |optimizer: Optimizer| {
        let model = Sequential::new(64).linear(9).tanh().dropout(0.2).linear(10);
        Trainer::new(model, Loss::cross_entropy(), optimizer).batch_size(28).epochs(7).seed(5)
    };
    let by_step = Schedule::Exponential { gamma: 0.98, per: Per::Step };
    let plateau = ReduceOnPlateau { factor: 0.5, patience: 0, threshold: 0.2, ..ReduceOnPlateau::default() };
    let stopping = EarlyStopping { min_delta: 0.05, ..EarlyStopping::patience(2) };
    let wave = |at: ScheduleStep| at.initial * (1.0 + (at.step as f32 / 3.0).sin());
    let momentum = || Sgd::new(0.3).momentum(0.9).weight_decay(0.001).into();
    vec![
        ("momentum", trainer(momentum()).schedule(by_step).early_stopping(stopping)),
        ("adam", trainer(Adam::new(0.02).into()).schedule(by_step).early_stopping(stopping)),
        ("dampening", trainer(Sgd::new(0.3).momentum(0.9).dampening(0.5).into()).learning_rate(wave)),
        ("plateau", trainer(momentum()).schedule(Schedule::ReduceOnPlateau(plateau)).l2(0.001)),
    ]
}

/// What a run comes to: weights and results.
fn outcome(mut trainer: Trainer, snapshot: Option<&[u8]>, data: &Split) -> Result<(Vec<Tensor>, History)> {
    let mut session = block_on(trainer.session(data))?;
    if let Some(bytes) = snapshot {
        block_on(session.restore(&Snapshot::from_bytes(bytes)?))?;
    }
    block_on(session.run())?;
    let history = block_on(trainer.conclude(session))?;
    Ok((trainer.model()?.tensors.clone(), history))
}

/// Equal but for what belongs to a session: submissions and bytes.
fn assert_same(name: &str, got: &(Vec<Tensor>, History), expected: &(Vec<Tensor>, History)) {
    let bits = |tensors: &[Tensor]| -> Vec<u32> { tensors.iter().flat_map(|t| &t.data).map(|x| x.to_bits()).collect() };
    assert!(bits(&got.0) == bits(&expected.0), "{name}: other weights");
    assert_eq!(got.1.epochs, expected.1.epochs, "{name}");
    assert_eq!(got.1.model_epoch, expected.1.model_epoch, "{name}");
    assert_eq!(got.1.step_losses, expected.1.step_losses, "{name}");
}

/// Snapshots at random steps of each run, restored in new sessions.
fn resumes(device: &Device, count: usize) -> usize {
    let (data, mut compared) = (data(), 0);
    for (number, (name, _)) in trainers().into_iter().enumerate() {
        let trainer = || trainers().swap_remove(number).1.on(device.clone());
        let expected = outcome(trainer(), None, &data).expect("a run");
        let steps = expected.1.step_losses.len();
        assert!(steps >= 12, "{name}: {steps} steps");
        let order = Permutation::new(stream_key(1, Purpose::Sample, number as u32), 0, 64);
        let random = (0..64).map(|i| order.at(i) as usize % (steps + 1));
        for k in random.take(count.div_ceil(4)) {
            let mut session = block_on(trainer().session(&data)).expect("a session");
            block_on(session.run_steps(k as u64)).expect("steps");
            assert_eq!(session.step(), k as u64, "{name}");
            let snapshot = block_on(session.snapshot()).expect("a snapshot");
            assert_eq!((snapshot.step(), snapshot.epochs_done()), (k as u64, session.epochs_done()), "{name}");
            let got = outcome(trainer(), Some(&snapshot.to_bytes()), &data).expect("the rest of the run");
            assert_same(&format!("{name} on {} from step {k}", device.name()), &got, &expected);
            compared += 1;
        }
    }
    compared
}

#[test]
fn a_run_on_the_cpu_goes_on_from_any_step_to_the_same_bits() {
    let compared = resumes(&Device::Cpu, 50);
    assert!(compared >= 50);
    common::report_comparisons("snapshots_cpu", compared);
}

#[test]
fn a_run_on_the_gpu_goes_on_from_any_step_to_the_same_bits() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    let compared = resumes(&Device::Gpu(gpu), 50);
    assert!(compared >= 50);
    common::report_comparisons("snapshots_gpu", compared);
}

/// A session that stops here and there trains as `fit` does, and its own snapshot takes it back.
#[test]
fn a_session_in_pieces_is_a_fit() {
    let data = data();
    for (number, (name, _)) in trainers().into_iter().enumerate() {
        let trainer = || trainers().swap_remove(number).1;
        let mut fitted = trainer();
        let history = fitted.fit_blocking(&data).expect("a fit");
        let expected = (fitted.model().expect("a model").tensors.clone(), history);
        let mut pieces = trainer();
        let mut session = block_on(pieces.session(&data)).expect("a session");
        block_on(session.run_steps(3)).expect("steps");
        let early = block_on(session.snapshot()).expect("a snapshot");
        block_on(session.run_steps(6)).expect("steps");
        block_on(session.restore(&early)).expect("back");
        assert_eq!(session.step(), 3);
        block_on(session.run_epoch()).expect("an epoch");
        assert_eq!(session.epochs_done(), 1);
        while !session.is_done() {
            block_on(session.run_steps(1)).expect("a step");
            if session.step() % 4 == 0 {
                block_on(session.run_epoch()).expect("its evaluation");
            }
        }
        let history = block_on(pieces.conclude(session)).expect("a model");
        assert_same(name, &(pieces.model().expect("a model").tensors.clone(), history), &expected);
    }
}

fn refusal(result: Result<()>) -> String {
    match result {
        Err(Error::Snapshot { reason }) => reason,
        other => panic!("no refusal: {other:?}"),
    }
}

#[test]
fn a_snapshot_of_another_run_or_of_other_data_is_refused() {
    let data = data();
    let snapshot = |trainer: &Trainer| {
        let mut session = block_on(trainer.session(&data)).expect("a session");
        block_on(session.run_steps(5)).expect("steps");
        block_on(session.snapshot()).expect("a snapshot")
    };
    let (own, other) = (snapshot(&trainers()[0].1), snapshot(&trainers()[1].1));
    let trainer = &trainers()[0].1;
    let mut session = block_on(trainer.session(&data)).expect("a session");
    assert!(refusal(block_on(session.restore(&other))).contains("other settings"));
    let reseeded = trainers().swap_remove(0).1.seed(6);
    assert!(refusal(block_on(session.restore(&snapshot(&reseeded)))).contains("other settings"));
    let own_rate = trainers().swap_remove(0).1.learning_rate(|at| at.initial);
    assert!(refusal(block_on(session.restore(&snapshot(&own_rate)))).contains("other settings"));
    // More epochs are no other run.
    let longer = trainers().swap_remove(0).1.epochs(30);
    block_on(session.restore(&snapshot(&longer))).expect("the same run");
    assert_eq!(Snapshot::from_bytes(&own.to_bytes()).expect("whole").recipe(), trainer.recipe());
    let fewer = Split { validation: Some(data.test.select(&[0, 1, 2])), ..data.clone() };
    let mut elsewhere = block_on(trainer.session(&fewer)).expect("a session");
    assert!(refusal(block_on(elsewhere.restore(&own))).contains("other data"));
    block_on(session.restore(&own)).expect("its own");
}

#[test]
fn damaged_and_foreign_bytes_are_refused() {
    let data = data();
    let mut session = block_on(trainers()[1].1.session(&data)).expect("a session");
    block_on(session.run_steps(6)).expect("steps");
    let bytes = block_on(session.snapshot()).expect("a snapshot").to_bytes();
    assert_eq!(Snapshot::from_bytes(&bytes).expect("whole").to_bytes(), bytes);
    let refused = |bytes: &[u8]| refusal(Snapshot::from_bytes(bytes).map(|_| ()));
    assert!(refused(b"").contains("cut short"));
    assert!(refused(b"something else altogether").contains("none"));
    for at in (0..bytes.len()).step_by(97) {
        refused(&bytes[..at]);
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        refused(&damaged);
    }
    refused(&[&bytes[..], b"more"].concat());
}

/// A device as an application opens it, which keeps a handle.
fn shared() -> Option<(wgpu::Device, Device)> {
    let index = std::env::var("ANYGRAD_TEST_ADAPTER").map_or(0, |i| i.parse().expect("a number"));
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY;
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    common::adapter()?;
    let adapter = block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY)).into_iter().nth(index)?;
    let descriptor = wgpu::DeviceDescriptor {
        required_limits: wgpu::Limits::downlevel_defaults().or_better_values_from(&adapter.limits()),
        ..Default::default()
    };
    let (device, queue) = block_on(adapter.request_device(&descriptor)).expect("the adapter opens");
    let gpu = GpuDevice::from_wgpu(adapter, device.clone(), queue).expect("enough for a run");
    Some((device, Device::Gpu(Arc::new(gpu))))
}

/// Whatever is called, however often, once the device has gone.
#[test]
fn a_lost_device_stays_lost_and_the_run_goes_on_elsewhere() {
    let Some((handle, device)) = shared() else { return };
    let data = data();
    let trainer = || trainers().swap_remove(0).1.on(device.clone());
    let expected = outcome(trainer(), None, &data).expect("a run on the application's device");
    let mut own = trainer();
    let mut session = block_on(own.session(&data)).expect("a session");
    block_on(session.run_steps(9)).expect("steps");
    let snapshot = block_on(session.snapshot()).expect("a snapshot");
    block_on(session.run_steps(2)).expect("steps");
    assert_eq!(session.device().state(), DeviceState::Live);
    handle.destroy();
    for attempt in 0..3 {
        let error = block_on(session.run_steps(2)).expect_err("the device is gone");
        assert!(matches!(error, Error::DeviceLost { .. }), "attempt {attempt}: {error}");
        let error = block_on(session.snapshot()).expect_err("the device is gone");
        assert!(matches!(error, Error::DeviceLost { .. }), "attempt {attempt}: {error}");
        assert!(matches!(session.device().state(), DeviceState::Lost(_)), "attempt {attempt}");
    }
    let error = block_on(trainer().session(&data)).expect_err("the device is gone");
    assert!(matches!(error, Error::DeviceLost { .. }), "{error}");

    let (_handle, new) = shared().expect("an adapter");
    block_on(session.reopen(new, &snapshot)).expect("a new device");
    assert_eq!(session.step(), 9);
    block_on(session.run()).expect("the rest of the run");
    let history = block_on(own.conclude(session)).expect("a model");
    assert_same("reopened", &(own.model().expect("a model").tensors.clone(), history), &expected);
}
