// Linear numbering of invocations and workgroups over a grid that spills from x into y
// (a dimension holds at most 65,535 workgroups). The last ones may lie past the end: guard with the element count.

fn linear_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}

fn linear_index(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
    return linear_group(group, groups) * WORKGROUP_SIZE + local;
}
