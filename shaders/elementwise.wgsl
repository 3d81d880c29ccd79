// y[i] = a[i] + b[i] (OPERATION 0) or a[i] * b[i] (OPERATION 1), one invocation per element.

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Elem>;
@group(0) @binding(2) var<storage, read> b: array<Elem>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn elementwise(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i >= params.count {
        return;
    }
    if OPERATION == ADD {
        y[i] = a[i] + b[i];
    } else {
        y[i] = a[i] * b[i];
    }
}
