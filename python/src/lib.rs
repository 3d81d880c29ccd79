//! The compiled part of the Python package `anygrad`: arrays and frames in, models and results out. What users see is
//! written in Python, in `anygrad/*.py`; this module is private to that.

#![deny(unsafe_code)]
#![warn(missing_docs)]

mod arrays;
mod columns;
mod device;
mod errors;
mod fit;
mod model;
mod tools;

use pyo3::prelude::*;

/// What `import anygrad._anygrad` gives.
#[pymodule]
fn _anygrad(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("DeviceError", module.py().get_type::<errors::DeviceError>())?;
    module.add("DivergenceError", module.py().get_type::<errors::DivergenceError>())?;
    module.add_class::<columns::Columns>()?;
    module.add_class::<columns::Targets>()?;
    module.add_class::<model::Model>()?;
    module.add_function(wrap_pyfunction!(fit::fit, module)?)?;
    module.add_function(wrap_pyfunction!(tools::devices, module)?)?;
    module.add_function(wrap_pyfunction!(tools::explain, module)?)?;
    module.add_function(wrap_pyfunction!(tools::gradcheck, module)?)?;
    module.add_function(wrap_pyfunction!(tools::plan, module)?)?;
    module.add_function(wrap_pyfunction!(tools::recipe, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
