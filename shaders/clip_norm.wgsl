// y[i] = x[i] * min(1, limit / (sqrt(squares) + 1e-6)), one invocation per element.

struct Params {
    count: u32,
    columns: u32,
    limit: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> squares: array<Elem>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn clip_norm(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i < params.count {
        y[i] = x[i] * min(1.0, params.limit / (sqrt(squares[0]) + 1e-6));
    }
}
