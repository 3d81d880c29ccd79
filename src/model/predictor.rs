//! A model on a device, ready to predict: planned, compiled and uploaded once.

use super::quality::class_of;
use super::{Model, Module, Pass, Target, quality};
use crate::backend::{Device, Executor};
use crate::data::{Features, Preprocessing};
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Role, ValueId};
use crate::kernel::Clock;
use crate::plan::{PhaseId, Plan};
use std::fmt;

/// A model on a device; [`Model::predictor`] makes one.
///
/// It holds forward passes for several numbers of rows, over one copy of the weights, and splits the rows that it is
/// given among them. The passes are of fused kernels: outputs differ by rounding from those of one kernel for each op,
/// and those of a row may differ by rounding with the number of rows that come with it.
pub struct Predictor {
    executor: Executor,
    /// From the most rows to the fewest.
    batches: Vec<Batch>,
    preprocessing: Preprocessing,
    target_preprocessing: Preprocessing,
    takes_values: bool,
    threshold: Option<f64>,
    input_width: usize,
    output_width: usize,
}

/// A pass over a fixed number of rows.
#[derive(Clone, Copy, Debug)]
struct Batch {
    rows: usize,
    phase: PhaseId,
    x: ValueId,
    y: ValueId,
}

impl Predictor {
    /// Numbers of rows that a predictor for general use has a pass for.
    const BATCHES: [usize; 3] = [512, 32, 1];

    /// Loads a model with passes over these numbers of rows, from the most to the fewest.
    async fn load(model: &Model, device: &Device, sizes: &[usize]) -> Result<Predictor> {
        let architecture = &model.architecture;
        let (input_width, output_width) = (architecture.input_width(), architecture.output_width()?);
        let mut graph = Graph::new();
        let tensors = architecture.declare(&mut graph)?;
        let mut batches = Vec::new();
        for &rows in sizes {
            let x = graph.declare(format!("input {rows}"), [rows, input_width], DType::F32, Role::Input);
            let phase = graph.begin_phase(&format!("predict {rows}"));
            let y = architecture.forward(&mut Pass::new(&mut graph, &tensors, false, 0), x)?;
            if y != x {
                graph.set_role(y, Role::Output);
            }
            batches.push(Batch { rows, phase, x, y });
        }
        let plan = Plan::fused(&graph, &device.target())?;
        let mut executor = device.load(plan).await?.reproducible(model.recipe.reproducible);
        for (&value, tensor) in tensors.values().iter().zip(&model.tensors) {
            executor.write(value, &tensor.data)?;
        }
        Ok(Predictor {
            executor,
            batches,
            preprocessing: model.preprocessing.clone(),
            target_preprocessing: model.target_preprocessing.clone(),
            takes_values: matches!(model.target, Target::Values { .. }),
            threshold: model.threshold,
            input_width,
            output_width,
        })
    }

    /// Outputs for each row: logits of classes, or values. Row-major. Rows in a packed file are read batch by batch.
    ///
    /// # Errors
    /// [`Error::Shape`] if the rows have another width than the model's input; what the device reports.
    pub async fn outputs(&mut self, features: &Features) -> Result<Vec<f32>> {
        let width = self.input_width;
        if features.width() != width {
            let detail = format!("rows have {} features, the model takes {width}", features.width());
            return Err(Error::shape("data", detail));
        }
        let (all, mut done) = (features.rows(), 0);
        let mut outputs = Vec::with_capacity(all * self.output_width);
        while done < all {
            let batch = self.batch_for(all - done);
            let count = batch.rows.min(all - done);
            // A batch that is not full is filled up with zero rows, whose outputs are dropped.
            let mut x = vec![0.0; batch.rows * width];
            let inputs = &mut x[..count * width];
            features.copy_floats(|i| done + i, inputs)?;
            self.preprocessing.apply(inputs);
            if let Some(at) = inputs.iter().position(|x| !x.is_finite()) {
                let (row, feature) = (done + at / width, at % width);
                let detail =
                    format!("feature {feature} of row {row} is too far from the training rows for 32-bit floats");
                return Err(Error::shape("data", detail));
            }
            self.executor.write(batch.x, &x)?;
            self.executor.run(&[(batch.phase, Clock::default())])?;
            let y = self.executor.read(batch.y).await?;
            outputs.extend_from_slice(&y[..count * self.output_width]);
            done += count;
        }
        self.target_preprocessing.undo(&mut outputs);
        quality::check_outputs(&outputs, self.output_width)?;
        Ok(outputs)
    }

