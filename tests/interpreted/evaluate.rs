//! Values of expressions, for all invocations at once.

use crate::arithmetic::{binary, converted, math, unary, words};
use crate::machine::{Frame, Machine, Mask, Value};
use naga::{ArraySize, BinaryOperator, Expression, Handle, Literal, MathFunction, Scalar, TypeInner, VectorSize};
use std::rc::Rc;

/// Words of a column of a matrix, of whose floats three take the room of four.
fn column_words(rows: VectorSize) -> usize {
    (rows as usize).next_multiple_of(2)
}

impl<'a> Machine<'a> {
    /// Words of a value.
    pub fn size(&self, inner: &TypeInner) -> usize {
        match *inner {
            TypeInner::Scalar(scalar) => words(scalar),
            TypeInner::Vector { size, scalar } => size as usize * words(scalar),
            TypeInner::Matrix { columns, rows, .. } => columns as usize * column_words(rows),
            TypeInner::Array { size: ArraySize::Constant(count), stride, .. } => (count.get() * stride / 4) as usize,
            TypeInner::Array { .. } => 0,
            TypeInner::Struct { span, .. } => span as usize / 4,
            TypeInner::Pointer { .. } | TypeInner::ValuePointer { .. } => 1,
            ref other => panic!("{other:?} is not known here"),
        }
    }

