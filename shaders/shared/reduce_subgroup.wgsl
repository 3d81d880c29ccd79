// The sums of reduce.wgsl where the workgroup is a single subgroup: without workgroup memory and barriers, which drivers on
// a CPU take long to compile.

// The sum of `x` over all invocations of the workgroup, returned to each of them.
fn workgroup_sum(x: f32, local: u32) -> f32 {
    return subgroupAdd(x);
}
