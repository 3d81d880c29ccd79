//! Shader modules and pipelines, one per kernel, variant and set of constants.

use super::buffers::{Buffers, bound_bytes};
use super::device::GpuDevice;
use crate::error::Result;
use crate::kernel::{Access, source};
use crate::plan::{Dispatch, Plan};
use std::collections::{BTreeMap, HashMap};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// One dispatch as it is recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    pub pipeline: wgpu::ComputePipeline,
    pub bind_group: wgpu::BindGroup,
    pub workgroups: [u32; 3],
}

/// Compiles what the plan needs and binds its buffers: for each phase the list of dispatches.
pub(super) async fn record(device: &GpuDevice, plan: &Plan, buffers: &Buffers) -> Result<Vec<Vec<Recorded>>> {
    compile_all(device, plan)?;
    let mut phases = Vec::new();
    let mut number = 0;
    for phase in plan.phases() {
        let mut recorded = Vec::with_capacity(phase.dispatches.len());
        for dispatch in &phase.dispatches {
            let Compiled { layout, pipeline } = compiled(device, dispatch).await?;
            let bind = || bind(device, dispatch, &layout, buffers, number);
            let bind_group = device.scoped(&dispatch.label, bind).await?;
            recorded.push(Recorded { pipeline, bind_group, workgroups: dispatch.workgroups });
            number += 1;
        }
        phases.push(recorded);
    }
    Ok(phases)
}

/// A pipeline with the layout of its bindings.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    layout: wgpu::BindGroupLayout,
    pipeline: wgpu::ComputePipeline,
}

/// The pipelines of a device by kernel, variant and constants: each is compiled once, whatever plans come.
pub(super) type Pipelines = Mutex<HashMap<String, Compiled>>;

async fn compiled(device: &GpuDevice, dispatch: &Dispatch) -> Result<Compiled> {
    let known = || device.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
    let label = label(dispatch);
    if let Some(compiled) = known().get(&label) {
        return Ok(compiled.clone());
    }
    let compiled = device.scoped(&label, || compile(device, dispatch, &label)).await?;
    known().insert(label, compiled.clone());
    Ok(compiled)
}

fn label(dispatch: &Dispatch) -> String {
    source::label(dispatch.kernel, dispatch.variant, &dispatch.specialization)
}

/// Compiles what the plan needs on all processors. In a browser, which does so by itself, nothing.
fn compile_all(device: &GpuDevice, plan: &Plan) -> Result<()> {
    if cfg!(target_arch = "wasm32") {
        return Ok(());
    }
    let needed: BTreeMap<String, &Dispatch> =
        plan.phases().iter().flat_map(|phase| &phase.dispatches).map(|dispatch| (label(dispatch), dispatch)).collect();
    let (needed, next) = (Vec::from_iter(needed.into_values()), AtomicUsize::new(0));
    let take = || needed.get(next.fetch_add(1, Ordering::Relaxed));
    let work =
        || std::iter::from_fn(take).try_for_each(|dispatch| pollster::block_on(compiled(device, dispatch)).map(drop));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(needed.len());
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        // A thread does not panic but by a defect, which is to show here.
        others
            .into_iter()
            .fold(own, |so_far, other| so_far.and(other.join().unwrap_or_else(|panic| resume_unwind(panic))))
    })
}

fn compile(device: &GpuDevice, dispatch: &Dispatch, label: &str) -> Compiled {
    let entry = |(index, binding): (usize, &crate::kernel::Binding)| wgpu::BindGroupLayoutEntry {
        binding: index as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: match binding.access {
                Access::Uniform => wgpu::BufferBindingType::Uniform,
                Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
            },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = dispatch.kernel.bindings.iter().enumerate().map(entry).collect();
    let layout = device
        .device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries });
    let pipeline_layout = device.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let wgsl = source::assemble(dispatch.variant, &dispatch.specialization);
    let module = device.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(wgsl.into()),
    });
    let pipeline = device.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(label),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(dispatch.variant.entry_point),
        // Kernels write their workgroup memory before they read it. On Metal and DX12 a single invocation would clear it.
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: device.pipelines_of_before(),
    });
    Compiled { layout, pipeline }
}

fn bind(
    device: &GpuDevice,
    dispatch: &Dispatch,
    layout: &wgpu::BindGroupLayout,
    buffers: &Buffers,
    number: u64,
) -> wgpu::BindGroup {
    let params = wgpu::BufferBinding {
        buffer: &buffers.uniforms,
        offset: number * buffers.uniform_stride,
        size: wgpu::BufferSize::new(dispatch.params.len() as u64),
    };
    let data = dispatch.buffers.iter().map(|bound| wgpu::BufferBinding {
        buffer: &buffers.data[bound.place.buffer.index()],
        offset: 0,
        size: wgpu::BufferSize::new(bound_bytes(bound.place.words)),
    });
    let entries: Vec<_> = std::iter::once(params)
        .chain(data)
        .enumerate()
        .map(|(index, binding)| wgpu::BindGroupEntry {
            binding: index as u32,
            resource: wgpu::BindingResource::Buffer(binding),
        })
        .collect();
    device.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some(&dispatch.label),
        layout,
        entries: &entries,
    })
}
