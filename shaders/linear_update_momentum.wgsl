// Gradients of a layer's weight and bias, and their SGD step with momentum in place.
// m outputs, n inputs, k rows of the batch: a is the gradient of the layer's output [k, m], b the layer's input [k, n].
// One invocation per weight and, behind the weights, one per bias.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    weight_decay: f32,
    momentum: f32,
    nesterov: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read_write> weight: array<Elem>;
@group(0) @binding(3) var<storage, read_write> bias: array<Elem>;
@group(0) @binding(4) var<storage, read> a: array<Elem>;
@group(0) @binding(5) var<storage, read> b: array<Elem>;
@group(0) @binding(6) var<storage, read_write> weight_velocity: array<Elem>;
@group(0) @binding(7) var<storage, read_write> bias_velocity: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_update_momentum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    let weights = params.m * params.n;
    if i >= weights + params.m {
        return;
    }
    if i < weights {
        let row = i / params.n;
        let column = i % params.n;
        var sum = 0.0;
        for (var k = 0u; k < params.k; k++) {
            sum += a[k * params.m + row] * b[k * params.n + column];
        }
        let w = weight[i];
        let g = sum + params.weight_decay * w;
        let v = params.momentum * weight_velocity[i] + g;
        weight_velocity[i] = v;
        weight[i] = w - clock.learning_rate * select(v, g + params.momentum * v, params.nesterov == 1u);
    } else {
        let row = i - weights;
        var sum = 0.0;
        for (var k = 0u; k < params.k; k++) {
            sum += a[k * params.m + row];
        }
        let w = bias[row];
        let g = sum + params.weight_decay * w;
        let v = params.momentum * bias_velocity[row] + g;
        bias_velocity[row] = v;
        bias[row] = w - clock.learning_rate * select(v, g + params.momentum * v, params.nesterov == 1u);
    }
}