    /// The largest batch that `rows` rows fill, or the smallest that holds them.
    fn batch_for(&self, rows: usize) -> Batch {
        let filled = self.batches.iter().position(|batch| batch.rows <= rows).unwrap_or(self.batches.len());
        let holds_all = filled.checked_sub(1).map(|larger| self.batches[larger]);
        match (self.batches.get(filled), holds_all) {
            // Where many small batches would be needed, one larger that is not full is faster.
            (Some(small), Some(larger)) if rows > 4 * small.rows => larger,
            (Some(&small), _) => small,
            (None, larger) => larger.unwrap_or(self.batches[0]),
        }
    }

    /// Class of each row, for a model of classes; by the model's threshold if it has one.
    ///
    /// # Errors
    /// Fails as [`Predictor::outputs`] does; [`Error::Shape`] if the model puts out values.
    pub async fn classes(&mut self, features: &Features) -> Result<Vec<usize>> {
        if self.takes_values {
            return Err(Error::shape("model", "puts out values, not classes"));
        }
        let outputs = self.outputs(features).await?;
        Ok(outputs.chunks_exact(self.output_width).map(|row| class_of(row, self.threshold)).collect())
    }
}

impl Model {
    /// The model on a device, ready to predict rows as often as they come.
    ///
    /// ```
    /// use anygrad::{backend::Device, data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let data = data::digits()?.split(0.2, 0)?;
    /// let model = Sequential::new(64).linear(32).relu().linear(10);
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).epochs(2);
    /// trainer.fit_blocking(&data)?;
    /// let mut predictor = pollster::block_on(trainer.model()?.predictor(&Device::cpu()))?;
    /// for row in 0..3 {
    ///     let classes = predictor.classes_blocking(&data.test.select(&[row]).features)?;
    ///     assert!(classes[0] < 10);
    /// }
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the device reports.
    pub async fn predictor(&self, device: &Device) -> Result<Predictor> {
        Predictor::load(self, device, &Predictor::BATCHES).await
    }

    /// Outputs for each row: logits of classes, or values. Row-major, `output_width` numbers for each row. Loads the model
    /// on the device for this call alone; see [`Model::predictor`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the rows have another width than the model's input; what the device reports.
    pub async fn outputs(&self, features: &Features, device: &Device) -> Result<Vec<f32>> {
        let most = Predictor::BATCHES[0];
        Predictor::load(self, device, &[features.rows().clamp(1, most)]).await?.outputs(features).await
    }

    /// Class of each row, for a model of classes; by the model's threshold if it has one.
    ///
    /// # Errors
    /// As [`Model::outputs`]; [`Error::Shape`](crate::Error::Shape) if the model puts out values.
    pub async fn classes(&self, features: &Features, device: &Device) -> Result<Vec<usize>> {
        let most = Predictor::BATCHES[0];
        Predictor::load(self, device, &[features.rows().clamp(1, most)]).await?.classes(features).await
    }
}

/// For programs without an async runtime.
#[cfg(not(target_arch = "wasm32"))]
impl Model {
    /// [`Model::outputs`], blocking.
    ///
    /// # Errors
    /// Fails as [`Model::outputs`] does.
    pub fn outputs_blocking(&self, features: &Features, device: &Device) -> Result<Vec<f32>> {
        pollster::block_on(self.outputs(features, device))
    }

    /// [`Model::classes`], blocking.
    ///
    /// # Errors
    /// Fails as [`Model::classes`] does.
    pub fn classes_blocking(&self, features: &Features, device: &Device) -> Result<Vec<usize>> {
        pollster::block_on(self.classes(features, device))
    }

    /// [`Model::predictor`], blocking.
    ///
    /// # Errors
    /// Fails as [`Model::predictor`] does.
    pub fn predictor_blocking(&self, device: &Device) -> Result<Predictor> {
        pollster::block_on(self.predictor(device))
    }
}

/// For programs without an async runtime.
#[cfg(not(target_arch = "wasm32"))]
impl Predictor {
    /// [`Predictor::outputs`], blocking.
    ///
    /// ```
    /// use anygrad::{backend::Device, data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let data = data::xor(64, 0)?.split(0.25, 0)?;
    /// let model = Sequential::new(2).linear(4).tanh().linear(2);
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).epochs(1);
    /// trainer.fit_blocking(&data)?;
    /// let mut predictor = pollster::block_on(trainer.model()?.predictor(&Device::cpu()))?;
    /// assert_eq!(predictor.outputs_blocking(&data.test.features)?.len(), 2 * data.test.rows());
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails as [`Predictor::outputs`] does.
    pub fn outputs_blocking(&mut self, features: &Features) -> Result<Vec<f32>> {
        pollster::block_on(self.outputs(features))
    }

    /// [`Predictor::classes`], blocking.
    ///
    /// # Errors
    /// Fails as [`Predictor::classes`] does.
    pub fn classes_blocking(&mut self, features: &Features) -> Result<Vec<usize>> {
        pollster::block_on(self.classes(features))
    }
}

impl fmt::Debug for Predictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Predictor").field("batches", &self.batches).finish_non_exhaustive()
    }
}
