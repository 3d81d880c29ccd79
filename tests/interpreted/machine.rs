//! Runs a module of naga's IR, all invocations of a workgroup in step. What it computes is not looked at here: the
//! comparisons with the twins do that. Products of matrices are zeros for that reason.

use crate::memory::{Access, Memory};
use naga::valid::{FunctionInfo, ModuleInfo};
use naga::{AddressSpace, Block, BuiltIn, Function, GatherMode, Module, Statement, SwitchValue};
use std::rc::Rc;

/// Of each invocation so many words, one after the other; of a pointer the place in its memory.
#[derive(Clone)]
pub struct Value {
    pub words: Vec<u32>,
    pub memory: Option<usize>,
}

/// Which invocations take part.
pub type Mask = Vec<bool>;

/// Why an invocation takes no part in what follows.
#[derive(Clone, Copy, PartialEq)]
pub enum Leaving {
    No,
    /// Out of the loop or switch of this depth.
    Break(usize),
    /// To the next turn of the loop of this depth.
    Continue(usize),
    Return,
}

/// A call of a function.
pub struct Frame<'a> {
    pub function: &'a Function,
    pub info: &'a FunctionInfo,
    pub values: Vec<Option<Rc<Value>>>,
    pub locals: Vec<usize>,
    pub arguments: Vec<Rc<Value>>,
    result: Option<Value>,
    leaving: Vec<Leaving>,
    /// Whether each scope around is a loop, not a switch.
    loops: Vec<bool>,
}

/// A module with its memory.
pub struct Machine<'a> {
    pub module: &'a Module,
    info: &'a ModuleInfo,
    /// That of the global variables in order, then of the functions that run.
    pub memory: Vec<Memory>,
    pub lanes: usize,
    subgroup: usize,
    group: [u32; 2],
    groups: [u32; 2],
    /// Barriers so far, of workgroup memory and of buffers.
    phases: [u32; 2],
}

/// Most turns of a loop.
const MOST_TURNS: usize = 1 << 20;

