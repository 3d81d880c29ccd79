//! NumPy's arrays as matrices that the library reads where they lie. The only unsafe code of the package beside Arrow's.

use anygrad::data::Matrix;
use numpy::{Element, PyArray2, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::sync::Arc;

/// A number that arrays hold.
trait Number: Element + Copy + Send + Sync {
    fn number(self) -> f64;

    /// The numbers as floats, if they are.
    fn floats(_: &[Self]) -> Option<&[f32]> {
        None
    }
}

macro_rules! numbers {
    ($($type:ty),+) => {$(impl Number for $type {
        fn number(self) -> f64 {
            self as f64
        }
    })+};
}
numbers!(f64, i8, i16, i32, i64, u8, u16, u32, u64);

impl Number for f32 {
    fn number(self) -> f64 {
        self.into()
    }

    fn floats(own: &[f32]) -> Option<&[f32]> {
        Some(own)
    }
}

impl Number for bool {
    fn number(self) -> f64 {
        f64::from(u8::from(self))
    }
}

/// An array `[rows, columns]` of any strides.
struct Strided<T> {
    /// Keeps the memory.
    _array: Py<PyArray2<T>>,
    first: *const T,
    rows: usize,
    columns: usize,
    /// In bytes.
    strides: [isize; 2],
    /// Whether row follows row without gaps, where the processor can read them as they are.
    is_packed: bool,
}

// SAFETY: the pointer is read from only, and the array that owns the memory is kept. NumPy frees or moves an array's memory
// only when nothing refers to the array any longer (`resize` refuses otherwise, unless told not to look). A program that
// writes into an array while another of its threads trains on it gets numbers of before or after; so it is with every
// extension that lets other threads run meanwhile.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Strided<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Sync> Sync for Strided<T> {}

impl<T: Number> Strided<T> {
    fn new(array: &Bound<'_, PyArray2<T>>) -> Strided<T> {
        let [rows, columns] = [array.shape()[0], array.shape()[1]];
        let is_packed = array.is_c_contiguous() && array.data().is_aligned();
        let strides = [array.strides()[0], array.strides()[1]];
        Strided { _array: array.clone().unbind(), first: array.data(), rows, columns, strides, is_packed }
    }
}

impl<T: Number> Matrix for Strided<T> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn copy(&self, row: usize, first: usize, out: &mut [f64]) {
        assert!(row < self.rows && first + out.len() <= self.columns, "there is no row {row}, or not so many columns");
        let [over_rows, over_columns] = self.strides;
        // SAFETY: row and columns are those of elements, as is checked above, and the strides lead to them. They may lie
        // anywhere.
        #[allow(unsafe_code)]
        unsafe {
            let first = self.first.byte_offset(row as isize * over_rows + first as isize * over_columns);
            if over_columns == size_of::<T>() as isize {
                out.iter_mut().enumerate().for_each(|(i, out)| *out = first.add(i).read_unaligned().number());
            } else {
                let at = |i: usize| first.byte_offset(i as isize * over_columns);
                out.iter_mut().enumerate().for_each(|(i, out)| *out = at(i).read_unaligned().number());
            }
        }
    }

    fn floats(&self) -> Option<&[f32]> {
        if !self.is_packed {
            return None;
        }
        // SAFETY: the elements are so many, aligned and one after the other; see above for how long they stay.
        #[allow(unsafe_code)]
        let own = unsafe { std::slice::from_raw_parts(self.first, self.rows * self.columns) };
        T::floats(own)
    }
}

/// An array of two dimensions as a matrix, if it holds numbers or truth values.
pub fn matrix(array: &Bound<'_, PyAny>) -> PyResult<Arc<dyn Matrix>> {
    macro_rules! any_of {
        ($($type:ty),+) => {$(
            if let Ok(array) = array.cast::<PyArray2<$type>>() {
                return Ok(Arc::new(Strided::new(array)));
            }
        )+};
    }
    any_of!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, bool);
    Err(PyTypeError::new_err("an array of two dimensions with numbers is needed"))
}
