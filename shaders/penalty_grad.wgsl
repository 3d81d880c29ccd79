// grad_weight[i] = grad_total * (2 * l2 * w + l1 * sign(w)), one invocation per element.

struct Params {
    count: u32,
    l1: f32,
    l2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<Elem>;
@group(0) @binding(2) var<storage, read> grad_total: array<Elem>;
@group(0) @binding(3) var<storage, read_write> grad_weight: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn penalty_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i < params.count {
        let w = weight[i];
        grad_weight[i] = grad_total[0] * (2.0 * params.l2 * w + params.l1 * sign(w));
    }
}
