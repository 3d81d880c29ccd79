//! A graph of ONNX as it is written: nodes, constants and names, one after the other.

use super::schema::{
    AttributeProto, AttributeType, DataType, Dimension, Extent, GraphProto, NodeProto, TensorProto, TensorShapeProto,
    TensorType, TypeProto, ValueInfoProto,
};

/// The domain of the operators of machine learning.
pub(super) const ML: &str = "ai.onnx.ml";

/// A graph that grows. Values are known by their names.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub graph: GraphProto,
    /// Whether operators on strings of opset 20 are used.
    pub splits_strings: bool,
    count: usize,
}

/// A constant of a node.
pub(super) enum Attribute<'a> {
    Float(&'static str, f32),
    Int(&'static str, i64),
    Text(&'static str, &'a str),
    Ints(&'static str, Vec<i64>),
    Texts(&'static str, &'a [String]),
}

impl Attribute<'_> {
    fn proto(self) -> AttributeProto {
        let of = |name: &str, r#type: AttributeType| AttributeProto {
            name: name.into(),
            r#type: r#type.into(),
            ..AttributeProto::default()
        };
        match self {
            Attribute::Float(name, f) => AttributeProto { f: Some(f), ..of(name, AttributeType::Float) },
            Attribute::Int(name, i) => AttributeProto { i: Some(i), ..of(name, AttributeType::Int) },
            Attribute::Text(name, s) => AttributeProto { s: Some(s.into()), ..of(name, AttributeType::String) },
            Attribute::Ints(name, ints) => AttributeProto { ints, ..of(name, AttributeType::Ints) },
            Attribute::Texts(name, texts) => {
                let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
                AttributeProto { strings, ..of(name, AttributeType::Strings) }
            }
        }
    }
}

impl Builder {
    /// A name that no column has: those of a table hold no slash in front.
    fn fresh(&mut self, what: &str) -> String {
        self.count += 1;
        format!("/anygrad/{what}_{}", self.count)
    }

    /// Adds a node and returns the name of its result.
    pub fn node(&mut self, op: &str, inputs: &[&str], attributes: Vec<Attribute<'_>>) -> String {
        let output = self.fresh(op);
        self.push(op, "", inputs, vec![output.clone()], attributes);
        output
    }

    /// Adds a node of the domain of machine learning.
    pub fn ml_node(&mut self, op: &str, inputs: &[&str], attributes: Vec<Attribute<'_>>) -> String {
        let output = self.fresh(op);
        self.push(op, ML, inputs, vec![output.clone()], attributes);
        output
    }

    /// Adds a node with two results.
    pub fn node_of_two(&mut self, op: &str, inputs: &[&str], attributes: Vec<Attribute<'_>>) -> [String; 2] {
        let outputs = [self.fresh(op), self.fresh(op)];
        self.push(op, "", inputs, outputs.to_vec(), attributes);
        outputs
    }

    fn push(&mut self, op: &str, domain: &str, inputs: &[&str], output: Vec<String>, attributes: Vec<Attribute<'_>>) {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|name| name.to_string()).collect(),
            name: output[0].trim_start_matches("/anygrad/").into(),
            output,
            op_type: op.into(),
            attribute: attributes.into_iter().map(Attribute::proto).collect(),
            domain: domain.into(),
        });
    }

    fn constant(&mut self, name: String, dims: &[usize], kind: DataType, bytes: Vec<u8>) -> String {
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|&extent| extent as i64).collect(),
            data_type: kind.into(),
            name: name.clone(),
            raw_data: Some(bytes),
            ..TensorProto::default()
        });
        name
    }

    /// A constant tensor of 32-bit floats with a name of its own.
    pub fn named_floats(&mut self, name: String, dims: &[usize], data: &[f32]) -> String {
        self.constant(name, dims, DataType::Float, data.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    /// A constant tensor of 32-bit floats.
    pub fn floats(&mut self, dims: &[usize], data: &[f32]) -> String {
        let name = self.fresh("constant");
        self.named_floats(name, dims, data)
    }

    /// A constant tensor of 64-bit floats.
    pub fn doubles(&mut self, dims: &[usize], data: &[f64]) -> String {
        let name = self.fresh("constant");
        self.constant(name, dims, DataType::Double, data.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    /// A constant tensor of whole numbers.
    pub fn ints(&mut self, dims: &[usize], data: &[i64]) -> String {
        let name = self.fresh("constant");
        self.constant(name, dims, DataType::Int64, data.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    /// A constant vector of texts.
    pub fn texts(&mut self, dims: &[usize], data: &[String]) -> String {
        let name = self.fresh("constant");
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|&extent| extent as i64).collect(),
            data_type: DataType::String.into(),
            string_data: data.iter().map(|text| text.as_bytes().to_vec()).collect(),
            name: name.clone(),
            ..TensorProto::default()
        });
        name
    }

    /// A value in another type.
    pub fn cast(&mut self, x: &str, to: DataType) -> String {
        self.node("Cast", &[x], vec![Attribute::Int("to", i64::from(i32::from(to)))])
    }

    /// Declares an input.
    pub fn input(&mut self, name: &str, kind: DataType, extents: &[Option<usize>], doc: &str) {
        self.graph.input.push(value(name, kind, extents, doc));
    }

    /// Declares a value to be an output, under another name.
    pub fn output(&mut self, x: &str, name: &str, kind: DataType, extents: &[Option<usize>], doc: &str) {
        self.push("Identity", "", &[x], vec![name.into()], Vec::new());
        self.graph.output.push(value(name, kind, extents, doc));
    }
}

/// A value with its type; an extent that is not known is the number of rows.
fn value(name: &str, kind: DataType, extents: &[Option<usize>], doc: &str) -> ValueInfoProto {
    let dimension = |extent: &Option<usize>| Dimension {
        value: Some(extent.map_or(Extent::Parameter("N".into()), |extent| Extent::Value(extent as i64))),
    };
    let shape = TensorShapeProto { dim: extents.iter().map(dimension).collect() };
    let tensor_type = TensorType { elem_type: kind.into(), shape: Some(shape) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
        doc_string: doc.into(),
    }
}
