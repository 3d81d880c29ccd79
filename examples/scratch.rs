use anygrad::{backend::*, data, nn::*, optim::Sgd, train::*};
fn main() {
    let dev = std::env::args().nth(1).unwrap();
    let mnist = std::env::args().nth(2).is_some();
    let data = if mnist { data::mnist("../shared/data/mnist".as_ref()).unwrap() } else { data::digits().unwrap().split(0.2, 0).unwrap() };
    let model = if mnist { Sequential::new(784).linear(128).relu().linear(10) } else { Sequential::new(64).linear(64).relu().linear(10) };
    let device = pollster::block_on(Device::choose(&dev.parse().unwrap(), Work { flops: 0, dispatches: 0 })).unwrap();
    println!("{} {}", device.device.device_name(), device.reason);
    let (lr, ep) = if mnist { (0.05, 2) } else { (0.1, 30) };
    let mut t = Trainer::new(model, Loss::cross_entropy(), Sgd::new(lr).momentum(0.9)).epochs(ep).seed(1).on(device.device)
        .observe(|e| if let Event::Epoch(e) = e { println!("{e:?}") });
    let s = std::time::Instant::now();
    let h = t.fit_blocking(&data).unwrap();
    println!("{:?} {} dispatches, {} submissions, {} steps, {}", s.elapsed(), h.dispatches_per_step, h.submissions, h.step_losses.len(), t.model().unwrap().weights_hash());
    println!("{:?}", t.evaluate_blocking(&data.test).unwrap());
}
