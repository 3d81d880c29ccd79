//! The formulas of shaders, interpreted in f64, against the twins: what a formula is off by itself, by a series that is cut
//! or a constant that is rounded. The comparisons on devices cannot see it, because what WGSL allows `exp` and a division
//! is more.

use crate::machine::Machine;
use crate::{common, parse};
use anygrad::graph::Operation;
use anygrad::kernel::source::assemble;
use anygrad::kernel::{KernelSpec, Shared};
use anygrad::ops::activation::{self, Activate, Activation};
use anygrad::ops::pointwise_loss::{self, Pointwise, PointwiseLoss};
use anygrad::optim::adam;

/// How far each formula may be off, as a share of its value, with what is left of a cut series or a rounded constant.
fn share_of(activation: Activation) -> f64 {
    match activation {
        // The series of log1p ends with t⁷/15, t ≤ 1/9.
        Activation::Softplus => 2e-9,
        // The series near 0 ends with x⁷.
        Activation::Tanh => 1.2e-8,
        // An approximation of erfc by a polynomial.
        Activation::Gelu => 2e-7,
        // √(2/π) in eight digits.
        Activation::GeluTanh => 2e-7,
        _ => 1e-12,
    }
}

/// WGSL with floats of 64 bits in the place of those of 32.
fn in_64_bits(wgsl: &str) -> String {
    let code: Vec<&str> = wgsl.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let (mut converted, mut word) = (String::new(), String::new());
    for c in code.join("\n").chars().chain(['\n']) {
        let goes_on = match word.chars().next() {
            Some('0'..='9') => c.is_ascii_alphanumeric() || c == '.' || (word.ends_with('e') && "+-".contains(c)),
            Some(_) => c.is_ascii_alphanumeric() || c == '_',
            None => false,
        };
        if !goes_on {
            let is_float = word.starts_with(|first: char| first.is_ascii_digit()) && word.contains(['.', 'e']);
            converted.extend([if word == "f32" { "f64" } else { &word }, if is_float { "lf" } else { "" }]);
            word.clear();
        }
        if goes_on || c.is_ascii_alphanumeric() || c == '_' { word.push(c) } else { converted.push(c) }
    }
    converted
}

/// Interprets `expression` of `x` and `y`, behind WGSL in which numbers get 64 bits.
fn interpret(name: &str, wgsl: &str, expression: &str, arguments: &[(f64, f64)]) -> Vec<f64> {
    let wgsl = format!(
        "{wgsl}\n@group(0) @binding(0) var<storage, read> arguments: array<vec2<f32>>;\n\
         @group(0) @binding(1) var<storage, read_write> results: array<f32>;\n\
         @compute @workgroup_size(64)\nfn formula(@builtin(workgroup_id) group: vec3<u32>, \
         @builtin(local_invocation_index) local: u32) {{\n    let i = group.x * 64u + local;\n    \
         if i >= {}u {{ return; }}\n    let x = arguments[i].x;\n    let y = arguments[i].y;\n    \
         results[i] = {expression};\n}}\n",
        arguments.len()
    );
    let (module, info) = parse(name, &in_64_bits(&wgsl));
    let parts = |x: f64| [x.to_bits() as u32, (x.to_bits() >> 32) as u32];
    let words = |numbers: Vec<f64>| numbers.into_iter().flat_map(parts).collect::<Vec<u32>>();
    let given: Vec<f64> = arguments.iter().flat_map(|&(x, y)| [x, y]).collect();
    let contents = |binding: u32| {
        let words = words(if binding == 0 { given.clone() } else { vec![0.0; arguments.len()] });
        (words.clone(), words.len())
    };
    let mut machine = Machine::new(&module, &info, 8, contents);
    machine.dispatch([arguments.len().div_ceil(64) as u32, 1]).unwrap_or_else(|e| panic!("{name}: {e}"));
    machine
        .written("results")
        .chunks(2)
        .map(|pair| f64::from_bits(u64::from(pair[0]) | u64::from(pair[1]) << 32))
        .collect()
}

