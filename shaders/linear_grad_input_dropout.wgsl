// c = dropout(a * b) * f'(saved), one invocation per element: the gradient of a layer's input through the dropout and
// the activation before it.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    parameter: f32,
    threshold: u32,
    key_low: u32,
    key_high: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> a: array<Elem>;
@group(0) @binding(3) var<storage, read> b: array<Elem>;
@group(0) @binding(4) var<storage, read> saved: array<Elem>;
@group(0) @binding(5) var<storage, read_write> c: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_grad_input_dropout(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i >= params.m * params.n {
        return;
    }
    let row = i / params.n;
    let column = i % params.n;
    var sum = 0.0;
    for (var k = 0u; k < params.k; k++) {
        sum += a[row * params.k + k] * b[k * params.n + column];
    }
    let kept = select(0.0, sum * params.scale, keeps_one(i));
    c[i] = kept * activate_derivative(saved[i], params.parameter);
}