    fn inner(&self, frame: &Frame<'a>, handle: Handle<Expression>) -> &'a TypeInner {
        frame.info[handle].ty.inner_with(&self.module.types)
    }

    /// What a pointer points to; anything else is itself.
    fn behind(&self, inner: &TypeInner) -> TypeInner {
        match *inner {
            TypeInner::Pointer { base, .. } => self.module.types[base].inner.clone(),
            TypeInner::ValuePointer { size: Some(size), scalar, .. } => TypeInner::Vector { size, scalar },
            TypeInner::ValuePointer { size: None, scalar, .. } => TypeInner::Scalar(scalar),
            ref other => other.clone(),
        }
    }

    /// Where the element of a number is, in words from the start, its size, and how many elements there are if it is known.
    fn element(&self, inner: &TypeInner, index: u32) -> (usize, usize, Option<u32>) {
        let at = |stride: usize| (index as usize).wrapping_mul(stride);
        match inner {
            TypeInner::Vector { size, scalar } => (at(words(*scalar)), words(*scalar), Some(*size as u32)),
            TypeInner::Matrix { columns, rows, .. } => (at(column_words(*rows)), *rows as usize, Some(*columns as u32)),
            TypeInner::Array { base, size, stride } => {
                let count = if let ArraySize::Constant(count) = size { Some(count.get()) } else { None };
                (at(*stride as usize / 4), self.size(&self.module.types[*base].inner), count)
            }
            TypeInner::Struct { members, .. } => {
                let member = &members[index as usize];
                (member.offset as usize / 4, self.size(&self.module.types[member.ty].inner), None)
            }
            other => panic!("an element of {other:?}"),
        }
    }

    /// The value of an expression that was computed before, or that needs no computing.
    pub fn get(
        &mut self,
        frame: &mut Frame<'a>,
        handle: Handle<Expression>,
        active: &Mask,
    ) -> Result<Rc<Value>, String> {
        if let Some(value) = &frame.values[handle.index()] {
            return Ok(value.clone());
        }
        let value = Rc::new(self.evaluate(frame, handle, active)?);
        frame.values[handle.index()] = Some(value.clone());
        Ok(value)
    }

    fn splat(&self, words: &[u32]) -> Value {
        Value { words: words.repeat(self.lanes), memory: None }
    }

    /// The words of a constant expression of the module.
    fn constant(&self, handle: Handle<Expression>) -> Vec<u32> {
        match &self.module.global_expressions[handle] {
            Expression::Literal(literal) => literal_words(literal),
            Expression::Constant(constant) => self.constant(self.module.constants[*constant].init),
            Expression::ZeroValue(ty) => vec![0; self.size(&self.module.types[*ty].inner)],
            Expression::Compose { components, .. } => components.iter().flat_map(|part| self.constant(*part)).collect(),
            Expression::Splat { size, value } => self.constant(*value).repeat(*size as usize),
            other => panic!("the constant {other:?} is not known here"),
        }
    }

    /// Computes the value of an expression.
    pub fn evaluate(
        &mut self,
        frame: &mut Frame<'a>,
        handle: Handle<Expression>,
        active: &Mask,
    ) -> Result<Value, String> {
        let inner = self.inner(frame, handle);
        let lanes = self.lanes;
        Ok(match &frame.function.expressions[handle] {
            Expression::Literal(literal) => self.splat(&literal_words(literal)),
            Expression::Constant(constant) => self.splat(&self.constant(self.module.constants[*constant].init)),
            Expression::ZeroValue(_) => self.splat(&vec![0; self.size(inner)]),
            Expression::FunctionArgument(number) => Value::clone(&frame.arguments[*number as usize]),
            Expression::GlobalVariable(global) => Value { words: vec![0; lanes], memory: Some(global.index()) },
            Expression::LocalVariable(local) => {
                Value { words: vec![0; lanes], memory: Some(frame.locals[local.index()]) }
            }
            Expression::Compose { components, .. } => {
                let parts: Result<Vec<_>, _> = components.iter().map(|part| self.get(frame, *part, active)).collect();
                self.composed(inner, &parts?)
            }
            Expression::Splat { size, value } => {
                let value = self.get(frame, *value, active)?;
                self.composed(inner, &vec![value; *size as usize])
            }
            Expression::Swizzle { size, vector, pattern } => {
                let each = self.size(self.inner(frame, *vector));
                let value = self.get(frame, *vector, active)?;
                let own = each / self.inner(frame, *vector).components().map_or(1, |count| count as usize);
                let of = |lane: usize| {
                    let value = &value.words[lane * each..][..each];
                    pattern[..*size as usize].iter().flat_map(move |part| &value[*part as usize * own..][..own])
                };
                Value { words: (0..lanes).flat_map(of).copied().collect(), memory: None }
            }
            Expression::AccessIndex { base, index } => {
                let base_inner = self.inner(frame, *base);
                let value = self.get(frame, *base, active)?;
                self.accessed(base_inner, &value, &vec![*index; lanes], active)?
            }
            Expression::Access { base, index } => {
                let base_inner = self.inner(frame, *base);
                let (value, index) = (self.get(frame, *base, active)?, self.get(frame, *index, active)?);
                self.accessed(base_inner, &value, &index.words, active)?
            }
            Expression::Load { pointer } => {
                let (pointer, each) = (self.get(frame, *pointer, active)?, self.size(inner));
                let mut loaded = vec![0; each * lanes];
                for lane in (0..lanes).filter(|&lane| active[lane]) {
                    let at = pointer.memory.expect("a pointer");
                    let by = self.access(at, lane);
                    let read = self.memory[at].read(pointer.words[lane] as usize, each, by);
                    loaded[lane * each..][..each].copy_from_slice(read.map_err(|e| format!("invocation {lane} {e}"))?);
                }
                Value { words: loaded, memory: None }
            }
            Expression::ArrayLength(pointer) => {
                let pointee = self.behind(self.inner(frame, *pointer));
                let TypeInner::Array { stride, .. } = pointee else { panic!("the length of {pointee:?}") };
                let memory = self.get(frame, *pointer, active)?.memory.expect("a pointer");
                self.splat(&[self.memory[memory].length as u32 / (stride / 4)])
            }
            Expression::Unary { op, expr } => {
                let scalar = scalar_of(self.inner(frame, *expr));
                let value = self.get(frame, *expr, active)?;
                each_scalar(scalar, scalar, &[&value.words], |x| unary(*op, scalar, x[0]))
            }
            Expression::Binary { op, left, right } => {
                let (left_inner, right_inner) = (self.inner(frame, *left), self.inner(frame, *right));
                let (left, right) = (self.get(frame, *left, active)?, self.get(frame, *right, active)?);
                let is_matrix = |inner: &TypeInner| matches!(inner, TypeInner::Matrix { .. });
                if *op == BinaryOperator::Multiply && (is_matrix(left_inner) || is_matrix(right_inner)) {
                    return Ok(self.splat(&vec![0; self.size(inner)]));
                }
                let scalar = scalar_of(left_inner);
                // A scalar beside a vector counts for each of its components.
                let count = components(left_inner).max(components(right_inner));
                let (left, right) = (self.scalars(&left, left_inner, count), self.scalars(&right, right_inner, count));
                let results = left.into_iter().zip(right).map(|(a, b)| binary(*op, scalar, a, b));
                Value { words: to_words(scalar_of(inner), results), memory: None }
            }
            Expression::Select { condition, accept, reject } => {
                let (of_condition, scalar) = (self.inner(frame, *condition).components(), scalar_of(inner));
                let condition = self.get(frame, *condition, active)?;
                let (accept, reject) = (self.get(frame, *accept, active)?, self.get(frame, *reject, active)?);
                let own = if of_condition.is_some() { words(scalar) } else { self.size(inner) };
                let pick = |i: usize| if condition.words[i / own] != 0 { accept.words[i] } else { reject.words[i] };
                Value { words: (0..accept.words.len()).map(pick).collect(), memory: None }
            }
            Expression::Math { fun: MathFunction::Transpose, .. } => self.splat(&vec![0; self.size(inner)]),
            Expression::Math { fun, arg, arg1, arg2, .. } => {
                let scalar = scalar_of(inner);
                let mut arguments = Vec::new();
                for argument in [Some(*arg), *arg1, *arg2].into_iter().flatten() {
                    arguments.push(self.get(frame, argument, active)?);
                }
                let arguments: Vec<&[u32]> = arguments.iter().map(|argument| &argument.words[..]).collect();
                each_scalar(scalar, scalar, &arguments, |x| math(*fun, scalar, x))
            }
            Expression::As { expr, kind, convert } => {
                let from = scalar_of(self.inner(frame, *expr));
                let value = self.get(frame, *expr, active)?;
                let convert = |x: &[u64]| if convert.is_some() { converted(from, *kind, x[0]) } else { x[0] };
                each_scalar(from, scalar_of(inner), &[&value.words], convert)
            }
            other => panic!("{other:?} is not known here"),
        })
    }

    /// Parts side by side as each invocation has them.
    fn composed(&self, inner: &TypeInner, parts: &[Rc<Value>]) -> Value {
        let each = self.size(inner);
        let is_apart = matches!(inner, TypeInner::Struct { .. } | TypeInner::Array { .. } | TypeInner::Matrix { .. });
        let mut composed = vec![0; each * self.lanes];
        for lane in 0..self.lanes {
            let mut end = 0;
            for (number, part) in parts.iter().enumerate() {
                let own = part.words.len() / self.lanes;
                let start = if is_apart { self.element(inner, number as u32).0 } else { end };
                composed[lane * each + start..][..own].copy_from_slice(&part.words[lane * own..][..own]);
                end = start + own;
            }
        }
        Value { words: composed, memory: None }
    }

    /// The element of a number, or the pointer to it.
    fn accessed(&self, base: &TypeInner, value: &Value, index: &[u32], active: &Mask) -> Result<Value, String> {
        let behind = self.behind(base);
        let mut accessed = Vec::new();
        for (lane, &index) in index.iter().enumerate() {
            // Who takes no part may have any index.
            let (start, own, count) = self.element(&behind, if active[lane] { index } else { 0 });
            if let Some(count) = count.filter(|&count| active[lane] && index >= count) {
                return Err(format!("invocation {lane} has the index {index} of {count}"));
            }
            match value.memory {
                // An address beyond 2³² words stays one that is beyond the end.
                Some(_) => {
                    accessed.push((value.words[lane] as usize).saturating_add(start).min(u32::MAX as usize) as u32)
                }
                None => {
                    accessed.extend_from_slice(&value.words[lane * value.words.len() / self.lanes + start..][..own])
                }
            }
        }
        Ok(Value { words: accessed, memory: value.memory })
    }

    /// The scalars of a value, of one that has a single one `count` times.
    fn scalars(&self, value: &Value, inner: &TypeInner, count: usize) -> Vec<u64> {
        let scalars = of_words(scalar_of(inner), &value.words);
        if components(inner) == count {
            return scalars;
        }
        scalars.into_iter().flat_map(|scalar| std::iter::repeat_n(scalar, count)).collect()
    }
}

/// Scalars that a value has.
fn components(inner: &TypeInner) -> usize {
    inner.components().map_or(1, |count| count as usize)
}

fn of_words(scalar: Scalar, of: &[u32]) -> Vec<u64> {
    if words(scalar) == 1 {
        return of.iter().copied().map(u64::from).collect();
    }
    of.chunks(2).map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32).collect()
}

