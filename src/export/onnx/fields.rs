//! How many fields an ONNX file has, told before it is decoded: a field of two bytes may become a message of hundreds.

/// Bytes that a field may take in memory once it is decoded.
const LARGEST: u64 = 300;
/// What any file may take.
const LEAST: u64 = 16 << 20;

/// A kind of message, as far as others are inside it.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Value,
    Type,
    Tensor,
    Shape,
    /// Has no messages inside that are decoded.
    Leaf,
}

impl Kind {
    /// The kind of message that a field holds.
    fn inside(self, field: u64) -> Option<Kind> {
        match (self, field) {
            (Kind::Model, 7) => Some(Kind::Graph),
            (Kind::Graph, 1) => Some(Kind::Node),
            (Kind::Graph, 11 | 12) => Some(Kind::Value),
            (Kind::Value, 2) => Some(Kind::Type),
            (Kind::Type, 1) => Some(Kind::Tensor),
            (Kind::Tensor, 2) => Some(Kind::Shape),
            (Kind::Model, 8 | 14) | (Kind::Graph | Kind::Node, 5) | (Kind::Shape, 1) => Some(Kind::Leaf),
            _ => None,
        }
    }
}

/// Refuses a file that would take more memory than eight times its length.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let fields = count(Kind::Model, bytes);
    if fields.saturating_mul(LARGEST) > LEAST.max(bytes.len() as u64 * 8) {
        return Err(format!("{fields} fields are more than a file of {} bytes may have", bytes.len()));
    }
    Ok(())
}

/// The fields of a message and of those inside it, up to the first that is not whole.
fn count(kind: Kind, mut bytes: &[u8]) -> u64 {
    let mut fields = 0;
    while let Some(Field { number, content, rest }) = field(bytes) {
        fields += 1;
        if let Some(inner) = kind.inside(number) {
            fields += count(inner, content);
        }
        bytes = rest;
    }
    fields
}

/// A field, and what is behind it.
struct Field<'a> {
    number: u64,
    /// Empty if it has no length.
    content: &'a [u8],
    rest: &'a [u8],
}

/// The first field of a message.
fn field(bytes: &[u8]) -> Option<Field<'_>> {
    let (tag, rest) = varint(bytes)?;
    let (content, rest): (&[u8], &[u8]) = match tag & 7 {
        0 => (&[], varint(rest)?.1),
        1 => (&[], rest.get(8..)?),
        5 => (&[], rest.get(4..)?),
        2 => {
            let (length, rest) = varint(rest)?;
            rest.split_at_checked(usize::try_from(length).ok()?)?
        }
        _ => return None,
    };
    Some(Field { number: tag >> 3, content, rest })
}

/// A number of variable length, and what is behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 127) << (7 * at);
        if byte < 128 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::onnx::schema::{GraphProto, ModelProto, NodeProto, TensorProto};
    use prost::Message;

    #[test]
    fn a_file_of_empty_messages_is_refused_and_one_of_weights_is_not() {
        let file = |graph| ModelProto { ir_version: 8, graph: Some(graph), ..ModelProto::default() }.encode_to_vec();
        let empty = file(GraphProto { node: vec![NodeProto::default(); 100_000], ..GraphProto::default() });
        assert!(empty.len() < 250_000);
        assert!(check(&empty).is_err_and(|reason| reason.contains("100002 fields")));
        let weights = TensorProto { raw_data: Some(vec![10; 1 << 20]), ..TensorProto::default() };
        let sound = file(GraphProto { initializer: vec![weights], ..GraphProto::default() });
        assert_eq!(check(&sound), Ok(()));
        // Cut anywhere, it is counted without a panic.
        (0..40).for_each(|at| drop(check(&sound[..at])));
    }
}
