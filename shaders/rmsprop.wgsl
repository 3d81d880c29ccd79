// RMSprop, one invocation per cell of one or four elements.

struct Params {
    count: u32,
    alpha: f32,
    share: f32,
    epsilon: f32,
    momentum: f32,
    weight_decay: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read_write> weight: array<Cell>;
@group(0) @binding(3) var<storage, read> grad: array<Cell>;
@group(0) @binding(4) var<storage, read_write> second: array<Cell>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn rmsprop(
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
    let v = params.alpha * second[i] + params.share * g * g;
    second[i] = v;
    weight[i] = w - clock.learning_rate * g / (sqrt(v) + params.epsilon);
}
