// Adam and AdamW, one invocation per cell of one or four elements.

struct Params {
    count: u32,
    beta1: f32,
    share1: f32,
    log_beta1: f32,
    beta2: f32,
    share2: f32,
    log_beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    decoupled: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read_write> weight: array<Cell>;
@group(0) @binding(3) var<storage, read> grad: array<Cell>;
@group(0) @binding(4) var<storage, read_write> first: array<Cell>;
@group(0) @binding(5) var<storage, read_write> second: array<Cell>;

// 1 - e^x for x <= 0, by its series where the difference would cancel.
fn one_minus_exp(x: f32) -> f32 {
    let series = 1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0)))));
    return select(1.0 - exp(x), -x * series, x > -0.3);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn adam(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i >= params.count / CELL {
        return;
    }
    let t = f32(clock.step) + 1.0;
    let correction1 = one_minus_exp(t * params.log_beta1);
    let correction2 = one_minus_exp(t * params.log_beta2);
    var w = weight[i];
    var g = grad[i];
    if params.decoupled == 1u {
        w -= clock.learning_rate * params.weight_decay * w;
    } else {
        g += params.weight_decay * w;
    }
    let m = params.beta1 * first[i] + params.share1 * g;
    let v = params.beta2 * second[i] + params.share2 * g * g;
    first[i] = m;
    second[i] = v;
    weight[i] = w - clock.learning_rate * (m / correction1) / (sqrt(v / correction2) + params.epsilon);
}
