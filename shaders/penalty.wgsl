// total = l2 * sum of w^2 + l1 * sum of |w|, one workgroup.

struct Params {
    count: u32,
    l1: f32,
    l2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<Elem>;
@group(0) @binding(2) var<storage, read_write> total: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn penalty(@builtin(local_invocation_index) local: u32) {
    var squares = 0.0;
    var magnitudes = 0.0;
    for (var i = local; i < params.count; i += WORKGROUP_SIZE) {
        let w = weight[i];
        squares += w * w;
        magnitudes += abs(w);
    }
    let sum = workgroup_sum(params.l2 * squares + params.l1 * magnitudes, local);
    if local == 0u {
        total[0] = sum;
    }
}
