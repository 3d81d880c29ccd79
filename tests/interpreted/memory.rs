//! Memory that knows who touched it: accesses out of bounds, of what was never written, and of two invocations that no
//! barrier keeps apart.

use naga::AddressSpace;

/// The memory of one variable.
pub struct Memory {
    pub name: String,
    pub space: AddressSpace,
    /// Of private variables those of all invocations, one after the other.
    pub words: Vec<u32>,
    /// Words of one variable.
    pub length: usize,
    /// How many of them may be written: of a buffer that is bound in whole vec4, those of its tensor.
    writable: usize,
    /// By word, where invocations share what can be written.
    marks: Vec<Mark>,
}

/// Who touched a word last.
#[derive(Clone, Copy, Default)]
struct Mark {
    writer: Option<Access>,
    reader: Option<Access>,
    /// Whether others than `reader` have read it since the barrier before.
    several: bool,
}

/// An access of an invocation.
#[derive(Clone, Copy, PartialEq)]
pub struct Access {
    pub group: u32,
    /// How many barriers the workgroup has passed.
    pub phase: u32,
    pub lane: u32,
}

impl Access {
    /// Whether nothing says which of two accesses comes first.
    fn races(self, other: Access) -> bool {
        self.group != other.group || (self.phase == other.phase && self.lane != other.lane)
    }
}

impl Memory {
    pub fn new(name: &str, space: AddressSpace, words: Vec<u32>, length: usize) -> Memory {
        let shared = match space {
            AddressSpace::WorkGroup => true,
            AddressSpace::Storage { access } => access.contains(naga::StorageAccess::STORE),
            _ => false,
        };
        let marks = if shared { vec![Mark::default(); words.len()] } else { Vec::new() };
        Memory { name: name.into(), space, words, length, writable: length, marks }
    }

    /// Of which only the first words may be written.
    pub fn writable(self, writable: usize) -> Memory {
        Memory { writable, ..self }
    }

    /// Forgets everything, for another workgroup.
    pub fn clear(&mut self) {
        self.words.fill(0);
        self.marks.fill(Mark::default());
    }

    fn is_private(&self) -> bool {
        matches!(self.space, AddressSpace::Function | AddressSpace::Private)
    }

    fn start(&self, offset: usize, lane: u32) -> usize {
        if self.is_private() { lane as usize * self.length + offset } else { offset }
    }

    /// The words from `offset` on.
    pub fn read(&mut self, offset: usize, count: usize, by: Access) -> Result<&[u32], String> {
        if offset + count > self.length {
            return Err(format!("reads {}[{offset}] of {} words", self.name, self.length));
        }
        let start = self.start(offset, by.lane);
        for mark in self.marks.get_mut(start..start + count).unwrap_or_default() {
            match mark.writer {
                Some(writer) if by.races(writer) => {
                    return Err(format!("reads {}[{offset}] that invocation {} writes", self.name, writer.lane));
                }
                None if self.space == AddressSpace::WorkGroup => {
                    return Err(format!("reads {}[{offset}] that nothing has written", self.name));
                }
                _ => {}
            }
            mark.several = match mark.reader {
                Some(reader) if reader.group == by.group && reader.phase != by.phase => false,
                Some(reader) => mark.several || reader.races(by),
                None => false,
            };
            mark.reader = Some(by);
        }
        Ok(&self.words[start..start + count])
    }

    pub fn write(&mut self, offset: usize, words: &[u32], by: Access) -> Result<(), String> {
        if offset + words.len() > self.writable {
            return Err(format!("writes {}[{offset}] of {} words", self.name, self.writable));
        }
        let start = self.start(offset, by.lane);
        for mark in self.marks.get_mut(start..start + words.len()).unwrap_or_default() {
            if let Some(writer) = mark.writer.filter(|writer| by.races(*writer)) {
                return Err(format!("writes {}[{offset}] that invocation {} writes", self.name, writer.lane));
            }
            let clash = mark.reader.filter(|reader| by.races(*reader) || (mark.several && reader.phase == by.phase));
            if let Some(reader) = clash {
                return Err(format!("writes {}[{offset}] that invocation {} reads", self.name, reader.lane));
            }
            mark.writer = Some(by);
        }
        self.words[start..start + words.len()].copy_from_slice(words);
        Ok(())
    }
}
