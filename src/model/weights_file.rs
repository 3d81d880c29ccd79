//! Weights without a description, as PyTorch writes them: tensors of a safetensors file for layers that are known.

use super::file::{KEY, unusable};
use super::{Sequential, Tensor, TensorSpec};
use crate::error::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// The tensors of a model from a safetensors file of any program: `0.weight` of shape `[out, in]`, `0.bias` and so on, as
/// PyTorch's `Sequential` names them, in the order of [`Sequential::initialize`]. Elements are 32-bit floats, or are
/// converted from 16 or 64 bits.
///
/// ```
/// use anygrad::{model::read_tensors, nn::Sequential};
/// # let path = std::env::temp_dir().join("anygrad-read-tensors.safetensors");
/// # let bytes = |x: &[f32]| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
/// # let (weight, bias) = (bytes(&[1.0, 2.0]), bytes(&[3.0]));
/// # let view = |shape: &[usize], bytes| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes);
/// # let views = [("0.weight", view(&[1, 2], &weight).unwrap()), ("0.bias", view(&[1], &bias).unwrap())];
/// # std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
/// // What `safetensors.torch.save_file(net.state_dict(), path)` wrote of `nn.Sequential(nn.Linear(2, 1))`.
/// let tensors = read_tensors(&path, &Sequential::new(2).linear(1))?;
/// assert_eq!((&tensors[0].name[..], &tensors[0].data[..]), ("0.weight", &[1.0, 2.0][..]));
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::ModelFile`] with the name of a tensor that is missing, of another shape
/// or kind than the layers need, not finite, or without a layer.
pub fn read_tensors(path: impl AsRef<Path>, architecture: &Sequential) -> Result<Vec<Tensor>> {
    let path = path.as_ref();
    let bytes = crate::files::read(path).map_err(|e| Error::io("read", path, e))?;
    let refused = |reason: String| Err(unusable(path, reason));
    check_header(&bytes).map_err(|reason| unusable(path, reason))?;
    let file = match SafeTensors::deserialize(&bytes) {
        Ok(file) => file,
        Err(error) => return refused(format!("not a whole safetensors file ({error})")),
    };
    let specs = architecture.tensor_specs()?;
    let mut names = file.names();
    names.sort_unstable();
    let mut tensors = Vec::new();
    for TensorSpec { path: name, shape, .. } in &specs {
        let Ok(view) = file.tensor(name) else {
            return refused(format!("the tensor `{name}` is missing; the file holds {}", few(&names)));
        };
        if view.shape() != shape.dims() {
            let (found, needed) = (view.shape(), shape.dims());
            return refused(format!("the tensor `{name}` is {found:?}, the layers need {needed:?}"));
        }
        let Some(data) = floats(&view) else {
            let kind = view.dtype();
            return refused(format!(
                "the tensor `{name}` holds {kind:?}, which is no kind of float: save it as float32"
            ));
        };
        if data.iter().any(|x| !x.is_finite()) {
            return refused(format!("the tensor `{name}` holds NaN or infinity"));
        }
        tensors.push(Tensor { name: name.clone(), shape: shape.dims().to_vec(), data });
    }
    match names.iter().find(|name| !specs.iter().any(|spec| spec.path == **name)) {
        Some(name) => refused(format!("the tensor `{name}` belongs to none of the layers {architecture}")),
        None => Ok(tensors),
    }
}

/// Refuses a safetensors file whose header names more tensors than a header of its length may. Whether it is one at all, its
/// reader tells.
pub(super) fn check_header(bytes: &[u8]) -> std::result::Result<(), String> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return Ok(()) };
    let header = usize::try_from(u64::from_le_bytes(*length)).ok().and_then(|length| rest.get(..length));
    crate::files::json::check(header.unwrap_or_default()).map_err(|reason| format!("its header: {reason}"))
}

/// Whether a file holds a model, which describes itself, and not weights alone.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::ModelFile`] if it is no safetensors file.
pub(crate) fn is_model(path: &Path) -> Result<bool> {
    let bytes = crate::files::read(path).map_err(|e| Error::io("read", path, e))?;
    check_header(&bytes).map_err(|reason| unusable(path, reason))?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| {
        unusable(path, format!("not a whole safetensors file ({e}); name a model's file or a run's folder"))
    })?;
    Ok(metadata.metadata().as_ref().is_some_and(|entries| entries.contains_key(KEY)))
}

