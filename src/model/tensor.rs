//! A named tensor on the host, and the hash that tells two sets of weights apart.

use crate::files::Fnv;

/// A named f32 tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name as PyTorch's `Sequential` gives it: `0.weight`.
    pub name: String,
    /// Extents, row-major.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Vec<f32>,
}

/// 64-bit FNV-1a over names, shapes and the bits of all elements, as 16 hexadecimal digits.
pub fn weights_hash(tensors: &[Tensor]) -> String {
    let mut hash = Fnv::default();
    for tensor in tensors {
        hash.feed(tensor.name.as_bytes());
        tensor.shape.iter().for_each(|&d| hash.feed(&(d as u64).to_le_bytes()));
        tensor.data.iter().for_each(|x| hash.feed(&x.to_le_bytes()));
    }
    hash.digits()
}
