//! The header of an NPY array: a dictionary as Python writes it, with the type of the elements, their order and shape.

use crate::files::limit;
use std::io::Read;

/// Most bytes of a header.
const MOST_BYTES: u64 = 1 << 20;
/// Most bytes of an element.
const MOST_ELEMENT: usize = 1 << 16;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The fields of an element; one without a name, unless they have names.
    pub fields: Vec<(Option<String>, Type)>,
    /// Whether the first index changes fastest.
    pub is_fortran: bool,
    pub shape: Vec<usize>,
    /// Bytes of the header itself.
    pub bytes: u64,
}

/// The type of a number or text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    pub kind: Kind,
    pub bytes: usize,
    pub is_big: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Truth,
    Signed,
    Unsigned,
    Float,
    /// Characters of four bytes, or bytes of a text.
    Unicode,
    Bytes,
    /// Time since 1970 in a unit of so many seconds, or of which so many make a second.
    Time {
        seconds: i64,
        parts: i64,
    },
}

impl Header {
    /// Number of elements, if it can be told.
    pub(super) fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1u64, |product, &extent| product.checked_mul(extent as u64))
    }

    /// Bytes of an element.
    pub(super) fn element(&self) -> usize {
        self.fields.iter().map(|(_, field)| field.bytes).sum()
    }
}

/// Reads the header at the beginning of an array.
pub(super) fn read(reader: &mut dyn Read) -> Result<Header, String> {
    let mut length_so_far = 0;
    let mut take = |bytes: &mut [u8]| {
        length_so_far += bytes.len() as u64;
        reader.read_exact(bytes).map_err(|e| format!("no whole header: {e}"))
    };
    let mut start = [0; 10];
    take(&mut start)?;
    if start[..6] != *b"\x93NUMPY" {
        return Err("not an array of NumPy (NPY)".into());
    }
    let length = match start[6] {
        1 => u32::from(u16::from_le_bytes([start[8], start[9]])),
        2 | 3 => {
            let mut more = [0; 2];
            take(&mut more)?;
            u32::from_le_bytes([start[8], start[9], more[0], more[1]])
        }
        version => return Err(format!("version {version} of the format, 1 to 3 are known")),
    };
    if u64::from(length) > limit(MOST_BYTES) {
        return Err(format!("a header of {length} bytes"));
    }
    let mut text = vec![0; length as usize];
    take(&mut text)?;
    let text = String::from_utf8(text).map_err(|_| "a header that is not UTF-8")?;
    let literal = Parser { rest: text.trim() }.whole().ok_or("a header that is no Python dictionary")?;
    Ok(Header { bytes: length_so_far, ..interpret(&literal)? })
}

fn interpret(literal: &Literal) -> Result<Header, String> {
    let Literal::Dictionary(pairs) = literal else { return Err("a header that is no dictionary".into()) };
    let get = |key: &str| {
        let found = pairs.iter().find(|(own, _)| *own == Literal::Text(key.into())).map(|(_, value)| value);
        found.ok_or(format!("a header without `{key}`"))
    };
    let Literal::Truth(is_fortran) = *get("fortran_order")? else { return Err("no order".into()) };
    let Literal::List(extents) = get("shape")? else { return Err("no shape".into()) };
    let extent = |extent: &Literal| if let Literal::Number(n) = extent { usize::try_from(*n).ok() } else { None };
    let shape = extents.iter().map(extent).collect::<Option<Vec<usize>>>().ok_or("no shape")?;
    let fields = match get("descr")? {
        Literal::Text(own) => vec![(None, kind(own)?)],
        Literal::List(fields) => fields.iter().map(field).collect::<Result<_, _>>()?,
        _ => return Err("no type of elements".into()),
    };
    let header = Header { fields, is_fortran, shape, bytes: 0 };
    if !(1..=MOST_ELEMENT).contains(&header.element()) {
        return Err(format!("elements of {} bytes", header.element()));
    }
    Ok(header)
}

fn field(literal: &Literal) -> Result<(Option<String>, Type), String> {
    match literal {
        Literal::List(parts) => match &parts[..] {
            [Literal::Text(name), Literal::Text(own)] => {
                Ok((Some(name.clone()), kind(own).map_err(|e| format!("field `{name}`: {e}"))?))
            }
            [Literal::Text(name), ..] => Err(format!("field `{name}` has fields or a shape of its own")),
            _ => Err("a field without a name".into()),
        },
        _ => Err("a field that is no pair".into()),
    }
}

/// A type such as `<f8`: order of bytes, kind, size.
fn kind(text: &str) -> Result<Type, String> {
    let unknown = || match text {
        "|O" | "O" => "Python objects, not numbers or texts".to_string(),
        text => format!("elements of the type `{text}`"),
    };
    let is_big = text.starts_with('>');
    let plain = text.trim_start_matches(['<', '>', '|', '=']);
    let (letter, size) = plain.split_at_checked(1).ok_or_else(unknown)?;
    if letter == "M" {
        let unit = size.strip_prefix("8[").and_then(|unit| unit.strip_suffix(']')).ok_or_else(unknown)?;
        let (seconds, parts) = match unit {
            "W" => (604_800, 1),
            "D" => (86_400, 1),
            "h" => (3600, 1),
            "m" => (60, 1),
            "s" => (1, 1),
            "ms" => (1, 1000),
            "us" => (1, 1_000_000),
            "ns" => (1, 1_000_000_000),
            _ => return Err(unknown()),
        };
        return Ok(Type { kind: Kind::Time { seconds, parts }, bytes: 8, is_big });
    }
    let size: usize = size.parse().map_err(|_| unknown())?;
    let kind = match (letter, size) {
        ("b", 1) => Kind::Truth,
        ("i", 1 | 2 | 4 | 8) => Kind::Signed,
        ("u", 1 | 2 | 4 | 8) => Kind::Unsigned,
        ("f", 2 | 4 | 8) => Kind::Float,
        ("U", _) => Kind::Unicode,
        ("S" | "a", _) => Kind::Bytes,
        _ => return Err(unknown()),
    };
    let bytes = if kind == Kind::Unicode { size.saturating_mul(4) } else { size };
    // So that no sum of them is too large.
    if bytes > MOST_ELEMENT {
        return Err(format!("elements of {bytes} bytes"));
    }
    Ok(Type { kind, bytes, is_big })
}

