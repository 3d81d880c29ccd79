//! The library's errors as Python's exceptions, each of the type that fits it, with the library's sentence.

use anygrad::Error;
use pyo3::PyErr;
use pyo3::create_exception;
use pyo3::exceptions::{PyArithmeticError, PyMemoryError, PyRuntimeError, PyValueError};

create_exception!(
    anygrad,
    DeviceError,
    PyRuntimeError,
    "The device is absent, was lost, or cannot do what is asked of it."
);
create_exception!(
    anygrad,
    DivergenceError,
    PyArithmeticError,
    "Training produced NaN or infinity; the message names the tensor, the step and the likely cause."
);

/// The exception of an error.
pub fn raised(error: Error) -> PyErr {
    let message = error.to_string();
    match innermost(&error) {
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::OutOfMemory => PyMemoryError::new_err(message),
        Error::Io { source, .. } => std::io::Error::new(source.kind(), message).into(),
        Error::OutOfMemory { .. } => PyMemoryError::new_err(message),
        Error::NoDevice { .. }
        | Error::Limit { .. }
        | Error::DeviceLost { .. }
        | Error::Timeout { .. }
        | Error::Gpu { .. }
        | Error::NoVariant { .. } => DeviceError::new_err(message),
        Error::Diverged(_) => DivergenceError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}

/// The error itself, without what says where it happened.
fn innermost(error: &Error) -> &Error {
    match error {
        Error::At { error, .. } | Error::Layer { error, .. } => innermost(error),
        own => own,
    }
}
