// Gradients of a layer's weight and bias, and their SGD step in place: w -= rate * (a^T * b + decay * w).
// m outputs, n inputs, k rows of the batch: a is the gradient of the layer's output [k, m]; b, the layer's input [k, n],
// is rows of the dataset, see shared/rows*.wgsl.
// Weights in register tiles (see shared/product*.wgsl), biases spread over invocations or workgroups (see
// shared/biases*.wgsl).

struct Params {
    m: u32,
    n: u32,
    k: u32,
    weight_decay: f32,
    byte_scale: f32,
    rows_back: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step_state: StepState;
@group(0) @binding(4) var<storage, read_write> weight: array<Elem>;
@group(0) @binding(5) var<storage, read_write> bias: array<Elem>;
@group(0) @binding(6) var<storage, read> a: array<ACell>;

fn step_weight(row: u32, column: u32, gradient: f32) {
    if column < params.n {
        let at = row * params.n + column;
        let w = weight[at];
        weight[at] = w - step_state.learning_rate * (gradient + params.weight_decay * w);
    }
}

fn step_bias(row: u32, gradient: f32) {
    let w = bias[row];
    bias[row] = w - step_state.learning_rate * (gradient + params.weight_decay * w);
}

fn store_four(row: u32, column: u32, value: vec4<f32>) {
    step_weight(row, column, value.x);
    step_weight(row, column + 1u, value.y);
    step_weight(row, column + 2u, value.z);
    step_weight(row, column + 3u, value.w);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_update_gathered_registers(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    multiply(group, groups, local);
    step_biases(group, groups, local);
}
