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
    let message = in_python(&error);
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

/// The library's sentence about an error.
fn in_python(error: &Error) -> String {
    let mut message = without_flags(&error.to_string());
    if let Error::Snapshot { .. } = innermost(error) {
        message += "; fit anew, with warm_start=False";
    }
    message
}

/// A sentence with parameters in the place of the program's flags.
pub fn without_flags(sentence: &str) -> String {
    let mut message = String::new();
    for (i, word) in sentence.split_inclusive(' ').enumerate() {
        let name = word.trim_start_matches(['(', '`']);
        let lead = &word[..word.len() - name.len()];
        match name.strip_prefix("--").filter(|name| i > 0 && name.starts_with(|c: char| c.is_ascii_lowercase())) {
            Some(flag) => {
                let end = flag.find(|c: char| !(c.is_ascii_lowercase() || c == '-')).unwrap_or(flag.len());
                message += &format!("{lead}`{}`{}", flag[..end].replace('-', "_"), &flag[end..]);
            }
            None => message += word,
        }
    }
    message
}

/// The error itself, without what says where it happened.
fn innermost(error: &Error) -> &Error {
    match error {
        Error::At { error, .. } | Error::Layer { error, .. } => innermost(error),
        own => own,
    }
}