impl<'a> Machine<'a> {
    /// `contents` gives what is bound at a binding, and how many words of it may be written.
    pub fn new(
        module: &'a Module,
        info: &'a ModuleInfo,
        subgroup: usize,
        contents: impl Fn(u32) -> (Vec<u32>, usize),
    ) -> Machine<'a> {
        let lanes = module.entry_points[0].workgroup_size[0] as usize;
        let mut machine = Machine {
            module,
            info,
            memory: Vec::new(),
            lanes,
            subgroup,
            group: [0; 2],
            groups: [1; 2],
            phases: [0; 2],
        };
        for (_, global) in module.global_variables.iter() {
            let name = global.name.as_deref().unwrap_or("?");
            let length = machine.size(&module.types[global.ty].inner);
            let memory = match &global.binding {
                Some(resource) => {
                    let (words, writable) = contents(resource.binding);
                    let length = words.len();
                    Memory::new(name, global.space, words, length).writable(writable)
                }
                None if global.space == AddressSpace::WorkGroup => {
                    Memory::new(name, global.space, vec![0; length], length)
                }
                None => Memory::new(name, global.space, vec![0; length * lanes], length),
            };
            machine.memory.push(memory);
        }
        machine
    }

    /// Runs the workgroups of a dispatch.
    pub fn dispatch(&mut self, groups: [u32; 2]) -> Result<(), String> {
        self.groups = groups;
        for number in 0..groups[0] * groups[1] {
            self.group = [number % groups[0], number / groups[0]];
            let fresh = |memory: &&mut Memory| matches!(memory.space, AddressSpace::WorkGroup | AddressSpace::Private);
            self.memory.iter_mut().filter(fresh).for_each(Memory::clear);
            let entry = &self.module.entry_points[0];
            let arguments = entry.function.arguments.iter().map(|argument| match argument.binding {
                Some(naga::Binding::BuiltIn(builtin)) => Rc::new(self.builtin(builtin)),
                _ => panic!("an argument that is no builtin"),
            });
            let arguments = arguments.collect();
            self.call(&entry.function, self.info.get_entry_point(0), arguments, vec![true; self.lanes])
                .map_err(|e| format!("workgroup {number}: {e}"))?;
        }
        Ok(())
    }

    /// What a buffer holds.
    pub fn written(&self, name: &str) -> &[u32] {
        &self.memory.iter().find(|memory| memory.name == name).expect("a buffer").words
    }

    fn builtin(&self, builtin: BuiltIn) -> Value {
        let each = |lane: usize| match builtin {
            BuiltIn::WorkGroupId => vec![self.group[0], self.group[1], 0],
            BuiltIn::NumWorkGroups => vec![self.groups[0], self.groups[1], 1],
            BuiltIn::LocalInvocationIndex => vec![lane as u32],
            other => panic!("{other:?} is not known here"),
        };
        Value { words: (0..self.lanes).flat_map(each).collect(), memory: None }
    }

    fn call(
        &mut self,
        function: &'a Function,
        info: &'a FunctionInfo,
        arguments: Vec<Rc<Value>>,
        mask: Mask,
    ) -> Result<Option<Value>, String> {
        let mut frame = Frame {
            function,
            info,
            values: vec![None; function.expressions.len()],
            locals: Vec::new(),
            arguments,
            result: None,
            leaving: vec![Leaving::No; self.lanes],
            loops: Vec::new(),
        };
        let before = self.memory.len();
        for (_, local) in function.local_variables.iter() {
            let length = self.size(&self.module.types[local.ty].inner);
            let words = match local.init {
                Some(init) => self.get(&mut frame, init, &mask)?.words.clone(),
                None => vec![0; length * self.lanes],
            };
            frame.locals.push(self.memory.len());
            self.memory.push(Memory::new(local.name.as_deref().unwrap_or("?"), AddressSpace::Function, words, length));
        }
        self.block(&mut frame, &function.body, &mask)?;
        self.memory.truncate(before);
        Ok(frame.result)
    }

    fn block(&mut self, frame: &mut Frame<'a>, block: &'a Block, mask: &Mask) -> Result<(), String> {
        for statement in block {
            let active: Mask =
                mask.iter().zip(&frame.leaving).map(|(on, leaving)| *on && *leaving == Leaving::No).collect();
            if !active.contains(&true) {
                return Ok(());
            }
            self.statement(frame, statement, &active)?;
        }
        Ok(())
    }

    fn statement(&mut self, frame: &mut Frame<'a>, statement: &'a Statement, active: &Mask) -> Result<(), String> {
        let mut leave =
            |to: Leaving| active.iter().zip(&mut frame.leaving).filter(|(on, _)| **on).for_each(|(_, l)| *l = to);
        match statement {
            Statement::Emit(range) => {
                for handle in range.clone() {
                    let value = self.evaluate(frame, handle, active)?;
                    frame.values[handle.index()] = Some(Rc::new(value));
                }
            }
            Statement::Block(block) => self.block(frame, block, active)?,
            Statement::If { condition, accept, reject } => {
                let condition = self.get(frame, *condition, active)?;
                let of = |yes: bool| {
                    active.iter().zip(&condition.words).map(|(on, word)| *on && (*word != 0) == yes).collect()
                };
                self.block(frame, accept, &of(true))?;
                self.block(frame, reject, &of(false))?;
            }
            Statement::Switch { selector, cases } => {
                let selector = self.get(frame, *selector, active)?;
                let matches = |value: &SwitchValue, word: u32| match value {
                    SwitchValue::U32(own) => *own == word,
                    SwitchValue::I32(own) => *own as u32 == word,
                    SwitchValue::Default => false,
                };
                let default = cases.iter().position(|case| case.value == SwitchValue::Default);
                let first = |word: u32| cases.iter().position(|case| matches(&case.value, word)).or(default);
                let begins: Vec<Option<usize>> = selector.words.iter().map(|&word| first(word)).collect();
                frame.loops.push(false);
                let mut through = vec![false; self.lanes];
                for (at, case) in cases.iter().enumerate() {
                    let mask: Mask = (0..self.lanes)
                        .map(|lane| active[lane] && (through[lane] || begins[lane] == Some(at)))
                        .collect();
                    self.block(frame, &case.body, &mask)?;
                    through = if case.fall_through { mask } else { vec![false; self.lanes] };
                }
                self.end_scope(frame);
            }
            Statement::Loop { body, continuing, break_if } => {
                frame.loops.push(true);
                let depth = frame.loops.len();
                for turn in 0.. {
                    if turn > MOST_TURNS {
                        return Err("a loop without end".into());
                    }
                    self.block(frame, body, active)?;
                    frame.leaving.iter_mut().filter(|l| **l == Leaving::Continue(depth)).for_each(|l| *l = Leaving::No);
                    self.block(frame, continuing, active)?;
                    let left = |frame: &Frame<'_>| -> Mask {
                        (0..active.len()).map(|i| active[i] && frame.leaving[i] == Leaving::No).collect()
                    };
                    let mask = left(frame);
                    if let Some(condition) = break_if {
                        let condition = self.get(frame, *condition, &mask)?;
                        (0..self.lanes)
                            .filter(|&i| mask[i] && condition.words[i] != 0)
                            .for_each(|i| frame.leaving[i] = Leaving::Break(depth));
                    }
                    if !left(frame).contains(&true) {
                        break;
                    }
                }
                self.end_scope(frame);
            }
            Statement::Break => {
                let depth = frame.loops.len();
                leave(Leaving::Break(depth));
            }
            Statement::Continue => {
                let depth = frame.loops.iter().rposition(|is_loop| *is_loop).map_or(0, |at| at + 1);
                leave(Leaving::Continue(depth));
            }
            Statement::Return { value } => {
                if let Some(value) = value {
                    let value = self.get(frame, *value, active)?;
                    let each = value.words.len() / self.lanes;
                    let result = frame
                        .result
                        .get_or_insert_with(|| Value { words: vec![0; value.words.len()], memory: value.memory });
                    for lane in (0..self.lanes).filter(|&lane| active[lane]) {
                        result.words[lane * each..][..each].copy_from_slice(&value.words[lane * each..][..each]);
                    }
                }
                (0..self.lanes).filter(|&lane| active[lane]).for_each(|lane| frame.leaving[lane] = Leaving::Return);
            }
            Statement::ControlBarrier(flags) => {
                if let Some(lane) = active.iter().position(|on| !on) {
                    return Err(format!("a barrier that invocation {lane} does not reach"));
                }
                self.phases[0] += u32::from(flags.contains(naga::Barrier::WORK_GROUP));
                self.phases[1] += u32::from(flags.contains(naga::Barrier::STORAGE));
            }
            Statement::Store { pointer, value } => {
                let (pointer, value) = (self.get(frame, *pointer, active)?, self.get(frame, *value, active)?);
                let each = value.words.len() / self.lanes;
                let at = pointer.memory.expect("a pointer");
                for lane in (0..self.lanes).filter(|&lane| active[lane]) {
                    let by = self.access(at, lane);
                    let words = &value.words[lane * each..][..each];
                    self.memory[at]
                        .write(pointer.words[lane] as usize, words, by)
                        .map_err(|e| format!("invocation {lane} {e}"))?;
                }
            }
            Statement::Call { function, arguments, result } => {
                let arguments: Result<_, _> =
                    arguments.iter().map(|argument| self.get(frame, *argument, active)).collect();
                let value =
                    self.call(&self.module.functions[*function], &self.info[*function], arguments?, active.clone())?;
                if let (Some(result), Some(value)) = (result, value) {
                    frame.values[result.index()] = Some(Rc::new(value));
                }
            }
            Statement::SubgroupGather { mode: GatherMode::Shuffle(from), argument, result } => {
                let (from, argument) = (self.get(frame, *from, active)?, self.get(frame, *argument, active)?);
                let mut words = argument.words.clone();
                for lane in (0..self.lanes).filter(|&lane| active[lane]) {
                    let from = from.words[lane] as usize;
                    let other = lane / self.subgroup * self.subgroup + from;
                    if from >= self.subgroup || !active[other] {
                        return Err(format!("invocation {lane} takes from {from} of its subgroup, which is not there"));
                    }
                    words[lane] = argument.words[other];
                }
                frame.values[result.index()] = Some(Rc::new(Value { words, memory: None }));
            }
            Statement::SubgroupCollectiveOperation { argument, result, .. } => {
                if active.contains(&false) {
                    return Err("an operation of a subgroup that not all reach".into());
                }
                let argument = self.get(frame, *argument, active)?;
                frame.values[result.index()] = Some(argument);
            }
            other => panic!("{other:?} is not known here"),
        }
        Ok(())
    }

    /// Invocations that have left the innermost loop or switch take part again.
    fn end_scope(&self, frame: &mut Frame<'a>) {
        let depth = frame.loops.len();
        frame.leaving.iter_mut().filter(|l| **l == Leaving::Break(depth)).for_each(|l| *l = Leaving::No);
        frame.loops.pop();
    }

    pub fn access(&self, memory: usize, lane: usize) -> Access {
        let phase = self.phases[usize::from(self.memory[memory].space != AddressSpace::WorkGroup)];
        Access { group: self.group[1] * self.groups[0] + self.group[0], phase, lane: lane as u32 }
    }
}