/// A tensor in a safetensors file of any program.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTensor {
    /// Its name.
    pub name: String,
    /// The kind of its elements: `F32`, `I64`.
    pub kind: String,
    /// Extents, row-major.
    pub shape: Vec<usize>,
    /// Its elements, if they are floats.
    pub data: Option<Vec<f32>>,
}

/// What a safetensors file of any program holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its tensors, by name.
    pub tensors: Vec<StoredTensor>,
    /// The texts of its metadata, by key. A model's file has its description among them, as the JSON text `anygrad`.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a safetensors file of any program.
///
/// ```
/// use anygrad::{data, model::stored, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
/// # let path = std::env::temp_dir().join(format!("anygrad-stored-{}.safetensors", std::process::id()));
/// let mut trainer = Trainer::new(Sequential::new(2).linear(2), Loss::cross_entropy(), Sgd::new(0.1)).epochs(1);
/// trainer.fit_blocking(&data::xor(40, 0)?.split(0.2, 0)?)?;
/// trainer.model()?.save(&path)?;
/// let stored = stored(&path)?;
/// assert_eq!((&stored.tensors[1].name[..], &stored.tensors[1].shape[..]), ("0.weight", &[2, 2][..]));
/// assert!(stored.metadata.contains_key("anygrad"));
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::ModelFile`] if it is no whole safetensors file.
pub fn stored(path: impl AsRef<Path>) -> Result<Stored> {
    let path = path.as_ref();
    let bytes = crate::files::read(path).map_err(|e| Error::io("read", path, e))?;
    check_header(&bytes).map_err(|reason| unusable(path, reason))?;
    let damaged = |error| unusable(path, format!("not a whole safetensors file ({error})"));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let of = |(name, view): (String, TensorView<'_>)| StoredTensor {
        name,
        kind: format!("{:?}", view.dtype()),
        shape: view.shape().to_vec(),
        data: floats(&view),
    };
    let mut tensors: Vec<StoredTensor> = file.tensors().into_iter().map(of).collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let metadata = metadata.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(Stored { tensors, metadata })
}

/// The first names of a list.
fn few(names: &[&str]) -> String {
    let first: Vec<String> = names.iter().take(6).map(|name| format!("`{name}`")).collect();
    let rest = if names.len() > 6 { format!(" and {} more", names.len() - 6) } else { String::new() };
    if first.is_empty() { "none".into() } else { format!("{}{rest}", first.join(", ")) }
}

/// The elements of a tensor of floats.
fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = view.data();
    let halves = |from: fn(u16) -> f32| bytes.as_chunks().0.iter().map(|b| from(u16::from_le_bytes(*b))).collect();
    match view.dtype() {
        Dtype::F32 => Some(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F64 => Some(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()),
        Dtype::BF16 => Some(halves(|bits| f32::from_bits(u32::from(bits) << 16))),
        Dtype::F16 => Some(halves(of_half)),
        _ => None,
    }
}

/// A number of IEEE 754's binary16.
fn of_half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023) / 1024.0);
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction) * 2f32.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::of_half;

    #[test]
    fn halves_are_what_ieee_754_says() {
        // One, −2, the largest, the smallest above 0, the smallest normal one, 1/3 as numpy.float16 rounds it.
        let known = [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (1, 2f32.powi(-24)), (0x0400, 2f32.powi(-14))];
        for (bits, value) in known.into_iter().chain([(0x3555, 0.333_251_95), (0x8000, -0.0)]) {
            assert_eq!(of_half(bits).to_bits(), f32::to_bits(value), "{bits:#x}");
        }
        assert!(of_half(0x7c00).is_infinite() && of_half(0x7e00).is_nan());
    }
}