fn to_words(scalar: Scalar, scalars: impl Iterator<Item = u64>) -> Vec<u32> {
    if words(scalar) == 1 {
        return scalars.map(|bits| bits as u32).collect();
    }
    scalars.flat_map(|bits| [bits as u32, (bits >> 32) as u32]).collect()
}

/// Computes each scalar of a result from those in its place, of one to three values.
fn each_scalar(from: Scalar, to: Scalar, values: &[&[u32]], compute: impl Fn(&[u64]) -> u64) -> Value {
    let values: Vec<Vec<u64>> = values.iter().map(|value| of_words(from, value)).collect();
    let in_place = |i: usize| {
        let mut scalars = [0; 3];
        scalars.iter_mut().zip(&values).for_each(|(scalar, value)| *scalar = value[i]);
        compute(&scalars[..values.len()])
    };
    Value { words: to_words(to, (0..values[0].len()).map(in_place)), memory: None }
}

fn literal_words(literal: &Literal) -> Vec<u32> {
    match *literal {
        Literal::F32(x) => vec![x.to_bits()],
        Literal::F64(x) => vec![x.to_bits() as u32, (x.to_bits() >> 32) as u32],
        Literal::U32(x) => vec![x],
        Literal::I32(x) => vec![x as u32],
        Literal::U64(x) => vec![x as u32, (x >> 32) as u32],
        Literal::Bool(x) => vec![x.into()],
        ref other => panic!("{other:?} is not known here"),
    }
}

/// The scalar of which a value consists; what consists of several counts as words.
fn scalar_of(inner: &TypeInner) -> Scalar {
    inner.scalar().unwrap_or(Scalar::U32)
}
