//! Devices that fail: a lost one is opened anew and the run ends with its bits; everything else is an error that says what.

mod common;

use anygrad::backend::gpu::{Call, Failure, Granted, Injection};
use anygrad::backend::{Device, gpu::GpuDevice};
use anygrad::data::{Split, moons};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Adam;
use anygrad::random::{Purpose, Stream, stream_key};
use anygrad::train::{EarlyStopping, Event, Every, OnDeviceLoss, Trainer};
use anygrad::{Error, Result};
use std::path::Path;
use std::sync::{Arc, Mutex};

fn trainer(device: Arc<GpuDevice>) -> Trainer {
    let model = Sequential::new(2).linear(8).relu().dropout(0.1).linear(2);
    Trainer::new(model, Loss::cross_entropy(), Adam::new(0.02))
        .epochs(15)
        .batch_size(12)
        .early_stopping(EarlyStopping::patience(1000))
        .on(Device::Gpu(device))
}

fn data() -> Split {
    moons(120, 0.3, 0).expect("moons").split(0.1, 0).expect("a split").with_validation(0.15, 0).expect("a split")
}

/// A device that takes compiled kernels from disk: it is opened a few hundred times.
fn open() -> Option<Arc<GpuDevice>> {
    let device = common::gpu_with(Granted::Large)?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("device-loss");
    pollster::block_on(device.keep_pipelines(&folder));
    Some(device)
}

fn hash(mut trainer: Trainer, data: &Split) -> Result<String> {
    trainer.fit_blocking(data)?;
    Ok(trainer.model()?.weights_hash())
}

/// Destroyed before the n-th submission of 15 epochs, whose results are read as many times.
#[test]
fn a_device_destroyed_at_any_step_changes_nothing() {
    let Some(device) = open() else { return };
    let data = data();
    let expected = hash(trainer(device), &data).expect("a run");
    let mut moments = Stream::new(stream_key(1, Purpose::Sample, 0));
    let mut compared = 0;
    for round in 0..50 {
        let device = open().expect("a device");
        let after = (moments.next_unit() * 50.0) as u64;
        device.inject(Injection { call: Call::Submit, after, failure: Failure::Loss });
        let events = Arc::new(Mutex::new(Vec::new()));
        let noted = events.clone();
        let mut run = trainer(device.clone()).observe(move |event| noted.lock().expect("no panic").push(event.clone()));
        if round % 2 == 0 {
            run = run.checkpoints(Every::Steps(17), |_| {});
        }
        assert_eq!(hash(run, &data).expect("the whole run"), expected, "submission {after}");
        assert!(matches!(device.state(), anygrad::backend::gpu::DeviceState::Lost(_)), "submission {after}");
        let events = events.lock().expect("no panic");
        let lost = events.iter().filter(|event| matches!(event, Event::DeviceLost { .. })).count();
        let epochs: Vec<u64> =
            events.iter().filter_map(|event| if let Event::Epoch(e) = event { Some(e.epoch) } else { None }).collect();
        assert_eq!((lost, epochs), (1, (1..=15).collect()), "submission {after}");
        compared += 1;
    }
    common::report_comparisons("device_loss", compared);
}

/// Whatever call fails, however, and whenever: the run ends with its bits, or with an error that names the failure.
#[test]
fn every_call_may_fail() {
    let Some(device) = open() else { return };
    let data = data();
    let expected = hash(trainer(device), &data).expect("a run");
    let (mut recovered, mut refused, mut none) = (0, 0, 0);
    for call in Call::ALL {
        for failure in Failure::ALL {
            for after in [0, 4, 25] {
                let device = open().expect("a device");
                device.inject(Injection { call, after, failure });
                let context = format!("{call:?} {failure:?} after {after}");
                match (failure, hash(trainer(device.clone()), &data)) {
                    (_, Ok(hash)) => {
                        assert_eq!(hash, expected, "{context}");
                        // Fewer kernels are compiled than that.
                        let is_lost = device.state() != anygrad::backend::gpu::DeviceState::Live;
                        *if is_lost { &mut recovered } else { &mut none } += 1;
                    }
                    (Failure::OutOfMemory, Err(Error::OutOfMemory { .. })) => refused += 1,
                    (Failure::Error, Err(Error::Gpu { .. })) => refused += 1,
                    (_, Err(error)) => panic!("{context}: {error}"),
                }
            }
        }
    }
    assert!(recovered >= 30 && refused >= 30, "{recovered} recovered, {refused} refused, {none} without a failure");
    common::report_comparisons("device_failures", recovered + refused);
}

#[test]
fn a_run_may_stop_when_its_device_is_lost() {
    let Some(device) = open() else { return };
    device.inject(Injection { call: Call::Submit, after: 20, failure: Failure::Loss });
    let error = hash(trainer(device).on_device_loss(OnDeviceLoss::Stop), &data()).expect_err("the device is gone");
    assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
    assert!(error.to_string().contains("destroyed"), "{error}");
}

#[test]
fn a_device_that_does_not_answer_is_replaced() {
    let Some(device) = open() else { return };
    let expected = hash(trainer(device.clone()), &data()).expect("a run");
    device.inject(Injection { call: Call::Wait, after: 9, failure: Failure::Timeout });
    assert_eq!(hash(trainer(device), &data()).expect("the whole run"), expected);
}

#[test]
fn out_of_memory_names_the_buffers_and_a_batch_size_that_fits() {
    let Some(device) = open() else { return };
    // What is said to fit is asked of the plan, and takes no more than was had.
    let data = moons(6000, 0.3, 0).expect("moons").split(0.1, 0).expect("a split");
    let data = data.with_validation(0.15, 0).expect("a split");
    let train = |device: &Arc<GpuDevice>, rows| trainer(device.clone()).batch_size(rows);
    device.inject(Injection { call: Call::CreateBuffer, after: 19, failure: Failure::OutOfMemory });
    let error = train(&device, 4096).fit_blocking(&data).expect_err("no memory");
    let text = error.to_string();
    let Error::OutOfMemory { allocated: Some(had), fits: Some(fits), .. } = error else { panic!("{text}") };
    assert!(
        fits < 4096 && text.contains("there is no room for buffer `") && text.contains("with --batch-size"),
        "{text}"
    );
    let forecast = train(&device, fits).forecast(&data.train, data.held_out()).expect("a forecast");
    assert!(forecast.plan_bytes <= had, "{} of {had}: {text}", forecast.plan_bytes);
}
