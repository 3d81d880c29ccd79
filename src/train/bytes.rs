//! Numbers, texts and lists as bytes: one description of a layout serves for writing and for reading.

/// Why bytes cannot be read.
pub(super) type Outcome = Result<(), String>;

/// Bytes that are written, or those that are left to read. Each method writes what it is given, or reads it.
pub(super) enum Bytes<'a> {
    Out(Vec<u8>),
    In(&'a [u8]),
}

macro_rules! numbers {
    ($($name:ident),*) => {
        $(pub fn $name(&mut self, x: &mut $name) -> Outcome {
            let mut bytes = x.to_le_bytes();
            self.raw(&mut bytes)?;
            *x = $name::from_le_bytes(bytes);
            Ok(())
        })*
    };
}

impl<'a> Bytes<'a> {
    pub fn writer() -> Bytes<'a> {
        Bytes::Out(Vec::new())
    }

    pub fn reader(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes::In(bytes)
    }

    pub fn into_written(self) -> Vec<u8> {
        match self {
            Bytes::Out(bytes) => bytes,
            Bytes::In(_) => Vec::new(),
        }
    }

    /// Whether nothing is left to read.
    pub fn is_at_end(&self) -> bool {
        matches!(self, Bytes::In([]))
    }

    pub fn raw(&mut self, bytes: &mut [u8]) -> Outcome {
        match self {
            Bytes::Out(out) => out.extend_from_slice(bytes),
            Bytes::In(rest) => {
                let (own, behind) = rest.split_at_checked(bytes.len()).ok_or("it ends too early")?;
                bytes.copy_from_slice(own);
                *rest = behind;
            }
        }
        Ok(())
    }

    numbers!(u32, u64, f32, f64);

    pub fn usize(&mut self, x: &mut usize) -> Outcome {
        let mut number = *x as u64;
        self.u64(&mut number)?;
        *x = usize::try_from(number).map_err(|_| format!("{number} is too large for this machine"))?;
        Ok(())
    }

    pub fn bool(&mut self, x: &mut bool) -> Outcome {
        let mut byte = [u8::from(*x)];
        self.raw(&mut byte)?;
        *x = byte[0] != 0;
        Ok(())
    }

    /// A number of elements, each of at least `bytes` bytes: no more than are left.
    fn count(&mut self, mut count: usize, bytes: usize) -> Result<usize, String> {
        self.usize(&mut count)?;
        match self {
            Bytes::In(rest) if count > rest.len() / bytes => Err("it ends too early".into()),
            _ => Ok(count),
        }
    }

    pub fn text(&mut self, text: &mut String) -> Outcome {
        let mut bytes = std::mem::take(text).into_bytes();
        let count = self.count(bytes.len(), 1)?;
        bytes.resize(count, 0);
        self.raw(&mut bytes)?;
        *text = String::from_utf8(bytes).map_err(|_| "a text in it is not UTF-8")?;
        Ok(())
    }

    pub fn floats(&mut self, floats: &mut Vec<f32>) -> Outcome {
        let count = self.count(floats.len(), 4)?;
        floats.resize(count, 0.0);
        floats.iter_mut().try_for_each(|x| self.f32(x))
    }

    /// A list, whose elements are read in the place of `empty`.
    pub fn list<T: Clone>(
        &mut self,
        list: &mut Vec<T>,
        empty: T,
        mut visit: impl FnMut(&mut T, &mut Self) -> Outcome,
    ) -> Outcome {
        let count = self.count(list.len(), 1)?;
        list.resize(count, empty);
        list.iter_mut().try_for_each(|element| visit(element, self))
    }

    /// A value that may be missing; it is read in the place of `empty`.
    pub fn option<T>(
        &mut self,
        option: &mut Option<T>,
        empty: impl FnOnce() -> T,
        visit: impl FnOnce(&mut T, &mut Self) -> Outcome,
    ) -> Outcome {
        let mut is_there = option.is_some();
        self.bool(&mut is_there)?;
        if !is_there {
            *option = None;
            return Ok(());
        }
        visit(option.get_or_insert_with(empty), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(io: &mut Bytes<'_>, (text, numbers, list): &mut (String, Vec<f32>, Vec<Option<u64>>)) -> Outcome {
        io.text(text)?;
        io.floats(numbers)?;
        io.list(list, None, |element, io| io.option(element, u64::default, |x, io| io.u64(x)))
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let mut written = ("η₀".to_string(), vec![-0.0, f32::INFINITY, 0.1], vec![None, Some(u64::MAX)]);
        let mut io = Bytes::writer();
        visit(&mut io, &mut written).unwrap();
        let bytes = io.into_written();
        let mut read = Default::default();
        let mut io = Bytes::reader(&bytes);
        visit(&mut io, &mut read).unwrap();
        assert!(io.is_at_end());
        assert_eq!(read, written);
        assert_eq!(read.1[0].to_bits(), (-0.0f32).to_bits());
        for end in 0..bytes.len() {
            assert!(visit(&mut Bytes::reader(&bytes[..end]), &mut Default::default()).is_err(), "{end}");
        }
        // A number of elements that no memory would hold.
        let endless = [&u64::MAX.to_le_bytes()[..], &bytes].concat();
        assert!(visit(&mut Bytes::reader(&endless), &mut Default::default()).is_err());
    }
}
