//! Every kernel interpreted, invocation by invocation: none reads or writes past the end of a buffer, reads workgroup
//! memory that nothing has written, or touches what another touches without a barrier between them; and all reach each
//! barrier. Drivers hide these faults: wgpu has them clamp or drop what is out of bounds, and one that runs on a CPU runs
//! a workgroup's invocations one after the other. No GPU.

mod arithmetic;
#[path = "../common/mod.rs"]
mod common;
mod evaluate;
mod formulas;
mod machine;
mod memory;

use anygrad::kernel::source::{assemble, label};
use anygrad::kernel::{Element, Variant};
use anygrad::ops::fused::Fused;
use anygrad::plan::{Dispatch, Plan};
use common::{Case, OpPlan, Values, draw_inputs};
use machine::Machine;
use naga::valid::{Capabilities, ModuleInfo, SubgroupOperationSet, ValidationFlags, Validator};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Invocations of a subgroup where a variant asks for none.
const SUBGROUP: u32 = 8;

/// What a variant may use, and numbers of 64 bits.
const CAPABILITIES: Capabilities =
    Capabilities::SUBGROUP.union(Capabilities::SHADER_INT64).union(Capabilities::FLOAT64);

fn parse(name: &str, wgsl: &str) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(wgsl).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(wgsl)));
    let mut validator = Validator::new(ValidationFlags::all(), CAPABILITIES);
    validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
    let info = validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(wgsl)));
    (module, info)
}

/// What is bound at a binding of a dispatch, and how many words of it may be written. Buffers are whole vec4.
fn bound(plan: &Plan, dispatch: &Dispatch, contents: &HashMap<usize, Vec<u32>>, binding: u32) -> (Vec<u32>, usize) {
    let own = &dispatch.kernel.bindings[binding as usize];
    let mut words: Vec<u32> = match own.element {
        Element::Params => bytemuck::pod_collect_to_vec(&dispatch.params),
        Element::Clock => bytemuck::cast_slice(&[common::CLOCK]).to_vec(),
        _ => {
            let uniforms = dispatch.kernel.bindings.iter().filter(|binding| binding.is_uniform()).count();
            let place = dispatch.buffers[binding as usize - uniforms].value;
            let words = plan.place(place).expect("a place").words;
            contents.get(&place.index()).cloned().unwrap_or_else(|| vec![0; words])
        }
    };
    let writable = words.len();
    words.resize(writable.max(1).next_multiple_of(4), 0);
    (words, writable)
}

/// Interprets a case in a variant.
fn interpret(case: &Case, variant: &'static Variant) {
    let built = OpPlan::new(case, variant).expect("a plan");
    let dispatch = &built.plan.phases()[0].dispatches[0];
    let name = format!("{} on {:?}", label(dispatch.kernel, variant, &dispatch.specialization), case.inputs);
    let (module, info) = parse(&name, &assemble(dispatch.kernel, variant, &dispatch.specialization));
    let inputs = draw_inputs(case, Values::Unit, &mut common::stream(1));
    let contents: HashMap<usize, Vec<u32>> =
        built.contents(&inputs).into_iter().map(|(id, words)| (id.index(), words)).collect();
    let subgroup = match variant.requirements.subgroup_size {
        0 => SUBGROUP,
        size => size,
    };
    // A kernel may be given more workgroups than it has work for, as where a grid spills from x into y.
    let groups = dispatch.workgroups.iter().product::<u32>() + u32::from(variant.shares);
    let bound = |binding| bound(&built.plan, dispatch, &contents, binding);
    let mut machine = Machine::new(&module, &info, subgroup as usize, bound);
    machine.dispatch([groups, 1]).unwrap_or_else(|e| panic!("{name}: {e}"));
}

/// Whether a case is worth a shape: fused products, which are many, at the tiles' edges and where rows are whole vec4.
fn is_worth_it(case: &Case, rows: usize) -> bool {
    !case.op.is::<Fused>() || [12, 29].contains(&rows)
}

#[test]
fn kernels_keep_within_their_memory() {
    let (mut all, mut known) = (Vec::new(), BTreeSet::new());
    for (rows, columns, inner) in [(1, 1, 1), (5, 7, 3), (12, 36, 20), (29, 31, 17)] {
        for case in common::cases(rows, columns, inner).into_iter().filter(|case| is_worth_it(case, rows)) {
            for variant in case.variants().expect("valid") {
                // What differs in no more than the activation is one kernel here.
                let mut constants = case.op.constants();
                constants.retain(|(name, _)| *name != "ACTIVATION" || !case.op.is::<Fused>());
                if known.insert((case.op.name(), variant.name, constants, format!("{:?}", case.inputs))) {
                    all.push((case.clone(), variant));
                }
            }
        }
    }
    let next = AtomicUsize::new(0);
    let share = || {
        while let Some((case, variant)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            interpret(case, variant);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| drop(scope.spawn(share)));
    });
    common::report_comparisons("interpreted", all.len());
}
