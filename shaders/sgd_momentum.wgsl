// SGD with momentum, dampening, Nesterov's form and weight decay, one invocation per cell of one or four elements.

struct Params {
    count: u32,
    momentum: f32,
    dampening: f32,
    nesterov: u32,
    weight_decay: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read_write> weight: array<Cell>;
@group(0) @binding(3) var<storage, read> grad: array<Cell>;
@group(0) @binding(4) var<storage, read_write> velocity: array<Cell>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn sgd_momentum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i >= params.count / CELL {
        return;
    }
    let w = weight[i];
    let g = grad[i] + params.weight_decay * w;
    // The first step starts the velocity at the whole gradient, whatever the dampening: PyTorch's rule.
    var v = g;
    if clock.step > 0u {
        v = params.momentum * velocity[i] + (1.0 - params.dampening) * g;
    }
    velocity[i] = v;
    let direction = select(v, g + params.momentum * v, params.nesterov == 1u);
    weight[i] = w - clock.learning_rate * direction;
}