/// A literal of Python, as far as headers have them.
#[derive(Debug, PartialEq, Eq)]
enum Literal {
    Text(String),
    Number(u64),
    Truth(bool),
    /// A tuple or a list.
    List(Vec<Literal>),
    Dictionary(Vec<(Literal, Literal)>),
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn whole(mut self) -> Option<Literal> {
        let literal = self.literal(0)?;
        self.rest.trim().is_empty().then_some(literal)
    }

    /// The next literal, within so many others.
    fn literal(&mut self, depth: usize) -> Option<Literal> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            quote @ ('\'' | '"') => {
                let (text, rest) = self.rest[1..].split_once(quote)?;
                self.rest = rest;
                // Names with escapes would need Python's rules.
                (!text.contains('\\')).then(|| Literal::Text(text.into()))
            }
            '0'..='9' => {
                let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
                let (number, rest) = self.rest.split_at(end);
                // Python 2 wrote `3L`.
                self.rest = rest.strip_prefix('L').unwrap_or(rest);
                number.parse().ok().map(Literal::Number)
            }
            'T' if self.skip("True") => Some(Literal::Truth(true)),
            'F' if self.skip("False") => Some(Literal::Truth(false)),
            _ if depth == 4 => None,
            '(' => self.items(")", depth).map(Literal::List),
            '[' => self.items("]", depth).map(Literal::List),
            '{' => {
                self.skip("{");
                let mut pairs = Vec::new();
                while !self.skip("}") {
                    let key = self.literal(depth + 1)?;
                    self.skip(":").then_some(())?;
                    pairs.push((key, self.literal(depth + 1)?));
                    if !self.skip(",") {
                        return self.skip("}").then_some(Literal::Dictionary(pairs));
                    }
                }
                Some(Literal::Dictionary(pairs))
            }
            _ => None,
        }
    }

    /// Items up to the bracket that closes them; the one that opens them is next.
    fn items(&mut self, close: &str, depth: usize) -> Option<Vec<Literal>> {
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        while !self.skip(close) {
            items.push(self.literal(depth + 1)?);
            if !self.skip(",") {
                return self.skip(close).then_some(items);
            }
        }
        Some(items)
    }

    /// Goes past a text if it is next.
    fn skip(&mut self, text: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<Header, String> {
        let bytes = [&b"\x93NUMPY\x01\0"[..], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat();
        read(&mut &bytes[..])
    }

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        let float = Type { kind: Kind::Float, bytes: 8, is_big: false };
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }      \n";
        let own = header(text).unwrap();
        let bytes = 10 + text.len() as u64;
        assert_eq!(own, Header { fields: vec![(None, float)], is_fortran: false, shape: vec![3, 4], bytes });
        let old = header("{'descr': '>u2', 'fortran_order': True, 'shape': (3L,)}").unwrap();
        assert_eq!(old.fields, [(None, Type { kind: Kind::Unsigned, bytes: 2, is_big: true })]);
        assert_eq!((old.is_fortran, old.shape), (true, vec![3]));
        let named = header("{'descr': [('a', '<f8'), ('b', '<U5')], 'fortran_order': False, 'shape': ()}").unwrap();
        let text = Type { kind: Kind::Unicode, bytes: 20, is_big: false };
        assert_eq!(named.fields, [(Some("a".into()), float), (Some("b".into()), text)]);
        assert_eq!((named.element(), named.elements()), (28, Some(1)));
    }

    #[test]
    fn other_headers_are_refused() {
        let nested = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {}", "(".repeat(60_000));
        for (text, part) in [
            ("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", "Python objects"),
            ("{'descr': '<c16', 'fortran_order': False, 'shape': (3,)}", "`<c16`"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (-3,)}", "no Python dictionary"),
            ("{'descr': '<f8', 'shape': (3,)}", "without `fortran_order`"),
            ("{'descr': [('a', '<f8', (2,))], 'fortran_order': False, 'shape': (3,)}", "a shape of its own"),
            ("{'descr': '<U0', 'fortran_order': False, 'shape': (3,)}", "elements of 0 bytes"),
            ("{'descr': '<U4611686018427387905', 'fortran_order': False, 'shape': (3,)}", "bytes"),
            ("{'descr': '<U99999999999999999999', 'fortran_order': False, 'shape': (3,)}", "type"),
            ("__import__('os')", "no Python dictionary"),
            (&nested, "no Python dictionary"),
        ] {
            let error = header(text).unwrap_err();
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(
            read(&mut &b"\x93NUMPY\x02\0\xff\xff\xff\xff"[..]).unwrap_err().contains("a header of 4294967295 bytes")
        );
        assert!(read(&mut &b"PK\x03\x04 0123456789"[..]).unwrap_err().contains("not an array of NumPy"));
        assert!(read(&mut &b"\x93NUM"[..]).unwrap_err().contains("no whole header"));
    }
}
