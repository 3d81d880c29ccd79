//! What a model makes of rows, layer by layer: for decision boundaries, activations and the plane that a hidden layer
//! makes of two features.

use anygrad::backend::Device;
use anygrad::graph::{DType, Graph, Role};
use anygrad::kernel::Clock;
use anygrad::nn::{Model, Pass};
use anygrad::plan::Plan;
use anygrad::{Error, Result};

/// The outputs of each layer, of the first row, then of the next; the last are those of the model, in the data's unit.
///
/// It runs on the processor: these are few rows, and the GPU trains meanwhile.
pub async fn layers(model: &Model, mut rows: Vec<f32>) -> Result<Vec<Vec<f32>>> {
    let architecture = &model.architecture;
    let width = architecture.input_width();
    if rows.is_empty() || !rows.len().is_multiple_of(width) {
        let detail = format!("{} numbers are no rows of {width} features", rows.len());
        return Err(Error::Shape { place: "view".into(), detail });
    }
    let count = rows.len() / width;
    model.preprocessing.apply(&mut rows);
    let mut graph = Graph::new();
    let tensors = architecture.declare(&mut graph)?;
    let x = graph.declare("input", [count, width], DType::F32, Role::Input);
    graph.begin_phase("view");
    let mut pass = Pass::new(&mut graph, &tensors, false, 0);
    let (mut value, mut values) = (x, Vec::new());
    for (number, layer) in architecture.layers().iter().enumerate() {
        value = pass.child(&number.to_string(), layer.as_ref(), value)?;
        values.push(value);
    }
    values.iter().filter(|&&value| value != x).for_each(|&value| graph.set_role(value, Role::Output));
    let mut executor = Device::Cpu.load(Plan::fused(&graph, &Device::Cpu.target())?).await?;
    for (&value, tensor) in tensors.values().iter().zip(&model.tensors) {
        executor.write(value, &tensor.data)?;
    }
    let phase = executor.plan().phase("view").unwrap_or(anygrad::plan::PhaseId::FIRST);
    executor.write(x, &rows)?;
    executor.run(&[(phase, Clock::default())])?;
    let mut outputs = Vec::with_capacity(values.len());
    for value in values {
        outputs.push(if value == x { rows.clone() } else { executor.read(value).await? });
    }
    if let Some(last) = outputs.last_mut() {
        model.target_preprocessing.undo(last);
    }
    Ok(outputs)
}
