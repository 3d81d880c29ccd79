//! Operators and functions of WGSL on scalars, as bits.

use naga::{BinaryOperator as B, MathFunction as M, Scalar, ScalarKind, UnaryOperator};

/// Words that a scalar takes.
pub fn words(scalar: Scalar) -> usize {
    usize::from(scalar.width.max(4)) / 4
}

/// A float of 32 or 64 bits: in f64 either way, as exact as it can be.
fn float(scalar: Scalar, bits: u64) -> f64 {
    if scalar.width == 8 { f64::from_bits(bits) } else { f64::from(f32::from_bits(bits as u32)) }
}

fn of_float(scalar: Scalar, x: f64) -> u64 {
    if scalar.width == 8 { x.to_bits() } else { (x as f32).to_bits().into() }
}

/// An integer of a width, from the bits of a result that may be wider.
fn wrapped(scalar: Scalar, bits: u64) -> u64 {
    if scalar.width == 8 { bits } else { bits & 0xFFFF_FFFF }
}

pub fn unary(op: UnaryOperator, scalar: Scalar, x: u64) -> u64 {
    match (op, scalar.kind) {
        (UnaryOperator::Negate, ScalarKind::Float) => of_float(scalar, -float(scalar, x)),
        (UnaryOperator::Negate, _) => wrapped(scalar, x.wrapping_neg()),
        (UnaryOperator::LogicalNot, _) => u64::from(x == 0),
        (UnaryOperator::BitwiseNot, _) => wrapped(scalar, !x),
    }
}

/// `a op b`; a comparison gives 0 or 1.
pub fn binary(op: B, scalar: Scalar, a: u64, b: u64) -> u64 {
    match scalar.kind {
        ScalarKind::Float => {
            let (a, b) = (float(scalar, a), float(scalar, b));
            match op {
                B::Add => of_float(scalar, a + b),
                B::Subtract => of_float(scalar, a - b),
                B::Multiply => of_float(scalar, a * b),
                B::Divide => of_float(scalar, a / b),
                B::Equal => (a == b).into(),
                B::NotEqual => (a != b).into(),
                B::Less => (a < b).into(),
                B::LessEqual => (a <= b).into(),
                B::Greater => (a > b).into(),
                B::GreaterEqual => (a >= b).into(),
                _ => panic!("{op:?} on floats"),
            }
        }
        ScalarKind::Uint | ScalarKind::Bool => {
            let shift = b as u32 % (8 * u32::from(scalar.width.max(4)));
            let result = match op {
                B::Add => a.wrapping_add(b),
                B::Subtract => a.wrapping_sub(b),
                B::Multiply => a.wrapping_mul(b),
                // WGSL's rule for a divisor of 0.
                B::Divide => a.checked_div(b).unwrap_or(a),
                B::Modulo => a.checked_rem(b).unwrap_or(0),
                B::And | B::LogicalAnd => a & b,
                B::InclusiveOr | B::LogicalOr => a | b,
                B::ExclusiveOr => a ^ b,
                B::ShiftLeft => a << shift,
                B::ShiftRight => a >> shift,
                B::Equal => return (a == b).into(),
                B::NotEqual => return (a != b).into(),
                B::Less => return (a < b).into(),
                B::LessEqual => return (a <= b).into(),
                B::Greater => return (a > b).into(),
                B::GreaterEqual => return (a >= b).into(),
            };
            wrapped(scalar, result)
        }
        kind => panic!("{op:?} on {kind:?}"),
    }
}

/// A function of one to three scalars.
pub fn math(fun: M, scalar: Scalar, x: &[u64]) -> u64 {
    if scalar.kind != ScalarKind::Float {
        return match fun {
            M::Min => x[0].min(x[1]),
            M::Max => x[0].max(x[1]),
            M::Clamp => x[0].max(x[1]).min(x[2]),
            M::CountLeadingZeros => (x[0] as u32).leading_zeros().into(),
            _ => panic!("{fun:?} on integers is not known here"),
        };
    }
    let y = |i: usize| float(scalar, x[i]);
    let result = match fun {
        M::Abs => y(0).abs(),
        M::Min => y(0).min(y(1)),
        M::Max => y(0).max(y(1)),
        M::Clamp => y(0).max(y(1)).min(y(2)),
        M::Exp => y(0).exp(),
        M::Log => y(0).ln(),
        M::Sqrt => y(0).sqrt(),
        M::Sign if y(0) == 0.0 => 0.0,
        M::Sign => y(0).signum(),
        _ => panic!("{fun:?} on floats is not known here"),
    };
    of_float(scalar, result)
}

/// A conversion of values.
pub fn converted(from: Scalar, to: ScalarKind, x: u64) -> u64 {
    match (from.kind, to) {
        (ScalarKind::Float, ScalarKind::Uint) => u64::from(float(from, x) as u32),
        (ScalarKind::Uint | ScalarKind::Bool, ScalarKind::Float) => of_float(Scalar::F32, x as f64),
        (ScalarKind::Uint, ScalarKind::Bool) => u64::from(x != 0),
        (own, other) if own == other => x,
        (ScalarKind::Bool, ScalarKind::Uint) => x,
        (own, other) => panic!("{own:?} to {other:?} is not known here"),
    }
}