/// The names that a kernel's constants have in WGSL, and those of one dispatch.
fn constants(kernel: &KernelSpec, own: &[(&'static str, u32)]) -> String {
    let names: String = kernel.specialization.iter().map(|constant| constant.declarations()).collect();
    own.iter().fold(names, |wgsl, (name, value)| format!("{wgsl}const {name}: u32 = {value}u;\n"))
}

/// Holds a formula to what it should come to.
fn hold(
    name: &str,
    arguments: &[(f64, f64)],
    found: Vec<f64>,
    share: f64,
    expected: impl Fn(f64, f64) -> f64,
) -> usize {
    for (&(x, y), found) in arguments.iter().zip(&found) {
        let expected = expected(x, y);
        let error = (found - expected).abs();
        assert!(error <= share * expected.abs() + 1e-14, "{name} of {x}, {y} is {found}, not {expected}: {error:e}");
    }
    found.len()
}

/// Numbers on both sides of 0, dense where formulas change.
fn numbers() -> Vec<f64> {
    let sides = |x: f64| [x, -x];
    let magnitudes = (0..160).map(|i| f64::from(i) * 0.0375 + 1e-9).chain([1e-30, 1e-4, 0.149, 0.15, 0.151]);
    magnitudes.flat_map(sides).chain([0.0]).collect()
}

#[test]
fn shaders_say_what_the_twins_say() {
    let mut compared = 0;
    let activations = Shared::Activation.source();
    let alone: Vec<(f64, f64)> = numbers().into_iter().map(|x| (x, 0.0)).collect();
    for &activation in
        Activation::ALL.iter().chain(&[Activation::Elu { alpha: 0.5 }, Activation::LeakyRelu { slope: 0.25 }])
    {
        let name = activation.to_string();
        let wgsl = constants(&activation::SPEC, &Activate(activation).constants()) + activations;
        let parameter = f64::from(activation.parameter());
        let found = interpret(&name, &wgsl, &format!("activate(x, {parameter:?})"), &alone);
        compared += hold(&name, &alone, found, share_of(activation), |x, _| activation.function(x));
        let saved = |x| if activation.derivative_uses_output() { activation.function(x) } else { x };
        let saved: Vec<(f64, f64)> = alone.iter().map(|&(x, _)| (saved(x), 0.0)).collect();
        let found = interpret(&name, &wgsl, &format!("activate_derivative(x, {parameter:?})"), &saved);
        // Where a derivative passes through 0, its error does not.
        let expected = |x, _| activation.derivative(x) + 1.0;
        let found = found.into_iter().map(|y| y + 1.0).collect();
        compared += hold(&format!("the derivative of {name}"), &saved, found, share_of(activation), expected);
    }
    let pairs: Vec<(f64, f64)> =
        numbers().into_iter().step_by(3).flat_map(|p| [(p, 0.25), (p, 1.0), (p, -2.0)]).collect();
    for form in Pointwise::ALL {
        let name = format!("{form:?}");
        let op = PointwiseLoss { form, mean: true };
        let libraries = [activations, Shared::Pointwise.source()].concat();
        let wgsl = constants(&pointwise_loss::SPEC, &op.constants()) + &libraries;
        let delta = if let Pointwise::Huber { delta } = form { f64::from(delta) } else { 0.0 };
        let found = interpret(&name, &wgsl, &format!("pointwise(x, y, {delta:?})"), &pairs);
        compared += hold(&name, &pairs, found, 4e-9, |p, y| form.loss(p, y));
        let found = interpret(&name, &wgsl, &format!("pointwise_derivative(x, y, {delta:?})"), &pairs);
        compared += hold(&name, &pairs, found, 1e-12, |p, y| form.derivative(p, y));
    }
    let kernel: &KernelSpec = &adam::SPEC;
    let text = assemble(kernel, &kernel.variants[0], &[]);
    let series = text.split_once("fn s0_one_minus_exp").expect("a function").1.split_once("\n}\n").expect("its end").0;
    let below_0: Vec<(f64, f64)> = (0..400).map(|i| (-1e-6 - f64::from(i) * 0.0025, 0.0)).collect();
    let found = interpret("adam", &format!("fn one_minus_exp{series}\n}}\n"), "one_minus_exp(x)", &below_0);
    compared += hold("1 − eˣ of Adam", &below_0, found, 7e-9, |x, _| -x.exp_m1());
    common::report_comparisons("formulas", compared);
}
