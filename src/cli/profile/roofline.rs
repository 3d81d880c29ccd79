//! What a device reaches at best with kernels of this program.

use anygrad::Result;
use anygrad::backend::Device;
use anygrad::graph::{DType, Graph, Role, ValueId};
use anygrad::kernel::Clock;
use anygrad::ops::{Op, column_sum::ColumnSum, elementwise::Elementwise, matmul::Matmul};
use anygrad::plan::{PhaseId, Plan};
use pollster::block_on;
use std::time::Instant;

/// The best rates.
#[derive(Clone, Copy, Debug)]
pub struct Roofline {
    pub gflops: f64,
    pub gb_per_second: f64,
}

/// Measures the best matrix product and the best stream through memory, caches included.
pub fn roofline(device: &Device, seconds: f64) -> Result<Roofline> {
    let is_software = matches!(device, Device::Gpu(gpu) if gpu.adapter().is_software());
    let sides: &[usize] = match device {
        Device::Gpu(_) if !is_software => &[1024, 2048, 4096],
        _ => &[512, 1024],
    };
    let each = seconds / (3 * sides.len() + 3) as f64;
    let mut roofline = Roofline { gflops: 0.0, gb_per_second: 0.0 };
    for &n in sides {
        for form in Matmul::ALL {
            let rate = 2.0 * (n as f64).powi(3) / best_seconds(device, &form.into(), [n, n], each)?;
            roofline.gflops = roofline.gflops.max(rate / 1e9);
        }
    }
    for rows in [64, 1024, 4096] {
        let bytes = (3 * 4 * rows * 1024) as f64;
        let rate = bytes / best_seconds(device, &Elementwise::Add.into(), [rows, 1024], each)?;
        roofline.gb_per_second = roofline.gb_per_second.max(rate / 1e9);
    }
    Ok(roofline)
}

/// Least seconds that an op of two matrices took, in submissions of several.
pub fn best_seconds(device: &Device, op: &Op, shape: [usize; 2], seconds: f64) -> Result<f64> {
    let mut graph = Graph::new();
    let inputs: Vec<ValueId> =
        (0..2).map(|i| graph.declare(format!("input {i}"), shape, DType::F32, Role::Input)).collect();
    for output in graph.apply_all(op.clone(), &inputs)? {
        graph.set_role(output, Role::Output);
    }
    // A single number, so that waiting for it costs nothing.
    let small = graph.declare("small", [1, 1], DType::F32, Role::Input);
    graph.begin_phase("wait");
    let result = graph.apply(ColumnSum::SUM, &[small])?;
    graph.set_role(result, Role::Output);
    let mut executor = block_on(device.load(Plan::new(graph, &device.target())?))?;
    for input in inputs {
        executor.write(input, &vec![0.5; shape[0] * shape[1]])?;
    }
    let mut run = |times: u32| -> Result<f64> {
        block_on(executor.read(result))?;
        let start = Instant::now();
        executor.repeat(PhaseId::FIRST, &Clock::default(), times)?;
        block_on(executor.read(result))?;
        Ok(start.elapsed().as_secs_f64())
    };
    let once = run(1)?.min(run(1)?);
    let times = (seconds / 4.0 / once.max(1e-7)).clamp(1.0, 200.0) as u32;
    let start = Instant::now();
    let mut least = once;
    while start.elapsed().as_secs_f64() < seconds {
        least = least.min(run(times)? / f64::from(times));
    }
    Ok(least)
}
