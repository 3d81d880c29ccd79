//! A trained model: predicts, is saved and loaded, and leaves for other programs.

use crate::columns::Columns;
use crate::device::device;
use crate::errors::raised;
use anygrad::backend::{Request, Work};
use anygrad::export::Target as ExportTarget;
use anygrad::nn::{Predictor, Target, probabilities};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A trained model.
#[pyclass(frozen, module = "anygrad._anygrad")]
pub struct Model {
    pub own: anygrad::nn::Model,
    /// On the device that was asked for last, in this process.
    ready: Mutex<Option<(u32, String, Predictor)>>,
}

impl Model {
    pub fn new(own: anygrad::nn::Model) -> Model {
        Model { own, ready: Mutex::new(None) }
    }

    /// Outputs of all rows on a device. What a lost device has cost is tried once more.
    fn predict(&self, columns: anygrad::data::MemoryColumns, request: &Request) -> anygrad::Result<Vec<f32>> {
        let (features, _) = columns.features_like(&self.own.fitted())?;
        let place = (std::process::id(), request.to_string());
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((process, own, predictor)) = ready.as_mut()
            && (*process, &*own) == (place.0, &place.1)
        {
            match predictor.outputs_blocking(&features) {
                Err(anygrad::Error::DeviceLost { .. }) => {}
                outcome => return outcome,
            }
        }
        let choice = device(request, Work::default())?;
        let mut predictor = self.own.predictor_blocking(&choice.device)?;
        let outputs = predictor.outputs_blocking(&features);
        *ready = Some((place.0, place.1, predictor));
        outputs
    }
}

#[pymethods]
impl Model {
    /// Outputs `[rows, outputs]`: logits of classes, or values.
    fn outputs<'py>(&self, py: Python<'py>, columns: &Columns, device: &str) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (columns, request) = (columns.take()?, device.parse().map_err(raised)?);
        let outputs = py.detach(|| self.predict(columns, &request)).map_err(raised)?;
        let width = self.own.architecture.output_width().map_err(raised)?;
        let rows = outputs.len() / width.max(1);
        PyArray1::from_vec(py, outputs).reshape([rows, width])
    }

    /// Probabilities `[rows, classes]` from outputs.
    fn probabilities<'py>(
        &self,
        py: Python<'py>,
        outputs: numpy::PyReadonlyArray2<'py, f32>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let outputs = outputs.as_array();
        let mut all = Vec::new();
        let mut width = 0;
        for row in outputs.rows() {
            let row: Vec<f32> = row.iter().copied().collect();
            let own = probabilities(&row);
            width = own.len();
            all.extend(own);
        }
        PyArray1::from_vec(py, all).reshape([outputs.nrows(), width])
    }

    /// What the model is, in JSON.
    fn description(&self) -> PyResult<String> {
        let (target, classes) = match &self.own.target {
            Target::Classes { name, classes } => (vec![name], Some(classes)),
            Target::Values { names } => (names.iter().collect(), None),
        };
        let columns = self.own.encoder.iter().flat_map(|encoder| &encoder.columns).map(|column| &column.name);
        let width = self.own.architecture.output_width().map_err(raised)?;
        // By way of text, so that 0.003 in 32 bits stays 0.003.
        let recipe = serde_json::to_string(&self.own.recipe).and_then(|text| serde_json::from_str(&text));
        let recipe: serde_json::Value = recipe.unwrap_or_default();
        let description = serde_json::json!({
            "recipe": recipe,
            "architecture": self.own.architecture.to_string(),
            "parameters": self.own.architecture.parameter_count().map_err(raised)?,
            "feature_names": self.own.feature_names,
            "columns": columns.collect::<Vec<_>>(),
            "target": target,
            "classes": classes,
            "outputs": width,
            "threshold": self.own.threshold,
            "metrics": self.own.metrics,
            "data_hash": self.own.data_hash,
        });
        Ok(description.to_string())
    }

    /// Names and arrays of all weights.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let array = |tensor: &anygrad::nn::Tensor| {
            let flat = PyArray1::from_slice(py, &tensor.data);
            Ok((tensor.name.clone(), flat.reshape(tensor.shape.clone())?.into_any()))
        };
        self.own.tensors.iter().map(array).collect()
    }

    fn weights_hash(&self) -> String {
        self.own.weights_hash()
    }

    fn save(&self, path: PathBuf) -> PyResult<()> {
        self.own.save(path).map_err(raised)
    }

    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Model> {
        Ok(Model::new(anygrad::nn::Model::load(path).map_err(raised)?))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.own.to_bytes().map_err(raised)?))
    }

    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Model> {
        Ok(Model::new(anygrad::nn::Model::from_bytes(bytes).map_err(raised)?))
    }

    /// The content of the first file that it becomes for a target.
    fn exported<'py>(&self, py: Python<'py>, target: &str) -> PyResult<Bound<'py, PyBytes>> {
        let target: ExportTarget = target.parse().map_err(raised)?;
        let files = self.own.exported(target, Path::new("model")).map_err(raised)?;
        Ok(PyBytes::new(py, files.first().map_or(&[], |(_, content)| content)))
    }

    /// Writes the files that it becomes for a target, and returns their names.
    fn export(&self, target: &str, path: PathBuf) -> PyResult<Vec<PathBuf>> {
        let target: ExportTarget = target.parse().map_err(raised)?;
        self.own.export(target, path).map_err(raised)
    }
}
